// SPDX-License-Identifier: MIT
#include "egl/gbm_backing.hpp"

#include <array>
#include <cstring>
#include <optional>

#include "egl/frame_fence.hpp"
#include "egl/frame_pages.hpp"
#include "egl/gbm_images.hpp"
#include "egl/gbm_surface.hpp"
#include "egl/real_vendor.hpp"
#include "runtime/common/drm_format.hpp"
#include "runtime/common/log.hpp"

namespace vdmabuf::egl {
namespace {

// AR24 and XR24 lie in memory alike, and lists of modifiers may name either.
std::uint32_t without_alpha(std::uint32_t fourcc) {
    return (fourcc & 0xFF) == 'A' ? (fourcc & ~0xFFu) | 'X' : fourcc;
}

class GbmBacking final : public Backing {
  public:
    GbmBacking(EGLDisplay display, const GbmDevice& device, EGLConfig config, std::uint32_t fourcc,
               std::vector<EGLint> attributes)
        : display_(display),
          device_(device),
          config_(config),
          fourcc_(fourcc),
          attributes_(std::move(attributes)) {}

    void attach(producer::Connection& connection, producer::Stream& stream,
                producer::StreamListener& listener) override {
        connection_ = &connection;
        images_.emplace(device_.gbm(), connection, stream, listener);
        pages_.emplace(connection, stream, listener);
    }

    EGLSurface surface() const noexcept override { return surface_.egl(); }
    bool resize(window::Extent extent) noexcept override;
    void drop_old() noexcept override {
        if (old_ && images_) images_->forget_buffers();
        old_.reset();
    }
    EGLint buffer_age() noexcept override {
        EGLint age = 0;
        const bool known = real().QuerySurface(display_, surface_.egl(), EGL_BUFFER_AGE_EXT, &age);
        return known ? age : 0;
    }

    Outcome finish(window::Extent extent, std::span<const stream::Rect> damage,
                   producer::FrameInfo& frame, UniqueFd& fence) override;
    void handed_over(std::uint32_t slot, bool sent) noexcept override {
        if (!sent) released(slot);
        if (!copies_) images_->give_back(surface_.get());
    }

    std::optional<Memory> memory_of(std::uint32_t slot) override {
        Memory memory;
        memory.buffer = images_->buffer_of(slot, memory.info);
        if (!memory.buffer) {
            memory.buffer = pages_->buffer_of(slot);
            memory.info = pages_->info();
        }
        if (!memory.buffer) return std::nullopt;
        return memory;
    }
    void released(std::uint32_t slot) noexcept override {
        images_->released(slot);
        pages_->released(slot);
    }
    void end() noexcept override {
        if (images_) images_->end();
        if (pages_) pages_->end();
    }
    void forget() noexcept override {
        if (images_) images_->forget();
        if (pages_) pages_->forget();
    }

  private:
    // The host's modifiers, but LINEAR, for this format.
    std::vector<std::uint64_t> modifiers() const;
    std::span<const stream::Rect> from_above(window::Extent extent,
                                             std::span<const stream::Rect> damage) noexcept;
    Outcome copy(gbm_bo* bo, window::Extent extent, producer::FrameInfo& frame);

    const EGLDisplay display_;
    const GbmDevice& device_;
    const EGLConfig config_;
    const std::uint32_t fourcc_;
    const std::vector<EGLint> attributes_;
    producer::Connection* connection_ = nullptr;
    GbmSurface surface_;
    GbmSurface old_;
    bool renewed_ = false;  // the images are of a surface that has gone
    std::optional<GbmImages> images_;
    std::array<stream::Rect, stream::kMaxDamage> damage_{};
    // Where a buffer could not be shared after all (a quota), its frames are copied.
    bool copies_ = false;
    std::optional<FramePages> pages_;
};

std::vector<std::uint64_t> GbmBacking::modifiers() const {
    std::vector<std::uint64_t> found;
    if (!connection_) return found;
    for (const stream::FormatModifier& known : connection_->formats()) {
        if (without_alpha(known.fourcc) == without_alpha(fourcc_) &&
            known.modifier != kModifierLinear) {
            found.push_back(known.modifier);
        }
    }
    // Where the driver has none of the others.
    if (!found.empty()) found.push_back(kModifierLinear);
    return found;
}

bool GbmBacking::resize(window::Extent extent) noexcept {
    try {
        const auto tilings = modifiers();
        GbmSurface made(display_, config_, device_,
                        {extent, fourcc_, connection_ != nullptr, tilings, attributes_});
        if (!made) return false;
        renewed_ = true;
        old_ = std::exchange(surface_, std::move(made));
        return true;
    } catch (...) {
        return false;
    }
}

// Rows of these buffers begin above; those of EGL's rectangles, below.
std::span<const stream::Rect> GbmBacking::from_above(
    window::Extent extent, std::span<const stream::Rect> damage) noexcept {
    std::size_t used = 0;
    for (const stream::Rect& rect : damage) {
        if (used == damage_.size()) return {};  // everything
        damage_[used] = rect;
        damage_[used++].y = extent.height - rect.y - rect.height;
    }
    return std::span(damage_).first(used);
}

Backing::Outcome GbmBacking::finish(window::Extent extent, std::span<const stream::Rect> damage,
                                    producer::FrameInfo& frame, UniqueFd& fence) {
    if (std::exchange(renewed_, false)) images_->forget();
    if (!real().SwapBuffers(display_, surface_.egl())) return Outcome::lost;
    gbm_bo* bo = device_.gbm().surface_lock_front_buffer(surface_.get());
    if (!bo) return Outcome::lost;
    frame.damage = from_above(extent, damage);
    if (copies_) return copy(bo, extent, frame);
    const auto shown = images_->show(bo);
    if (!shown) {
        LOG_WARNING("EGL: frames are copied: %s", shown.error().text.c_str());
        copies_ = true;
        return copy(bo, extent, frame);
    }
    fence = frame_fence(display_, shown->fd);
    frame.slot = shown->slot;
    return Outcome::frame;
}

Backing::Outcome GbmBacking::copy(gbm_bo* bo, window::Extent extent, producer::FrameInfo& frame) {
    const Gbm& gbm = device_.gbm();
    PixelLayout layout;
    layout.fourcc = without_alpha(fourcc_);
    layout.bytes_per_pixel = layout.fourcc == fourcc_of("RG16") ? 2 : 4;
    layout.any_pitch = true;
    layout.from_below = false;
    FramePages::Page page;
    if (pages_->fit(extent, layout)) page = pages_->take(frame.damage);
    (void)frame_fence(display_, -1);  // mapping waits for what it knows of
    std::uint32_t stride = 0;
    void* map = nullptr;
    const void* pixels = page.pixels ? gbm.bo_map(bo, 0, 0, extent.width, extent.height,
                                                  GBM_BO_TRANSFER_READ, &stride, &map)
                                     : nullptr;
    const std::size_t row = std::size_t{extent.width} * layout.bytes_per_pixel;
    if (pixels) {
        for (std::uint32_t y = page.rows.first; y < page.rows.first + page.rows.count; ++y) {
            std::memcpy(page.pixels + page.pitch * y,
                        static_cast<const std::byte*>(pixels) + std::size_t{stride} * y, row);
        }
        gbm.bo_unmap(bo, map);
    } else if (page.pixels) {
        pages_->give_back(page.slot);
    }
    gbm.surface_release_buffer(surface_.get(), bo);
    if (!pixels) return Outcome::lost;
    frame.slot = page.slot;
    frame.cpu_copied_bytes = row * page.rows.count;
    return Outcome::frame;
}

}  // namespace

std::unique_ptr<Backing> make_gbm_backing(EGLDisplay display, const GbmDevice& device,
                                          EGLConfig config, std::uint32_t fourcc,
                                          std::vector<EGLint> attributes) {
    return std::make_unique<GbmBacking>(display, device, config, fourcc, std::move(attributes));
}

}  // namespace vdmabuf::egl
