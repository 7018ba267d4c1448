// SPDX-License-Identifier: MIT
// Flatpak: a program sees neither the devices nor the host's layers unless it is told.
#include <fmt/format.h>

#include <cstdlib>

#include "runtime/tools/doctor/checks.hpp"

namespace vdmabuf::doctor {

void check_flatpak(const Machine& machine, Findings& findings) {
    if (!machine.exists("/usr/bin/flatpak")) return;
    bool extension = false;
    for (const char* folder : {"/var/lib/flatpak/runtime"}) {
        for (const std::string& name : machine.list(folder)) {
            extension = extension || name == "org.freedesktop.Platform.VulkanLayer.vdmabuf";
        }
    }
    constexpr const char* kAdvice =
        "flatpak override --user --device=all --filesystem=xdg-run/vdmabuf APP lets it at the "
        "device and the socket; the layer must be inside its runtime, as the extension "
        "org.freedesktop.Platform.VulkanLayer.vdmabuf";
    if (extension) {
        findings.good("Flatpak's programs have the layer as an extension");
        findings.hint("each program must be let at the device", kAdvice);
    } else {
        findings.hint("Flatpak's programs do not see the layer of this system", kAdvice);
    }
}

}  // namespace vdmabuf::doctor
