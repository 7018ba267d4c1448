// SPDX-License-Identifier: MIT
#include "egl/gbm_images.hpp"

#include <cerrno>
#include <chrono>

#include "egl/strategy.hpp"
#include "runtime/common/drm_format.hpp"
#include "runtime/common/log.hpp"

namespace vdmabuf::egl {
namespace {

// The producer library releases frames of a host that is silent for a second.
constexpr std::chrono::seconds kPatience{3};

}  // namespace

Status GbmImages::announce(Image& image, gbm_bo* bo) {
    producer::ImageInfo info;
    info.width = gbm_.bo_get_width(bo);
    info.height = gbm_.bo_get_height(bo);
    info.fourcc = gbm_.bo_get_format(bo);
    // Without a modifier it was asked for as LINEAR.
    info.modifier = gbm_.bo_get_modifier(bo);
    if (info.modifier == kModifierInvalid) info.modifier = kModifierLinear;
    info.flags = stream::kImageOpaque;  // windows have no alpha to give
    info.strategy = stream::Strategy::dmabuf_export;
    const int planes = gbm_.bo_get_plane_count(bo);
    if (planes < 1 || planes > static_cast<int>(stream::kMaxPlanes)) {
        return Error{EINVAL, "a buffer of " + std::to_string(planes) + " planes"};
    }
    info.plane_count = static_cast<std::uint32_t>(planes);
    for (int i = 0; i < planes; ++i) {
        if (gbm_.bo_get_handle_for_plane(bo, i).u64 != gbm_.bo_get_handle_for_plane(bo, 0).u64) {
            return Error{EINVAL, "planes in several buffers"};
        }
        info.planes[i] = {gbm_.bo_get_offset(bo, i), gbm_.bo_get_stride_for_plane(bo, i)};
    }
    UniqueFd fd(gbm_.bo_get_fd(bo));
    if (!fd) return Error{errno, "a buffer cannot be exported"};
    auto buffer = connection_.import(std::move(fd), 1);
    if (!buffer) return buffer.error();
    auto slots = stream_.reserve_slots(1);
    if (!slots) return slots.error();
    if (auto status = stream_.set_image(slots->front(), info, *buffer, &listener_); !status) {
        stream_.remove_image(slots->front());
        return status;
    }
    if (drawn_by_cpu()) {
        // Mesa maps what it draws into by the CPU for each frame, and faults every page in again,
        // unless somebody has it mapped.
        std::uint32_t stride = 0;
        (void)gbm_.bo_map(bo, 0, 0, info.width, info.height, GBM_BO_TRANSFER_READ, &stride,
                          &image.kept_map);
    }
    const std::lock_guard lock(mutex_);
    image.buffer = *std::move(buffer);
    image.info = info;
    image.slot = slots->front();
    image.bo = bo;
    return {};
}

Result<GbmImages::Shown> GbmImages::show(gbm_bo* bo) {
    Image* image = nullptr;
    for (Image& known : images_) {
        if (known.bo == bo) image = &known;
    }
    for (Image& unused : images_) {
        if (!image && !unused.bo) {
            if (auto status = announce(unused, bo); !status) return status.error();
            image = &unused;
        }
    }
    if (!image) return Error{ENOSPC, "too many buffers"};
    const std::lock_guard lock(mutex_);
    image->locked = true;
    image->with_host = true;
    image->shown = ++frames_;
    return Shown{image->slot, image->buffer->fd.get()};
}

std::shared_ptr<producer::Buffer> GbmImages::buffer_of(std::uint32_t slot,
                                                       producer::ImageInfo& info) {
    const std::lock_guard lock(mutex_);
    for (const Image& image : images_) {
        if (!image.bo || image.slot != slot) continue;
        info = image.info;
        return image.buffer;
    }
    return nullptr;
}

void GbmImages::released(std::uint32_t slot) noexcept {
    {
        const std::lock_guard lock(mutex_);
        for (Image& image : images_) {
            if (image.bo && image.slot == slot) image.with_host = false;
        }
    }
    changed_.notify_one();
}

void GbmImages::end() noexcept {
    {
        const std::lock_guard lock(mutex_);
        ended_ = true;
    }
    changed_.notify_all();
}

void GbmImages::return_released(gbm_surface* surface) noexcept {
    for (Image& image : images_) {
        if (!image.locked || image.with_host) continue;
        gbm_.surface_release_buffer(surface, image.bo);
        image.locked = false;
    }
}

void GbmImages::give_back(gbm_surface* surface) noexcept {
    std::unique_lock lock(mutex_);
    return_released(surface);
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (!ended_ && gbm_.surface_has_free_buffers(surface) == 0) {
        if (changed_.wait_until(lock, until) == std::cv_status::timeout) {
            // The app must go on: into what the host has had longest.
            Image* oldest = nullptr;
            for (Image& image : images_) {
                if (image.locked && (!oldest || image.shown < oldest->shown)) oldest = &image;
            }
            if (!oldest) return;
            LOG_WARNING("EGL: a window draws into what the host has not given back");
            oldest->with_host = false;
        }
        return_released(surface);
    }
}

void GbmImages::forget_buffers() noexcept {
    for (Image& image : images_) {
        if (image.kept_map) gbm_.bo_unmap(image.bo, image.kept_map);
        image.kept_map = nullptr;
        image.locked = false;
    }
}

void GbmImages::forget() noexcept {
    std::array<Image, kMost> images;
    {
        const std::lock_guard lock(mutex_);
        images = std::exchange(images_, {});
    }
    // Not under the lock: it waits for calls of the listener.
    for (const Image& image : images) {
        if (image.bo) stream_.remove_image(image.slot);
    }
}

}  // namespace vdmabuf::egl
