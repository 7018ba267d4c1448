// SPDX-License-Identifier: MIT
#include "layer/own_allocator.hpp"

#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace vdmabuf::layer {
namespace {

VKAPI_ATTR void* VKAPI_CALL allocate(void*, std::size_t size, std::size_t alignment,
                                     VkSystemAllocationScope) {
    void* memory = nullptr;
    alignment = std::max(alignment, sizeof(void*));
    return ::posix_memalign(&memory, alignment, size) == 0 ? memory : nullptr;
}

VKAPI_ATTR void VKAPI_CALL release(void*, void* memory) {
    std::free(memory);
}

// realloc(3) does not keep an alignment.
VKAPI_ATTR void* VKAPI_CALL reallocate(void* user, void* old, std::size_t size,
                                       std::size_t alignment, VkSystemAllocationScope scope) {
    if (size == 0) {
        std::free(old);
        return nullptr;
    }
    void* memory = allocate(user, size, alignment, scope);
    if (!memory || !old) return memory;
    std::memcpy(memory, old, std::min(size, ::malloc_usable_size(old)));
    std::free(old);
    return memory;
}

constexpr VkAllocationCallbacks kOwn = {nullptr, allocate, reallocate, release, nullptr, nullptr};

}  // namespace

const VkAllocationCallbacks* own_allocator() {
    return &kOwn;
}

}  // namespace vdmabuf::layer
