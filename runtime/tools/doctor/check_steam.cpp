// SPDX-License-Identifier: MIT
// Steam runs games in a container (pressure-vessel) that takes implicit layers along from the data
// directories, 32-bit ones too, but not what lies below a directory that it does not share.
#include <fmt/format.h>

#include <cstdlib>

#include "runtime/tools/doctor/checks.hpp"

namespace vdmabuf::doctor {

void check_steam(const Machine& machine, Findings& findings) {
    const char* home = machine.is_this_one() ? std::getenv("HOME") : nullptr;
    const bool steam = machine.exists("/usr/games/steam") || machine.exists("/usr/bin/steam") ||
                       (home && machine.exists(std::string(home) + "/.steam"));
    if (!steam) return;
    constexpr const char* kManifest = "/usr/share/vulkan/implicit_layer.d/VkLayer_vdmabuf_wsi.json";
    if (machine.exists(kManifest)) {
        findings.hint("Steam is installed: it takes the layer into its container",
                      "launch options of a game: vdmabuf-run %command%");
    } else {
        findings.hint("Steam is installed, but the layer is not in /usr/share",
                      "install with --prefix /usr: Steam's container takes along what lies there; "
                      "then, as launch options of a game: vdmabuf-run %command%");
    }
}

}  // namespace vdmabuf::doctor
