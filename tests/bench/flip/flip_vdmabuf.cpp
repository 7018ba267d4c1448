// SPDX-License-Identifier: MIT
// flip_vdmabuf: an app that has nothing to draw: it flips through pictures that it has rendered
// beforehand, by the producer library. --path: the broker's socket for producers; else as the layer
// finds it, in a guest as well. With --idle, more streams that show one frame. Prints a JSON
// object.
#include <time.h>

#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <mutex>

#include "runtime/producer/connection.hpp"
#include "tests/bench/flip/figures.hpp"
#include "tests/bench/flip/options.hpp"
#include "tests/bench/flip/pace.hpp"

namespace {

using namespace vdmabuf;
using namespace vdmabuf::flip;

constexpr std::uint32_t kXr24 = 0x34325258;  // DRM_FORMAT_XRGB8888

template <typename T>
T need(Result<T> result) {
    if (!result) fail(result.error().text);
    return std::move(*result);
}

// Some stream has a slot that is free.
struct Signal {
    std::mutex mutex;
    std::condition_variable changed;
};

class Window : public producer::StreamListener {
  public:
    Window(producer::Connection& connection, const Options& options, Signal& signal)
        : signal_(signal),
          stream_(need(
              connection.create_stream({"flip", "flip", options.width, options.height}, this))) {
        const std::size_t pixels = std::size_t{options.width} * options.height;
        for (const std::uint32_t slot : need(stream_->reserve_slots(options.images))) {
            auto buffer = need(connection.alloc(pixels * 4));
            producer::ImageInfo info;
            info.width = options.width;
            info.height = options.height;
            info.fourcc = kXr24;
            info.planes[0].pitch = std::uint64_t{options.width} * 4;
            fill(static_cast<std::uint32_t*>(buffer->mapping.data()), pixels, slot);
            if (auto set = stream_->set_image(slot, info, buffer, this); !set)
                fail(set.error().text);
            free_ |= std::uint64_t{1} << slot;
            buffers_[slot] = std::move(buffer);
        }
    }
    ~Window() override { stream_.reset(); }

    // Under the signal's mutex.
    bool ready() const { return free_ != 0; }
    std::uint32_t take() {
        std::uint32_t slot = last_;
        do {
            slot = (slot + 1) % stream::kMaxSlots;
        } while (!(free_ >> slot & 1));
        free_ &= ~(std::uint64_t{1} << slot);
        last_ = slot;
        return slot;
    }

    void present(std::uint32_t slot, stream::PresentMode mode, const Rendered& rendered) {
        if (!rendered.empty()) {
            const auto& picture = rendered[number_ % rendered.size()];
            std::memcpy(buffers_[slot]->mapping.data(), picture.data(), picture.size() * 4);
        }
        stamp(static_cast<std::uint32_t*>(buffers_[slot]->mapping.data()), ++number_);
        producer::FrameInfo frame;
        frame.slot = slot;
        frame.mode = mode;
        stream_->present(frame);
    }

    void on_release(std::uint32_t slot, std::uint64_t) override {
        const std::lock_guard lock(signal_.mutex);
        free_ |= std::uint64_t{1} << slot;
        signal_.changed.notify_one();
    }
    void on_presented(const stream::Presented&) override {}
    void on_configure(const stream::Configure&) override {}
    void on_close() override {}
    void on_lost() override { fail("the broker refuses to serve"); }

  private:
    Signal& signal_;
    std::uint64_t free_ = 0;
    std::uint32_t last_ = 0;
    std::uint16_t number_ = 0;
    std::shared_ptr<producer::Buffer> buffers_[stream::kMaxSlots];
    std::unique_ptr<producer::Stream> stream_;
};

}  // namespace

int main(int argc, char** argv) {
    const Options options = parse(argc, argv);
    const auto endpoint = options.path.empty()
                              ? need(producer::find_endpoint())
                              : producer::Endpoint{producer::Endpoint::Kind::socket, options.path};
    const auto mode = options.mode == "mailbox"     ? stream::PresentMode::mailbox
                      : options.mode == "immediate" ? stream::PresentMode::immediate
                                                    : stream::PresentMode::fifo;
    const auto connection = need(producer::Connection::open(endpoint, "flip"));
    Signal signal;
    std::vector<std::unique_ptr<Window>> windows;
    std::vector<std::unique_ptr<Window>> idle;
    for (std::uint32_t i = 0; i < options.streams; ++i) {
        windows.push_back(std::make_unique<Window>(*connection, options, signal));
    }
    for (std::uint32_t i = 0; i < options.idle; ++i) {
        idle.push_back(std::make_unique<Window>(*connection, options, signal));
        idle.back()->present(0, mode, {});
    }
    const auto rendered = rendered_pictures(options);
    Pace pace(options);
    std::size_t next = 0;
    while (pace.lasts()) {
        if (windows.empty()) {
            const timespec while_idle{0, 50'000'000};
            ::nanosleep(&while_idle, nullptr);
            continue;
        }
        pace.wait();
        Window* window = nullptr;
        std::uint32_t slot = 0;
        {
            std::unique_lock lock(signal.mutex);
            const auto found = [&] {
                for (std::size_t i = 0; i < windows.size(); ++i) {
                    const std::size_t at = (next + i) % windows.size();
                    if (!windows[at]->ready()) continue;
                    window = windows[at].get();
                    next = at + 1;
                    return true;
                }
                return false;
            };
            if (!signal.changed.wait_for(lock, std::chrono::seconds(3), found)) {
                fail("no image came back within three seconds");
            }
            slot = window->take();
        }
        window->present(slot, mode, rendered);
        pace.made_one();
    }
    pace.print();
    return 0;
}
