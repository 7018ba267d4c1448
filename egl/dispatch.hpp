// SPDX-License-Identifier: MIT
// What libglvnd gives to apps for functions that it does not know itself (libeglabi.h).
#pragma once

namespace vdmabuf::egl {

void* get_dispatch_address(const char* name) noexcept;
void set_dispatch_index(const char* name, int index) noexcept;

}  // namespace vdmabuf::egl
