// SPDX-License-Identifier: MIT
#include "runtime/viewer/hud.hpp"

#include <backends/imgui_impl_vulkan.h>
#include <imgui.h>

#include <mutex>
#include <utility>

#include "runtime/common/clock.hpp"
#include "runtime/common/log.hpp"
#include "runtime/consumer/gpu/handles.hpp"
#include "runtime/consumer/gpu/result.hpp"
#include "runtime/viewer/hud_panel.hpp"

namespace vdmabuf::viewer {
namespace {

// ImGui has one current context for all threads; each window has a thread, and a context.
std::mutex imgui_mutex;

// The font is made for screens of some 100 dots an inch.
constexpr std::uint32_t kLargeWindow = 1800;

void check(VkResult result) {
    if (result < 0) LOG_ERROR("the HUD: Vulkan says %d", static_cast<int>(result));
}

Result<gpu::RenderPass> make_render_pass(VkDevice device, VkFormat format, VkImageLayout left_in) {
    VkAttachmentDescription colour{};
    colour.format = format;
    colour.samples = VK_SAMPLE_COUNT_1_BIT;
    colour.loadOp = VK_ATTACHMENT_LOAD_OP_LOAD;  // the picture
    colour.storeOp = VK_ATTACHMENT_STORE_OP_STORE;
    colour.stencilLoadOp = VK_ATTACHMENT_LOAD_OP_DONT_CARE;
    colour.stencilStoreOp = VK_ATTACHMENT_STORE_OP_DONT_CARE;
    colour.initialLayout = VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL;
    colour.finalLayout = left_in;
    const VkAttachmentReference reference{0, VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL};
    VkSubpassDescription subpass{};
    subpass.pipelineBindPoint = VK_PIPELINE_BIND_POINT_GRAPHICS;
    subpass.colorAttachmentCount = 1;
    subpass.pColorAttachments = &reference;
    VkSubpassDependency after{};
    after.srcSubpass = 0;
    after.dstSubpass = VK_SUBPASS_EXTERNAL;
    after.srcStageMask = VK_PIPELINE_STAGE_COLOR_ATTACHMENT_OUTPUT_BIT;
    after.srcAccessMask = VK_ACCESS_COLOR_ATTACHMENT_WRITE_BIT;
    // Presentation waits for a semaphore: nothing else of ours reads the image.
    after.dstStageMask = VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT;
    if (left_in == VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL) {
        after.dstStageMask = VK_PIPELINE_STAGE_TRANSFER_BIT;
        after.dstAccessMask = VK_ACCESS_TRANSFER_READ_BIT;
    }
    VkRenderPassCreateInfo info{};
    info.sType = VK_STRUCTURE_TYPE_RENDER_PASS_CREATE_INFO;
    info.attachmentCount = 1;
    info.pAttachments = &colour;
    info.subpassCount = 1;
    info.pSubpasses = &subpass;
    info.dependencyCount = 1;
    info.pDependencies = &after;
    VkRenderPass made = VK_NULL_HANDLE;
    const VkResult result = vkCreateRenderPass(device, &info, nullptr, &made);
    if (result != VK_SUCCESS) return gpu::vulkan_error("vkCreateRenderPass", result);
    return gpu::RenderPass(device, made);
}

Result<gpu::DescriptorPool> make_descriptor_pool(VkDevice device) {
    const VkDescriptorPoolSize size{VK_DESCRIPTOR_TYPE_COMBINED_IMAGE_SAMPLER, 1};
    VkDescriptorPoolCreateInfo info{};
    info.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO;
    info.maxSets = 1;
    info.poolSizeCount = 1;
    info.pPoolSizes = &size;
    VkDescriptorPool made = VK_NULL_HANDLE;
    const VkResult result = vkCreateDescriptorPool(device, &info, nullptr, &made);
    if (result != VK_SUCCESS) return gpu::vulkan_error("vkCreateDescriptorPool", result);
    return gpu::DescriptorPool(device, made);
}

class ImGuiHud final : public Hud {
  public:
    ImGuiHud(std::shared_ptr<gpu::Device> device, VkFormat format, gpu::RenderPass pass,
             gpu::DescriptorPool pool)
        : device_(std::move(device)),
          format_(format),
          pass_(std::move(pass)),
          pool_(std::move(pool)) {}
    ~ImGuiHud() override {
        const std::lock_guard lock(imgui_mutex);
        ImGui::SetCurrentContext(context_);
        if (started_) ImGui_ImplVulkan_Shutdown();
        ImGui::DestroyContext(context_);
    }

    Status start() {
        const std::lock_guard lock(imgui_mutex);
        context_ = ImGui::CreateContext();
        ImGui::SetCurrentContext(context_);
        ImGui::GetIO().IniFilename = nullptr;
        ImGui::GetIO().LogFilename = nullptr;
        ImGui_ImplVulkan_InitInfo info{};
        info.Instance = device_->instance().get();
        info.PhysicalDevice = device_->physical();
        info.Device = device_->get();
        info.QueueFamily = device_->queue_family();
        // Asked for, and not used: submissions are the presenter's.
        vkGetDeviceQueue(device_->get(), info.QueueFamily, 0, &info.Queue);
        info.DescriptorPool = pool_.get();
        info.MinImageCount = 2;
        info.ImageCount = 2;
        info.MSAASamples = VK_SAMPLE_COUNT_1_BIT;
        info.CheckVkResultFn = check;
        started_ = ImGui_ImplVulkan_Init(&info, pass_.get());
        if (!started_) return Error{EIO, "the HUD cannot draw with this GPU"};
        return {};
    }

    VkFormat format() const override { return format_; }

    Status record(VkCommandBuffer commands, const Target& target,
                  const FrameHistory::Snapshot& history,
                  const consumer::ImageLayout& picture) override {
        auto made = make_framebuffer(target);
        if (!made) return made;
        const std::lock_guard lock(imgui_mutex);
        ImGui::SetCurrentContext(context_);
        if (!has_font_) {
            has_font_ = uploads_font_ = ImGui_ImplVulkan_CreateFontsTexture(commands);
            if (!has_font_) return Error{EIO, "the HUD has no font"};
        }
        ImGuiIO& io = ImGui::GetIO();
        io.DisplaySize = {static_cast<float>(target.extent.width),
                          static_cast<float>(target.extent.height)};
        io.DeltaTime = 1.0F / 60;
        const float scale = target.extent.height >= kLargeWindow ? 2.0F : 1.0F;
        const HudFigures figures = hud_figures(history.samples, now_ns());
        // ImGui hides what it does not know the size of yet: the panel is seen from its second
        // frame on, which of a still picture might not come.
        for (int frame = std::exchange(has_size_, true) ? 1 : 0; frame < 2; ++frame) {
            ImGui_ImplVulkan_NewFrame();
            ImGui::NewFrame();
            build_hud_panel(figures, history.facts, picture, scale);
            ImGui::Render();
        }

        VkRenderPassBeginInfo begin{};
        begin.sType = VK_STRUCTURE_TYPE_RENDER_PASS_BEGIN_INFO;
        begin.renderPass = pass_.get();
        begin.framebuffer = framebuffer_.get();
        begin.renderArea.extent = target.extent;
        vkCmdBeginRenderPass(commands, &begin, VK_SUBPASS_CONTENTS_INLINE);
        ImGui_ImplVulkan_RenderDrawData(ImGui::GetDrawData(), commands);
        vkCmdEndRenderPass(commands);
        return {};
    }

    void drawn() override {
        framebuffer_.reset();
        view_.reset();
        if (!uploads_font_) return;
        uploads_font_ = false;
        const std::lock_guard lock(imgui_mutex);
        ImGui::SetCurrentContext(context_);
        ImGui_ImplVulkan_DestroyFontUploadObjects();
    }

  private:
    Status make_framebuffer(const Target& target) {
        VkImageViewCreateInfo view{};
        view.sType = VK_STRUCTURE_TYPE_IMAGE_VIEW_CREATE_INFO;
        view.image = target.image;
        view.viewType = VK_IMAGE_VIEW_TYPE_2D;
        view.format = format_;
        view.subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1};
        VkImageView made_view = VK_NULL_HANDLE;
        VkResult result = vkCreateImageView(device_->get(), &view, nullptr, &made_view);
        if (result != VK_SUCCESS) return gpu::vulkan_error("vkCreateImageView", result);
        view_ = gpu::ImageView(device_->get(), made_view);
        VkFramebufferCreateInfo info{};
        info.sType = VK_STRUCTURE_TYPE_FRAMEBUFFER_CREATE_INFO;
        info.renderPass = pass_.get();
        info.attachmentCount = 1;
        info.pAttachments = &made_view;
        info.width = target.extent.width;
        info.height = target.extent.height;
        info.layers = 1;
        VkFramebuffer made = VK_NULL_HANDLE;
        result = vkCreateFramebuffer(device_->get(), &info, nullptr, &made);
        if (result != VK_SUCCESS) return gpu::vulkan_error("vkCreateFramebuffer", result);
        framebuffer_ = gpu::Framebuffer(device_->get(), made);
        return {};
    }

    std::shared_ptr<gpu::Device> device_;
    const VkFormat format_;
    gpu::RenderPass pass_;
    gpu::DescriptorPool pool_;
    ImGuiContext* context_ = nullptr;
    bool started_ = false;
    bool has_font_ = false;
    bool has_size_ = false;
    bool uploads_font_ = false;
    gpu::ImageView view_;  // of the image that is drawn to now
    gpu::Framebuffer framebuffer_;
};

}  // namespace

Result<std::unique_ptr<Hud>> Hud::create(std::shared_ptr<gpu::Device> device, VkFormat format,
                                         VkImageLayout left_in) {
    auto pass = make_render_pass(device->get(), format, left_in);
    if (!pass) return pass.error();
    auto pool = make_descriptor_pool(device->get());
    if (!pool) return pool.error();
    auto hud =
        std::make_unique<ImGuiHud>(std::move(device), format, std::move(*pass), std::move(*pool));
    if (auto started = hud->start(); !started) return started.error();
    return std::unique_ptr<Hud>(std::move(hud));
}

}  // namespace vdmabuf::viewer
