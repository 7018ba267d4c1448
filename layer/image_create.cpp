// SPDX-License-Identifier: MIT
#include "layer/image_create.hpp"

#include "layer/instance.hpp"

namespace vdmabuf::layer {
namespace {

// VkImageCreateInfo with what is chained to it; points into itself.
struct ImageCreateChain {
    ImageCreateChain(const ImageRequest& request, VkImageTiling tiling,
                     VkExternalMemoryHandleTypeFlags handle_types) {
        info.sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO;
        // Apps may put images of their own on the memory (VkImageSwapchainCreateInfoKHR).
        info.flags = request.flags | VK_IMAGE_CREATE_ALIAS_BIT;
        info.imageType = VK_IMAGE_TYPE_2D;
        info.format = request.format.format;
        info.extent = {request.extent.width, request.extent.height, 1};
        info.mipLevels = 1;
        info.arrayLayers = 1;
        info.samples = VK_SAMPLE_COUNT_1_BIT;
        info.tiling = tiling;
        info.usage = request.usage;
        info.sharingMode = request.sharing;
        if (request.sharing == VK_SHARING_MODE_CONCURRENT) {
            info.queueFamilyIndexCount = static_cast<std::uint32_t>(request.families.size());
            info.pQueueFamilyIndices = request.families.data();
        }
        info.initialLayout = VK_IMAGE_LAYOUT_UNDEFINED;
        if (handle_types != 0) {
            external.handleTypes = handle_types;
            chain(external);
        }
        if (!request.view_formats.empty()) {
            formats.viewFormatCount = static_cast<std::uint32_t>(request.view_formats.size());
            formats.pViewFormats = request.view_formats.data();
            chain(formats);
        }
    }
    ImageCreateChain(const ImageCreateChain&) = delete;
    ImageCreateChain& operator=(const ImageCreateChain&) = delete;

    template <typename Structure>
    void chain(Structure& structure) {
        structure.pNext = info.pNext;
        info.pNext = &structure;
    }

    VkImageCreateInfo info{};
    VkExternalMemoryImageCreateInfo external{VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_IMAGE_CREATE_INFO,
                                             nullptr, 0};
    VkImageFormatListCreateInfo formats{VK_STRUCTURE_TYPE_IMAGE_FORMAT_LIST_CREATE_INFO, nullptr, 0,
                                        nullptr};
};

bool large_enough(const VkImageFormatProperties& properties, const ImageRequest& request) {
    return properties.maxExtent.width >= request.extent.width &&
           properties.maxExtent.height >= request.extent.height;
}

// VUID-VkImageCreateInfo-tiling-02353.
bool lacks_view_formats(const ImageRequest& request) {
    return (request.flags & VK_IMAGE_CREATE_MUTABLE_FORMAT_BIT) && request.view_formats.empty();
}

}  // namespace

ImageSupport image_support(const Device& device, const ImageRequest& request,
                           const ImageKind& kind) {
    const InstanceDispatch& down = device.instance().down();
    const VkPhysicalDevice physical = device.physical().handle;
    const ImageCreateChain create(request, kind.tiling, kind.handle_type);
    const bool modifier = kind.tiling == VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT;
    if (!down.GetPhysicalDeviceImageFormatProperties2) {
        if (kind.handle_type != 0 || modifier) return {};
        VkImageFormatProperties properties{};
        const bool usable = down.GetPhysicalDeviceImageFormatProperties(
                                physical, create.info.format, create.info.imageType, kind.tiling,
                                create.info.usage, create.info.flags, &properties) == VK_SUCCESS;
        return {usable && large_enough(properties, request), 0};
    }
    if (modifier && (!device.abilities().modifiers || lacks_view_formats(request))) return {};
    VkPhysicalDeviceImageFormatInfo2 info{};
    info.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_IMAGE_FORMAT_INFO_2;
    VkPhysicalDeviceExternalImageFormatInfo external{
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_IMAGE_FORMAT_INFO, nullptr, kind.handle_type};
    if (kind.handle_type != 0) info.pNext = &external;
    VkImageFormatListCreateInfo formats = create.formats;
    if (formats.viewFormatCount != 0) {
        formats.pNext = info.pNext;
        info.pNext = &formats;
    }
    VkPhysicalDeviceImageDrmFormatModifierInfoEXT with_modifier{};
    with_modifier.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_IMAGE_DRM_FORMAT_MODIFIER_INFO_EXT;
    if (modifier) {
        with_modifier.drmFormatModifier = kind.modifier;
        with_modifier.sharingMode = request.sharing;
        with_modifier.queueFamilyIndexCount = create.info.queueFamilyIndexCount;
        with_modifier.pQueueFamilyIndices = create.info.pQueueFamilyIndices;
        with_modifier.pNext = info.pNext;
        info.pNext = &with_modifier;
    }
    info.format = create.info.format;
    info.type = create.info.imageType;
    info.tiling = kind.tiling;
    info.usage = create.info.usage;
    info.flags = create.info.flags;
    VkExternalImageFormatProperties found{};
    found.sType = VK_STRUCTURE_TYPE_EXTERNAL_IMAGE_FORMAT_PROPERTIES;
    VkImageFormatProperties2 properties{};
    properties.sType = VK_STRUCTURE_TYPE_IMAGE_FORMAT_PROPERTIES_2;
    if (kind.handle_type != 0) properties.pNext = &found;
    const bool usable =
        down.GetPhysicalDeviceImageFormatProperties2(physical, &info, &properties) == VK_SUCCESS;
    // Drivers answer VK_SUCCESS for handle types that they do not take: only the bits tell.
    return {usable && large_enough(properties.imageFormatProperties, request),
            found.externalMemoryProperties.externalMemoryFeatures};
}

std::vector<VkDrmFormatModifierPropertiesEXT> known_modifiers(const Device& device,
                                                              const ImageRequest& request) {
    const InstanceDispatch& down = device.instance().down();
    if (!device.abilities().modifiers || !down.GetPhysicalDeviceFormatProperties2) return {};
    VkDrmFormatModifierPropertiesListEXT list{};
    list.sType = VK_STRUCTURE_TYPE_DRM_FORMAT_MODIFIER_PROPERTIES_LIST_EXT;
    VkFormatProperties2 properties{};
    properties.sType = VK_STRUCTURE_TYPE_FORMAT_PROPERTIES_2;
    properties.pNext = &list;
    const VkPhysicalDevice physical = device.physical().handle;
    down.GetPhysicalDeviceFormatProperties2(physical, request.format.format, &properties);
    std::vector<VkDrmFormatModifierPropertiesEXT> known(list.drmFormatModifierCount);
    list.pDrmFormatModifierProperties = known.data();
    down.GetPhysicalDeviceFormatProperties2(physical, request.format.format, &properties);
    known.resize(list.drmFormatModifierCount);
    return known;
}

VkResult create_image(const Device& device, const ImageRequest& request, const ImageKind& kind,
                      std::span<const VkSubresourceLayout> planes,
                      const VkAllocationCallbacks* allocator, VkImage* out) {
    ImageCreateChain create(request, kind.tiling, kind.handle_type);
    VkImageDrmFormatModifierExplicitCreateInfoEXT layout{};
    if (kind.tiling == VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT) {
        layout.sType = VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_EXPLICIT_CREATE_INFO_EXT;
        layout.drmFormatModifier = kind.modifier;
        layout.drmFormatModifierPlaneCount = static_cast<std::uint32_t>(planes.size());
        layout.pPlaneLayouts = planes.data();
        create.chain(layout);
    }
    return device.down().CreateImage(device.handle(), &create.info, allocator, out);
}

VkResult create_image_of(const Device& device, const ImageRequest& request,
                         VkExternalMemoryHandleTypeFlagBits handle_type,
                         std::span<const std::uint64_t> modifiers, VkImage* out) {
    ImageCreateChain create(request, VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT, handle_type);
    VkImageDrmFormatModifierListCreateInfoEXT list{
        VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_LIST_CREATE_INFO_EXT, nullptr,
        static_cast<std::uint32_t>(modifiers.size()), modifiers.data()};
    create.chain(list);
    return device.down().CreateImage(device.handle(), &create.info, nullptr, out);
}

VkResult allocate(const Device& device, VkDeviceSize size, std::uint32_t type, const void* chain,
                  OwnedMemory& out) {
    const VkMemoryAllocateInfo info{VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO, chain, size, type};
    VkDeviceMemory memory = VK_NULL_HANDLE;
    const VkResult result = device.down().AllocateMemory(device.handle(), &info, nullptr, &memory);
    if (result == VK_SUCCESS) out = OwnedMemory(device, memory);
    return result;
}

}  // namespace vdmabuf::layer
