// SPDX-License-Identifier: MIT
#include "egl/frame_pages.hpp"

#include <algorithm>
#include <chrono>

#include "runtime/common/drm_format.hpp"
#include "runtime/common/log.hpp"

namespace vdmabuf::egl {
namespace {

constexpr std::uint64_t kPitchAlignment = 256;  // bytes; what GPUs want of images that they import
constexpr std::uint64_t kRows = 16;             // likewise, a height that is a multiple of it
// The producer library releases frames of a host that is silent for a second.
constexpr std::chrono::seconds kPatience{3};

std::uint64_t round_up(std::uint64_t value, std::uint64_t step) {
    return (value + step - 1) / step * step;
}

}  // namespace

void Rows::add(Rows other) {
    if (other.count == 0) return;
    if (count == 0) {
        *this = other;
        return;
    }
    const std::uint32_t end = std::max(first + count, other.first + other.count);
    first = std::min(first, other.first);
    count = end - first;
}

bool FramePages::fit(window::Extent extent, const PixelLayout& layout) {
    if (count_ != 0 && extent == extent_ && layout == layout_) return true;
    forget();
    extent_ = extent;
    layout_ = layout;
    const std::uint64_t row = std::uint64_t{extent.width} * layout.bytes_per_pixel;
    pitch_ = round_up(row, layout.any_pitch ? kPitchAlignment : 4);
    auto slots = stream_.reserve_slots(kCount);
    if (!slots) {
        LOG_WARNING("EGL: no images for a window: %s", slots.error().text.c_str());
        return false;
    }
    producer::ImageInfo& info = info_;
    info = {};
    info.width = extent.width;
    info.height = extent.height;
    info.fourcc = layout.fourcc;
    info.modifier = kModifierLinear;
    // Windows have no alpha to give.
    info.flags = stream::kImageOpaque | (layout.from_below ? stream::kImageYFlip : 0);
    info.strategy = layout.strategy;
    info.planes[0] = {0, pitch_};
    for (std::uint32_t i = 0; i < kCount; ++i) {
        auto buffer = connection_.alloc(pitch_ * round_up(extent.height, kRows));
        Status status = buffer ? Status{} : Status{buffer.error()};
        Image image;
        image.slot = (*slots)[i];
        image.stale = {0, extent.height};
        if (buffer) {
            image.buffer = *std::move(buffer);
            {
                const std::lock_guard lock(mutex_);
                images_[i] = image;
                count_ = i + 1;
            }
            status = stream_.set_image(image.slot, info, image.buffer, &listener_);
        }
        if (!status) {
            LOG_WARNING("EGL: no image for a window: %s", status.error().text.c_str());
            for (std::uint32_t rest = count_; rest < kCount; ++rest) {
                stream_.remove_image((*slots)[rest]);
            }
            forget();
            return false;
        }
    }
    return true;
}

FramePages::Page FramePages::take(std::span<const stream::Rect> damage) {
    Rows changed;
    for (const stream::Rect& rect : damage) changed.add({rect.y, rect.height});
    if (damage.empty()) changed = {0, extent_.height};
    std::unique_lock lock(mutex_);
    // Whether a page is found or not: what is not shown now changes what the next frame does.
    for (Image& image : images_) image.stale.add(changed);
    Image* found = nullptr;
    (void)freed_.wait_for(lock, kPatience, [&] {
        for (std::uint32_t i = 0; i < count_ && !found; ++i) {
            if (images_[i].free) found = &images_[i];
        }
        return found || ended_ || count_ == 0;
    });
    if (!found || ended_) return {};
    found->free = false;
    return {found->buffer->mapping.bytes(), pitch_, found->slot, std::exchange(found->stale, {})};
}

std::shared_ptr<producer::Buffer> FramePages::buffer_of(std::uint32_t slot) {
    const std::lock_guard lock(mutex_);
    for (std::uint32_t i = 0; i < count_; ++i) {
        if (images_[i].slot == slot) return images_[i].buffer;
    }
    return nullptr;
}

void FramePages::released(std::uint32_t slot) noexcept {
    {
        const std::lock_guard lock(mutex_);
        for (std::uint32_t i = 0; i < count_; ++i) {
            if (images_[i].slot == slot) images_[i].free = true;
        }
    }
    freed_.notify_one();
}

void FramePages::end() noexcept {
    {
        const std::lock_guard lock(mutex_);
        ended_ = true;
    }
    freed_.notify_all();
}

void FramePages::forget() noexcept {
    std::array<Image, kCount> images;
    std::uint32_t count = 0;
    {
        const std::lock_guard lock(mutex_);
        images = std::move(images_);
        images_ = {};
        count = std::exchange(count_, 0);
    }
    // Not under the lock: it waits for calls of the listener.
    for (std::uint32_t i = 0; i < count; ++i) stream_.remove_image(images[i].slot);
}

}  // namespace vdmabuf::egl
