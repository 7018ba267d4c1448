// SPDX-License-Identifier: MIT
#include "tests/layer/fake/allocations.hpp"

#include <dlfcn.h>
#include <sys/prctl.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "tests/layer/fake/fixture.hpp"

namespace vdmabuf::fake {
namespace {

struct Watch {
    bool on = false;
    bool inside = false;  // of the functions here
    std::uint32_t count = 0;
    std::uint32_t failing = 0;
};
constinit thread_local Watch t_watch;
constinit std::atomic<Control*> g_control{nullptr};  // set while somebody watches
constinit std::atomic<std::uint32_t> g_workers{0};

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
bool is_worker() {
    char name[16] = {};
    return ::prctl(PR_GET_NAME, name) == 0 && std::strcmp(name, "vdmabuf-present") == 0;
}

// Whether this allocation is to fail.
bool fails(const void* caller) {
    Control* const control = g_control.load(std::memory_order_relaxed);
    if (!control || t_watch.inside) return false;
    t_watch.inside = true;
    bool failing = false;
    Dl_info found{};
    // operator new, or the layer itself; the loader and the dynamic linker have their own tests.
    const bool ours = !control->inside() && ::dladdr(caller, &found) && found.dli_fname &&
                      (std::strstr(found.dli_fname, "libstdc++") ||
                       std::strstr(found.dli_fname, "VkLayer_vdmabuf_wsi"));
    if (ours && t_watch.on) {
        failing = ++t_watch.count == t_watch.failing;
    } else if (ours && is_worker()) {
        g_workers.fetch_add(1, std::memory_order_relaxed);
    }
    t_watch.inside = false;
    if (failing) errno = ENOMEM;
    return failing;
}
#endif

}  // namespace

bool allocations_are_seen() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return false;
#else
    return true;
#endif
}

Allocations::Allocations(std::uint32_t failing) {
    t_watch = {true, false, 0, failing};
    g_workers.store(0);
    g_control.store(&control());
}

Allocations::~Allocations() {
    g_control.store(nullptr);
    t_watch.on = false;
}

std::uint32_t Allocations::count() const {
    return t_watch.count;
}

std::uint32_t Allocations::count_of_workers() const {
    return g_workers.load();
}

}  // namespace vdmabuf::fake

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
extern "C" {

// glibc's allocator under its own names.
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);

#define WATCHED __attribute__((visibility("default")))

WATCHED void* malloc(std::size_t size) {
    return vdmabuf::fake::fails(__builtin_return_address(0)) ? nullptr : __libc_malloc(size);
}
WATCHED void* calloc(std::size_t count, std::size_t size) {
    return vdmabuf::fake::fails(__builtin_return_address(0)) ? nullptr : __libc_calloc(count, size);
}
WATCHED void* realloc(void* old, std::size_t size) {
    return vdmabuf::fake::fails(__builtin_return_address(0)) ? nullptr : __libc_realloc(old, size);
}
WATCHED void* aligned_alloc(std::size_t alignment, std::size_t size) {
    return vdmabuf::fake::fails(__builtin_return_address(0)) ? nullptr
                                                             : __libc_memalign(alignment, size);
}

}  // extern "C"
#endif
