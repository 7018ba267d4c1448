// SPDX-License-Identifier: MIT
// E: the app renders into an image as the driver likes it best; at present the GPU copies it to
// memory that the CPU can read, and the present worker copies that into the pages. The last resort:
// works with every driver.
#include <cstring>

#include "layer/image_strategy.hpp"
#include "layer/linear_image.hpp"
#include "layer/optimal_image.hpp"
#include "layer/ownership.hpp"
#include "layer/physical_device.hpp"

namespace vdmabuf::layer {
namespace {

class CpuCopyImage final : public SharedImage {
  public:
    VkResult init(const Device& device, const ImageRequest& request,
                  producer::Connection& connection);
    void record_present(const Device& device, VkCommandBuffer commands, std::uint32_t family,
                        VkImageLayout layout) const override;
    std::uint64_t finish() noexcept override;
    VkResult create_alias(const Device& device, const ImageRequest& request,
                          const VkAllocationCallbacks* allocator, VkImage* out) const override {
        return create_optimal_alias(device, with_transfer(request), allocator, out);
    }

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
    const VkResult result = create_optimal_image(device, with_transfer(request), image_, memory_);
    if (result != VK_SUCCESS) return result;
    const std::uint64_t pitch = aligned_pitch(request);
    layout_ = describe(request, stream::Strategy::cpu_copy, 0, pitch);
    buffer_ = pages_for(connection, padded_size(0, pitch, request.extent.height));
    if (!buffer_) return VK_ERROR_OUT_OF_DEVICE_MEMORY;
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

void CpuCopyImage::record_present(const Device& device, VkCommandBuffer commands, std::uint32_t,
                                  VkImageLayout layout) const {
    record_copy(device.down(), commands, image(), layout, staging_.get(), layout_,
                bytes_per_pixel_);
    buffer_to_host(device.down(), commands, staging_.get());
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
    const std::size_t row = std::size_t{layout_.width} * bytes_per_pixel_;
    std::byte* const pages = buffer_->mapping.bytes();
    for (std::uint32_t y = 0; y < layout_.height; ++y) {
        std::memcpy(pages + y * pitch, staged_ + y * pitch, row);
    }
    return row * layout_.height;
}

class CpuCopyStrategy final : public ImageStrategy {
  public:
    stream::Strategy id() const override { return stream::Strategy::cpu_copy; }
    bool needs_cpu() const override { return true; }

    bool supports(const Device& device, const ImageRequest& request) const override {
        return optimal_support(device, with_transfer(request));
    }

    VkResult create(const Device& device, const ImageRequest& request,
                    producer::Connection* connection,
                    std::unique_ptr<SharedImage>& out) const override {
        auto image = std::make_unique<CpuCopyImage>();
        const VkResult result = image->init(device, request, *connection);
        if (result == VK_SUCCESS) out = std::move(image);
        return result;
    }
};

}  // namespace

const ImageStrategy& cpu_copy_strategy() {
    static const CpuCopyStrategy strategy;
    return strategy;
}

}  // namespace vdmabuf::layer
