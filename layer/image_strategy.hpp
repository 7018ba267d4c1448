// SPDX-License-Identifier: MIT
// The ways by which what an app renders comes into pages that the host can be shown. Each is a
// class of its own; which one serves is decided for each swapchain.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "layer/formats.hpp"
#include "layer/vk_owned.hpp"
#include "runtime/producer/connection.hpp"

namespace vdmabuf::layer {

// What a swapchain's images have in common.
struct ImageRequest {
    Format format;
    VkExtent2D extent{};
    VkImageUsageFlags usage = 0;
    VkImageCreateFlags flags = 0;
    VkSharingMode sharing = VK_SHARING_MODE_EXCLUSIVE;
    std::vector<std::uint32_t> families;  // when shared
    std::vector<VkFormat> view_formats;   // of VkImageFormatListCreateInfo; may be empty
};

// An image of a swapchain, together with its pages.
class SharedImage {
  public:
    virtual ~SharedImage() = default;

    VkImage image() const { return image_.get(); }
    // Null when nobody sees the image.
    const std::shared_ptr<producer::Buffer>& buffer() const { return buffer_; }
    const producer::ImageInfo& layout() const { return layout_; }

    // What the GPU does before the host may read the pages: before and after, the image is in
    // PRESENT_SRC.
    virtual void record_present(const DeviceDispatch& down, VkCommandBuffer commands) const = 0;
    // What the CPU does then, from the present worker. Returns the bytes of pixels it copied.
    virtual std::uint64_t finish() noexcept { return 0; }
    // Puts another image of the app, made by ImageStrategy::create_alias(), on the same memory.
    VkResult bind(const Device& device, VkImage alias) const;

  protected:
    // In this order: the pages outlive the memory that was imported from them, and that the image.
    std::shared_ptr<producer::Buffer> buffer_;
    OwnedMemory memory_;
    OwnedImage image_;
    producer::ImageInfo layout_;
};

// Without state; the objects are trivially destructible, so that they serve until the process ends.
class ImageStrategy {
  public:
    virtual const char* name() const = 0;
    virtual bool supports(const Device& device, const ImageRequest& request) const = 0;
    virtual VkResult create(const Device& device, const ImageRequest& request,
                            producer::Connection* connection,
                            std::unique_ptr<SharedImage>& out) const = 0;
    virtual VkResult create_alias(const Device& device, const ImageRequest& request,
                                  const VkAllocationCallbacks* allocator, VkImage* out) const = 0;

  protected:
    ~ImageStrategy() = default;
};

// What can serve this swapchain, best first; never empty. `seen`: there is a host.
// VDMABUF_STRATEGY chooses where it can.
std::vector<const ImageStrategy*> strategies_for(const Device& device, const ImageRequest& request,
                                                 bool seen);

const ImageStrategy& host_pointer_strategy();  // A
const ImageStrategy& cpu_copy_strategy();      // E
const ImageStrategy& unseen_strategy();        // no host

// Common to the strategies.
bool image_supported(const Device& device, const ImageRequest& request, VkImageTiling tiling,
                     VkExternalMemoryHandleTypeFlagBits handle_type);
VkResult create_image(const Device& device, const ImageRequest& request, VkImageTiling tiling,
                      VkExternalMemoryHandleTypeFlags handle_types,
                      const VkAllocationCallbacks* allocator, VkImage* out);
VkResult allocate(const Device& device, VkDeviceSize size, std::uint32_t type, const void* chain,
                  OwnedMemory& out);
// Makes what was written to an image or buffer visible to the CPU; execution only when null.
void host_barrier(const DeviceDispatch& down, VkCommandBuffer commands, VkImage image,
                  VkBuffer buffer);
producer::ImageInfo describe(const ImageRequest& request, stream::Strategy strategy,
                             std::uint64_t offset, std::uint64_t pitch);
// Bytes that importers touch: AMD's pad the height to 16 rows.
std::uint64_t padded_size(std::uint64_t offset, std::uint64_t pitch, std::uint32_t height);

}  // namespace vdmabuf::layer
