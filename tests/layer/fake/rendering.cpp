// SPDX-License-Identifier: MIT
// Render passes with one colour attachment, in which nothing is drawn but cleared rectangles: as
// much as shows whether what was rendered comes where it should.
#include <cmath>
#include <cstring>

#include "tests/layer/fake/driver.hpp"

namespace vdmabuf::fake {
namespace {

VkResult CreateRenderPass(VkDevice handle, const VkRenderPassCreateInfo* info,
                          const VkAllocationCallbacks* allocator, VkRenderPass* out) {
    auto* pass = driver().make<RenderPass>("render pass", &device_of(handle), allocator);
    if (!pass) return VK_ERROR_OUT_OF_HOST_MEMORY;
    pass->attachment = info->pAttachments[0];
    pass->layout = info->pSubpasses[0].pColorAttachments[0].layout;
    *out = handle_of<VkRenderPass>(pass->id);
    return VK_SUCCESS;
}

void DestroyRenderPass(VkDevice handle, VkRenderPass pass, const VkAllocationCallbacks* allocator) {
    if (pass == VK_NULL_HANDLE) return;
    auto* found = driver().find<RenderPass>(pass, "render pass", &device_of(handle));
    if (found) driver().end(*found, allocator);
}

VkResult CreateFramebuffer(VkDevice handle, const VkFramebufferCreateInfo* info,
                           const VkAllocationCallbacks* allocator, VkFramebuffer* out) {
    Device& device = device_of(handle);
    (void)driver().find<RenderPass>(info->renderPass, "render pass", &device);
    auto* view = driver().find<ImageView>(info->pAttachments[0], "image view", &device);
    if (!view) return VK_ERROR_OUT_OF_HOST_MEMORY;
    if (!(view->image->info.usage & VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT)) {
        error("renders to an image that is no attachment");
    }
    auto* framebuffer = driver().make<Framebuffer>("framebuffer", &device, allocator);
    if (!framebuffer) return VK_ERROR_OUT_OF_HOST_MEMORY;
    framebuffer->view = view;
    *out = handle_of<VkFramebuffer>(framebuffer->id);
    return VK_SUCCESS;
}

void DestroyFramebuffer(VkDevice handle, VkFramebuffer framebuffer,
                        const VkAllocationCallbacks* allocator) {
    if (framebuffer == VK_NULL_HANDLE) return;
    auto* found = driver().find<Framebuffer>(framebuffer, "framebuffer", &device_of(handle));
    if (found) driver().end(*found, allocator);
}

void CmdBeginRenderPass(VkCommandBuffer handle, const VkRenderPassBeginInfo* info,
                        VkSubpassContents) {
    CommandBuffer& buffer = command_buffer_of(handle);
    const Object* device = buffer.pool->parent;
    auto* pass = driver().find<RenderPass>(info->renderPass, "render pass", device);
    auto* framebuffer = driver().find<Framebuffer>(info->framebuffer, "framebuffer", device);
    if (!pass || !framebuffer) return;
    buffer.pass = pass;
    buffer.target = framebuffer->view->image;
    Image& image = *buffer.target;
    record(buffer,
           [&image, attachment = pass->attachment, layout = pass->layout](const Queue&) {
               if (attachment.initialLayout != VK_IMAGE_LAYOUT_UNDEFINED &&
                   attachment.initialLayout != image.layout) {
                   return std::string("a render pass finds an image in another layout");
               }
               image.layout = layout;
               return std::string();
           },
           {pass, framebuffer, framebuffer->view, &image});
}

std::byte component(float value) {
    return static_cast<std::byte>(std::lround(value * 255.0f));
}

void CmdClearAttachments(VkCommandBuffer handle, std::uint32_t, const VkClearAttachment* clears,
                         std::uint32_t count, const VkClearRect* rects) {
    CommandBuffer& buffer = command_buffer_of(handle);
    if (!buffer.target) {
        error("outside of a render pass");
        return;
    }
    Image& image = *buffer.target;
    const auto& colour = clears[0].clearValue.color.float32;
    const bool bgr = image.info.format == VK_FORMAT_B8G8R8A8_UNORM ||
                     image.info.format == VK_FORMAT_B8G8R8A8_SRGB;
    const std::array texel{component(colour[bgr ? 2 : 0]), component(colour[1]),
                           component(colour[bgr ? 0 : 2]), component(colour[3])};
    for (std::uint32_t i = 0; i < count; ++i) {
        const VkRect2D rect = rects[i].rect;
        record(
            buffer,
            [&image, rect, texel](const Queue& queue) {
                const auto wrong = usable(image, VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL, queue);
                if (!wrong.empty()) return wrong;
                for (std::uint32_t y = 0; y < rect.extent.height; ++y) {
                    for (std::uint32_t x = 0; x < rect.extent.width; ++x) {
                        std::memcpy(texel_at(image, static_cast<std::uint32_t>(rect.offset.x) + x,
                                             static_cast<std::uint32_t>(rect.offset.y) + y),
                                    texel.data(), texel.size());
                    }
                }
                return std::string();
            },
            {&image});
    }
}

void CmdEndRenderPass(VkCommandBuffer handle) {
    CommandBuffer& buffer = command_buffer_of(handle);
    if (!buffer.target) {
        error("outside of a render pass");
        return;
    }
    Image& image = *buffer.target;
    record(buffer,
           [&image, layout = buffer.pass->attachment.finalLayout](const Queue&) {
               image.layout = layout;
               return std::string();
           },
           {&image});
    buffer.target = nullptr;
}

}  // namespace

std::vector<Function> rendering_functions() {
    return {
        FAKE(CreateRenderPass),   FAKE(DestroyRenderPass),  FAKE(CreateFramebuffer),
        FAKE(DestroyFramebuffer), FAKE(CmdBeginRenderPass), FAKE(CmdClearAttachments),
        FAKE(CmdEndRenderPass),
    };
}

}  // namespace vdmabuf::fake
