// SPDX-License-Identifier: MIT
// What extensions chain to the surface queries.
#pragma once

#include "layer/vulkan.hpp"

namespace vdmabuf::layer {

struct PhysicalDevice;

// Answers the structures that are chained to a query of capabilities, and changes those that depend
// on the present mode that `info_chain` names. `seen`: the surface has a host.
void fill_chain(const PhysicalDevice& physical, bool seen, const void* info_chain, void* chain,
                VkSurfaceCapabilitiesKHR& capabilities);
// Likewise of one format.
void fill_format_chain(void* chain);

}  // namespace vdmabuf::layer
