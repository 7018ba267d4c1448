// SPDX-License-Identifier: MIT
#include "egl/pbuffer_backing.hpp"

#include <array>
#include <utility>

#include "egl/current.hpp"
#include "egl/frame_pages.hpp"
#include "egl/read_back.hpp"
#include "egl/real_vendor.hpp"
#include "runtime/common/clock.hpp"

namespace vdmabuf::egl {
namespace {

class PbufferBacking final : public Backing {
  public:
    PbufferBacking(EGLDisplay display, EGLConfig config, std::vector<EGLint> attributes)
        : display_(display), config_(config), attributes_(std::move(attributes)) {}
    ~PbufferBacking() override {
        drop_old();
        destroy(surface_);
    }
    PbufferBacking(const PbufferBacking&) = delete;
    PbufferBacking& operator=(const PbufferBacking&) = delete;

    void attach(producer::Connection& connection, producer::Stream& stream,
                producer::StreamListener& listener) override {
        pages_ = std::make_unique<FramePages>(connection, stream, listener);
    }

    EGLSurface surface() const noexcept override { return surface_; }
    bool resize(window::Extent extent) noexcept override;
    void drop_old() noexcept override { destroy(std::exchange(old_, EGL_NO_SURFACE)); }
    void context_changed() noexcept override { read_back_.forget(); }
    EGLint buffer_age() noexcept override { return age_; }

    Outcome finish(window::Extent extent, std::span<const stream::Rect> damage,
                   producer::FrameInfo& frame, UniqueFd& fence) override;
    void handed_over(std::uint32_t slot, bool sent) noexcept override {
        if (!sent) pages_->give_back(slot);
        age_ = 1;  // the pbuffer still has this frame
    }

    std::optional<Memory> memory_of(std::uint32_t slot) override {
        auto buffer = pages_->buffer_of(slot);
        if (!buffer) return std::nullopt;
        return Memory{std::move(buffer), pages_->info()};
    }
    void released(std::uint32_t slot) noexcept override { pages_->released(slot); }
    void end() noexcept override {
        if (pages_) pages_->end();
    }
    void forget() noexcept override {
        if (pages_) pages_->forget();
    }

  private:
    void destroy(EGLSurface surface) const noexcept {
        if (surface != EGL_NO_SURFACE) (void)real().DestroySurface(display_, surface);
    }

    const EGLDisplay display_;
    const EGLConfig config_;
    const std::vector<EGLint> attributes_;
    EGLSurface surface_ = EGL_NO_SURFACE;
    EGLSurface old_ = EGL_NO_SURFACE;
    EGLint age_ = 0;
    std::unique_ptr<FramePages> pages_;
    ReadBack read_back_;
};

bool PbufferBacking::resize(window::Extent extent) noexcept {
    std::array<EGLint, 32> list{};
    std::size_t used = 0;
    for (const EGLint value : attributes_) {
        if (used < list.size() - 5) list[used++] = value;
    }
    for (const EGLint value : {EGL_WIDTH, static_cast<EGLint>(extent.width), EGL_HEIGHT,
                               static_cast<EGLint>(extent.height), EGL_NONE}) {
        list[used++] = value;
    }
    EGLSurface made = real().CreatePbufferSurface(display_, config_, list.data());
    if (made == EGL_NO_SURFACE) return false;
    drop_old();
    old_ = std::exchange(surface_, made);
    age_ = 0;
    return true;
}

Backing::Outcome PbufferBacking::finish(window::Extent extent, std::span<const stream::Rect> damage,
                                        producer::FrameInfo& frame, UniqueFd&) {
    if (!read_back_.known() && !read_back_.prepare()) return Outcome::lost;  // of no GL: OpenVG
    const PixelLayout& layout = read_back_.layout();
    if (!pages_->fit(extent, layout)) return Outcome::no_memory;
    const FramePages::Page page = pages_->take(damage);
    if (!page.pixels) return Outcome::lost;
    {
        const ReadFromDraw readable(surface_);
        read_back_.read(extent, page);
    }
    frame.slot = page.slot;
    frame.gpu_done_ns = now_ns();
    frame.cpu_copied_bytes = std::uint64_t{extent.width} * page.rows.count * layout.bytes_per_pixel;
    return Outcome::frame;
}

}  // namespace

std::unique_ptr<Backing> make_pbuffer_backing(EGLDisplay display, EGLConfig config,
                                              std::vector<EGLint> attributes) {
    return std::make_unique<PbufferBacking>(display, config, std::move(attributes));
}

}  // namespace vdmabuf::egl
