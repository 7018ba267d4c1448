// SPDX-License-Identifier: MIT
// In place of hud.cpp where Dear ImGui is not there.
#include "runtime/viewer/hud.hpp"

namespace vdmabuf::viewer {

Result<std::unique_ptr<Hud>> Hud::create(std::shared_ptr<gpu::Device>, VkFormat, VkImageLayout) {
    return Error{ENOTSUP, "this vdmabuf-viewer was built without Dear ImGui: no HUD"};
}

}  // namespace vdmabuf::viewer
