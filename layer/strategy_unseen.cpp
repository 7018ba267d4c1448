// SPDX-License-Identifier: MIT
// With nobody to see them, images are as the driver likes them best, and stay where they are.
#include "layer/image_strategy.hpp"
#include "layer/optimal_image.hpp"

namespace vdmabuf::layer {
namespace {

class UnseenImage final : public SharedImage {
  public:
    VkResult init(const Device& device, const ImageRequest& request) {
        return create_optimal_image(device, request, image_, memory_);
    }
    void record_present(const Device&, VkCommandBuffer, std::uint32_t,
                        VkImageLayout) const override {}
    VkResult create_alias(const Device& device, const ImageRequest& request,
                          const VkAllocationCallbacks* allocator, VkImage* out) const override {
        return create_optimal_alias(device, request, allocator, out);
    }
};

class UnseenStrategy final : public ImageStrategy {
  public:
    stream::Strategy id() const override { return stream::Strategy::unknown; }

    bool supports(const Device& device, const ImageRequest& request) const override {
        return optimal_support(device, request);
    }

    VkResult create(const Device& device, const ImageRequest& request, producer::Connection*,
                    std::unique_ptr<SharedImage>& out) const override {
        auto image = std::make_unique<UnseenImage>();
        const VkResult result = image->init(device, request);
        if (result == VK_SUCCESS) out = std::move(image);
        return result;
    }
};

}  // namespace

const ImageStrategy& unseen_strategy() {
    static const UnseenStrategy strategy;
    return strategy;
}

}  // namespace vdmabuf::layer
