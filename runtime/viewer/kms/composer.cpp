// SPDX-License-Identifier: MIT
#include "runtime/viewer/kms/composer.hpp"

#include "runtime/common/log.hpp"
#include "runtime/consumer/writers_semaphore.hpp"

namespace vdmabuf::viewer {
namespace {

constexpr VkFormat kFormat = VK_FORMAT_B8G8R8A8_UNORM;  // XRGB8888 of the screen
constexpr Look kLook{kFormat, stream::ColourSpace::srgb_nonlinear};

}  // namespace

Status Composer::prepare() {
    if (pixels_) return {};
    auto commands = gpu::Commands::create(device_);
    if (!commands) return commands.error();
    auto target =
        gpu::make_image(device_, kFormat, extent_,
                        VK_IMAGE_USAGE_TRANSFER_SRC_BIT | VK_IMAGE_USAGE_TRANSFER_DST_BIT |
                            VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT);
    if (!target) return target.error();
    auto pixels = gpu::make_host_buffer(device_, VkDeviceSize{extent_.width} * extent_.height * 4,
                                        VK_BUFFER_USAGE_TRANSFER_DST_BIT, true);
    if (!pixels) return pixels.error();
    commands_.emplace(std::move(*commands));
    target_ = std::move(*target);
    pixels_ = std::move(*pixels);
    return {};
}

Hud* Composer::hud() {
    if (hud_ || hud_broken_) return hud_.get();
    auto made = Hud::create(device_, kFormat, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL);
    if (!made) {
        hud_broken_ = true;
        LOG_WARNING("%s", made.error().text.c_str());
        return nullptr;
    }
    hud_ = std::move(*made);
    return hud_.get();
}

Result<const std::byte*> Composer::compose(const consumer::ImportedImage& image, Scale scale,
                                           const stream::HdrMetadata& metadata,
                                           const FrameHistory* history) {
    if (auto prepared = prepare(); !prepared) return prepared.error();
    if (auto prepared = painter_.prepare(image, extent_, kLook); !prepared) {
        return prepared.error();
    }
    auto writers = consumer::semaphore_of_writers(*device_, image.dmabuf());
    if (!writers) return writers.error();
    auto begun = commands_->begin();
    if (!begun) return begun.error();
    const VkCommandBuffer commands = *begun;
    const VkImage target = target_->image.get();
    painter_.record(commands, image, target, extent_, kLook, metadata, scale,
                    Painter::Then::draw_on);
    Hud* const panel = history ? hud() : nullptr;
    if (panel) {
        auto recorded =
            panel->record(commands, {target, extent_}, history->newest(), image.layout());
        if (!recorded) return recorded.error();
    } else {
        gpu::image_barrier(commands, target, VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL,
                           VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL,
                           VK_PIPELINE_STAGE_COLOR_ATTACHMENT_OUTPUT_BIT,
                           VK_ACCESS_COLOR_ATTACHMENT_WRITE_BIT, VK_PIPELINE_STAGE_TRANSFER_BIT,
                           VK_ACCESS_TRANSFER_READ_BIT);
    }
    VkBufferImageCopy region{};
    region.imageSubresource = gpu::kColourLayer;
    region.imageExtent = {extent_.width, extent_.height, 1};
    vkCmdCopyImageToBuffer(commands, target, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL,
                           pixels_->buffer.get(), 1, &region);
    gpu::memory_barrier(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT,
                        VK_PIPELINE_STAGE_HOST_BIT, VK_ACCESS_HOST_READ_BIT);
    auto sent = commands_->submit({writers->get()});
    if (!sent) return sent.error();
    if (auto waited = commands_->wait(); !waited) return waited.error();
    if (panel) panel->drawn();
    return pixels_->bytes;
}

}  // namespace vdmabuf::viewer
