// SPDX-License-Identifier: MIT
#pragma once

#include <new>
#include <system_error>

#include "layer/vulkan.hpp"

namespace vdmabuf::layer {

// No exception crosses the ABI: what the standard library throws becomes a result.
template <typename Function>
VkResult guarded(Function&& function) noexcept {
    try {
        return function();
    } catch (const std::bad_alloc&) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    } catch (const std::system_error&) {  // std::thread: no more threads
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    } catch (...) {
        return VK_ERROR_INITIALIZATION_FAILED;
    }
}

// Vulkan's way to return an array: the caller asks for the number first, or gives room.
template <typename T, typename Source>
VkResult return_array(const Source& source, std::uint32_t* count, T* out) {
    const auto available = static_cast<std::uint32_t>(source.size());
    if (!out) {
        *count = available;
        return VK_SUCCESS;
    }
    const std::uint32_t given = *count < available ? *count : available;
    for (std::uint32_t i = 0; i < given; ++i) out[i] = source[i];
    *count = given;
    return given < available ? VK_INCOMPLETE : VK_SUCCESS;
}

}  // namespace vdmabuf::layer
