// SPDX-License-Identifier: MIT
// D: the app renders into an image as the driver likes it best, and at present the GPU copies it to
// a buffer in the pages. One copy, by the GPU.
#include "layer/image_strategy.hpp"
#include "layer/imported_pages.hpp"
#include "layer/instance.hpp"
#include "layer/linear_image.hpp"
#include "layer/optimal_image.hpp"
#include "layer/ownership.hpp"
#include "runtime/producer/buffer_dmabuf.hpp"

namespace vdmabuf::layer {
namespace {

constexpr auto kHostPointer = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT;
constexpr auto kDmabuf = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT;
constexpr VkBufferUsageFlags kUsage = VK_BUFFER_USAGE_TRANSFER_DST_BIT;

VkExternalMemoryFeatureFlags buffer_features(const Device& device,
                                             VkExternalMemoryHandleTypeFlagBits handle_type) {
    const InstanceDispatch& down = device.instance().down();
    const bool enabled =
        handle_type == kHostPointer ? device.abilities().host_pointer : device.abilities().dmabuf;
    if (!enabled || !down.GetPhysicalDeviceExternalBufferProperties) return 0;
    VkPhysicalDeviceExternalBufferInfo info{};
    info.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_BUFFER_INFO;
    info.usage = kUsage;
    info.handleType = handle_type;
    VkExternalBufferProperties found{};
    found.sType = VK_STRUCTURE_TYPE_EXTERNAL_BUFFER_PROPERTIES;
    down.GetPhysicalDeviceExternalBufferProperties(device.physical().handle, &info, &found);
    return found.externalMemoryProperties.externalMemoryFeatures;
}

bool imports(const Device& device, VkExternalMemoryHandleTypeFlagBits handle_type) {
    return buffer_features(device, handle_type) & VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT;
}

class GpuCopyImage final : public SharedImage {
  public:
    VkResult init(const Device& device, const ImageRequest& request,
                  producer::Connection& connection);

    void record_present(const Device& device, VkCommandBuffer commands, std::uint32_t family,
                        VkImageLayout layout) const override {
        record_copy(device.down(), commands, image(), layout, copy_.get(), layout_,
                    bytes_per_pixel_);
        if (foreign_) {
            buffer_to_foreign(device, commands, copy_.get(), family);
        } else {
            buffer_to_host(device.down(), commands, copy_.get());
        }
    }

    VkResult create_alias(const Device& device, const ImageRequest& request,
                          const VkAllocationCallbacks* allocator, VkImage* out) const override {
        return create_optimal_alias(device, with_transfer(request), allocator, out);
    }

  private:
    VkResult create_buffer(const Device& device, VkExternalMemoryHandleTypeFlagBits handle_type,
                           VkMemoryRequirements& needs);
    VkResult import_pages(const Device& device, VkExternalMemoryHandleTypeFlagBits handle_type);

    std::uint32_t bytes_per_pixel_ = 0;
    bool foreign_ = false;
    OwnedMemory pages_memory_;
    OwnedBuffer copy_;
};

VkResult GpuCopyImage::init(const Device& device, const ImageRequest& request,
                            producer::Connection& connection) {
    bytes_per_pixel_ = request.format.bytes_per_pixel;
    VkResult result = create_optimal_image(device, with_transfer(request), image_, memory_);
    if (result != VK_SUCCESS) return result;
    const std::uint64_t pitch = aligned_pitch(request);
    layout_ = describe(request, stream::Strategy::gpu_copy, 0, pitch);
    buffer_ = pages_for(connection,
                        host_pointer_size(device, padded_size(0, pitch, request.extent.height)));
    if (!buffer_) return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    result = VK_ERROR_INVALID_EXTERNAL_HANDLE;
    // The host pointer first: all that take it take any page, while imports of other drivers'
    // dmabufs into GPUs with memory of their own fail in more ways.
    for (const auto handle_type : {kHostPointer, kDmabuf}) {
        if (!imports(device, handle_type)) continue;
        result = import_pages(device, handle_type);
        if (result == VK_SUCCESS) break;
    }
    return result;
}

VkResult GpuCopyImage::create_buffer(const Device& device,
                                     VkExternalMemoryHandleTypeFlagBits handle_type,
                                     VkMemoryRequirements& needs) {
    const VkExternalMemoryBufferCreateInfo external{
        VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO, nullptr,
        static_cast<VkExternalMemoryHandleTypeFlags>(handle_type)};
    VkBufferCreateInfo info{};
    info.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO;
    info.pNext = &external;
    info.size = buffer_->size;
    info.usage = kUsage;
    VkBuffer handle = VK_NULL_HANDLE;
    const VkResult result = device.down().CreateBuffer(device.handle(), &info, nullptr, &handle);
    if (result != VK_SUCCESS) return result;
    copy_ = OwnedBuffer(device, handle);
    device.down().GetBufferMemoryRequirements(device.handle(), handle, &needs);
    return needs.size <= buffer_->size ? VK_SUCCESS : VK_ERROR_OUT_OF_DEVICE_MEMORY;
}

VkResult GpuCopyImage::import_pages(const Device& device,
                                    VkExternalMemoryHandleTypeFlagBits handle_type) {
    VkMemoryRequirements needs{};
    VkResult result = create_buffer(device, handle_type, needs);
    if (result != VK_SUCCESS) return result;
    ImportFor use{needs.memoryTypeBits};
    foreign_ = handle_type == kDmabuf;
    if (foreign_) {
        const auto dmabuf = producer::dmabuf_of(*buffer_);
        if (!dmabuf) return VK_ERROR_INVALID_EXTERNAL_HANDLE;
        if (buffer_features(device, handle_type) & VK_EXTERNAL_MEMORY_FEATURE_DEDICATED_ONLY_BIT) {
            use.dedicated_buffer = copy_.get();
        }
        result = import_dmabuf(device, dmabuf->get(), buffer_->size, use, pages_memory_);
    } else {
        result = import_host_pointer(device, *buffer_, use, pages_memory_);
    }
    if (result != VK_SUCCESS) return result;
    return device.down().BindBufferMemory(device.handle(), copy_.get(), pages_memory_.get(), 0);
}

class GpuCopyStrategy final : public ImageStrategy {
  public:
    stream::Strategy id() const override { return stream::Strategy::gpu_copy; }

    bool supports(const Device& device, const ImageRequest& request) const override {
        return optimal_support(device, with_transfer(request)) &&
               (imports(device, kHostPointer) || imports(device, kDmabuf));
    }

    VkResult create(const Device& device, const ImageRequest& request,
                    producer::Connection* connection,
                    std::unique_ptr<SharedImage>& out) const override {
        auto image = std::make_unique<GpuCopyImage>();
        const VkResult result = image->init(device, request, *connection);
        if (result == VK_SUCCESS) out = std::move(image);
        return result;
    }
};

}  // namespace

const ImageStrategy& gpu_copy_strategy() {
    static const GpuCopyStrategy strategy;
    return strategy;
}

}  // namespace vdmabuf::layer
