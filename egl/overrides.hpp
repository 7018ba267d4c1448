// SPDX-License-Identifier: MIT
#pragma once

namespace vdmabuf::egl {

// Our function of this name, or null where the real vendor's serves.
void* find_override(const char* name) noexcept;

}  // namespace vdmabuf::egl
