// SPDX-License-Identifier: MIT
// libgbm as far as this library uses it, opened when there is a device: guests without one need
// not have it.
#pragma once

#include <gbm.h>

#include <memory>

#include "runtime/common/unique_fd.hpp"

namespace vdmabuf::egl {

#define VDMABUF_GBM_FUNCTIONS(X) \
    X(create_device)             \
    X(device_destroy)            \
    X(bo_create)                 \
    X(bo_destroy)                \
    X(bo_get_fd)                 \
    X(bo_get_format)             \
    X(bo_get_handle_for_plane)   \
    X(bo_get_height)             \
    X(bo_get_modifier)           \
    X(bo_get_offset)             \
    X(bo_get_plane_count)        \
    X(bo_get_stride_for_plane)   \
    X(bo_get_width)              \
    X(bo_map)                    \
    X(bo_unmap)                  \
    X(surface_create)            \
    X(surface_destroy)           \
    X(surface_has_free_buffers)  \
    X(surface_lock_front_buffer) \
    X(surface_release_buffer)

struct Gbm {
#define X(name) decltype(&::gbm_##name) name = nullptr;
    VDMABUF_GBM_FUNCTIONS(X)
#undef X
    // Null before Mesa 21.2.
    decltype(&::gbm_surface_create_with_modifiers2) surface_create_with_modifiers2 = nullptr;
    // Null when the library is not there.
    static const Gbm* get();
};

// An open node of a GPU.
class GbmDevice {
  public:
    // Null when it is not there, or not for gbm.
    static std::unique_ptr<GbmDevice> open(const Gbm& gbm, const char* path);
    ~GbmDevice() { gbm_.device_destroy(device_); }
    GbmDevice(const GbmDevice&) = delete;
    GbmDevice& operator=(const GbmDevice&) = delete;

    const Gbm& gbm() const { return gbm_; }
    gbm_device* get() const { return device_; }

  private:
    GbmDevice(const Gbm& gbm, UniqueFd fd, gbm_device* device)
        : gbm_(gbm), fd_(std::move(fd)), device_(device) {}
    const Gbm& gbm_;
    const UniqueFd fd_;
    gbm_device* const device_;
};

}  // namespace vdmabuf::egl
