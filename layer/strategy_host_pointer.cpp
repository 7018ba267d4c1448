// SPDX-License-Identifier: MIT
// A: the pages are mapped and imported by VK_EXT_external_memory_host, and the app renders into a
// linear image in them. Nobody copies.
#include <algorithm>

#include "layer/image_strategy.hpp"
#include "layer/physical_device.hpp"
#include "runtime/common/log.hpp"

namespace vdmabuf::layer {
namespace {

constexpr auto kHandleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT;

class HostPointerImage final : public SharedImage {
  public:
    VkResult init(const Device& device, const ImageRequest& request,
                  producer::Connection& connection);

    void record_present(const DeviceDispatch& down, VkCommandBuffer commands) const override {
        host_barrier(down, commands, image(), VK_NULL_HANDLE);
    }
};

VkResult HostPointerImage::init(const Device& device, const ImageRequest& request,
                                producer::Connection& connection) {
    const DeviceDispatch& down = device.down();
    VkImage handle = VK_NULL_HANDLE;
    VkResult result =
        create_image(device, request, VK_IMAGE_TILING_LINEAR, kHandleType, nullptr, &handle);
    if (result != VK_SUCCESS) return result;
    image_ = OwnedImage(device, handle);

    // The renderer decides on pitch and padding; the block follows.
    const VkImageSubresource subresource{VK_IMAGE_ASPECT_COLOR_BIT, 0, 0};
    VkSubresourceLayout layout{};
    down.GetImageSubresourceLayout(device.handle(), handle, &subresource, &layout);
    VkMemoryRequirements needs{};
    down.GetImageMemoryRequirements(device.handle(), handle, &needs);
    const VkDeviceSize alignment = device.physical().host_pointer_alignment;
    const VkDeviceSize wanted = std::max<VkDeviceSize>(
        needs.size, padded_size(layout.offset, layout.rowPitch, request.extent.height));
    const VkDeviceSize size = (wanted + alignment - 1) / alignment * alignment;

    auto buffer = connection.alloc(size);
    if (!buffer) {
        LOG_WARNING("no pages for an image of %llu bytes: %s",
                    static_cast<unsigned long long>(size), buffer.error().text.c_str());
        return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    }
    buffer_ = *std::move(buffer);
    void* const pages = buffer_->mapping.data();
    VkMemoryHostPointerPropertiesEXT properties{};
    properties.sType = VK_STRUCTURE_TYPE_MEMORY_HOST_POINTER_PROPERTIES_EXT;
    result =
        down.GetMemoryHostPointerPropertiesEXT(device.handle(), kHandleType, pages, &properties);
    if (result != VK_SUCCESS) return result;
    const std::uint32_t type = device.physical().memory_type(
        needs.memoryTypeBits & properties.memoryTypeBits, VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT,
        VK_MEMORY_PROPERTY_HOST_COHERENT_BIT | VK_MEMORY_PROPERTY_HOST_CACHED_BIT);
    if (type == UINT32_MAX) return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    const VkImportMemoryHostPointerInfoEXT import{
        VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT, nullptr, kHandleType, pages};
    result = allocate(device, size, type, &import, memory_);
    if (result != VK_SUCCESS) return result;
    layout_ = describe(request, stream::Strategy::host_pointer, layout.offset, layout.rowPitch);
    return down.BindImageMemory(device.handle(), handle, memory_.get(), 0);
}

class HostPointerStrategy final : public ImageStrategy {
  public:
    const char* name() const override { return "host-pointer"; }

    bool supports(const Device& device, const ImageRequest& request) const override {
        return device.host_pointer() &&
               image_supported(device, request, VK_IMAGE_TILING_LINEAR, kHandleType);
    }

    VkResult create(const Device& device, const ImageRequest& request,
                    producer::Connection* connection,
                    std::unique_ptr<SharedImage>& out) const override {
        auto image = std::make_unique<HostPointerImage>();
        const VkResult result = image->init(device, request, *connection);
        if (result == VK_SUCCESS) out = std::move(image);
        return result;
    }

    VkResult create_alias(const Device& device, const ImageRequest& request,
                          const VkAllocationCallbacks* allocator, VkImage* out) const override {
        return create_image(device, request, VK_IMAGE_TILING_LINEAR, kHandleType, allocator, out);
    }
};

}  // namespace

const ImageStrategy& host_pointer_strategy() {
    static const HostPointerStrategy strategy;
    return strategy;
}

}  // namespace vdmabuf::layer
