// SPDX-License-Identifier: MIT
// The Vulkan headers that the layer uses. Xlib.h stays out: it defines macros such as Status, and
// vulkan_xlib.h needs three of its types only.
#pragma once

#include <vulkan/vk_layer.h>
#include <vulkan/vulkan_core.h>
#include <xcb/xcb.h>

#include <cstdint>
#include <type_traits>

// Newer headers have it no more.
#ifndef VK_LAYER_EXPORT
#define VK_LAYER_EXPORT __attribute__((visibility("default")))
#endif

extern "C" {
typedef struct _XDisplay Display;
typedef unsigned long VisualID;
typedef unsigned long Window;
struct wl_display;
struct wl_surface;
}

#include <vulkan/vulkan_wayland.h>
#include <vulkan/vulkan_xcb.h>
#include <vulkan/vulkan_xlib.h>

namespace vdmabuf::layer {

// A handle as a number: non-dispatchable handles are pointers or integers, after the architecture.
template <typename Handle>
std::uint64_t handle_bits(Handle handle) {
    if constexpr (std::is_pointer_v<Handle>) {
        return static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(handle));
    } else {
        return static_cast<std::uint64_t>(handle);
    }
}

// The handle under which the app knows an object of the layer.
template <typename Handle>
Handle handle_of(const void* object) {
    const auto bits = reinterpret_cast<std::uintptr_t>(object);
    if constexpr (std::is_pointer_v<Handle>) {
        return reinterpret_cast<Handle>(bits);
    } else {
        return static_cast<Handle>(bits);
    }
}

// What the loader puts first into every dispatchable object: the same for an instance and its
// physical devices, and for a device, its queues and command buffers.
template <typename Handle>
std::uint64_t dispatch_key(Handle handle) {
    return static_cast<std::uint64_t>(
        reinterpret_cast<std::uintptr_t>(*reinterpret_cast<void* const*>(handle)));
}

// First structure of type `type` in a chain.
template <typename Structure>
const Structure* find_in_chain(const void* chain, VkStructureType type) {
    for (auto* at = static_cast<const VkBaseInStructure*>(chain); at; at = at->pNext) {
        if (at->sType == type) return reinterpret_cast<const Structure*>(at);
    }
    return nullptr;
}

}  // namespace vdmabuf::layer
