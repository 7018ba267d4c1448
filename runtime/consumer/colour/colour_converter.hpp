// SPDX-License-Identifier: MIT
#pragma once

#include <vulkan/vulkan_core.h>

#include <memory>
#include <optional>

#include "runtime/common/result.hpp"
#include "runtime/consumer/gpu/memory.hpp"
#include "runtime/consumer/imported_image.hpp"

namespace vdmabuf::consumer {

// Brings frames of other colour spaces to sRGB, on the GPU: the frame is copied to an image of our
// own, as imported ones may be such that no shader can read them, and a compute shader writes its
// colours, mapped and dithered, to another one. One thread, one submission at a time.
class ColourConverter {
  public:
    explicit ColourConverter(std::shared_ptr<gpu::Device> device) : device_(std::move(device)) {}

    static bool wanted(const ImageLayout& layout) {
        return layout.colour_space != stream::ColourSpace::srgb_nonlinear;
    }
    // What the pictures are for: eight bits a component, or more.
    enum class Depth { eight, more };
    // How converted pictures lie in memory when they are read back, eight bits each: as the frame,
    // without its padding.
    static ImageLayout read_back_layout(const ImageLayout& layout);

    // Before a submission: what record() needs for such a frame. May allocate.
    Status prepare(const ImageLayout& layout, Depth depth);
    // Then picture() is the frame in sRGB, its first row where the frame's is, for transfer
    // commands to read, in VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL. The submission waits for the frame
    // in the transfer stage.
    void record(VkCommandBuffer commands, const ImportedImage& frame,
                const stream::HdrMetadata& metadata) const;
    VkImage picture() const { return result_->image.image.get(); }
    bool can_filter_linear() const;

    // The same, and a copy of it to `to`, which the CPU may read when the submission is done.
    // Prepared for eight bits.
    void record_read_back(VkCommandBuffer commands, const ImportedImage& frame,
                          const stream::HdrMetadata& metadata, VkBuffer to) const;

  private:
    struct Own {
        gpu::OwnImage image;
        gpu::ImageView view;
        VkFormat format = VK_FORMAT_UNDEFINED;
        VkExtent2D extent{};
    };
    Status make_pipeline(Depth depth);
    Result<Own> make_own(VkFormat format, VkExtent2D extent, VkImageUsageFlags usage);
    void bind_images();

    std::shared_ptr<gpu::Device> device_;
    gpu::DescriptorSetLayout set_layout_;
    gpu::PipelineLayout layout_;
    gpu::DescriptorPool pool_;
    VkDescriptorSet set_ = VK_NULL_HANDLE;  // freed with the pool
    gpu::Pipeline pipelines_[2];            // by Depth
    std::optional<Own> source_;
    std::optional<Own> result_;
    Depth depth_ = Depth::eight;
};

}  // namespace vdmabuf::consumer
