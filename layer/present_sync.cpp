// SPDX-License-Identifier: MIT
#include "layer/present_sync.hpp"

#include <cstring>

namespace vdmabuf::layer {

PresentSync present_sync(const PresentSyncInput& input, const char* wanted) {
    if (input.needs_cpu || !input.exports_sync_fd || !input.seen) {
        return PresentSync::worker;
    }
    if (wanted && std::strcmp(wanted, "fence") == 0) return PresentSync::fence;
    if (wanted && std::strcmp(wanted, "worker") == 0) return PresentSync::worker;
    // Mesa's software drivers export a sync_file only once the work is done: vkGetSemaphoreFdKHR
    // would hold the app up for the whole frame.
    return input.type == VK_PHYSICAL_DEVICE_TYPE_CPU ? PresentSync::worker : PresentSync::fence;
}

}  // namespace vdmabuf::layer
