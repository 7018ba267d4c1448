// SPDX-License-Identifier: MIT
#include "egl/pbuffer_backing.hpp"

#include <array>
#include <utility>

#include "egl/current.hpp"
#include "egl/frame_fence.hpp"
#include "egl/frame_pages.hpp"
#include "egl/page_images.hpp"
#include "egl/read_back.hpp"
#include "egl/real_vendor.hpp"
#include "egl/srgb_encoding.hpp"
#include "runtime/common/clock.hpp"
#include "runtime/common/drm_format.hpp"
#include "runtime/common/log.hpp"

namespace vdmabuf::egl {
namespace {

class PbufferBacking final : public Backing {
  public:
    PbufferBacking(EGLDisplay display, EGLConfig config, std::vector<EGLint> attributes,
                   bool by_gpu)
        : display_(display),
          config_(config),
          attributes_(std::move(attributes)),
          images_(display),
          by_gpu_(by_gpu) {}
    PbufferBacking(EGLDisplay display, EGLConfig config, EGLSurface adopted, bool by_gpu)
        : display_(display),
          config_(config),
          surface_(adopted),
          adopted_(true),
          images_(display),
          by_gpu_(by_gpu) {}
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
    bool encodes_srgb() const noexcept override { return encodes_srgb_; }
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
    EGLSurface make(window::Extent extent, bool linear) const noexcept;
    bool may_encode_srgb() const noexcept;
    bool by_gpu(window::Extent extent, std::span<const stream::Rect> damage,
                producer::FrameInfo& frame, UniqueFd& fence);
    void destroy(EGLSurface surface) const noexcept {
        if (surface != EGL_NO_SURFACE) (void)real().DestroySurface(display_, surface);
    }

    const EGLDisplay display_;
    const EGLConfig config_;
    const std::vector<EGLint> attributes_;
    EGLSurface surface_ = EGL_NO_SURFACE;
    EGLSurface old_ = EGL_NO_SURFACE;
    const bool adopted_ = false;  // of the app, with the size that it has
    EGLint age_ = 0;
    std::unique_ptr<FramePages> pages_;
    ReadBack read_back_;
    PageImages images_;
    bool by_gpu_;
    bool encodes_srgb_ = false;
};

bool PbufferBacking::resize(window::Extent extent) noexcept {
    if (adopted_) return true;
    EGLSurface made = encodes_srgb_ ? EGL_NO_SURFACE : make(extent, false);
    // Mesa's displays without a window system have no sRGB pbuffers since version 24, though they
    // say so.
    if (made == EGL_NO_SURFACE && may_encode_srgb()) {
        (void)real().GetError();
        made = make(extent, true);
        encodes_srgb_ |= made != EGL_NO_SURFACE;
    }
    if (made == EGL_NO_SURFACE) return false;
    drop_old();
    old_ = std::exchange(surface_, made);
    age_ = 0;
    return true;
}

// Of windows of 8 bits a colour, whose frames a CPU copies.
bool PbufferBacking::may_encode_srgb() const noexcept {
    if (!pages_) return false;
    EGLint red = 0;
    (void)real().GetConfigAttrib(display_, config_, EGL_RED_SIZE, &red);
    for (std::size_t i = 0; i + 1 < attributes_.size(); i += 2) {
        if (attributes_[i] == EGL_GL_COLORSPACE) {
            return red == 8 && attributes_[i + 1] == EGL_GL_COLORSPACE_SRGB;
        }
    }
    return false;
}

EGLSurface PbufferBacking::make(window::Extent extent, bool linear) const noexcept {
    std::array<EGLint, 32> list{};
    std::size_t used = 0;
    for (std::size_t i = 0; i + 1 < attributes_.size() && used < list.size() - 6; i += 2) {
        if (linear && attributes_[i] == EGL_GL_COLORSPACE) continue;
        list[used++] = attributes_[i];
        list[used++] = attributes_[i + 1];
    }
    for (const EGLint value : {EGL_WIDTH, static_cast<EGLint>(extent.width), EGL_HEIGHT,
                               static_cast<EGLint>(extent.height), EGL_NONE}) {
        list[used++] = value;
    }
    return real().CreatePbufferSurface(display_, config_, list.data());
}

Backing::Outcome PbufferBacking::finish(window::Extent extent, std::span<const stream::Rect> damage,
                                        producer::FrameInfo& frame, UniqueFd& fence) {
    if (!read_back_.known() && !read_back_.prepare()) return Outcome::lost;  // of no GL: OpenVG
    if (by_gpu_ && !encodes_srgb_ && read_back_.reaches_images()) {
        if (by_gpu(extent, damage, frame, fence)) return Outcome::frame;
        LOG_WARNING("EGL: a GPU does not copy into shared pages: a CPU does");
        by_gpu_ = false;
    }
    const PixelLayout& layout = read_back_.layout();
    if (!pages_->fit(extent, layout)) return Outcome::no_memory;
    const FramePages::Page page = pages_->take(damage);
    if (!page.pixels) return Outcome::lost;
    {
        const ReadFromDraw readable(surface_);
        read_back_.read(extent, page);
    }
    if (encodes_srgb_ && layout.bytes_per_pixel == 4 && read_back_.encodes_srgb()) {
        encode_srgb(page.pixels + page.pitch * page.rows.first,
                    static_cast<std::size_t>(page.pitch), extent.width, page.rows.count);
    }
    frame.slot = page.slot;
    frame.gpu_done_ns = now_ns();
    frame.cpu_copied_bytes = std::uint64_t{extent.width} * page.rows.count * layout.bytes_per_pixel;
    return Outcome::frame;
}

// No frame when it cannot: another layout makes other images then.
bool PbufferBacking::by_gpu(window::Extent extent, std::span<const stream::Rect> damage,
                            producer::FrameInfo& frame, UniqueFd& fence) {
    PixelLayout layout;
    layout.fourcc = PageImages::fourcc_for(display_, config_);
    layout.bytes_per_pixel = layout.fourcc == fourcc_of("RG16") ? 2 : 4;
    layout.any_pitch = true;
    layout.strategy = stream::Strategy::gpu_copy;
    if (!pages_->fit(extent, layout)) return false;
    const FramePages::Page page = pages_->take(damage);
    if (!page.pixels) return false;
    const auto buffer = pages_->buffer_of(page.slot);
    const PageImages::Image image =
        images_.get(page.slot, buffer, extent, layout.fourcc, page.pitch);
    if (image.egl == EGL_NO_IMAGE_KHR) {
        pages_->give_back(page.slot);
        return false;
    }
    {
        const ReadFromDraw readable(surface_);
        read_back_.copy_rows(extent, page.rows, image.egl);
    }
    fence = frame_fence(display_, image.dmabuf);
    frame.slot = page.slot;
    return true;
}

}  // namespace

std::unique_ptr<Backing> make_pbuffer_backing(EGLDisplay display, EGLConfig config,
                                              std::vector<EGLint> attributes, bool by_gpu) {
    return std::make_unique<PbufferBacking>(display, config, std::move(attributes), by_gpu);
}

std::unique_ptr<Backing> adopt_pbuffer(EGLDisplay display, EGLConfig config, EGLSurface pbuffer,
                                       bool by_gpu) {
    return std::make_unique<PbufferBacking>(display, config, pbuffer, by_gpu);
}

}  // namespace vdmabuf::egl
