// SPDX-License-Identifier: MIT
#include "layer/test_pattern.hpp"

#include <algorithm>
#include <cstring>

namespace vdmabuf::layer {
namespace {

constexpr std::uint32_t kWidth = 500;    // rows of 2000 bytes
constexpr std::uint32_t kHeight = 1101;  // more than 2 MiB in such rows, and not a multiple of 16
constexpr std::uint32_t kCell = 50;
constexpr std::uint32_t kColumns = kWidth / kCell;
constexpr std::uint32_t kRows = (kHeight + kCell - 1) / kCell;
static_assert(std::uint64_t{kWidth} * kHeight * 4 > 2 * 1024 * 1024);
static_assert(kHeight % kCell == 1);

struct Colour {
    std::uint8_t b, g, r, a;
};

constexpr Colour colour_of(std::uint32_t column, std::uint32_t row) {
    return {static_cast<std::uint8_t>(1 + column * 23), static_cast<std::uint8_t>(1 + row * 11),
            static_cast<std::uint8_t>((column + row) * 7), 255};
}

float unorm(std::uint8_t value) {
    return static_cast<float>(value) / 255.0f;
}

}  // namespace

ImageRequest TestPattern::request() {
    ImageRequest request;
    request.format = *find_format(VK_FORMAT_B8G8R8A8_UNORM);
    request.extent = {kWidth, kHeight};
    request.usage = VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT | VK_IMAGE_USAGE_TRANSFER_SRC_BIT;
    return request;
}

VkResult TestPattern::init(const Device& device, VkImage image) {
    const DeviceDispatch& down = device.down();
    VkImageViewCreateInfo view_info{};
    view_info.sType = VK_STRUCTURE_TYPE_IMAGE_VIEW_CREATE_INFO;
    view_info.image = image;
    view_info.viewType = VK_IMAGE_VIEW_TYPE_2D;
    view_info.format = request().format.format;
    view_info.subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1};
    VkImageView view = VK_NULL_HANDLE;
    VkResult result = down.CreateImageView(device.handle(), &view_info, nullptr, &view);
    if (result != VK_SUCCESS) return result;
    view_ = OwnedImageView(device, view);

    VkAttachmentDescription attachment{};
    attachment.format = view_info.format;
    attachment.samples = VK_SAMPLE_COUNT_1_BIT;
    attachment.loadOp = VK_ATTACHMENT_LOAD_OP_DONT_CARE;
    attachment.storeOp = VK_ATTACHMENT_STORE_OP_STORE;
    attachment.stencilLoadOp = VK_ATTACHMENT_LOAD_OP_DONT_CARE;
    attachment.stencilStoreOp = VK_ATTACHMENT_STORE_OP_DONT_CARE;
    attachment.initialLayout = VK_IMAGE_LAYOUT_UNDEFINED;
    attachment.finalLayout = VK_IMAGE_LAYOUT_PRESENT_SRC_KHR;
    const VkAttachmentReference reference{0, VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL};
    VkSubpassDescription subpass{};
    subpass.pipelineBindPoint = VK_PIPELINE_BIND_POINT_GRAPHICS;
    subpass.colorAttachmentCount = 1;
    subpass.pColorAttachments = &reference;
    VkSubpassDependency after{};
    after.dstSubpass = VK_SUBPASS_EXTERNAL;
    after.srcStageMask = VK_PIPELINE_STAGE_COLOR_ATTACHMENT_OUTPUT_BIT;
    after.dstStageMask = VK_PIPELINE_STAGE_ALL_COMMANDS_BIT;
    after.srcAccessMask = VK_ACCESS_COLOR_ATTACHMENT_WRITE_BIT;
    after.dstAccessMask = VK_ACCESS_MEMORY_READ_BIT | VK_ACCESS_MEMORY_WRITE_BIT;
    VkRenderPassCreateInfo pass_info{};
    pass_info.sType = VK_STRUCTURE_TYPE_RENDER_PASS_CREATE_INFO;
    pass_info.attachmentCount = 1;
    pass_info.pAttachments = &attachment;
    pass_info.subpassCount = 1;
    pass_info.pSubpasses = &subpass;
    pass_info.dependencyCount = 1;
    pass_info.pDependencies = &after;
    VkRenderPass pass = VK_NULL_HANDLE;
    result = down.CreateRenderPass(device.handle(), &pass_info, nullptr, &pass);
    if (result != VK_SUCCESS) return result;
    pass_ = OwnedRenderPass(device, pass);

    VkFramebufferCreateInfo framebuffer_info{};
    framebuffer_info.sType = VK_STRUCTURE_TYPE_FRAMEBUFFER_CREATE_INFO;
    framebuffer_info.renderPass = pass;
    framebuffer_info.attachmentCount = 1;
    framebuffer_info.pAttachments = &view;
    framebuffer_info.width = kWidth;
    framebuffer_info.height = kHeight;
    framebuffer_info.layers = 1;
    VkFramebuffer framebuffer = VK_NULL_HANDLE;
    result = down.CreateFramebuffer(device.handle(), &framebuffer_info, nullptr, &framebuffer);
    if (result == VK_SUCCESS) framebuffer_ = OwnedFramebuffer(device, framebuffer);
    return result;
}

void TestPattern::record(const DeviceDispatch& down, VkCommandBuffer commands) const {
    VkRenderPassBeginInfo begin{};
    begin.sType = VK_STRUCTURE_TYPE_RENDER_PASS_BEGIN_INFO;
    begin.renderPass = pass_.get();
    begin.framebuffer = framebuffer_.get();
    begin.renderArea.extent = {kWidth, kHeight};
    down.CmdBeginRenderPass(commands, &begin, VK_SUBPASS_CONTENTS_INLINE);
    for (std::uint32_t row = 0; row < kRows; ++row) {
        for (std::uint32_t column = 0; column < kColumns; ++column) {
            const Colour colour = colour_of(column, row);
            VkClearAttachment clear{};
            clear.aspectMask = VK_IMAGE_ASPECT_COLOR_BIT;
            clear.clearValue.color = {
                {unorm(colour.r), unorm(colour.g), unorm(colour.b), unorm(colour.a)}};
            VkClearRect rect{};
            rect.rect.offset = {static_cast<std::int32_t>(column * kCell),
                                static_cast<std::int32_t>(row * kCell)};
            rect.rect.extent = {kCell, std::min(kCell, kHeight - row * kCell)};
            rect.layerCount = 1;
            down.CmdClearAttachments(commands, 1, &clear, 1, &rect);
        }
    }
    down.CmdEndRenderPass(commands);
}

bool TestPattern::is_in(std::span<const std::byte> pixels, std::uint64_t pitch) {
    if (pitch == 0) pitch = kWidth * sizeof(Colour);
    if (pitch < kWidth * sizeof(Colour) ||
        pitch * (kHeight - 1) + kWidth * sizeof(Colour) > pixels.size()) {
        return false;
    }
    for (std::uint32_t y = 0; y < kHeight; ++y) {
        const std::byte* at = pixels.data() + y * pitch;
        for (std::uint32_t x = 0; x < kWidth; ++x, at += sizeof(Colour)) {
            const Colour wanted = colour_of(x / kCell, y / kCell);
            if (std::memcmp(at, &wanted, sizeof wanted) != 0) return false;
        }
    }
    return true;
}

}  // namespace vdmabuf::layer
