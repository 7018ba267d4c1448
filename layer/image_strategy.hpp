// SPDX-License-Identifier: MIT
// The ways by which what an app renders comes into pages that the host can be shown. Each is a
// class of its own; which one serves is decided for each swapchain.
#pragma once

#include <memory>
#include <vector>

#include "layer/image_create.hpp"
#include "runtime/producer/connection.hpp"

namespace vdmabuf::layer {

// An image of a swapchain, together with its pages.
class SharedImage {
  public:
    virtual ~SharedImage() = default;

    VkImage image() const { return image_.get(); }
    // Null when nobody sees the image.
    const std::shared_ptr<producer::Buffer>& buffer() const { return buffer_; }
    const producer::ImageInfo& layout() const { return layout_; }

    // What the GPU does, on a queue of `family`, before the host may read the pages. Before and
    // after, the image is in `layout`: PRESENT_SRC, or SHARED_PRESENT, which it then has all the
    // time.
    virtual void record_present(const Device& device, VkCommandBuffer commands,
                                std::uint32_t family, VkImageLayout layout) const = 0;
    // What the CPU does then, from the present worker. Returns the bytes of pixels it copied.
    virtual std::uint64_t finish() noexcept { return 0; }
    // Another image of the app with the same layout, to be put on the same memory by bind().
    virtual VkResult create_alias(const Device& device, const ImageRequest& request,
                                  const VkAllocationCallbacks* allocator, VkImage* out) const = 0;
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
    virtual stream::Strategy id() const = 0;
    // By what the driver says. It may still fail, or turn out not to be true (self_test.hpp).
    virtual bool supports(const Device& device, const ImageRequest& request) const = 0;
    // `connection` is null for the strategy without a host only.
    virtual VkResult create(const Device& device, const ImageRequest& request,
                            producer::Connection* connection,
                            std::unique_ptr<SharedImage>& out) const = 0;
    // SharedImage::finish() has something to do.
    virtual bool needs_cpu() const { return false; }
    const char* name() const;

  protected:
    ~ImageStrategy() = default;
};

// What can serve this swapchain, best first. `seen`: there is a host. VDMABUF_STRATEGY puts one of
// them, named by its letter or name, before all others.
std::vector<const ImageStrategy*> strategies_for(const Device& device, const ImageRequest& request,
                                                 bool seen);

const ImageStrategy& host_pointer_strategy();   // A
const ImageStrategy& dmabuf_import_strategy();  // B
const ImageStrategy& dmabuf_export_strategy();  // C
const ImageStrategy& gpu_copy_strategy();       // D
const ImageStrategy& cpu_copy_strategy();       // E
const ImageStrategy& unseen_strategy();         // no host

// Modifiers, other than LINEAR, that the driver exports images with and that the host imports.
std::vector<std::uint64_t> exportable_tilings(const Device& device, const ImageRequest& request);

// What the host is told of an image in rows.
producer::ImageInfo describe(const ImageRequest& request, stream::Strategy strategy,
                             std::uint64_t offset, std::uint64_t pitch);
// Pages for an image; null, with the reason in the log, when there are none.
std::shared_ptr<producer::Buffer> pages_for(producer::Connection& connection, std::uint64_t size);

}  // namespace vdmabuf::layer
