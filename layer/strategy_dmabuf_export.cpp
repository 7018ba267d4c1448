// SPDX-License-Identifier: MIT
// C: the driver allocates the image as it likes within what the host imports, and exports it as a
// dmabuf, whose pages the guest's driver shares. Nobody copies, and the image may be tiled. Memory
// that is not the guest's own (that of a discrete GPU, or of a virtio-gpu host) cannot be shared:
// the host's answer to that comes when the image is announced.
#include <algorithm>
#include <array>

#include "layer/image_strategy.hpp"
#include "layer/ownership.hpp"
#include "layer/physical_device.hpp"
#include "runtime/common/log.hpp"

namespace vdmabuf::layer {
namespace {

constexpr auto kHandleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT;
constexpr ImageKind kLinear{VK_IMAGE_TILING_LINEAR, kHandleType, kModifierLinear};

ImageKind tiled(std::uint64_t modifier) {
    return {VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT, kHandleType, modifier};
}

// Modifiers that the host imports, in its order, and that the driver exports such images with.
std::vector<std::uint64_t> exportable_modifiers(const Device& device, const ImageRequest& request) {
    std::vector<std::uint64_t> found;
    const auto known = known_modifiers(device, request);
    for (const std::uint64_t modifier : request.modifiers) {
        // Without barriers to and from who is not Vulkan a tiling may keep to the driver what it
        // compresses.
        if (modifier != kModifierLinear && !device.abilities().foreign_queue) continue;
        const bool with_few_planes =
            std::any_of(known.begin(), known.end(), [&](const auto& properties) {
                return properties.drmFormatModifier == modifier &&
                       properties.drmFormatModifierPlaneCount <= stream::kMaxPlanes;
            });
        if (with_few_planes && image_support(device, request, tiled(modifier)).exportable()) {
            found.push_back(modifier);
        }
    }
    return found;
}

class DmabufExportImage final : public SharedImage {
  public:
    VkResult init(const Device& device, const ImageRequest& request,
                  producer::Connection& connection);

    void record_present(const Device& device, VkCommandBuffer commands, std::uint32_t family,
                        VkImageLayout layout) const override {
        image_to_foreign(device, commands, image(), family, sharing_, layout);
    }

    VkResult create_alias(const Device& device, const ImageRequest& request,
                          const VkAllocationCallbacks* allocator, VkImage* out) const override {
        return create_image(device, request, kind_, {planes_.data(), layout_.plane_count},
                            allocator, out);
    }

  private:
    VkResult create(const Device& device, const ImageRequest& request);
    VkResult describe_planes(const Device& device, const ImageRequest& request);
    VkResult allocate_exportable(const Device& device, bool dedicated);
    VkResult export_to(const Device& device, producer::Connection& connection);

    ImageKind kind_;
    VkSharingMode sharing_ = VK_SHARING_MODE_EXCLUSIVE;
    std::array<VkSubresourceLayout, stream::kMaxPlanes> planes_{};
    VkDeviceSize size_ = 0;
};

VkResult DmabufExportImage::init(const Device& device, const ImageRequest& request,
                                 producer::Connection& connection) {
    sharing_ = request.sharing;
    VkResult result = create(device, request);
    if (result == VK_SUCCESS) result = describe_planes(device, request);
    if (result != VK_SUCCESS) return result;
    result = allocate_exportable(device, image_support(device, request, kind_).dedicated());
    if (result == VK_SUCCESS) result = bind(device, image());
    return result == VK_SUCCESS ? export_to(device, connection) : result;
}

VkResult DmabufExportImage::create(const Device& device, const ImageRequest& request) {
    const DeviceDispatch& down = device.down();
    const auto modifiers = exportable_modifiers(device, request);
    VkImage handle = VK_NULL_HANDLE;
    if (modifiers.empty()) {
        kind_ = kLinear;
        if (!image_support(device, request, kind_).exportable()) {
            return VK_ERROR_FORMAT_NOT_SUPPORTED;
        }
        const VkResult result = create_image(device, request, kind_, {}, nullptr, &handle);
        if (result == VK_SUCCESS) image_ = OwnedImage(device, handle);
        return result;
    }
    VkResult result = create_image_of(device, request, kHandleType, modifiers, &handle);
    if (result != VK_SUCCESS) return result;
    image_ = OwnedImage(device, handle);
    VkImageDrmFormatModifierPropertiesEXT chosen{};
    chosen.sType = VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_PROPERTIES_EXT;
    result = down.GetImageDrmFormatModifierPropertiesEXT(device.handle(), handle, &chosen);
    kind_ = tiled(chosen.drmFormatModifier);
    return result;
}

VkResult DmabufExportImage::describe_planes(const Device& device, const ImageRequest& request) {
    std::uint32_t count = 1;
    const bool by_modifier = kind_.tiling == VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT;
    if (by_modifier) {
        for (const auto& known : known_modifiers(device, request)) {
            if (known.drmFormatModifier == kind_.modifier) {
                count = known.drmFormatModifierPlaneCount;
            }
        }
    }
    if (count == 0 || count > stream::kMaxPlanes) return VK_ERROR_FORMAT_NOT_SUPPORTED;
    layout_ = describe(request, stream::Strategy::dmabuf_export, 0, 0);
    layout_.modifier = kind_.modifier;
    layout_.plane_count = count;
    for (std::uint32_t i = 0; i < count; ++i) {
        VkImageSubresource subresource{};
        // VK_IMAGE_ASPECT_MEMORY_PLANE_0_BIT_EXT and the bits after it.
        subresource.aspectMask =
            by_modifier ? VK_IMAGE_ASPECT_MEMORY_PLANE_0_BIT_EXT << i : VK_IMAGE_ASPECT_COLOR_BIT;
        VkSubresourceLayout plane{};
        device.down().GetImageSubresourceLayout(device.handle(), image(), &subresource, &plane);
        planes_[i].offset = plane.offset;
        planes_[i].rowPitch = plane.rowPitch;
        layout_.planes[i] = {plane.offset, plane.rowPitch};
    }
    return VK_SUCCESS;
}

VkResult DmabufExportImage::allocate_exportable(const Device& device, bool dedicated) {
    VkMemoryRequirements needs{};
    device.down().GetImageMemoryRequirements(device.handle(), image(), &needs);
    // A discrete GPU may export memory that it reaches over the bus: pages that can be shared.
    std::uint32_t type = UINT32_MAX;
    const VkPhysicalDeviceMemoryProperties& memory = device.physical().memory;
    for (std::uint32_t i = 0; i < memory.memoryTypeCount && type == UINT32_MAX; ++i) {
        const bool own = memory.memoryTypes[i].propertyFlags & VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT;
        if ((needs.memoryTypeBits & (1u << i)) && !own) type = i;
    }
    if (type == UINT32_MAX) type = device.physical().memory_type(needs.memoryTypeBits, 0, 0);
    if (type == UINT32_MAX) return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    const VkMemoryDedicatedAllocateInfo own_memory{VK_STRUCTURE_TYPE_MEMORY_DEDICATED_ALLOCATE_INFO,
                                                   nullptr, image(), VK_NULL_HANDLE};
    const VkExportMemoryAllocateInfo exported{VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO,
                                              dedicated ? &own_memory : nullptr, kHandleType};
    size_ = needs.size;
    return allocate(device, size_, type, &exported, memory_);
}

VkResult DmabufExportImage::export_to(const Device& device, producer::Connection& connection) {
    const VkMemoryGetFdInfoKHR info{VK_STRUCTURE_TYPE_MEMORY_GET_FD_INFO_KHR, nullptr,
                                    memory_.get(), kHandleType};
    int fd = -1;
    const VkResult result = device.down().GetMemoryFdKHR(device.handle(), &info, &fd);
    if (result != VK_SUCCESS) return result;
    auto buffer = connection.import(UniqueFd(fd), size_);
    if (!buffer) {
        LOG_INFO("an exported image cannot be shared: %s", buffer.error().text.c_str());
        return VK_ERROR_INVALID_EXTERNAL_HANDLE;
    }
    buffer_ = *std::move(buffer);
    return VK_SUCCESS;
}

class DmabufExportStrategy final : public ImageStrategy {
  public:
    stream::Strategy id() const override { return stream::Strategy::dmabuf_export; }

    bool supports(const Device& device, const ImageRequest& request) const override {
        return device.abilities().dmabuf && (!exportable_modifiers(device, request).empty() ||
                                             image_support(device, request, kLinear).exportable());
    }

    VkResult create(const Device& device, const ImageRequest& request,
                    producer::Connection* connection,
                    std::unique_ptr<SharedImage>& out) const override {
        auto image = std::make_unique<DmabufExportImage>();
        const VkResult result = image->init(device, request, *connection);
        if (result == VK_SUCCESS) out = std::move(image);
        return result;
    }
};

}  // namespace

std::vector<std::uint64_t> exportable_tilings(const Device& device, const ImageRequest& request) {
    std::vector<std::uint64_t> found = exportable_modifiers(device, request);
    std::erase(found, kModifierLinear);
    return found;
}

const ImageStrategy& dmabuf_export_strategy() {
    static const DmabufExportStrategy strategy;
    return strategy;
}

}  // namespace vdmabuf::layer
