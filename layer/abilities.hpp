// SPDX-License-Identifier: MIT
#pragma once

namespace vdmabuf::layer {

// What the layer can do on a device: extensions that the driver has and that are enabled, the app's
// or ours.
struct Abilities {
    bool host_pointer = false;     // VK_EXT_external_memory_host
    bool dmabuf = false;           // VK_EXT_external_memory_dma_buf
    bool modifiers = false;        // VK_EXT_image_drm_format_modifier
    bool foreign_queue = false;    // VK_EXT_queue_family_foreign
    bool imports_sync_fd = false;  // into semaphores and fences
    bool exports_sync_fd = false;  // out of semaphores
};

}  // namespace vdmabuf::layer
