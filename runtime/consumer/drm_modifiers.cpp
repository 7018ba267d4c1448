// SPDX-License-Identifier: MIT
#include "runtime/consumer/drm_modifiers.hpp"

#include <algorithm>

#include "runtime/consumer/gpu/external.hpp"
#include "runtime/consumer/pixel_format.hpp"

namespace vdmabuf::consumer {
namespace {

std::vector<DrmModifier> modifiers_of(const gpu::Device& device, VkFormat format) {
    VkDrmFormatModifierPropertiesListEXT list{};
    list.sType = VK_STRUCTURE_TYPE_DRM_FORMAT_MODIFIER_PROPERTIES_LIST_EXT;
    VkFormatProperties2 properties{};
    properties.sType = VK_STRUCTURE_TYPE_FORMAT_PROPERTIES_2;
    properties.pNext = &list;
    vkGetPhysicalDeviceFormatProperties2(device.physical(), format, &properties);
    std::vector<VkDrmFormatModifierPropertiesEXT> found(list.drmFormatModifierCount);
    list.pDrmFormatModifierProperties = found.data();
    vkGetPhysicalDeviceFormatProperties2(device.physical(), format, &properties);
    found.resize(list.drmFormatModifierCount);
    std::vector<DrmModifier> modifiers;
    modifiers.reserve(found.size());
    for (const VkDrmFormatModifierPropertiesEXT& each : found) {
        modifiers.push_back({each.drmFormatModifier, each.drmFormatModifierPlaneCount,
                             each.drmFormatModifierTilingFeatures});
    }
    return modifiers;
}

bool imports_as_image(const gpu::Device& device, VkFormat format, const DrmModifier& modifier) {
    return modifier.planes >= 1 && modifier.planes <= stream::kMaxPlanes &&
           (modifier.features & gpu::kExternalImageFeatures) == gpu::kExternalImageFeatures &&
           gpu::offered_images(device, format, modifier.modifier,
                               VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT);
}

// A buffer is copied to an image of the GPU's own, which is drawn from.
bool draws_from_copies(const gpu::Device& device, VkFormat format) {
    constexpr VkFormatFeatureFlags kNeeded =
        VK_FORMAT_FEATURE_TRANSFER_DST_BIT | VK_FORMAT_FEATURE_BLIT_SRC_BIT;
    return (device.optimal_features(format) & kNeeded) == kNeeded;
}

}  // namespace

std::optional<DrmModifier> find_modifier(const gpu::Device& device, VkFormat format,
                                         std::uint64_t modifier) {
    for (const DrmModifier& each : modifiers_of(device, format)) {
        if (each.modifier == modifier) return each;
    }
    return std::nullopt;
}

std::vector<stream::FormatModifier> importable_formats(const gpu::Device& device) {
    std::vector<stream::FormatModifier> formats;
    if (!device.abilities().dmabuf) return formats;
    const auto add = [&formats](const PixelFormat& format, std::uint64_t modifier) {
        stream::FormatModifier entry;
        entry.fourcc = format.fourcc;
        entry.modifier = modifier;
        if (formats.size() < stream::kMaxFormats) formats.push_back(entry);
    };
    // LINEAR of every format first: a list that is full must not lack it.
    for (const PixelFormat& format : known_formats()) {
        bool draws = draws_from_copies(device, format.vulkan);
        if (!draws && device.abilities().drm_modifier) {
            const auto linear = find_modifier(device, format.vulkan, kModifierLinear);
            draws = linear && imports_as_image(device, format.vulkan, *linear);
        }
        if (draws) add(format, kModifierLinear);
    }
    if (!device.abilities().drm_modifier) return formats;
    for (const PixelFormat& format : known_formats()) {
        for (const DrmModifier& each : modifiers_of(device, format.vulkan)) {
            if (each.modifier == kModifierLinear) continue;
            if (imports_as_image(device, format.vulkan, each)) add(format, each.modifier);
        }
    }
    return formats;
}

}  // namespace vdmabuf::consumer
