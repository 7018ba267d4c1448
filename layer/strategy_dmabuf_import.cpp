// SPDX-License-Identifier: MIT
// B: the pages are a dmabuf, which the driver imports (VK_EXT_external_memory_dma_buf), and the app
// renders into a linear image in them, whose pitch is ours where the driver knows modifiers. Nobody
// copies.
#include "layer/image_strategy.hpp"
#include "layer/imported_pages.hpp"
#include "layer/linear_image.hpp"
#include "layer/ownership.hpp"
#include "runtime/common/log.hpp"
#include "runtime/producer/buffer_dmabuf.hpp"

namespace vdmabuf::layer {
namespace {

constexpr auto kHandleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT;

class DmabufImportImage final : public SharedImage {
  public:
    VkResult init(const Device& device, const ImageRequest& request,
                  producer::Connection& connection) {
        sharing_ = request.sharing;
        VkResult result = create_linear_image(device, request, kHandleType, linear_);
        if (result != VK_SUCCESS) return result;
        image_ = std::move(linear_.image);
        buffer_ = pages_for(connection, linear_.size);
        if (!buffer_) return VK_ERROR_OUT_OF_DEVICE_MEMORY;
        const auto dmabuf = producer::dmabuf_of(*buffer_);
        if (!dmabuf) {
            LOG_INFO("no dmabuf of a buffer: %s", dmabuf.error().text.c_str());
            return VK_ERROR_INVALID_EXTERNAL_HANDLE;
        }
        layout_ = describe(request, stream::Strategy::dmabuf_import, linear_.layout.offset,
                           linear_.layout.rowPitch);
        const VkImage dedicated = linear_.dedicated ? image() : VK_NULL_HANDLE;
        result = import_dmabuf(device, dmabuf->get(), buffer_->size,
                               {linear_.needs.memoryTypeBits, dedicated}, memory_);
        if (result != VK_SUCCESS) return result;
        return bind(device, image());
    }

    void record_present(const Device& device, VkCommandBuffer commands, std::uint32_t family,
                        VkImageLayout layout) const override {
        image_to_foreign(device, commands, image(), family, sharing_, layout);
    }

    VkResult create_alias(const Device& device, const ImageRequest& request,
                          const VkAllocationCallbacks* allocator, VkImage* out) const override {
        return layer::create_alias(device, request, linear_, allocator, out);
    }

  private:
    LinearImage linear_;
    VkSharingMode sharing_ = VK_SHARING_MODE_EXCLUSIVE;
};

class DmabufImportStrategy final : public ImageStrategy {
  public:
    stream::Strategy id() const override { return stream::Strategy::dmabuf_import; }

    bool supports(const Device& device, const ImageRequest& request) const override {
        return device.abilities().dmabuf && linear_support(device, request, kHandleType);
    }

    VkResult create(const Device& device, const ImageRequest& request,
                    producer::Connection* connection,
                    std::unique_ptr<SharedImage>& out) const override {
        auto image = std::make_unique<DmabufImportImage>();
        const VkResult result = image->init(device, request, *connection);
        if (result == VK_SUCCESS) out = std::move(image);
        return result;
    }
};

}  // namespace

const ImageStrategy& dmabuf_import_strategy() {
    static const DmabufImportStrategy strategy;
    return strategy;
}

}  // namespace vdmabuf::layer
