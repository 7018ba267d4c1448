// SPDX-License-Identifier: MIT
// pattern_app: presents test_picture.hpp's picture over a Unix socket, as an app's layer would.
// Ends after --frames, or when it is asked to close. Prints each CONFIGURE, PRESENTED count and
// CLOSE, and all input. For tests.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/common/clock.hpp"
#include "runtime/producer/connection.hpp"
#include "tests/runtime/viewer/test_picture.hpp"

namespace {

using namespace vdmabuf;

volatile std::sig_atomic_t resize_wanted = 0;  // SIGUSR1: 1.5 times the size, once

struct Options {
    std::string endpoint;
    std::uint32_t width = 320;
    std::uint32_t height = 240;
    std::uint64_t pitch = 0;
    std::uint64_t frames = 0;
    std::uint64_t first = 1;         // the number in the first picture
    std::uint64_t resize_after = 0;  // frames; then follows CONFIGURE or takes 1.5 times the size
    std::uint32_t images = 3;
    std::uint16_t cursor = 0;  // with --once: pixels of its side
    std::string title = "pattern";
    std::string fourcc = "XR24";
    int mode = 0;
    double hz = 0;
    bool stretched = false;  // to the window, which is 1.5 times as large after `resize_after`
    bool y_flip = false;
    bool follow = false;
    bool plain = false;
    bool times =
        false;  // prints when each frame was shown, the refresh, its present, and when told
    bool no_input = false;
    bool once = false;   // one frame, then wait for the end
    bool never = false;  // no frame at all
};

class Listener final : public producer::StreamListener {
  public:
    explicit Listener(bool times) : times_(times) {}
    void on_release(std::uint32_t slot, std::uint64_t) override {
        const std::lock_guard lock(mutex_);
        busy_ &= ~(std::uint64_t{1} << slot);
        changed_.notify_all();
    }
    void on_presented(const stream::Presented& message) override {
        const std::lock_guard lock(mutex_);
        if (message.flags & stream::kPresentedShown) ++shown_;
        if (times_) {
            std::printf("shown %llu %llu refresh %llu called %llu told %llu\n",
                        static_cast<unsigned long long>(message.serial),
                        static_cast<unsigned long long>(message.time_ns),
                        static_cast<unsigned long long>(message.refresh_ns),
                        static_cast<unsigned long long>(called_[message.serial]),
                        static_cast<unsigned long long>(now_ns()));
            std::fflush(stdout);
        }
    }
    void on_configure(const stream::Configure& message) override {
        const std::lock_guard lock(mutex_);
        std::printf("configure %ux%u flags %u\n", message.width, message.height, message.flags);
        std::fflush(stdout);
        wish_ = {message.width, message.height};
    }
    void on_input(std::span<const input::Event> events, std::uint32_t width,
                  std::uint32_t height) override {
        const std::lock_guard lock(mutex_);
        for (const input::Event& event : events) {
            if (input::kind_of(event) == input::Kind::focus) focused_ = event.value == 1;
            std::printf("input kind %u code %u value %d at %d,%d of %ux%u\n", event.kind,
                        event.code, event.value, event.x, event.y, width, height);
        }
        std::fflush(stdout);
        changed_.notify_all();
    }
    // A cursor as a layer sends it when its window gets the focus, of this side; 0: none.
    void send_cursor(producer::Stream& stream, std::uint16_t side) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return closed_ || focused_; });
        lock.unlock();
        cursor::Image image;
        image.shape = {side, side, 2, 1};
        for (std::uint32_t i = 0; i < std::uint32_t{side} * side; ++i) {
            image.pixels.push_back(test::test_cursor(i % side, i / side));
        }
        stream.set_cursor(image);
    }
    void on_close() override {
        const std::lock_guard lock(mutex_);
        std::printf("close\n");
        closed_ = true;
        changed_.notify_all();
    }
    void on_lost() override {
        const std::lock_guard lock(mutex_);
        std::printf("lost\n");
        closed_ = true;
        changed_.notify_all();
    }

    // A slot of `slots` that is free, or -1 at the end.
    int take(const std::vector<std::uint32_t>& slots) {
        std::unique_lock lock(mutex_);
        for (;;) {
            if (closed_) return -1;
            for (const std::uint32_t slot : slots) {
                if (busy_ >> slot & 1) continue;
                busy_ |= std::uint64_t{1} << slot;
                return static_cast<int>(slot);
            }
            changed_.wait_for(lock, std::chrono::seconds(1));
        }
    }
    void wait_for_end() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return closed_; });
    }
    std::pair<std::uint32_t, std::uint32_t> wish() {
        const std::lock_guard lock(mutex_);
        return wish_;
    }
    // The next present.
    void called(std::uint64_t at) {
        const std::lock_guard lock(mutex_);
        called_[++presents_] = at;
    }
    std::uint64_t shown() {
        const std::lock_guard lock(mutex_);
        return shown_;
    }
    void forget(const std::vector<std::uint32_t>& slots) {
        const std::lock_guard lock(mutex_);
        for (const std::uint32_t slot : slots) busy_ &= ~(std::uint64_t{1} << slot);
    }

  private:
    const bool times_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::uint64_t busy_ = 0;
    std::uint64_t shown_ = 0;
    std::uint64_t presents_ = 0;
    std::map<std::uint64_t, std::uint64_t> called_;  // by serial
    bool closed_ = false;
    bool focused_ = false;
    std::pair<std::uint32_t, std::uint32_t> wish_{0, 0};
};

int fail(const Error& error) {
    std::fprintf(stderr, "pattern_app: %s\n", error.text.c_str());
    return 1;
}

struct Swapchain {
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    std::uint64_t pitch = 0;
    std::vector<std::uint32_t> slots;
    std::vector<std::shared_ptr<producer::Buffer>> buffers;
};

Status make_swapchain(producer::Connection& connection, producer::Stream& stream,
                      const Options& options, Listener& listener, std::uint32_t width,
                      std::uint32_t height, Swapchain& chain) {
    chain.width = width;
    chain.height = height;
    chain.pitch = options.pitch ? options.pitch : (width * 4 + 63) / 64 * 64;
    auto slots = stream.reserve_slots(options.images);
    if (!slots) return slots.error();
    chain.slots = *slots;
    chain.buffers.clear();
    for (const std::uint32_t slot : chain.slots) {
        auto buffer = connection.alloc(chain.pitch * (std::uint64_t{height} + 4));
        if (!buffer) return buffer.error();
        producer::ImageInfo info;
        info.width = width;
        info.height = height;
        std::memcpy(&info.fourcc, options.fourcc.data(), 4);
        info.flags = options.y_flip ? stream::kImageYFlip : 0;
        info.strategy = stream::Strategy::host_pointer;
        info.planes[0] = {0, chain.pitch};
        if (options.stretched) info.scaling.behaviour = stream::ScalingBehaviour::stretch;
        if (auto set = stream.set_image(slot, info, *buffer, &listener); !set) return set.error();
        chain.buffers.push_back(std::move(*buffer));
    }
    return {};
}

void paint(const Options& options, const Swapchain& chain, std::byte* bytes, std::uint64_t serial) {
    if (options.plain) return;
    const bool blue_first = options.fourcc[1] == 'R';  // XR24, AR24
    for (std::uint32_t row = 0; row < chain.height; ++row) {
        const std::uint32_t y = options.y_flip ? chain.height - 1 - row : row;
        std::byte* at = bytes + row * chain.pitch;
        for (std::uint32_t x = 0; x < chain.width; ++x, at += 4) {
            const test::Rgb c = test::test_picture(x, y, chain.width, chain.height, serial);
            // The fourth byte means nothing in X formats: not 255, so that a mistake is seen.
            const std::uint8_t pixel[4] = {blue_first ? c.b : c.r, c.g, blue_first ? c.r : c.b, 77};
            std::memcpy(at, pixel, 4);
        }
    }
}

int run(const Options& options) {
    producer::Endpoint endpoint;
    if (!options.endpoint.empty()) {
        endpoint.path = options.endpoint;
    } else {
        auto found = producer::find_endpoint();
        if (!found) return fail(found.error());
        endpoint = *found;
    }
    auto connection = producer::Connection::open(endpoint, "pattern_app");
    if (!connection) return fail(connection.error());
    Listener listener(options.times);
    auto stream = (*connection)
                      ->create_stream({options.title,
                                       "org.example.pattern",
                                       options.width,
                                       options.height,
                                       {},
                                       !options.no_input},
                                      &listener);
    if (!stream) return fail(stream.error());
    Swapchain chain;
    auto made = make_swapchain(**connection, **stream, options, listener, options.width,
                               options.height, chain);
    if (!made) return fail(made.error());
    std::uint64_t serial = 0;
    if (options.never) listener.wait_for_end();
    for (std::uint64_t n = 1; options.frames == 0 || n <= options.frames; ++n) {
        if (options.stretched && n == options.resize_after) {
            (*stream)->set_extent(options.width * 3 / 2, options.height * 3 / 2);
        }
        const bool resize = (n == options.resize_after && !options.stretched) || resize_wanted != 0;
        if (resize || (options.follow && listener.wish().first != 0 &&
                       listener.wish() != std::pair{chain.width, chain.height})) {
            auto wish = listener.wish();
            resize_wanted = 0;
            if (resize) wish = {chain.width * 3 / 2, chain.height * 3 / 2};
            const Swapchain old = chain;
            made = make_swapchain(**connection, **stream, options, listener, wish.first,
                                  wish.second, chain);
            if (!made) return fail(made.error());
            for (const std::uint32_t slot : old.slots) (*stream)->remove_image(slot);
            listener.forget(old.slots);
        }
        const int slot = listener.take(chain.slots);
        if (slot < 0) break;
        const auto index = static_cast<std::size_t>(
            std::find(chain.slots.begin(), chain.slots.end(), static_cast<std::uint32_t>(slot)) -
            chain.slots.begin());
        paint(options, chain, chain.buffers[index]->mapping.bytes(), options.first + n - 1);
        producer::FrameInfo frame;
        frame.slot = static_cast<std::uint32_t>(slot);
        frame.mode = static_cast<stream::PresentMode>(options.mode);
        frame.called_ns = now_ns();
        listener.called(frame.called_ns);
        serial = (*stream)->present(frame);
        if (options.once) break;
        if (options.hz > 0) ::usleep(static_cast<useconds_t>(1e6 / options.hz));
    }
    if (options.cursor != 0) listener.send_cursor(**stream, options.cursor);
    if (options.once) listener.wait_for_end();
    std::printf("presented %llu shown %llu\n", static_cast<unsigned long long>(serial),
                static_cast<unsigned long long>(listener.shown()));
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    CLI::App app("Presents a test picture.");
    app.add_option("--endpoint", options.endpoint);
    app.add_option("--width", options.width);
    app.add_option("--height", options.height);
    app.add_option("--pitch", options.pitch);
    app.add_option("--frames", options.frames);
    app.add_option("--first", options.first);
    app.add_option("--resize-after", options.resize_after);
    app.add_option("--images", options.images);
    app.add_option("--cursor", options.cursor);
    app.add_option("--title", options.title);
    app.add_option("--fourcc", options.fourcc);
    app.add_option("--mode", options.mode);
    app.add_option("--hz", options.hz);
    app.add_flag("--stretched", options.stretched);
    app.add_flag("--y-flip", options.y_flip);
    app.add_flag("--follow", options.follow);
    app.add_flag("--plain", options.plain);
    app.add_flag("--times", options.times);
    app.add_flag("--no-input", options.no_input);
    app.add_flag("--once", options.once);
    app.add_flag("--never", options.never);
    CLI11_PARSE(app, argc, argv);
    std::signal(SIGUSR1, [](int) { resize_wanted = 1; });
    return run(options);
}
