// SPDX-License-Identifier: MIT
#include "runtime/viewer/kms/kms_output.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "runtime/common/clock.hpp"
#include "runtime/common/log.hpp"
#include "runtime/viewer/picture.hpp"
#include "runtime/viewer/refresh_pacer.hpp"

namespace vdmabuf::viewer {
namespace {

class KmsOutput final : public Output {
  public:
    KmsOutput(EventLoop& loop, Screen& screen, std::shared_ptr<gpu::Device> device, Scale scale,
              OutputEvents events)
        : loop_(loop),
          screen_(screen),
          device_(std::move(device)),
          scale_(scale),
          events_(std::move(events)),
          pacer_(screen.refresh_ns(), false) {}
    ~KmsOutput() override {
        if (timer_ != 0) loop_.cancel(timer_);
        if (watches_) loop_.remove(screen_.fd());
    }
    Status start() {
        auto added = loop_.add(screen_.fd(), EPOLLIN, [this](std::uint32_t) {
            const std::uint64_t at = screen_.on_readable();
            if (at != 0) flipped(at);
        });
        if (!added) return added;
        watches_ = true;
        events_.configured(screen_.width(), screen_.height(), screen_.refresh_ns(), false);
        return {};
    }

    void show(std::shared_ptr<consumer::ImportedImage> image, std::uint64_t serial) override {
        // One that still waits belongs to a broker that has gone.
        if (timer_ != 0) loop_.cancel(std::exchange(timer_, 0));
        shown_ = {};
        shown_.serial = serial;
        shown_.refresh_ns = screen_.refresh_ns();
        shown_.cpu_copied_bytes = image->prepare();
        shown_.imported_ns = now_ns();
        const Screen::Framebuffer* framebuffer = direct(image);
        if (!framebuffer) framebuffer = copy(*image);
        shown_.drawn_ns = now_ns();
        next_ = std::move(image);
        if (!framebuffer) return give_up("no framebuffer");
        waits_ = true;
        auto flips = screen_.show(*framebuffer);
        if (!flips) return give_up(flips.error().text);
        if (!*flips) flipped(0);
    }

  private:
    struct Direct {
        std::weak_ptr<consumer::ImportedImage> of;  // the image that it was made for
        std::unique_ptr<Screen::Framebuffer> framebuffer;
    };

    void give_up(const std::string& why) {
        if (!std::exchange(told_, true)) LOG_ERROR("cannot show: %s", why.c_str());
        waits_ = false;
        shown_.ok = false;
        later(now_ns() + screen_.refresh_ns());
    }
    void flipped(std::uint64_t at) {
        if (!std::exchange(waits_, false)) return;
        shown_.display_time = at != 0;
        // Some controllers (virtio-gpu) have no refresh, and have flipped at once.
        later(pacer_.shown_at(at != 0 ? at : now_ns()));
    }
    void later(std::uint64_t at) {
        shown_.time_ns = at;
        timer_ = loop_.at(at, [this] {
            timer_ = 0;
            on_screen_ = std::move(next_);
            events_.shown(shown_);
        });
    }

    // Null: it is to be copied.
    const Screen::Framebuffer* direct(const std::shared_ptr<consumer::ImportedImage>& image) {
        std::erase_if(direct_, [](const Direct& each) { return each.of.expired(); });
        const consumer::ImageLayout& layout = image->layout();
        if (image->dmabuf() < 0 || layout.y_flip || layout.plane_count != 1 ||
            layout.width != screen_.width() || layout.height != screen_.height() || refused_) {
            return nullptr;
        }
        for (const Direct& each : direct_) {
            if (each.of.lock() == image) return each.framebuffer.get();
        }
        auto imported = screen_.import(image->dmabuf(), layout.format->fourcc,
                                       static_cast<std::uint32_t>(layout.offset),
                                       static_cast<std::uint32_t>(layout.pitch), layout.modifier);
        if (!imported) {
            refused_ = true;
            LOG_INFO("frames are copied to the screen: %s", imported.error().text.c_str());
            return nullptr;
        }
        direct_.push_back({image, std::move(*imported)});
        return direct_.back().framebuffer.get();
    }

    const Screen::Framebuffer* copy(const consumer::ImportedImage& image) {
        auto picture = take_picture(device_, image);
        if (!picture) return nullptr;
        auto& to = dumb_[turn_ ^= 1];
        if (!to) {
            auto made = screen_.make_dumb();
            if (!made) return nullptr;
            to = std::move(*made);
        }
        paint(*picture, image.layout().scaling, *to);
        shown_.cpu_copied_bytes += picture->rgba.size();
        return to.get();
    }

    void paint(const Picture& picture, const stream::Scaling& scaling,
               const Screen::Framebuffer& to) const {
        const Placement placement = place(picture.width, picture.height, screen_.width(),
                                          screen_.height(), scaling, scale_);
        for (std::uint32_t y = 0; y < screen_.height(); ++y) {
            std::byte* row = to.pixels() + std::size_t{y} * to.pitch();
            std::memset(row, 0, std::size_t{screen_.width()} * 4);
            if (y < placement.to.y || y >= placement.to.y + placement.to.height) continue;
            const std::uint64_t from_y = placement.from.y + std::uint64_t{y - placement.to.y} *
                                                                placement.from.height /
                                                                placement.to.height;
            for (std::uint32_t x = 0; x < placement.to.width; ++x) {
                const std::uint64_t from_x =
                    placement.from.x + std::uint64_t{x} * placement.from.width / placement.to.width;
                const std::uint8_t* from =
                    picture.rgba.data() + (from_y * picture.width + from_x) * 4;
                const std::uint8_t bgrx[4] = {from[2], from[1], from[0], 0};
                std::memcpy(row + std::size_t{placement.to.x + x} * 4, bgrx, 4);
            }
        }
    }

    EventLoop& loop_;
    Screen& screen_;
    std::shared_ptr<gpu::Device> device_;
    const Scale scale_;
    OutputEvents events_;
    RefreshPacer pacer_;
    bool watches_ = false;
    bool waits_ = false;    // for a flip
    bool refused_ = false;  // the controller does not take this stream's dmabufs
    bool told_ = false;
    Shown shown_;
    EventLoop::TimerId timer_ = 0;
    std::shared_ptr<consumer::ImportedImage> next_;       // handed to the screen
    std::shared_ptr<consumer::ImportedImage> on_screen_;  // read until the next one is shown
    std::array<std::unique_ptr<Screen::Framebuffer>, 2> dumb_;
    unsigned turn_ = 0;
    std::vector<Direct> direct_;
};

}  // namespace

Result<std::unique_ptr<Output>> KmsOutputs::make(const OutputInfo&, OutputEvents events) {
    auto output =
        std::make_unique<KmsOutput>(loop_, screen_, device_, settings_.scale, std::move(events));
    if (auto started = output->start(); !started) return started.error();
    return std::unique_ptr<Output>(std::move(output));
}

}  // namespace vdmabuf::viewer
