// SPDX-License-Identifier: MIT
#include "runtime/viewer/headless_output.hpp"

#include <algorithm>

#include "runtime/common/clock.hpp"

namespace vdmabuf::viewer {
namespace {

class HeadlessOutput final : public Output {
  public:
    HeadlessOutput(EventLoop& loop, std::uint64_t refresh_ns,
                   std::shared_ptr<StreamColours> colours, OutputEvents events)
        : loop_(loop),
          refresh_ns_(refresh_ns),
          colours_(std::move(colours)),
          events_(std::move(events)) {}
    ~HeadlessOutput() override {
        if (timer_ != 0) loop_.cancel(timer_);
    }

    void show(std::shared_ptr<consumer::ImportedImage> image, std::uint64_t serial) override {
        // Of pictures and recordings, as there is nothing else.
        colours_->set_shown(shown_without_display(image->layout()));
        Shown shown;
        shown.serial = serial;
        shown.refresh_ns = refresh_ns_;
        shown.cpu_copied_bytes = image->prepare();
        const std::uint64_t now = now_ns();
        if (refresh_ns_ == 0) {
            shown.time_ns = now;
            events_.shown(shown);
            return;
        }
        // A grid that goes on where it was, unless the stream has paused.
        next_ns_ = next_ns_ + refresh_ns_ > now ? next_ns_ + refresh_ns_ : now;
        // One that still waits belongs to a broker that has gone.
        if (timer_ != 0) loop_.cancel(timer_);
        timer_ = loop_.at(next_ns_, [this, shown]() mutable {
            timer_ = 0;
            shown.time_ns = now_ns();
            events_.shown(shown);
        });
    }

  private:
    EventLoop& loop_;
    const std::uint64_t refresh_ns_;
    const std::shared_ptr<StreamColours> colours_;
    OutputEvents events_;
    std::uint64_t next_ns_ = 0;
    EventLoop::TimerId timer_ = 0;
};

}  // namespace

Result<std::unique_ptr<Output>> HeadlessOutputs::make(const OutputInfo& info, OutputEvents events) {
    return std::unique_ptr<Output>(
        std::make_unique<HeadlessOutput>(loop_, refresh_ns_, info.colours, std::move(events)));
}

}  // namespace vdmabuf::viewer
