// SPDX-License-Identifier: MIT
// A: the pages are mapped and imported by VK_EXT_external_memory_host, and the app renders into a
// linear image in them. Nobody copies.
#include "layer/image_strategy.hpp"
#include "layer/imported_pages.hpp"
#include "layer/linear_image.hpp"
#include "layer/ownership.hpp"

namespace vdmabuf::layer {
namespace {

constexpr auto kHandleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT;

class HostPointerImage final : public SharedImage {
  public:
    VkResult init(const Device& device, const ImageRequest& request,
                  producer::Connection& connection) {
        VkResult result = create_linear_image(device, request, kHandleType, linear_);
        if (result != VK_SUCCESS) return result;
        image_ = std::move(linear_.image);
        buffer_ = pages_for(connection, host_pointer_size(device, linear_.size));
        if (!buffer_) return VK_ERROR_OUT_OF_DEVICE_MEMORY;
        layout_ = describe(request, stream::Strategy::host_pointer, linear_.layout.offset,
                           linear_.layout.rowPitch);
        result = import_host_pointer(device, *buffer_, {linear_.needs.memoryTypeBits}, memory_);
        if (result != VK_SUCCESS) return result;
        return bind(device, image());
    }

    void record_present(const Device& device, VkCommandBuffer commands, std::uint32_t,
                        VkImageLayout layout) const override {
        image_to_host(device.down(), commands, image(), layout);
    }

    VkResult create_alias(const Device& device, const ImageRequest& request,
                          const VkAllocationCallbacks* allocator, VkImage* out) const override {
        return layer::create_alias(device, request, linear_, allocator, out);
    }

  private:
    LinearImage linear_;
};

class HostPointerStrategy final : public ImageStrategy {
  public:
    stream::Strategy id() const override { return stream::Strategy::host_pointer; }

    bool supports(const Device& device, const ImageRequest& request) const override {
        return device.abilities().host_pointer && linear_support(device, request, kHandleType);
    }

    VkResult create(const Device& device, const ImageRequest& request,
                    producer::Connection* connection,
                    std::unique_ptr<SharedImage>& out) const override {
        auto image = std::make_unique<HostPointerImage>();
        const VkResult result = image->init(device, request, *connection);
        if (result == VK_SUCCESS) out = std::move(image);
        return result;
    }
};

}  // namespace

const ImageStrategy& host_pointer_strategy() {
    static const HostPointerStrategy strategy;
    return strategy;
}

}  // namespace vdmabuf::layer
