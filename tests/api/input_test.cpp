// SPDX-License-Identifier: MIT
// Input through the C interface: from a consumer to the app behind a window, and its cursor back.
#include <linux/input-event-codes.h>

#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/producer/connection.hpp"
#include "tests/api/world.hpp"

namespace vdmabuf::test {
namespace {

class App final : public producer::StreamListener {
  public:
    void on_release(std::uint32_t, std::uint64_t) override {}
    void on_presented(const stream::Presented&) override {}
    void on_configure(const stream::Configure&) override {}
    void on_close() override {}
    void on_lost() override {}
    void on_input(std::span<const input::Event> events, std::uint32_t width,
                  std::uint32_t height) override {
        const std::lock_guard lock(mutex_);
        heard_.insert(heard_.end(), events.begin(), events.end());
        width_ = width;
        height_ = height;
        changed_.notify_all();
    }
    // The first so many, when they have come.
    std::vector<input::Event> heard(std::size_t count) {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, std::chrono::seconds(20), [&] { return heard_.size() >= count; });
        return heard_;
    }
    std::pair<std::uint32_t, std::uint32_t> size() {
        const std::lock_guard lock(mutex_);
        return {width_, height_};
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<input::Event> heard_;
    std::uint32_t width_ = 0;
    std::uint32_t height_ = 0;
};

constexpr vdmabuf_input_event kFocus{VDMABUF_INPUT_FOCUS, 0, 1, 0, 0};

class InputTest : public World {
  protected:
    void SetUp() override {
        start_broker();
        auto opened =
            producer::Connection::open({producer::Endpoint::Kind::socket, producers()}, "the app");
        ASSERT_TRUE(opened);
        connection = *opened;
        c = consumer();
    }
    // A window, and the consumer attached to it.
    void open_window(bool takes_input) {
        producer::StreamInfo info{"a title", "org.example", 64, 32};
        info.takes_input = takes_input;
        auto made = connection->create_stream(info, &app);
        ASSERT_TRUE(made);
        window = std::move(*made);
        const auto added = await(c, VDMABUF_CONSUMER_STREAM_ADDED);
        ASSERT_EQ(added.type, VDMABUF_CONSUMER_STREAM_ADDED);
        EXPECT_EQ(added.stream->flags, takes_input ? VDMABUF_STREAM_TAKES_INPUT : 0u);
        stream = added.stream->id;
        ASSERT_EQ(vdmabuf_consumer_attach(c, stream), 0);
    }
    int send(std::vector<vdmabuf_input_event> events, std::uint32_t width = 64,
             std::uint32_t height = 32) {
        return vdmabuf_consumer_input(c, stream, events.data(), events.size(), width, height);
    }

    App app;
    std::shared_ptr<producer::Connection> connection;
    std::unique_ptr<producer::Stream> window;
    vdmabuf_consumer* c = nullptr;
    std::uint64_t stream = 0;
};

TEST_F(InputTest, EveryKindReachesTheApp) {
    open_window(true);
    // More than a message holds, so that the order over messages is seen too.
    std::vector<vdmabuf_input_event> events{
        kFocus,
        {VDMABUF_INPUT_KEY, KEY_A, 1, 0, 0},
        {VDMABUF_INPUT_KEY, KEY_A, 0, 0, 0},
        {VDMABUF_INPUT_MOTION, 0, 0, 10 * VDMABUF_INPUT_PIXEL, 20 * VDMABUF_INPUT_PIXEL + 128},
        {VDMABUF_INPUT_BUTTON, BTN_LEFT, 1, 0, 0},
        {VDMABUF_INPUT_RELATIVE, 0, 0, -300, 700},
        {VDMABUF_INPUT_BUTTON, BTN_LEFT, 0, 0, 0},
        {VDMABUF_INPUT_WHEEL, 0, 0, 30, -VDMABUF_INPUT_CLICK},
        {VDMABUF_INPUT_TOUCH_DOWN, 3, 0, 0, 0},
        {VDMABUF_INPUT_TOUCH_MOTION, 3, 0, 64 * VDMABUF_INPUT_PIXEL - 1, 0},
        {VDMABUF_INPUT_TOUCH_UP, 3, 0, 0, 0},
        {VDMABUF_INPUT_TOUCH_CANCEL, 0, 0, 0, 0},
        {VDMABUF_INPUT_RELEASE_ALL, 0, 0, 0, 0}};
    for (std::uint16_t key = KEY_1; key <= KEY_0; ++key) {
        events.push_back({VDMABUF_INPUT_KEY, key, 1, 0, 0});
    }
    ASSERT_EQ(send(events), 0) << vdmabuf_consumer_error(c);
    const auto heard = app.heard(events.size());
    ASSERT_EQ(heard.size(), events.size());
    for (std::size_t i = 0; i < events.size(); ++i) {
        EXPECT_EQ(std::memcmp(&heard[i], &events[i], sizeof heard[i]), 0) << "event " << i;
    }
    EXPECT_EQ(app.size(), (std::pair<std::uint32_t, std::uint32_t>(64, 32)));
    // Whoever goes lets go of everything.
    ASSERT_EQ(vdmabuf_consumer_detach(c, stream), 0);
    EXPECT_EQ(app.heard(events.size() + 1).back(), input::make_event(input::Kind::focus));
}

TEST_F(InputTest, WrongArgumentsAreRefusedAndNothingIsSent) {
    open_window(true);
    const auto wrong = [&](vdmabuf_input_event event, std::uint32_t width = 64,
                           std::uint32_t height = 32) {
        const int rc = send({kFocus, event}, width, height);
        return rc == -EINVAL && std::strlen(vdmabuf_consumer_error(c)) > 10;
    };
    EXPECT_TRUE(wrong({0, 0, 0, 0, 0}));
    EXPECT_TRUE(wrong({12, 0, 0, 0, 0}));
    EXPECT_TRUE(wrong({VDMABUF_INPUT_FOCUS, 0, 2, 0, 0}));
    EXPECT_TRUE(wrong({VDMABUF_INPUT_KEY, 0, 1, 0, 0}));
    EXPECT_TRUE(wrong({VDMABUF_INPUT_KEY, 256, 1, 0, 0}));
    EXPECT_TRUE(wrong({VDMABUF_INPUT_KEY, KEY_A, 2, 0, 0})) << "no repeating";
    EXPECT_TRUE(wrong({VDMABUF_INPUT_KEY, KEY_A, 1, 1, 0})) << "a field that means nothing";
    EXPECT_TRUE(wrong({VDMABUF_INPUT_BUTTON, 0x10f, 1, 0, 0}));
    EXPECT_TRUE(wrong({VDMABUF_INPUT_BUTTON, 0x118, 1, 0, 0}));
    EXPECT_TRUE(wrong({VDMABUF_INPUT_MOTION, 0, 0, -1, 0}));
    EXPECT_TRUE(wrong({VDMABUF_INPUT_MOTION, 0, 0, 64 * 256, 0}));
    EXPECT_TRUE(wrong({VDMABUF_INPUT_MOTION, 0, 0, 0, 32 * 256}));
    EXPECT_TRUE(wrong({VDMABUF_INPUT_RELATIVE, 0, 0, 32768 * 256 + 1, 0}));
    EXPECT_TRUE(wrong({VDMABUF_INPUT_WHEEL, 0, 0, 0, 1000 * 120 + 1}));
    EXPECT_TRUE(wrong({VDMABUF_INPUT_TOUCH_DOWN, 16, 0, 0, 0}));
    EXPECT_TRUE(wrong({VDMABUF_INPUT_TOUCH_UP, 1, 0, 1, 0}));
    EXPECT_NE(std::strstr(vdmabuf_consumer_error(c), "event 1"), nullptr) << "which one it was";
    EXPECT_TRUE(wrong(kFocus, 0, 32));
    EXPECT_TRUE(wrong(kFocus, 64, 32769));
    EXPECT_EQ(vdmabuf_consumer_input(nullptr, stream, &kFocus, 1, 64, 32), -EINVAL);
    EXPECT_EQ(vdmabuf_consumer_input(c, stream, nullptr, 1, 64, 32), -EINVAL);
    EXPECT_EQ(vdmabuf_consumer_input(c, stream, nullptr, 0, 64, 32), 0);
    EXPECT_EQ(vdmabuf_consumer_input(c, stream + 1, &kFocus, 1, 64, 32), -ENOENT);
    EXPECT_EQ(send(std::vector(257, kFocus)), -EMSGSIZE);
    // The next that is right is the first that the app hears.
    ASSERT_EQ(send({kFocus, {VDMABUF_INPUT_KEY, KEY_B, 1, 0, 0}}), 0);
    const auto heard = app.heard(2);
    ASSERT_EQ(heard.size(), 2u);
    EXPECT_EQ(heard[1].code, KEY_B);
    ASSERT_EQ(vdmabuf_consumer_detach(c, stream), 0);
    EXPECT_EQ(send({kFocus}), -ENOENT) << "not attached";
    stop_broker();
    ASSERT_EQ(await(c, VDMABUF_CONSUMER_DISCONNECTED).type, VDMABUF_CONSUMER_DISCONNECTED);
    EXPECT_EQ(send({kFocus}), -ENOTCONN);
}

TEST_F(InputTest, AWindowThatTakesNoneSaysSo) {
    open_window(false);
    EXPECT_EQ(send({kFocus}), -EOPNOTSUPP);
}

TEST_F(InputTest, TooMuchIsRefusedBeforeTheBrokerEndsTheConnection) {
    open_window(true);
    int rc = 0;
    for (int i = 0; i < 100000 && rc == 0; ++i) rc = send({kFocus});
    EXPECT_EQ(rc, -EAGAIN);
    EXPECT_EQ(next(c, 200).type, 0u) << "the connection lives";
    EXPECT_EQ(send({kFocus}), 0) << "and there is room again";
}

TEST_F(InputTest, TheAppsCursorComes) {
    open_window(true);
    ASSERT_EQ(send({kFocus}), 0);
    ASSERT_EQ(app.heard(1).size(), 1u);
    cursor::Image image;
    image.shape = {70, 60, 3, 59};
    image.pixels.resize(70 * 60);
    for (std::uint32_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = 0xff000000u | i;
    window->set_cursor(image);
    vdmabuf_consumer_event event{};
    do {
        event = await(c, VDMABUF_CONSUMER_CURSOR);
        ASSERT_EQ(event.type, VDMABUF_CONSUMER_CURSOR);
        EXPECT_EQ(event.cursor->flags, 0u);
        EXPECT_EQ(event.cursor->stream, stream);
    } while (!event.cursor->pixels);
    EXPECT_EQ(event.cursor->width, 70u);
    EXPECT_EQ(event.cursor->height, 60u);
    EXPECT_EQ(event.cursor->hot_x, 3u);
    EXPECT_EQ(event.cursor->hot_y, 59u);
    EXPECT_EQ(std::memcmp(event.cursor->pixels, image.pixels.data(), image.pixels.size() * 4), 0);
    image.pixels.assign(image.pixels.size(), 0);
    window->set_cursor(image);
    event = await(c, VDMABUF_CONSUMER_CURSOR);
    ASSERT_EQ(event.type, VDMABUF_CONSUMER_CURSOR);
    EXPECT_EQ(event.cursor->flags, VDMABUF_CURSOR_HIDDEN);
    EXPECT_EQ(event.cursor->pixels, nullptr);
}

}  // namespace
}  // namespace vdmabuf::test
