// SPDX-License-Identifier: MIT
// E: the app renders into an image as the driver likes it best; at present the GPU copies it to
// memory that the CPU can read, and the present worker copies that into the pages. The last resort:
// works with every driver. With nobody to see the image, both copies are left out.
#include <cstring>

#include "layer/image_strategy.hpp"
#include "layer/physical_device.hpp"
#include "runtime/common/log.hpp"

namespace vdmabuf::layer {
namespace {

constexpr std::uint64_t kPitchAlignment = 256;  // what AMD importers ask for; a multiple of texels

VkResult init_optimal(const Device& device, const ImageRequest& request, OwnedImage& image,
                      OwnedMemory& memory) {
    VkImage handle = VK_NULL_HANDLE;
    VkResult result = create_image(device, request, VK_IMAGE_TILING_OPTIMAL, 0, nullptr, &handle);
    if (result != VK_SUCCESS) return result;
    image = OwnedImage(device, handle);
    VkMemoryRequirements needs{};
    device.down().GetImageMemoryRequirements(device.handle(), handle, &needs);
    const std::uint32_t type =
        device.physical().memory_type(needs.memoryTypeBits, 0, VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT);
    if (type == UINT32_MAX) return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    result = allocate(device, needs.size, type, nullptr, memory);
    if (result != VK_SUCCESS) return result;
    return device.down().BindImageMemory(device.handle(), handle, memory.get(), 0);
}

ImageRequest with_transfer(const ImageRequest& request) {
    ImageRequest copy = request;
    copy.usage |= VK_IMAGE_USAGE_TRANSFER_SRC_BIT;
    return copy;
}

class CpuCopyImage final : public SharedImage {
  public:
    VkResult init(const Device& device, const ImageRequest& request,
                  producer::Connection& connection);
    void record_present(const DeviceDispatch& down, VkCommandBuffer commands) const override;
    std::uint64_t finish() noexcept override;

  private:
    VkResult init_staging(const Device& device);

    const Device* device_ = nullptr;
    std::uint32_t bytes_per_pixel_ = 0;
    OwnedMemory staging_memory_;
    OwnedBuffer staging_;
    const std::byte* staged_ = nullptr;
    bool coherent_ = false;
};

VkResult CpuCopyImage::init(const Device& device, const ImageRequest& request,
                            producer::Connection& connection) {
    device_ = &device;
    bytes_per_pixel_ = request.format.bytes_per_pixel;
    VkResult result = init_optimal(device, with_transfer(request), image_, memory_);
    if (result != VK_SUCCESS) return result;
    const std::uint64_t row =
        static_cast<std::uint64_t>(request.extent.width) * request.format.bytes_per_pixel;
    const std::uint64_t pitch = (row + kPitchAlignment - 1) / kPitchAlignment * kPitchAlignment;
    layout_ = describe(request, stream::Strategy::cpu_copy, 0, pitch);
    auto buffer = connection.alloc(padded_size(0, pitch, request.extent.height));
    if (!buffer) {
        LOG_WARNING("no pages for an image: %s", buffer.error().text.c_str());
        return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    }
    buffer_ = *std::move(buffer);
    return init_staging(device);
}

VkResult CpuCopyImage::init_staging(const Device& device) {
    const DeviceDispatch& down = device.down();
    VkBufferCreateInfo info{};
    info.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO;
    info.size = layout_.planes[0].pitch * layout_.height;
    info.usage = VK_BUFFER_USAGE_TRANSFER_DST_BIT;
    VkBuffer handle = VK_NULL_HANDLE;
    VkResult result = down.CreateBuffer(device.handle(), &info, nullptr, &handle);
    if (result != VK_SUCCESS) return result;
    staging_ = OwnedBuffer(device, handle);
    VkMemoryRequirements needs{};
    down.GetBufferMemoryRequirements(device.handle(), handle, &needs);
    // The CPU reads every byte: memory without a cache would be slow to read.
    const std::uint32_t type =
        device.physical().memory_type(needs.memoryTypeBits, VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT,
                                      VK_MEMORY_PROPERTY_HOST_CACHED_BIT);
    if (type == UINT32_MAX) return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    coherent_ = device.physical().memory.memoryTypes[type].propertyFlags &
                VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    result = allocate(device, needs.size, type, nullptr, staging_memory_);
    if (result != VK_SUCCESS) return result;
    result = down.BindBufferMemory(device.handle(), handle, staging_memory_.get(), 0);
    if (result != VK_SUCCESS) return result;
    void* mapped = nullptr;
    result = down.MapMemory(device.handle(), staging_memory_.get(), 0, VK_WHOLE_SIZE, 0, &mapped);
    staged_ = static_cast<const std::byte*>(mapped);
    return result;
}

void CpuCopyImage::record_present(const DeviceDispatch& down, VkCommandBuffer commands) const {
    VkImageMemoryBarrier barrier{};
    barrier.sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER;
    barrier.srcAccessMask = VK_ACCESS_MEMORY_WRITE_BIT;
    barrier.dstAccessMask = VK_ACCESS_TRANSFER_READ_BIT;
    barrier.oldLayout = VK_IMAGE_LAYOUT_PRESENT_SRC_KHR;
    barrier.newLayout = VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL;
    barrier.srcQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED;
    barrier.dstQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED;
    barrier.image = image();
    barrier.subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1};
    down.CmdPipelineBarrier(commands, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT,
                            VK_PIPELINE_STAGE_TRANSFER_BIT, 0, 0, nullptr, 0, nullptr, 1, &barrier);
    VkBufferImageCopy region{};
    region.bufferRowLength = static_cast<std::uint32_t>(layout_.planes[0].pitch / bytes_per_pixel_);
    region.imageSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1};
    region.imageExtent = {layout_.width, layout_.height, 1};
    down.CmdCopyImageToBuffer(commands, image(), VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL,
                              staging_.get(), 1, &region);
    barrier.srcAccessMask = 0;
    barrier.dstAccessMask = 0;
    barrier.oldLayout = VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL;
    barrier.newLayout = VK_IMAGE_LAYOUT_PRESENT_SRC_KHR;
    down.CmdPipelineBarrier(commands, VK_PIPELINE_STAGE_TRANSFER_BIT,
                            VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, 0, 0, nullptr, 0, nullptr, 1,
                            &barrier);
    host_barrier(down, commands, VK_NULL_HANDLE, staging_.get());
}

std::uint64_t CpuCopyImage::finish() noexcept {
    if (!coherent_) {
        VkMappedMemoryRange range{};
        range.sType = VK_STRUCTURE_TYPE_MAPPED_MEMORY_RANGE;
        range.memory = staging_memory_.get();
        range.size = VK_WHOLE_SIZE;
        (void)device_->down().InvalidateMappedMemoryRanges(device_->handle(), 1, &range);
    }
    const std::uint64_t pitch = layout_.planes[0].pitch;
    const std::uint64_t row = static_cast<std::uint64_t>(layout_.width) * bytes_per_pixel_;
    std::byte* const pages = buffer_->mapping.bytes();
    for (std::uint32_t y = 0; y < layout_.height; ++y) {
        std::memcpy(pages + y * pitch, staged_ + y * pitch, row);
    }
    return row * layout_.height;
}

class CpuCopyStrategy final : public ImageStrategy {
  public:
    const char* name() const override { return "cpu-copy"; }

    bool supports(const Device& device, const ImageRequest& request) const override {
        return image_supported(device, with_transfer(request), VK_IMAGE_TILING_OPTIMAL, {});
    }

    VkResult create(const Device& device, const ImageRequest& request,
                    producer::Connection* connection,
                    std::unique_ptr<SharedImage>& out) const override {
        auto image = std::make_unique<CpuCopyImage>();
        const VkResult result = image->init(device, request, *connection);
        if (result == VK_SUCCESS) out = std::move(image);
        return result;
    }

    VkResult create_alias(const Device& device, const ImageRequest& request,
                          const VkAllocationCallbacks* allocator, VkImage* out) const override {
        return create_image(device, with_transfer(request), VK_IMAGE_TILING_OPTIMAL, 0, allocator,
                            out);
    }
};

class UnseenImage final : public SharedImage {
  public:
    VkResult init(const Device& device, const ImageRequest& request) {
        return init_optimal(device, request, image_, memory_);
    }
    void record_present(const DeviceDispatch&, VkCommandBuffer) const override {}
};

class UnseenStrategy final : public ImageStrategy {
  public:
    const char* name() const override { return "unseen"; }

    bool supports(const Device& device, const ImageRequest& request) const override {
        return image_supported(device, request, VK_IMAGE_TILING_OPTIMAL, {});
    }

    VkResult create(const Device& device, const ImageRequest& request, producer::Connection*,
                    std::unique_ptr<SharedImage>& out) const override {
        auto image = std::make_unique<UnseenImage>();
        const VkResult result = image->init(device, request);
        if (result == VK_SUCCESS) out = std::move(image);
        return result;
    }

    VkResult create_alias(const Device& device, const ImageRequest& request,
                          const VkAllocationCallbacks* allocator, VkImage* out) const override {
        return create_image(device, request, VK_IMAGE_TILING_OPTIMAL, 0, allocator, out);
    }
};

}  // namespace

const ImageStrategy& cpu_copy_strategy() {
    static const CpuCopyStrategy strategy;
    return strategy;
}

const ImageStrategy& unseen_strategy() {
    static const UnseenStrategy strategy;
    return strategy;
}

}  // namespace vdmabuf::layer
