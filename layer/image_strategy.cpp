// SPDX-License-Identifier: MIT
#include "layer/image_strategy.hpp"

#include <cstdlib>
#include <cstring>

#include "layer/instance.hpp"
#include "runtime/common/log.hpp"

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
            external.pNext = info.pNext;
            info.pNext = &external;
        }
        if (!request.view_formats.empty()) {
            formats.viewFormatCount = static_cast<std::uint32_t>(request.view_formats.size());
            formats.pViewFormats = request.view_formats.data();
            formats.pNext = info.pNext;
            info.pNext = &formats;
        }
    }
    ImageCreateChain(const ImageCreateChain&) = delete;
    ImageCreateChain& operator=(const ImageCreateChain&) = delete;

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

// VDMABUF_STRATEGY, or nullptr.
const ImageStrategy* wanted_strategy() {
    const char* name = std::getenv("VDMABUF_STRATEGY");
    if (!name || !*name) return nullptr;
    if (std::strcmp(name, "host-pointer") == 0 || std::strcmp(name, "A") == 0) {
        return &host_pointer_strategy();
    }
    if (std::strcmp(name, "cpu-copy") == 0 || std::strcmp(name, "E") == 0) {
        return &cpu_copy_strategy();
    }
    LOG_WARNING("VDMABUF_STRATEGY=%s is not known: host-pointer (A) and cpu-copy (E) are", name);
    return nullptr;
}

}  // namespace

VkResult SharedImage::bind(const Device& device, VkImage alias) const {
    return device.down().BindImageMemory(device.handle(), alias, memory_.get(), 0);
}

std::vector<const ImageStrategy*> strategies_for(const Device& device, const ImageRequest& request,
                                                 bool seen) {
    if (!seen) return {&unseen_strategy()};
    const ImageStrategy* wanted = wanted_strategy();
    if (wanted && !wanted->supports(device, request)) {
        LOG_WARNING("strategy %s cannot serve this swapchain on this device", wanted->name());
        wanted = nullptr;
    }
    std::vector<const ImageStrategy*> found;
    if (wanted) found.push_back(wanted);
    for (const ImageStrategy* strategy : {&host_pointer_strategy(), &cpu_copy_strategy()}) {
        if (strategy != wanted && strategy->supports(device, request)) found.push_back(strategy);
    }
    return found;
}

bool image_supported(const Device& device, const ImageRequest& request, VkImageTiling tiling,
                     VkExternalMemoryHandleTypeFlagBits handle_type) {
    const InstanceDispatch& down = device.instance().down();
    const VkPhysicalDevice physical = device.physical().handle;
    const ImageCreateChain chain(request, tiling, handle_type);
    if (!down.GetPhysicalDeviceImageFormatProperties2) {
        if (handle_type != 0) return false;
        VkImageFormatProperties properties{};
        return down.GetPhysicalDeviceImageFormatProperties(
                   physical, chain.info.format, chain.info.imageType, tiling, chain.info.usage,
                   chain.info.flags, &properties) == VK_SUCCESS &&
               large_enough(properties, request);
    }
    VkPhysicalDeviceExternalImageFormatInfo external{
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_IMAGE_FORMAT_INFO, nullptr, handle_type};
    VkImageFormatListCreateInfo formats = chain.formats;
    formats.pNext = nullptr;
    VkPhysicalDeviceImageFormatInfo2 info{};
    info.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_IMAGE_FORMAT_INFO_2;
    if (handle_type != 0) {
        info.pNext = &external;
    }
    if (formats.viewFormatCount != 0) {
        formats.pNext = info.pNext;
        info.pNext = &formats;
    }
    info.format = chain.info.format;
    info.type = chain.info.imageType;
    info.tiling = tiling;
    info.usage = chain.info.usage;
    info.flags = chain.info.flags;
    VkExternalImageFormatProperties found{};
    found.sType = VK_STRUCTURE_TYPE_EXTERNAL_IMAGE_FORMAT_PROPERTIES;
    VkImageFormatProperties2 properties{};
    properties.sType = VK_STRUCTURE_TYPE_IMAGE_FORMAT_PROPERTIES_2;
    if (handle_type != 0) properties.pNext = &found;
    if (down.GetPhysicalDeviceImageFormatProperties2(physical, &info, &properties) != VK_SUCCESS ||
        !large_enough(properties.imageFormatProperties, request)) {
        return false;
    }
    // Drivers answer VK_SUCCESS for handle types that they do not take: only the bits tell.
    return handle_type == 0 || (found.externalMemoryProperties.externalMemoryFeatures &
                                VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT);
}

VkResult create_image(const Device& device, const ImageRequest& request, VkImageTiling tiling,
                      VkExternalMemoryHandleTypeFlags handle_types,
                      const VkAllocationCallbacks* allocator, VkImage* out) {
    const ImageCreateChain chain(request, tiling, handle_types);
    return device.down().CreateImage(device.handle(), &chain.info, allocator, out);
}

VkResult allocate(const Device& device, VkDeviceSize size, std::uint32_t type, const void* chain,
                  OwnedMemory& out) {
    const VkMemoryAllocateInfo info{VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO, chain, size, type};
    VkDeviceMemory memory = VK_NULL_HANDLE;
    const VkResult result = device.down().AllocateMemory(device.handle(), &info, nullptr, &memory);
    if (result == VK_SUCCESS) out = OwnedMemory(device, memory);
    return result;
}

void host_barrier(const DeviceDispatch& down, VkCommandBuffer commands, VkImage image,
                  VkBuffer buffer) {
    VkImageMemoryBarrier for_image{};
    for_image.sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER;
    for_image.srcAccessMask = VK_ACCESS_MEMORY_WRITE_BIT;
    for_image.dstAccessMask = VK_ACCESS_HOST_READ_BIT;
    // No change of layout: a linear image is read as it lies, and the app gets it back as it gave
    // it.
    for_image.oldLayout = VK_IMAGE_LAYOUT_PRESENT_SRC_KHR;
    for_image.newLayout = VK_IMAGE_LAYOUT_PRESENT_SRC_KHR;
    for_image.srcQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED;
    for_image.dstQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED;
    for_image.image = image;
    for_image.subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1};
    VkBufferMemoryBarrier for_buffer{};
    for_buffer.sType = VK_STRUCTURE_TYPE_BUFFER_MEMORY_BARRIER;
    for_buffer.srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT;
    for_buffer.dstAccessMask = VK_ACCESS_HOST_READ_BIT;
    for_buffer.srcQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED;
    for_buffer.dstQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED;
    for_buffer.buffer = buffer;
    for_buffer.size = VK_WHOLE_SIZE;
    down.CmdPipelineBarrier(commands, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT,
                            VK_PIPELINE_STAGE_HOST_BIT, 0, 0, nullptr, buffer ? 1 : 0, &for_buffer,
                            image ? 1 : 0, &for_image);
}

producer::ImageInfo describe(const ImageRequest& request, stream::Strategy strategy,
                             std::uint64_t offset, std::uint64_t pitch) {
    producer::ImageInfo info;
    info.width = request.extent.width;
    info.height = request.extent.height;
    info.fourcc = request.format.fourcc;
    info.modifier = 0;  // DRM_FORMAT_MOD_LINEAR
    // Surfaces offer OPAQUE and INHERIT, and X11 windows as apps make them have no alpha to give.
    info.flags = stream::kImageOpaque;
    info.strategy = strategy;
    info.plane_count = 1;
    info.planes[0] = {offset, pitch};
    return info;
}

std::uint64_t padded_size(std::uint64_t offset, std::uint64_t pitch, std::uint32_t height) {
    constexpr std::uint64_t kRows = 16;
    return offset + pitch * ((height + kRows - 1) / kRows * kRows);
}

}  // namespace vdmabuf::layer
