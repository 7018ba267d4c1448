// SPDX-License-Identifier: MIT
// That the viewer adds no frame of queueing. The test is the app and the display: the viewer's
// window goes through our layer to a second broker, whose consumer, the test, refreshes by hand: it
// latches what has come, and says when that is on the screen. A frame that the app presents while
// the display waits must be in the very next refresh, whatever the machine is busy with.
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>
#include <vdmabuf/consumer.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <optional>

#include "runtime/common/clock.hpp"
#include "runtime/common/drm_format.hpp"
#include "runtime/producer/connection.hpp"
#include "tests/runtime/viewer/harness.hpp"

namespace vdmabuf::test {
namespace {

constexpr std::uint32_t kWidth = 160;
constexpr std::uint32_t kHeight = 120;
constexpr std::uint64_t kPitch = 768;
constexpr std::uint32_t kImages = 3;
constexpr std::uint64_t kRefreshNs = 20'000'000;

// The grey of a frame; each differs from its neighbours.
std::uint8_t grey_of(std::uint64_t frame) {
    return static_cast<std::uint8_t>(20 + frame * 37 % 200);
}

// An app that presents one grey picture after the other.
class App final : public producer::StreamListener {
  public:
    explicit App(const std::string& socket) {
        auto opened =
            producer::Connection::open({producer::Endpoint::Kind::socket, socket}, "greys");
        if (!opened) return;
        connection_ = *opened;
        auto made = connection_->create_stream({"greys", "greys", kWidth, kHeight}, this);
        if (!made) return;
        stream_ = std::move(*made);
        auto slots = stream_->reserve_slots(kImages);
        if (!slots) return;
        slots_ = *slots;
        for (const std::uint32_t slot : slots_) {
            auto buffer = connection_->alloc(kPitch * kHeight);
            if (!buffer) return;
            producer::ImageInfo info;
            info.width = kWidth;
            info.height = kHeight;
            info.fourcc = fourcc_of("XR24");
            info.planes[0] = {0, kPitch};
            if (!stream_->set_image(slot, info, *buffer, this)) return;
            buffers_.push_back(*buffer);
        }
    }
    bool works() const { return buffers_.size() == kImages; }
    void on_release(std::uint32_t slot, std::uint64_t) override {
        const std::lock_guard lock(mutex_);
        busy_ &= ~(1u << slot);
        changed_.notify_all();
    }
    void on_presented(const stream::Presented& message) override {
        const std::lock_guard lock(mutex_);
        presented_ = message.serial;
        changed_.notify_all();
    }
    void on_configure(const stream::Configure&) override {}
    void on_close() override {}
    void on_lost() override {}

    bool present(std::uint64_t frame) {
        std::unique_lock lock(mutex_);
        std::size_t index = 0;
        const bool room = changed_.wait_for(lock, std::chrono::seconds(30), [&] {
            for (index = 0; index < slots_.size(); ++index) {
                if (!(busy_ >> slots_[index] & 1)) return true;
            }
            return false;
        });
        if (!room) return false;
        busy_ |= 1u << slots_[index];
        lock.unlock();
        std::fill_n(buffers_[index]->mapping.bytes(), kPitch * kHeight, std::byte{grey_of(frame)});
        producer::FrameInfo info;
        info.slot = slots_[index];
        info.called_ns = now_ns();
        return stream_->present(info) == frame;
    }
    // Whether the viewer has said that this frame was shown.
    bool was_shown(std::uint64_t frame) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, std::chrono::seconds(30),
                                 [&] { return presented_ >= frame; });
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::uint32_t busy_ = 0;
    std::uint64_t presented_ = 0;
    std::shared_ptr<producer::Connection> connection_;
    std::vector<std::uint32_t> slots_;
    std::vector<std::shared_ptr<producer::Buffer>> buffers_;
    std::unique_ptr<producer::Stream> stream_;  // ends first
};

// A display that refreshes when it is told to.
class Display {
  public:
    explicit Display(const std::string& socket) {
        vdmabuf_consumer_options options{};
        options.size = sizeof options;
        options.flags = VDMABUF_CONSUMER_WAIT;
        options.socket = socket.c_str();
        vdmabuf_consumer_open(&options, &consumer_);
    }
    ~Display() { vdmabuf_consumer_close(consumer_); }
    Display(const Display&) = delete;
    Display& operator=(const Display&) = delete;

    // What the next refresh would show: the grey in the middle of the frame that has come. Nothing:
    // none came in this time.
    std::optional<std::uint8_t> latch(double seconds) {
        const std::uint64_t deadline = now_ns() + static_cast<std::uint64_t>(seconds * 1e9);
        while (!latched_) {
            vdmabuf_consumer_event event{};
            event.size = sizeof event;
            const int rc = vdmabuf_consumer_dispatch(consumer_, &event);
            if (rc < 0) return std::nullopt;
            if (rc == 0) {
                const std::uint64_t now = now_ns();
                if (now >= deadline) return std::nullopt;
                pollfd wait{vdmabuf_consumer_fd(consumer_), POLLIN, 0};
                ::poll(&wait, 1, static_cast<int>((deadline - now) / kNsPerMs) + 1);
                continue;
            }
            take(event);
        }
        return grey_;
    }
    // It is on the screen: the display is ready for the next one.
    void refresh() {
        vdmabuf_consumer_presented(consumer_, stream_, *latched_, now_ns(), kRefreshNs, 1);
        if (shown_) vdmabuf_consumer_release(consumer_, stream_, *shown_);
        shown_ = latched_;
        latched_.reset();
    }

  private:
    void take(const vdmabuf_consumer_event& event) {
        switch (event.type) {
            case VDMABUF_CONSUMER_STREAM_ADDED:
                stream_ = event.stream->id;
                EXPECT_EQ(vdmabuf_consumer_attach(consumer_, stream_), 0);
                shown_.reset();
                break;
            case VDMABUF_CONSUMER_STREAM_REMOVED:
                vdmabuf_consumer_detach(consumer_, event.stream->id);
                break;
            case VDMABUF_CONSUMER_IMAGE_GONE:
                vdmabuf_consumer_image_done(consumer_, event.image->stream, event.image->id);
                break;
            case VDMABUF_CONSUMER_FRAME:
                latched_ = event.frame->serial;
                look(event.frame->image);
                break;
            default:
                break;
        }
    }
    void look(std::uint64_t id) {
        const vdmabuf_image_info* image = vdmabuf_consumer_image(consumer_, stream_, id);
        const void* address = nullptr;
        std::size_t length = 0;
        ASSERT_NE(image, nullptr);
        ASSERT_EQ(image->modifier, 0U);
        ASSERT_EQ(vdmabuf_map(image->memory, &address, &length), 0);
        const std::uint64_t at = image->planes[0].offset +
                                 image->planes[0].pitch * (image->height / 2) +
                                 std::uint64_t{4} * (image->width / 2);
        ASSERT_LT(at + 1, length);
        grey_ = static_cast<const std::uint8_t*>(address)[at + 1];  // green, in any order
        vdmabuf_unmap(address, length);
    }

    vdmabuf_consumer* consumer_ = nullptr;
    std::uint64_t stream_ = 0;
    std::optional<std::uint64_t> latched_;
    std::optional<std::uint64_t> shown_;
    std::uint8_t grey_ = 0;
};

class Latch : public testing::Test {
  protected:
    void SetUp() override {
        if (!std::filesystem::exists(LAYER_MANIFEST)) GTEST_SKIP() << "no layer in this build";
        if (!scene_.start_display()) GTEST_SKIP() << "no Xvfb";
        scene_.start_broker();
        const std::string producers = scene_.path("display-producer.sock");
        const std::string consumers = scene_.path("display-consumer.sock");
        broker_ =
            std::make_unique<Process>(std::vector<std::string>{BROKER_HOST, producers, consumers},
                                      scene_.path("display-broker.log"));
        ASSERT_TRUE(
            wait_until([&] { return broker_->output().find("ready") != std::string::npos; }));
        display_ = std::make_unique<Display>(consumers);
        // As in test_present_wait.cpp.
        nlohmann::json manifest = nlohmann::json::parse(read_file(LAYER_MANIFEST));
        manifest["layer"]["name"] = "VK_LAYER_VDMABUF_display";
        std::ofstream(scene_.path("layer.json")) << manifest;
        viewer_ = std::make_unique<Process>(
            std::vector<std::string>{"env", "VDMABUF_VALIDATION=0",
                                     "VK_ADD_LAYER_PATH=" + scene_.path("."),
                                     "VK_INSTANCE_LAYERS=VK_LAYER_VDMABUF_display",
                                     "VDMABUF_ENDPOINT=unix:" + producers, VIEWER, "--no-broker"},
            scene_.path("viewer.log"));
        ASSERT_TRUE(
            wait_until([&] { return viewer_->output().find("connected") != std::string::npos; }));
        app_ = std::make_unique<App>(scene_.path("vdmabuf/producer.sock"));
        ASSERT_TRUE(app_->works());
        // Until the window has settled: it may be drawn more than once.
        ASSERT_TRUE(app_->present(1));
        ASSERT_TRUE(display_->latch(30)) << viewer_->output();
        do {
            EXPECT_EQ(*display_->latch(0), grey_of(1));
            display_->refresh();
        } while (display_->latch(0.5));
        ASSERT_TRUE(app_->was_shown(1));
    }
    // What comes to be latched, but for a window that is drawn anew; that happens rarely.
    std::optional<std::uint8_t> latched_after(std::uint8_t before) {
        auto grey = display_->latch(30);
        while (grey == before && again_++ < 2) {
            display_->refresh();
            grey = display_->latch(30);
        }
        return grey;
    }
    Scene scene_;
    std::unique_ptr<Process> broker_;
    std::unique_ptr<Display> display_;
    std::unique_ptr<Process> viewer_;
    std::unique_ptr<App> app_;
    int again_ = 0;
};

// The display waits for nothing but its own refresh.
TEST_F(Latch, AFrameIsInTheNextRefresh) {
    for (std::uint64_t frame = 2; frame < 40; ++frame) {
        ASSERT_TRUE(app_->present(frame));
        ASSERT_EQ(latched_after(grey_of(frame - 1)), grey_of(frame)) << "frame " << frame;
        display_->refresh();
        ASSERT_TRUE(app_->was_shown(frame));
    }
}

// An app that is ahead by a frame: one of its frames in each refresh, each in one, and no refresh
// without.
TEST_F(Latch, AFifoAppHasEachRefresh) {
    ASSERT_TRUE(app_->present(2));
    for (std::uint64_t frame = 2; frame < 40; ++frame) {
        ASSERT_EQ(latched_after(grey_of(frame - 1)), grey_of(frame)) << "frame " << frame;
        ASSERT_TRUE(app_->present(frame + 1));
        display_->refresh();
    }
}

}  // namespace
}  // namespace vdmabuf::test
