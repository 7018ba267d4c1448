// SPDX-License-Identifier: MIT
#include "runtime/viewer/taps/tapped_output.hpp"

#include <optional>

#include "runtime/viewer/taps/frame_copier.hpp"

namespace vdmabuf::viewer {
namespace {

class TappedOutput final : public Output {
  public:
    TappedOutput(EventLoop& loop, std::shared_ptr<gpu::Device> device,
                 std::shared_ptr<const StreamColours> colours, OutputEvents events,
                 std::vector<std::unique_ptr<FrameSink>> sinks)
        : events_(std::move(events)),
          sinks_(std::move(sinks)),
          alive_(std::make_shared<TappedOutput*>(this)),
          copier_(std::make_unique<FrameCopier>(
              std::move(device), std::move(colours),
              [this, &loop,
               weak = std::weak_ptr(alive_)](const std::shared_ptr<const FrameCopy>& frame) {
                  loop.post([weak] {
                      if (const auto self = weak.lock()) (*self)->copied();
                  });
                  hand_out(frame);  // the slot does not wait for it
              })) {
        for (const auto& sink : sinks_) {
            sink->on_wish([&loop, weak = std::weak_ptr(alive_)] {
                loop.post([weak] {
                    if (const auto self = weak.lock()) (*self)->copy_again();
                });
            });
        }
    }
    ~TappedOutput() override {
        output_.reset();
        copier_.reset();  // before the sinks that it calls
    }

    OutputEvents inner_events() {
        OutputEvents events = events_;
        events.shown = [this](const Shown& shown) { on_shown(shown); };
        return events;
    }
    void set_output(std::unique_ptr<Output> output) { output_ = std::move(output); }

    void show(std::shared_ptr<consumer::ImportedImage> image, std::uint64_t serial) override {
        given_ = Given{image, serial};
        output_->show(std::move(image), serial);
    }
    void set_cursor(bool hidden) override { output_->set_cursor(hidden); }
    void set_cursor_image(const cursor::Image& image) override { output_->set_cursor_image(image); }
    void set_clipboard(const std::string& text) override { output_->set_clipboard(text); }
    void set_extent(std::uint32_t width, std::uint32_t height) override {
        output_->set_extent(width, height);
    }
    void set_title(const std::string& title) override {
        output_->set_title(title);
        for (const auto& sink : sinks_) sink->set_title(title);
    }

  private:
    struct Given {
        std::shared_ptr<consumer::ImportedImage> image;
        std::uint64_t serial = 0;
    };

    void on_shown(const Shown& shown) {
        if (copying_) {
            held_ = shown;
        } else {
            pass_on(shown);
        }
    }
    void pass_on(Shown shown) {
        if (given_ && given_->serial == shown.serial) {
            newest_ = std::move(given_->image);
            given_.reset();
            newest_serial_ = shown.serial;
            shown.cpu_copied_bytes += start_copy(shown.time_ns);
        }
        events_.shown(shown);
    }
    // The bytes that sinks will read with the CPU.
    std::uint64_t start_copy(std::uint64_t time_ns) {
        newest_ns_ = time_ns;
        std::shared_ptr<void> hold;
        if (newest_->dmabuf() >= 0 && events_.hold) hold = events_.hold(newest_serial_);
        bool wanted = false;
        for (const auto& sink : sinks_) {
            wanted |= !sink->take_image(newest_, time_ns, hold) && sink->wants_frames();
        }
        if (!wanted) return 0;
        copying_ = true;
        copier_->copy(newest_, time_ns);
        const consumer::ImageLayout copied = FrameCopier::layout_of_copy(newest_->layout());
        return copied.row_bytes() * copied.height;
    }
    void copy_again() {
        // While a frame is on its way to the display, that one will do.
        if (newest_ && !copying_) start_copy(newest_ns_);
    }
    void copied() {
        copying_ = false;
        if (!held_) return;
        const Shown shown = *held_;
        held_.reset();
        pass_on(shown);
    }
    // The copier's thread.
    void hand_out(const std::shared_ptr<const FrameCopy>& frame) {
        for (const auto& sink : sinks_) {
            if (frame) {
                sink->take(frame);
            } else {
                sink->left_out();
            }
        }
    }

    OutputEvents events_;
    std::vector<std::unique_ptr<FrameSink>> sinks_;
    std::optional<Given> given_;                       // to the output, not shown yet
    std::shared_ptr<consumer::ImportedImage> newest_;  // shown
    std::uint64_t newest_ns_ = 0;
    std::uint64_t newest_serial_ = 0;
    bool copying_ = false;       // the frame that was shown last
    std::optional<Shown> held_;  // was shown meanwhile
    std::shared_ptr<TappedOutput*> alive_;
    std::unique_ptr<FrameCopier> copier_;
    std::unique_ptr<Output> output_;
};

}  // namespace

Result<std::unique_ptr<Output>> TappedOutputs::make(const OutputInfo& info, OutputEvents events) {
    std::vector<std::unique_ptr<FrameSink>> sinks;
    for (FrameSinkFactory* factory : sinks_) {
        auto sink = factory->make(info);
        if (!sink) return sink.error();
        sinks.push_back(std::move(*sink));
    }
    auto tapped = std::make_unique<TappedOutput>(loop_, device_, info.colours, std::move(events),
                                                 std::move(sinks));
    auto output = outputs_.make(info, tapped->inner_events());
    if (!output) return output.error();
    tapped->set_output(std::move(*output));
    return std::unique_ptr<Output>(std::move(tapped));
}

}  // namespace vdmabuf::viewer
