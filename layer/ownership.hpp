// SPDX-License-Identifier: MIT
// What the GPU does so that somebody else can read what it wrote: barriers at the end of a present.
#pragma once

#include <cstdint>

#include "layer/device.hpp"

namespace vdmabuf::layer {

// Makes what was written to an image visible to the CPU. Its layout stays.
void image_to_host(const DeviceDispatch& down, VkCommandBuffer commands, VkImage image,
                   VkImageLayout layout);
// The same for a buffer that was copied to.
void buffer_to_host(const DeviceDispatch& down, VkCommandBuffer commands, VkBuffer buffer);

// Gives an image in PRESENT_SRC to whoever imports its dmabuf, and takes it back at once: what is
// compressed is resolved in between, as the modifier wants it. The host only reads, so that nothing
// of it has to be waited for; and the app will use the image without a call in which we could take
// it back (vkAcquireNextImageKHR has no queue). `family`: of the queue. An image in SHARED_PRESENT
// is everybody's at all times, and linear: only what was written is made visible.
void image_to_foreign(const Device& device, VkCommandBuffer commands, VkImage image,
                      std::uint32_t family, VkSharingMode sharing, VkImageLayout layout);
// Gives a buffer away. Never taken back: the next present overwrites it as a whole.
void buffer_to_foreign(const Device& device, VkCommandBuffer commands, VkBuffer buffer,
                       std::uint32_t family);

}  // namespace vdmabuf::layer
