// SPDX-License-Identifier: MIT
#pragma once

namespace vdmabuf::egl {

// Whether this program's windows shall be taken: the variables of the layer's manifest, read as the
// Vulkan loader reads them, and VDMABUF_GL, by which vdmabuf-run leaves OpenGL to Zink. The reason
// is logged when not.
bool enabled() noexcept;

}  // namespace vdmabuf::egl
