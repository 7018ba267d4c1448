// SPDX-License-Identifier: MIT
#include "layer/linear_image.hpp"

#include <algorithm>

namespace vdmabuf::layer {
namespace {

VkResult create_as(const Device& device, const ImageRequest& request, const ImageKind& kind,
                   LinearImage& out) {
    const ImageSupport support = image_support(device, request, kind);
    if (!support.importable()) return VK_ERROR_FORMAT_NOT_SUPPORTED;
    out.kind = kind;
    out.dedicated = support.dedicated();
    out.layout = {};
    if (kind.tiling == VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT) {
        out.layout.rowPitch = aligned_pitch(request);
    }
    const DeviceDispatch& down = device.down();
    VkImage handle = VK_NULL_HANDLE;
    const VkResult result = create_alias(device, request, out, nullptr, &handle);
    if (result != VK_SUCCESS) return result;
    out.image = OwnedImage(device, handle);
    if (kind.tiling == VK_IMAGE_TILING_LINEAR) {
        const VkImageSubresource subresource{VK_IMAGE_ASPECT_COLOR_BIT, 0, 0};
        down.GetImageSubresourceLayout(device.handle(), handle, &subresource, &out.layout);
    }
    down.GetImageMemoryRequirements(device.handle(), handle, &out.needs);
    out.size = std::max<std::uint64_t>(
        out.needs.size, padded_size(out.layout.offset, out.layout.rowPitch, request.extent.height));
    return VK_SUCCESS;
}

ImageKind with_modifier(VkExternalMemoryHandleTypeFlagBits handle_type) {
    return {VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT, handle_type, kModifierLinear};
}

ImageKind without_modifier(VkExternalMemoryHandleTypeFlagBits handle_type) {
    return {VK_IMAGE_TILING_LINEAR, handle_type, kModifierLinear};
}

}  // namespace

std::uint64_t aligned_pitch(const ImageRequest& request) {
    const std::uint64_t row = std::uint64_t{request.extent.width} * request.format.bytes_per_pixel;
    return (row + kPitchAlignment - 1) / kPitchAlignment * kPitchAlignment;
}

std::uint64_t padded_size(std::uint64_t offset, std::uint64_t pitch, std::uint32_t height) {
    constexpr std::uint64_t kRows = 16;
    return offset + pitch * ((height + kRows - 1) / kRows * kRows);
}

bool linear_support(const Device& device, const ImageRequest& request,
                    VkExternalMemoryHandleTypeFlagBits handle_type) {
    return image_support(device, request, with_modifier(handle_type)).importable() ||
           image_support(device, request, without_modifier(handle_type)).importable();
}

VkResult create_linear_image(const Device& device, const ImageRequest& request,
                             VkExternalMemoryHandleTypeFlagBits handle_type, LinearImage& out) {
    // A driver may refuse our pitch (VK_ERROR_INVALID_DRM_FORMAT_MODIFIER_PLANE_LAYOUT_EXT).
    if (create_as(device, request, with_modifier(handle_type), out) == VK_SUCCESS) {
        return VK_SUCCESS;
    }
    return create_as(device, request, without_modifier(handle_type), out);
}

VkResult create_alias(const Device& device, const ImageRequest& request, const LinearImage& of,
                      const VkAllocationCallbacks* allocator, VkImage* out) {
    VkSubresourceLayout plane{};  // the other members have to be 0
    plane.offset = of.layout.offset;
    plane.rowPitch = of.layout.rowPitch;
    return create_image(device, request, of.kind, {&plane, 1}, allocator, out);
}

}  // namespace vdmabuf::layer
