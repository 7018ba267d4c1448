// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/virtio_vdmabuf.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstring>

#include "runtime/common/unique_fd.hpp"
#include "runtime/tools/doctor/checks.hpp"

namespace vdmabuf::doctor {
namespace {

constexpr int kMaxDevices = 16;

// Opens it as an app would: the host must answer.
void try_device(const std::string& path, Findings& findings) {
    const UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    if (!fd) {
        const int error = errno;
        findings.bad(fmt::format("{} cannot be opened: {}", path, std::strerror(error)),
                     error == ENODEV || error == ETIMEDOUT
                         ? "the host does not answer: does vdmabufd run there, and does QEMU's "
                           "chardev name its socket?"
                         : "`dmesg` may say more");
        return;
    }
    vdmabuf_info info{};
    if (::ioctl(fd.get(), VDMABUF_IOCTL_INFO, &info) != 0) {
        findings.bad(fmt::format("{} does not tell its version: {}", path, std::strerror(errno)),
                     "is this our driver?");
        return;
    }
    findings.good(fmt::format(
        "{}: version {} agreed with the host, buffers up to {} MiB, {} MiB "
        "for each app",
        path, info.abi_version, info.max_buffer_bytes >> 20, info.max_total_bytes >> 20));
}

}  // namespace

void check_device(const Machine& machine, Findings& findings) {
    const std::string device = find_virtio_device(machine);
    if (device.empty()) {
        findings.bad("this VM has no vdmabuf device (virtio ID 37, PCI 1af4:1065)",
                     "give the VM one: -device vhost-user-test-device-pci,chardev=...,"
                     "virtio-id=37,num_vqs=2,vq_size=256,config_size=64");
    } else {
        findings.good("the VM has a vdmabuf device, " + device);
    }
    bool any = false;
    for (int i = 0; i < kMaxDevices; ++i) {
        const std::string path = "/dev/vdmabuf" + std::to_string(i);
        if (!machine.exists(path)) continue;
        any = true;
        if (!machine.may_open(path)) {
            const std::string group = machine.group(path);
            findings.bad(
                fmt::format("{} is not for this user ({})", path, machine.owner(path)),
                group == "root"
                    ? "install kernel/60-vdmabuf.rules in /etc/udev/rules.d, udevadm control "
                      "--reload && udevadm trigger -s vdmabuf: it gives the device to the group "
                      "render"
                    : fmt::format("usermod -aG {} $USER, and log in again", group));
        } else if (machine.is_this_one()) {
            try_device(path, findings);
        } else {
            findings.good(path + " may be opened");
        }
    }
    if (!any && !device.empty()) {
        findings.bad("there is no /dev/vdmabufN",
                     "load the module; if it is loaded, `dmesg | grep vdmabuf` says why it did not "
                     "take the device");
    }
}

}  // namespace vdmabuf::doctor
