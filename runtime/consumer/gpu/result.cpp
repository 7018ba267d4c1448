// SPDX-License-Identifier: MIT
#include "runtime/consumer/gpu/result.hpp"

namespace vdmabuf::gpu {

std::string to_string(VkResult result) {
    switch (result) {
#define NAME(value) \
    case value:     \
        return #value
        NAME(VK_SUCCESS);
        NAME(VK_NOT_READY);
        NAME(VK_TIMEOUT);
        NAME(VK_SUBOPTIMAL_KHR);
        NAME(VK_ERROR_OUT_OF_HOST_MEMORY);
        NAME(VK_ERROR_OUT_OF_DEVICE_MEMORY);
        NAME(VK_ERROR_INITIALIZATION_FAILED);
        NAME(VK_ERROR_DEVICE_LOST);
        NAME(VK_ERROR_MEMORY_MAP_FAILED);
        NAME(VK_ERROR_LAYER_NOT_PRESENT);
        NAME(VK_ERROR_EXTENSION_NOT_PRESENT);
        NAME(VK_ERROR_FEATURE_NOT_PRESENT);
        NAME(VK_ERROR_INCOMPATIBLE_DRIVER);
        NAME(VK_ERROR_TOO_MANY_OBJECTS);
        NAME(VK_ERROR_FORMAT_NOT_SUPPORTED);
        NAME(VK_ERROR_SURFACE_LOST_KHR);
        NAME(VK_ERROR_NATIVE_WINDOW_IN_USE_KHR);
        NAME(VK_ERROR_OUT_OF_DATE_KHR);
        NAME(VK_ERROR_INVALID_EXTERNAL_HANDLE);
#undef NAME
        default:
            return "VkResult " + std::to_string(static_cast<int>(result));
    }
}

Error vulkan_error(const std::string& what, VkResult result) {
    int code = EIO;
    if (result == VK_ERROR_OUT_OF_HOST_MEMORY || result == VK_ERROR_OUT_OF_DEVICE_MEMORY) {
        code = ENOMEM;
    } else if (result == VK_ERROR_DEVICE_LOST || result == VK_ERROR_INCOMPATIBLE_DRIVER) {
        code = ENODEV;
    } else if (result == VK_TIMEOUT) {
        code = ETIMEDOUT;
    }
    return Error{code, what + ": " + to_string(result)};
}

}  // namespace vdmabuf::gpu
