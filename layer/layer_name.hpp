// SPDX-License-Identifier: MIT
#pragma once

namespace vdmabuf::layer {

// As in json/.
inline constexpr char kLayerName[] = "VK_LAYER_VDMABUF_wsi";
inline constexpr char kLayerDescription[] = "Shows the windows of this program on the host";

}  // namespace vdmabuf::layer
