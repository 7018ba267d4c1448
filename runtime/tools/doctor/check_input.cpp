// SPDX-License-Identifier: MIT
// Input devices of ours in a guest: X11 apps do without, all else hears of keys and pointer by
// them.
#include <fmt/format.h>

#include "runtime/tools/doctor/checks.hpp"

namespace vdmabuf::doctor {
namespace {

constexpr const char* kVirtioInput = "0x0012";  // the device's id, 18
constexpr const char* kPciInput = "0x1052";     // 0x1040 + 18

bool has_virtio_input(const Machine& machine) {
    for (const std::string& name : machine.list("/sys/bus/virtio/devices")) {
        if (machine.read("/sys/bus/virtio/devices/" + name + "/device") == kVirtioInput)
            return true;
    }
    for (const std::string& name : machine.list("/sys/bus/pci/devices")) {
        const std::string folder = "/sys/bus/pci/devices/" + name;
        if (machine.read(folder + "/vendor") == "0x1af4" &&
            machine.read(folder + "/device") == kPciInput) {
            return true;
        }
    }
    return false;
}

}  // namespace

void check_input(const Machine& machine, Findings& findings) {
    std::string found;
    for (const std::string& name : machine.list("/sys/class/input")) {
        if (!name.starts_with("event")) continue;
        const auto what = machine.read("/sys/class/input/" + name + "/device/name");
        if (!what || !what->starts_with("vdmabuf ")) continue;
        found += fmt::format("{}{} ({})", found.empty() ? "" : ", ", what->substr(8), name);
    }
    if (!found.empty()) {
        findings.good("input devices of vdmabuf: " + found);
    } else if (has_virtio_input(machine)) {
        findings.hint("this VM has a virtio-input device, but none of vdmabuf's is in use",
                      "is it vdmabuf's (vhost-user-input-pci), then: modprobe virtio_input evdev");
    } else {
        findings.hint(
            "this VM has no input device of vdmabuf: X11 apps do without, programs under "
            "Wayland or without a display server get no input",
            "on the host `vdmabufd --vm-input NAME=SOCKET`, and for QEMU -chardev "
            "socket,id=vin,path=SOCKET -device vhost-user-input-pci,chardev=vin");
    }
}

}  // namespace vdmabuf::doctor
