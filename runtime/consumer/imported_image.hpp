// SPDX-License-Identifier: MIT
#pragma once

#include <vulkan/vulkan_core.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "runtime/common/consumer_messages.hpp"
#include "runtime/common/mapping.hpp"
#include "runtime/common/unique_fd.hpp"
#include "runtime/consumer/gpu/device.hpp"
#include "runtime/consumer/gpu/handles.hpp"
#include "runtime/consumer/image_layout.hpp"
#include "runtime/consumer/way.hpp"

namespace vdmabuf::consumer {

// An image of a stream as the GPU sees it: a VkImage over the very pages of the producer, or a
// VkBuffer over them (or over a copy). Made by Importer; used by one thread at a time, except that
// commands recorded with it may run at any time before its end.
class ImportedImage {
  public:
    // What the rungs of the ladder put together. Either `image` or `buffer` is set.
    struct Parts {
        std::shared_ptr<gpu::Device> device;
        ImageLayout layout;
        ImportPath path = ImportPath::none;
        std::optional<Way> way;  // nothing: a copy
        std::string reason;
        Mapping pages;       // the producer's, read-only; none where a dmabuf brings them
        UniqueFd dmabuf;     // the producer's, if that is how the pages came
        gpu::Memory memory;  // imported from `pages` or `dmabuf`, or the copy's
        gpu::Image image;    // LINEAR or of a DRM modifier, in VK_IMAGE_LAYOUT_GENERAL
        VkFormatFeatureFlags features = 0;  // of `image`
        gpu::Buffer buffer;
        std::uint64_t buffer_offset = 0;  // bytes to the first row
        std::uint64_t buffer_pitch = 0;   // bytes
        std::byte* copy = nullptr;        // the copy's bytes, if this is a copy
    };
    explicit ImportedImage(Parts parts) : parts_(std::move(parts)) {}
    ImportedImage(const ImportedImage&) = delete;
    ImportedImage& operator=(const ImportedImage&) = delete;

    const ImageLayout& layout() const { return parts_.layout; }
    ImportPath path() const { return parts_.path; }
    const std::string& reason() const { return parts_.reason; }
    VkImage image() const { return parts_.image.get(); }
    VkBuffer buffer() const { return parts_.buffer.get(); }
    std::optional<Way> way() const { return parts_.way; }
    int dmabuf() const { return parts_.dmabuf.get(); }  // -1: the pages came in another way
    // Whether image() may be read with VK_FILTER_LINEAR.
    bool can_filter_linear() const {
        return parts_.features & VK_FORMAT_FEATURE_SAMPLED_IMAGE_FILTER_LINEAR_BIT;
    }

    // What an output has made of the dmabuf, if it likes, which ends with the image.
    const std::shared_ptr<void>& companion() const { return companion_; }
    void set_companion(std::shared_ptr<void> companion) { companion_ = std::move(companion); }

    // Makes the newest bytes of the producer readable by the GPU and returns how many of them the
    // CPU copied for it: 0 on every path but the copy. Once a frame, while the GPU does not read.
    std::uint64_t prepare();

    // Brackets for transfer commands that read the image. acquire() takes the memory over from the
    // other side (queue family ownership, visibility of what another processor wrote), give_back()
    // returns it, so that the next frame can be taken over again.
    void acquire(VkCommandBuffer commands) const;
    void give_back(VkCommandBuffer commands) const;

    // Copies all of it, between the brackets, to an image of its size in
    // VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL.
    void copy_to(VkCommandBuffer commands, VkImage target) const;

    // All of buffer() as a source of vkCmdCopyBufferToImage.
    VkBufferImageCopy buffer_region() const;

  private:
    void transfer_ownership(VkCommandBuffer commands, bool to_us) const;
    Parts parts_;
    std::shared_ptr<void> companion_;
};

}  // namespace vdmabuf::consumer
