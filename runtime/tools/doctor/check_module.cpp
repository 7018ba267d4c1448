// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include "runtime/tools/doctor/checks.hpp"

namespace vdmabuf::doctor {
namespace {

// Where DKMS, a package or `make modules_install` puts it.
std::string find_installed(const Machine& machine, const std::string& kernel) {
    for (const char* folder : {"updates/dkms", "updates", "extra", "kernel/drivers/virtio"}) {
        for (const char* suffix : {".ko", ".ko.xz", ".ko.zst", ".ko.gz"}) {
            std::string path =
                fmt::format("/lib/modules/{}/{}/virtio_vdmabuf{}", kernel, folder, suffix);
            if (machine.exists(path)) return path;
        }
    }
    return {};
}

}  // namespace

void check_module(const Machine& machine, Findings& findings) {
    const std::string kernel = machine.read("/proc/sys/kernel/osrelease").value_or("?");
    if (machine.exists("/sys/module/virtio_vdmabuf")) {
        const std::string version =
            machine.read("/sys/module/virtio_vdmabuf/version").value_or("an unknown version");
        findings.good(fmt::format("virtio_vdmabuf is loaded ({}) in Linux {}", version, kernel));
        if (version != VDMABUF_VERSION) {
            findings.hint("the module's version is not that of this tool, " VDMABUF_VERSION,
                          "install the one of this version (kernel/README.md), then rmmod "
                          "virtio_vdmabuf && modprobe virtio_vdmabuf");
        }
        return;
    }
    if (const std::string path = find_installed(machine, kernel); !path.empty()) {
        findings.bad(fmt::format("virtio_vdmabuf is installed ({}) but not loaded", path),
                     "modprobe virtio_vdmabuf; if that fails, `dmesg` says why (Secure Boot wants "
                     "a signed module)");
        return;
    }
    findings.bad("virtio_vdmabuf is not installed for Linux " + kernel,
                 fmt::format("apt install dkms linux-headers-{} and dkms install "
                             "virtio-vdmabuf/" VDMABUF_VERSION " (kernel/README.md)",
                             kernel));
}

}  // namespace vdmabuf::doctor
