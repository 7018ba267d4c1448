// SPDX-License-Identifier: MIT
#include "runtime/consumer/colour/colour_converter.hpp"

#include <array>
#include <cstdint>
#include <span>

#include "runtime/consumer/colour/tone_curve.hpp"
#include "runtime/consumer/gpu/commands.hpp"
#include "runtime/consumer/gpu/result.hpp"

// Made of convert.comp.
namespace {
#include "convert_rgba16f.h"
#include "convert_rgba8.h"
}  // namespace

namespace vdmabuf::consumer {
namespace {

constexpr std::uint32_t kGroup = 8;  // pixels a side, as the shader's
constexpr VkPipelineStageFlags kCompute = VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT;
constexpr VkPipelineStageFlags kTransfer = VK_PIPELINE_STAGE_TRANSFER_BIT;

// As in the shader.
struct Parameters {
    std::int32_t width = 0;
    std::int32_t height = 0;
    std::uint32_t space = 0;
    ToneCurve curve;
    float step = 0;
};
static_assert(sizeof(Parameters) == 28);

constexpr VkFormat format_of(ColourConverter::Depth depth) {
    return depth == ColourConverter::Depth::eight ? VK_FORMAT_R8G8B8A8_UNORM
                                                  : VK_FORMAT_R16G16B16A16_SFLOAT;
}

bool same(VkExtent2D a, VkExtent2D b) {
    return a.width == b.width && a.height == b.height;
}

}  // namespace

ImageLayout ColourConverter::read_back_layout(const ImageLayout& layout) {
    ImageLayout packed = layout;
    packed.format = find_format(fourcc_of(layout.opaque ? "XB24" : "AB24"));
    packed.colour_space = stream::ColourSpace::srgb_nonlinear;
    packed.offset = 0;
    packed.pitch = packed.row_bytes();
    packed.modifier = kModifierLinear;
    packed.plane_count = 1;
    return packed;
}

Status ColourConverter::make_pipeline(Depth depth) {
    const VkDevice device = device_->get();
    if (!set_layout_) {
        VkDescriptorSetLayoutBinding bindings[2]{};
        bindings[0] = {0, VK_DESCRIPTOR_TYPE_SAMPLED_IMAGE, 1, VK_SHADER_STAGE_COMPUTE_BIT,
                       nullptr};
        bindings[1] = {1, VK_DESCRIPTOR_TYPE_STORAGE_IMAGE, 1, VK_SHADER_STAGE_COMPUTE_BIT,
                       nullptr};
        VkDescriptorSetLayoutCreateInfo set_info{};
        set_info.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO;
        set_info.bindingCount = 2;
        set_info.pBindings = bindings;
        VkDescriptorSetLayout set_layout = VK_NULL_HANDLE;
        VkResult made = vkCreateDescriptorSetLayout(device, &set_info, nullptr, &set_layout);
        if (made != VK_SUCCESS) return gpu::vulkan_error("vkCreateDescriptorSetLayout", made);
        gpu::DescriptorSetLayout owned_set_layout(device, set_layout);

        const VkPushConstantRange range{VK_SHADER_STAGE_COMPUTE_BIT, 0, sizeof(Parameters)};
        VkPipelineLayoutCreateInfo layout_info{};
        layout_info.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO;
        layout_info.setLayoutCount = 1;
        layout_info.pSetLayouts = &set_layout;
        layout_info.pushConstantRangeCount = 1;
        layout_info.pPushConstantRanges = &range;
        VkPipelineLayout layout = VK_NULL_HANDLE;
        made = vkCreatePipelineLayout(device, &layout_info, nullptr, &layout);
        if (made != VK_SUCCESS) return gpu::vulkan_error("vkCreatePipelineLayout", made);
        layout_ = gpu::PipelineLayout(device, layout);

        const VkDescriptorPoolSize sizes[] = {{VK_DESCRIPTOR_TYPE_SAMPLED_IMAGE, 1},
                                              {VK_DESCRIPTOR_TYPE_STORAGE_IMAGE, 1}};
        VkDescriptorPoolCreateInfo pool_info{};
        pool_info.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO;
        pool_info.maxSets = 1;
        pool_info.poolSizeCount = 2;
        pool_info.pPoolSizes = sizes;
        VkDescriptorPool pool = VK_NULL_HANDLE;
        made = vkCreateDescriptorPool(device, &pool_info, nullptr, &pool);
        if (made != VK_SUCCESS) return gpu::vulkan_error("vkCreateDescriptorPool", made);
        pool_ = gpu::DescriptorPool(device, pool);
        VkDescriptorSetAllocateInfo allocate{};
        allocate.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO;
        allocate.descriptorPool = pool;
        allocate.descriptorSetCount = 1;
        allocate.pSetLayouts = &set_layout;
        made = vkAllocateDescriptorSets(device, &allocate, &set_);
        if (made != VK_SUCCESS) return gpu::vulkan_error("vkAllocateDescriptorSets", made);
        set_layout_ = std::move(owned_set_layout);  // last: all is there
    }
    gpu::Pipeline& pipeline = pipelines_[static_cast<std::size_t>(depth)];
    if (pipeline) return {};
    const std::span<const std::uint32_t> code =
        depth == Depth::eight ? std::span<const std::uint32_t>(kConvertRgba8)
                              : std::span<const std::uint32_t>(kConvertRgba16f);
    VkShaderModuleCreateInfo module_info{};
    module_info.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO;
    module_info.codeSize = code.size_bytes();
    module_info.pCode = code.data();
    VkShaderModule shader = VK_NULL_HANDLE;
    VkResult made = vkCreateShaderModule(device, &module_info, nullptr, &shader);
    if (made != VK_SUCCESS) return gpu::vulkan_error("vkCreateShaderModule", made);
    const gpu::ShaderModule owned_shader(device, shader);
    VkComputePipelineCreateInfo info{};
    info.sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO;
    info.stage.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO;
    info.stage.stage = VK_SHADER_STAGE_COMPUTE_BIT;
    info.stage.module = shader;
    info.stage.pName = "main";
    info.layout = layout_.get();
    VkPipeline handle = VK_NULL_HANDLE;
    made = vkCreateComputePipelines(device, VK_NULL_HANDLE, 1, &info, nullptr, &handle);
    if (made != VK_SUCCESS) return gpu::vulkan_error("vkCreateComputePipelines", made);
    pipeline = gpu::Pipeline(device, handle);
    return {};
}

Result<ColourConverter::Own> ColourConverter::make_own(VkFormat format, VkExtent2D extent,
                                                       VkImageUsageFlags usage) {
    auto image = gpu::make_image(device_, format, extent, usage);
    if (!image) return image.error();
    VkImageViewCreateInfo info{};
    info.sType = VK_STRUCTURE_TYPE_IMAGE_VIEW_CREATE_INFO;
    info.image = image->image.get();
    info.viewType = VK_IMAGE_VIEW_TYPE_2D;
    info.format = format;
    info.subresourceRange = gpu::kColourRange;
    VkImageView view = VK_NULL_HANDLE;
    const VkResult made = vkCreateImageView(device_->get(), &info, nullptr, &view);
    if (made != VK_SUCCESS) return gpu::vulkan_error("vkCreateImageView", made);
    return Own{std::move(*image), gpu::ImageView(device_->get(), view), format, extent};
}

void ColourConverter::bind_images() {
    const VkDescriptorImageInfo read{VK_NULL_HANDLE, source_->view.get(),
                                     VK_IMAGE_LAYOUT_SHADER_READ_ONLY_OPTIMAL};
    const VkDescriptorImageInfo written{VK_NULL_HANDLE, result_->view.get(),
                                        VK_IMAGE_LAYOUT_GENERAL};
    VkWriteDescriptorSet writes[2]{};
    for (std::uint32_t i = 0; i < 2; ++i) {
        writes[i].sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET;
        writes[i].dstSet = set_;
        writes[i].dstBinding = i;
        writes[i].descriptorCount = 1;
    }
    writes[0].descriptorType = VK_DESCRIPTOR_TYPE_SAMPLED_IMAGE;
    writes[0].pImageInfo = &read;
    writes[1].descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_IMAGE;
    writes[1].pImageInfo = &written;
    vkUpdateDescriptorSets(device_->get(), 2, writes, 0, nullptr);
}

Status ColourConverter::prepare(const ImageLayout& layout, Depth depth) {
    const VkExtent2D extent{layout.width, layout.height};
    const VkFormat format = layout.format->vulkan;
    if (!pipelines_[static_cast<std::size_t>(depth)]) {
        if (auto made = make_pipeline(depth); !made) return made;
    }
    const bool source_fits = source_ && source_->format == format && same(source_->extent, extent);
    const bool result_fits =
        result_ && result_->format == format_of(depth) && same(result_->extent, extent);
    depth_ = depth;
    if (source_fits && result_fits) return {};
    if (!(device_->optimal_features(format) & VK_FORMAT_FEATURE_SAMPLED_IMAGE_BIT)) {
        return Error{
            ENOTSUP,
            "this GPU's shaders cannot read " + fourcc_name(layout.format->fourcc) + ", so that " +
                stream::colour_space_name(static_cast<std::uint32_t>(layout.colour_space)) +
                " cannot be converted"};
    }
    // Nothing is used of the old ones: one submission at a time.
    source_.reset();
    result_.reset();
    auto source =
        make_own(format, extent, VK_IMAGE_USAGE_TRANSFER_DST_BIT | VK_IMAGE_USAGE_SAMPLED_BIT);
    if (!source) return source.error();
    auto result = make_own(format_of(depth), extent,
                           VK_IMAGE_USAGE_STORAGE_BIT | VK_IMAGE_USAGE_TRANSFER_SRC_BIT);
    if (!result) return result.error();
    source_ = std::move(*source);
    result_ = std::move(*result);
    bind_images();
    return {};
}

bool ColourConverter::can_filter_linear() const {
    return device_->optimal_features(result_->format) &
           VK_FORMAT_FEATURE_SAMPLED_IMAGE_FILTER_LINEAR_BIT;
}

void ColourConverter::record(VkCommandBuffer commands, const ImportedImage& frame,
                             const stream::HdrMetadata& metadata) const {
    const ImageLayout& layout = frame.layout();
    const VkImage source = source_->image.image.get();
    frame.acquire(commands);
    gpu::image_barrier(commands, source, VK_IMAGE_LAYOUT_UNDEFINED,
                       VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, kCompute | kTransfer, 0, kTransfer,
                       VK_ACCESS_TRANSFER_WRITE_BIT);
    frame.copy_to(commands, source);
    frame.give_back(commands);
    gpu::image_barrier(commands, source, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL,
                       VK_IMAGE_LAYOUT_SHADER_READ_ONLY_OPTIMAL, kTransfer,
                       VK_ACCESS_TRANSFER_WRITE_BIT, kCompute, VK_ACCESS_SHADER_READ_BIT);
    gpu::image_barrier(commands, picture(), VK_IMAGE_LAYOUT_UNDEFINED, VK_IMAGE_LAYOUT_GENERAL,
                       kTransfer, 0, kCompute, VK_ACCESS_SHADER_WRITE_BIT);
    Parameters parameters;
    parameters.width = static_cast<std::int32_t>(layout.width);
    parameters.height = static_cast<std::int32_t>(layout.height);
    parameters.space = static_cast<std::uint32_t>(layout.colour_space);
    parameters.curve = tone_curve(layout.colour_space, metadata);
    parameters.step = depth_ == Depth::eight ? 1.0F / 255 : 1.0F / 1023;
    vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE,
                      pipelines_[static_cast<std::size_t>(depth_)].get());
    vkCmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_COMPUTE, layout_.get(), 0, 1, &set_, 0,
                            nullptr);
    vkCmdPushConstants(commands, layout_.get(), VK_SHADER_STAGE_COMPUTE_BIT, 0, sizeof parameters,
                       &parameters);
    vkCmdDispatch(commands, (layout.width + kGroup - 1) / kGroup,
                  (layout.height + kGroup - 1) / kGroup, 1);
    gpu::image_barrier(commands, picture(), VK_IMAGE_LAYOUT_GENERAL,
                       VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL, kCompute, VK_ACCESS_SHADER_WRITE_BIT,
                       kTransfer, VK_ACCESS_TRANSFER_READ_BIT);
}

void ColourConverter::record_read_back(VkCommandBuffer commands, const ImportedImage& frame,
                                       const stream::HdrMetadata& metadata, VkBuffer to) const {
    record(commands, frame, metadata);
    VkBufferImageCopy region{};
    region.imageSubresource = gpu::kColourLayer;
    region.imageExtent = {frame.layout().width, frame.layout().height, 1};
    vkCmdCopyImageToBuffer(commands, picture(), VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL, to, 1,
                           &region);
    gpu::memory_barrier(commands, kTransfer, VK_ACCESS_TRANSFER_WRITE_BIT,
                        VK_PIPELINE_STAGE_HOST_BIT, VK_ACCESS_HOST_READ_BIT);
}

}  // namespace vdmabuf::consumer
