// SPDX-License-Identifier: MIT
#include "layer/features.hpp"

#include <cstring>

#include "layer/guard.hpp"
#include "layer/instance.hpp"
#include "runtime/common/log.hpp"

namespace vdmabuf::layer {
namespace {

// All of them are an sType, a pNext and this many booleans.
struct FeatureStructure {
    VkStructureType type;
    Extension extension;
    Extension also;  // has the same structure
    std::uint32_t booleans;
};

constexpr FeatureStructure kFeatures[] = {
    {VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SWAPCHAIN_MAINTENANCE_1_FEATURES_EXT,
     Extension::swapchain_maintenance1, Extension::swapchain_maintenance1_khr, 1},
    {VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PRESENT_ID_FEATURES_KHR, Extension::present_id,
     Extension::none, 1},
    {VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PRESENT_WAIT_FEATURES_KHR, Extension::present_wait,
     Extension::none, 1},
#if defined(VK_KHR_present_id2) && defined(VK_KHR_present_wait2)
    {VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PRESENT_ID_2_FEATURES_KHR, Extension::present_id2,
     Extension::none, 1},
    {VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PRESENT_WAIT_2_FEATURES_KHR, Extension::present_wait2,
     Extension::none, 1},
#endif
#ifdef VK_EXT_present_mode_fifo_latest_ready
    {VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PRESENT_MODE_FIFO_LATEST_READY_FEATURES_EXT,
     Extension::fifo_latest_ready, Extension::fifo_latest_ready_khr, 1},
#endif
#ifdef VK_EXT_present_timing
    {VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PRESENT_TIMING_FEATURES_EXT, Extension::present_timing,
     Extension::none, 3},
#endif
    {VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_IMAGE_COMPRESSION_CONTROL_SWAPCHAIN_FEATURES_EXT,
     Extension::image_compression_control_swapchain, Extension::none, 1},
};

const FeatureStructure* find(VkStructureType type) {
    for (const FeatureStructure& known : kFeatures) {
        if (known.type == type) return &known;
    }
    return nullptr;
}

// The layer serves it, and the driver does not know it.
bool ours_alone(VkStructureType type, const PhysicalDevice& physical) {
    const FeatureStructure* known = find(type);
    return known && !has(physical.driver_has, known->extension) &&
           !has(physical.driver_has, known->also);
}

// 0: the headers that the layer was built with do not know it.
std::size_t size_of(VkStructureType type) {
    switch (type) {
#define X(name, structure) \
    case name:             \
        return sizeof(structure);
#include "layer/device_chain.inc"
#undef X
        default:
            return 0;
    }
}

void set_ours(const PhysicalDevice& physical, void* chain) {
    for (auto* at = static_cast<VkBaseOutStructure*>(chain); at; at = at->pNext) {
        const FeatureStructure* known = find(at->sType);
        if (!known) continue;
        const bool served =
            has(physical.served, known->extension) || has(physical.served, known->also);
        auto* values = reinterpret_cast<VkBool32*>(at + 1);
        for (std::uint32_t i = 0; i < known->booleans; ++i) values[i] = served;
    }
}

// The structures are the caller's to be written to: those that nobody below knows are left out of
// the chain for the time of the call.
void get_features(VkPhysicalDevice device, VkPhysicalDeviceFeatures2* features,
                  PFN_vkGetPhysicalDeviceFeatures2 down) {
    Instance& instance = *Instance::of(device);
    if (!down) return;
    const PhysicalDevice* physical = nullptr;
    (void)guarded([&] {
        physical = &instance.physical(device);
        return VK_SUCCESS;
    });
    if (!physical) return down(device, features);
    struct Link {
        VkBaseOutStructure* before;
        VkBaseOutStructure* left_out;
    };
    Link links[std::size(kFeatures)];
    std::size_t count = 0;
    auto* before = reinterpret_cast<VkBaseOutStructure*>(features);
    while (before->pNext) {
        VkBaseOutStructure* at = before->pNext;
        if (!ours_alone(at->sType, *physical) || count == std::size(links)) {
            before = at;
            continue;
        }
        links[count++] = {before, at};
        before->pNext = at->pNext;
    }
    down(device, features);
    while (count > 0) {
        --count;
        links[count].before->pNext = links[count].left_out;
    }
    set_ours(*physical, features->pNext);
}

}  // namespace

DeviceChain::DeviceChain(const void* chain, const PhysicalDevice& physical) : first_(chain) {
    const VkBaseInStructure* last = nullptr;  // of ours
    for (auto* at = static_cast<const VkBaseInStructure*>(chain); at; at = at->pNext) {
        if (ours_alone(at->sType, physical)) last = at;
    }
    if (!last) return;
    const void** link = &first_;
    for (auto* at = static_cast<const VkBaseInStructure*>(chain);; at = at->pNext) {
        if (!ours_alone(at->sType, physical)) {
            // The loader's own structures come first of all; they have one sType and one size.
            const std::size_t size = at->sType == VK_STRUCTURE_TYPE_LOADER_DEVICE_CREATE_INFO
                                         ? sizeof(VkLayerDeviceCreateInfo)
                                         : size_of(at->sType);
            if (size == 0) {
                LOG_WARNING("structure %d in front of a feature of the layer is not known here",
                            static_cast<int>(at->sType));
                *link = at;
                return;
            }
            auto& copy = copies_.emplace_back((size + sizeof(std::max_align_t) - 1) /
                                              sizeof(std::max_align_t));
            std::memcpy(copy.data(), at, size);
            *link = copy.data();
            link = reinterpret_cast<const void**>(
                &reinterpret_cast<VkBaseInStructure*>(copy.data())->pNext);
        }
        if (at == last) break;
    }
    *link = last->pNext;
}

VKAPI_ATTR void VKAPI_CALL
GetPhysicalDeviceFeatures2(VkPhysicalDevice device, VkPhysicalDeviceFeatures2* features) noexcept {
    get_features(device, features, Instance::of(device)->down().GetPhysicalDeviceFeatures2);
}

VKAPI_ATTR void VKAPI_CALL GetPhysicalDeviceFeatures2KHR(
    VkPhysicalDevice device, VkPhysicalDeviceFeatures2* features) noexcept {
    get_features(device, features, Instance::of(device)->down().GetPhysicalDeviceFeatures2KHR);
}

}  // namespace vdmabuf::layer
