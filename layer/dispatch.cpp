// SPDX-License-Identifier: MIT
#include "layer/dispatch.hpp"

namespace vdmabuf::layer {

void load(InstanceDispatch& table, VkInstance instance, PFN_vkGetInstanceProcAddr next,
          std::uint32_t api_version) {
    table.GetInstanceProcAddr = next;
#define X(name) table.name = reinterpret_cast<PFN_vk##name>(next(instance, "vk" #name));
    VDMABUF_INSTANCE_FUNCTIONS(X)
#undef X
    // The core names may not be called on an instance of 1.0, even where they resolve.
    const bool core = api_version >= VK_API_VERSION_1_1;
#define X(name)  \
    table.name = \
        reinterpret_cast<PFN_vk##name>(next(instance, core ? "vk" #name : "vk" #name "KHR"));
    VDMABUF_INSTANCE_FUNCTIONS_1_1(X)
#undef X
}

void load(DeviceDispatch& table, VkDevice device, PFN_vkGetDeviceProcAddr next) {
    table.GetDeviceProcAddr = next;
#define X(name) table.name = reinterpret_cast<PFN_vk##name>(next(device, "vk" #name));
    VDMABUF_DEVICE_FUNCTIONS(X)
#undef X
}

}  // namespace vdmabuf::layer
