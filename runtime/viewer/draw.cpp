// SPDX-License-Identifier: MIT
#include "runtime/viewer/draw.hpp"

#include "runtime/consumer/gpu/commands.hpp"

namespace vdmabuf::viewer {
namespace {

constexpr VkPipelineStageFlags kTransfer = VK_PIPELINE_STAGE_TRANSFER_BIT;
constexpr VkAccessFlags kWrite = VK_ACCESS_TRANSFER_WRITE_BIT;
constexpr VkAccessFlags kRead = VK_ACCESS_TRANSFER_READ_BIT;

bool same(VkExtent2D a, VkExtent2D b) {
    return a.width == b.width && a.height == b.height;
}

VkExtent2D extent_of(const consumer::ImageLayout& layout) {
    return {layout.width, layout.height};
}

// The frame's colours are brought to those of the target.
bool converts(const consumer::ImageLayout& layout, const Look& look) {
    return layout.colour_space != look.space;
}

// The bytes of the frame are those of the target.
bool copies(const consumer::ImageLayout& layout, VkExtent2D extent, const Look& look) {
    return same(extent_of(layout), extent) && look_of(layout) == look && !layout.y_flip;
}

}  // namespace

Status Painter::prepare(const consumer::ImportedImage& frame, VkExtent2D target, const Look& look) {
    const consumer::ImageLayout& layout = frame.layout();
    if (converts(layout, look)) {
        return converter_.prepare(layout, is_deep(look.format)
                                              ? consumer::ColourConverter::Depth::more
                                              : consumer::ColourConverter::Depth::eight);
    }
    if (frame.image() != VK_NULL_HANDLE || copies(layout, target, look)) return {};
    if (between_ && between_->format == layout.format->vulkan &&
        same(between_->extent, extent_of(layout))) {
        return {};
    }
    auto image = gpu::make_image(device_, layout.format->vulkan, extent_of(layout),
                                 VK_IMAGE_USAGE_TRANSFER_SRC_BIT | VK_IMAGE_USAGE_TRANSFER_DST_BIT);
    if (!image) return image.error();
    between_ = Between{std::move(*image), layout.format->vulkan, extent_of(layout)};
    return {};
}

// A blit reads images alone.
Painter::Source Painter::image_of(VkCommandBuffer commands,
                                  const consumer::ImportedImage& frame) const {
    if (frame.image() != VK_NULL_HANDLE) {
        return {frame.image(), VK_IMAGE_LAYOUT_GENERAL, frame.can_filter_linear()};
    }
    Source source;
    source.image = between_->image.image.get();
    source.can_filter = device_->optimal_features(frame.layout().format->vulkan) &
                        VK_FORMAT_FEATURE_SAMPLED_IMAGE_FILTER_LINEAR_BIT;
    gpu::image_barrier(commands, source.image, VK_IMAGE_LAYOUT_UNDEFINED,
                       VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, kTransfer, 0, kTransfer, kWrite);
    frame.copy_to(commands, source.image);
    gpu::image_barrier(commands, source.image, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, source.layout,
                       kTransfer, kWrite, kTransfer, kRead);
    return source;
}

void Painter::blit(VkCommandBuffer commands, const consumer::ImageLayout& layout,
                   const Source& from, VkImage target, VkExtent2D extent, Scale scale) {
    const auto [source, box] =
        place(layout.width, layout.height, extent.width, extent.height, layout.scaling, scale);
    if (box != Box{0, 0, extent.width, extent.height}) {
        const VkClearColorValue black = {{0, 0, 0, 1}};
        vkCmdClearColorImage(commands, target, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, &black, 1,
                             &gpu::kColourRange);
        gpu::image_barrier(commands, target, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL,
                           VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, kTransfer, kWrite, kTransfer,
                           kWrite);
    }
    const auto at = [](std::uint32_t value) { return static_cast<std::int32_t>(value); };
    VkImageBlit region{};
    region.srcSubresource = gpu::kColourLayer;
    region.srcOffsets[0] = {at(source.x), at(source.y), 0};
    region.srcOffsets[1] = {at(source.x + source.width), at(source.y + source.height), 1};
    if (layout.y_flip) {
        region.srcOffsets[0].y = at(layout.height - source.y);
        region.srcOffsets[1].y = at(layout.height - source.y - source.height);
    }
    region.dstSubresource = gpu::kColourLayer;
    region.dstOffsets[0] = {at(box.x), at(box.y), 0};
    region.dstOffsets[1] = {at(box.x + box.width), at(box.y + box.height), 1};
    const bool scales = box.width != source.width || box.height != source.height;
    const bool whole = scale == Scale::integer && box.width % source.width == 0 &&
                       box.height % source.height == 0;  // pixels stay sharp
    const VkFilter filter =
        scales && from.can_filter && !whole ? VK_FILTER_LINEAR : VK_FILTER_NEAREST;
    vkCmdBlitImage(commands, from.image, from.layout, target, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL,
                   1, &region, filter);
}

void Painter::record(VkCommandBuffer commands, const consumer::ImportedImage& frame, VkImage target,
                     VkExtent2D extent, const Look& look, const stream::HdrMetadata& metadata,
                     Scale scale, Then then) const {
    const consumer::ImageLayout& layout = frame.layout();
    const bool converted = converts(layout, look);
    if (converted) {
        converter_.record(commands, frame, metadata);
    } else {
        frame.acquire(commands);
    }
    gpu::image_barrier(commands, target, VK_IMAGE_LAYOUT_UNDEFINED,
                       VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, kTransfer, 0, kTransfer, kWrite);
    if (converted) {
        Source source;
        source.image = converter_.picture();
        source.can_filter = converter_.can_filter_linear();
        blit(commands, layout, source, target, extent, scale);
    } else if (!copies(layout, extent, look)) {
        blit(commands, layout, image_of(commands, frame), target, extent, scale);
    } else {
        frame.copy_to(commands, target);
    }
    if (!converted) frame.give_back(commands);
    if (then == Then::draw_on) {
        gpu::image_barrier(
            commands, target, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL,
            VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL, kTransfer, kWrite,
            VK_PIPELINE_STAGE_COLOR_ATTACHMENT_OUTPUT_BIT,
            VK_ACCESS_COLOR_ATTACHMENT_READ_BIT | VK_ACCESS_COLOR_ATTACHMENT_WRITE_BIT);
        return;
    }
    gpu::image_barrier(commands, target, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL,
                       VK_IMAGE_LAYOUT_PRESENT_SRC_KHR, kTransfer, kWrite,
                       VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, 0);
}

}  // namespace vdmabuf::viewer
