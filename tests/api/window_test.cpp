// SPDX-License-Identifier: MIT
// Windows of programs that draw by themselves, from the C interface of one side to that of the
// other.
#include <linux/input-event-codes.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "runtime/common/clock.hpp"
#include "runtime/common/drm_format.hpp"
#include "tests/api/world.hpp"

namespace vdmabuf::test {
namespace {

// The next event of this type, others skipped; its input copied. Type 0: none came.
struct Told {
    vdmabuf_window_event event{};
    std::vector<vdmabuf_input_event> input;
};

class WindowTest : public World {
  protected:
    ~WindowTest() override { vdmabuf_window_close(window); }

    vdmabuf_window_options options(std::uint32_t flags = 0) {
        endpoint_ = "unix:" + producers();
        vdmabuf_window_options made{};
        made.size = sizeof made;
        made.flags = flags;
        made.endpoint = endpoint_.c_str();
        made.name = "a program";
        made.title = "a title";
        made.app_id = "org.example";
        made.width = 60;
        made.height = 40;
        return made;
    }
    void open(std::uint32_t flags) {
        start_broker();
        const auto wanted = options(flags);
        ASSERT_EQ(vdmabuf_window_open(&wanted, &window), 0) << vdmabuf_window_error(nullptr);
        c = consumer();
        const auto added = await(c, VDMABUF_CONSUMER_STREAM_ADDED);
        ASSERT_EQ(added.type, VDMABUF_CONSUMER_STREAM_ADDED);
        EXPECT_STREQ(added.stream->title, "a title");
        EXPECT_STREQ(added.stream->app, "a program");
        EXPECT_STREQ(added.stream->app_id, "org.example");
        EXPECT_EQ(added.stream->flags,
                  flags & VDMABUF_WINDOW_INPUT ? VDMABUF_STREAM_TAKES_INPUT : 0u);
        stream = added.stream->id;
        ASSERT_EQ(vdmabuf_consumer_attach(c, stream), 0);
    }
    Told told(std::uint32_t type, int limit_ms = 20000) {
        const std::uint64_t deadline = now_ns() + static_cast<std::uint64_t>(limit_ms) * kNsPerMs;
        for (;;) {
            Told next;
            next.event.size = sizeof next.event;
            const int rc = vdmabuf_window_dispatch(window, &next.event);
            EXPECT_GE(rc, 0);
            if (rc == 1 && next.event.type == type) {
                next.input.assign(next.event.input, next.event.input + next.event.nr_input);
                return next;
            }
            const std::uint64_t now = now_ns();
            if (now >= deadline || rc < 0) return {};
            if (rc == 1) continue;
            pollfd wait{vdmabuf_window_fd(window), POLLIN, 0};
            ::poll(&wait, 1, static_cast<int>((deadline - now) / kNsPerMs) + 1);
        }
    }
    // An image full of this byte, presented: the frame's number.
    int present(int byte) {
        vdmabuf_window_image image{};
        image.size = sizeof image;
        const int rc = vdmabuf_window_acquire(window, &image);
        if (rc < 0) return rc;
        std::memset(image.pixels, byte, image.pitch * image.height);
        return vdmabuf_window_present(window, image.number, -1);
    }

    vdmabuf_window* window = nullptr;
    vdmabuf_consumer* c = nullptr;
    std::uint64_t stream = 0;

  private:
    std::string endpoint_;
};

TEST_F(WindowTest, WhatItDrawsIsSeenWhereItWasDrawn) {
    open(0);
    const int number = present('w');
    ASSERT_GT(number, 0) << vdmabuf_window_error(window);
    const auto frame = await(c, VDMABUF_CONSUMER_FRAME);
    ASSERT_EQ(frame.type, VDMABUF_CONSUMER_FRAME);
    const std::uint64_t serial = frame.frame->serial;
    const auto* image = vdmabuf_consumer_image(c, stream, frame.frame->image);
    ASSERT_NE(image, nullptr);
    EXPECT_EQ(image->width, 60u);
    EXPECT_EQ(image->height, 40u);
    EXPECT_EQ(image->fourcc, fourcc_of("XR24"));
    EXPECT_EQ(image->planes[0].pitch, 256u);
    const void* address = nullptr;
    std::size_t length = 0;
    ASSERT_EQ(vdmabuf_map(image->memory, &address, &length), 0);
    EXPECT_EQ(static_cast<const char*>(address)[256 * 39 + 59 * 4], 'w');
    vdmabuf_unmap(address, length);
    ASSERT_EQ(vdmabuf_consumer_presented(c, stream, serial, 0, 16'000'000, 1), 0);
    const Told shown = told(VDMABUF_WINDOW_FRAME);
    EXPECT_EQ(shown.event.frame, static_cast<std::uint32_t>(number));
    EXPECT_EQ(shown.event.shown, 1u);
    EXPECT_EQ(shown.event.refresh_ns, 16'000'000u);
    EXPECT_LE(shown.event.time_ns, now_ns());
    EXPECT_EQ(vdmabuf_window_set_title(window, "another"), 0);
    EXPECT_STREQ(await(c, VDMABUF_CONSUMER_STREAM_TITLE).stream->title, "another");
    vdmabuf_window_close(window);
    window = nullptr;
    EXPECT_EQ(await(c, VDMABUF_CONSUMER_STREAM_REMOVED).type, VDMABUF_CONSUMER_STREAM_REMOVED);
}

TEST_F(WindowTest, ImagesAreFewAndComeBack) {
    open(0);
    for (int i = 0; i < 3; ++i) ASSERT_GT(present('a' + i), 0);
    vdmabuf_window_image image{};
    image.size = sizeof image;
    // All are the host's, until a newer frame was shown in place of the oldest.
    int rc = vdmabuf_window_acquire(window, &image);
    if (rc == -EAGAIN) {
        ASSERT_EQ(told(VDMABUF_WINDOW_ROOM).event.type, VDMABUF_WINDOW_ROOM);
        rc = vdmabuf_window_acquire(window, &image);
    }
    EXPECT_EQ(rc, 0);
    EXPECT_EQ(vdmabuf_window_present(window, image.number + 8, -1), -ENOENT);
    EXPECT_EQ(vdmabuf_window_present(window, image.number, 9999), -EBADF);
    EXPECT_GT(vdmabuf_window_present(window, image.number, -1), 0);
    EXPECT_EQ(vdmabuf_window_present(window, image.number, -1), -ENOENT) << "it was presented";
}

TEST_F(WindowTest, TakesAnotherSize) {
    open(0);
    ASSERT_GT(present('1'), 0);
    vdmabuf_window_image image{};
    image.size = sizeof image;
    ASSERT_EQ(vdmabuf_window_acquire(window, &image), 0);
    const std::uint32_t old = image.number;
    ASSERT_EQ(vdmabuf_consumer_configure(c, stream, 200, 100, 0, VDMABUF_CONFIGURE_OCCLUDED), 0);
    const Told wish = told(VDMABUF_WINDOW_CONFIGURE);
    EXPECT_EQ(wish.event.width, 200u);
    EXPECT_EQ(wish.event.height, 100u);
    EXPECT_EQ(wish.event.occluded, 1u);
    EXPECT_EQ(vdmabuf_window_resize(window, 0, 100), -EINVAL);
    EXPECT_EQ(vdmabuf_window_resize(window, 200, 32769), -EINVAL);
    ASSERT_EQ(vdmabuf_window_resize(window, 200, 100), 0) << vdmabuf_window_error(window);
    EXPECT_EQ(vdmabuf_window_present(window, old, -1), -ENOENT) << "it is gone";
    // Again and again: slots and memory come back.
    for (std::uint32_t size = 10; size < 60; ++size) {
        ASSERT_EQ(vdmabuf_window_resize(window, size, size), 0) << vdmabuf_window_error(window);
    }
    ASSERT_GT(present('2'), 0);
    for (;;) {
        const auto frame = await(c, VDMABUF_CONSUMER_FRAME);
        ASSERT_EQ(frame.type, VDMABUF_CONSUMER_FRAME);
        const auto* shown = vdmabuf_consumer_image(c, stream, frame.frame->image);
        ASSERT_NE(shown, nullptr);
        if (shown->width == 59) break;
        vdmabuf_consumer_presented(c, stream, frame.frame->serial, 0, 0, 1);
    }
    ASSERT_EQ(vdmabuf_consumer_close_stream(c, stream), 0);
    EXPECT_EQ(told(VDMABUF_WINDOW_CLOSE).event.type, VDMABUF_WINDOW_CLOSE);
}

TEST_F(WindowTest, HearsWhatTheUserDoes) {
    open(VDMABUF_WINDOW_INPUT);
    const std::vector<vdmabuf_input_event> events{{VDMABUF_INPUT_FOCUS, 0, 1, 0, 0},
                                                  {VDMABUF_INPUT_KEY, KEY_ENTER, 1, 0, 0},
                                                  {VDMABUF_INPUT_MOTION, 0, 0, 1000, 2000},
                                                  {VDMABUF_INPUT_WHEEL, 0, 0, 0, 40},
                                                  {VDMABUF_INPUT_TOUCH_DOWN, 1, 0, 7, 8}};
    ASSERT_EQ(vdmabuf_consumer_input(c, stream, events.data(), events.size(), 60, 40), 0);
    const Told heard = told(VDMABUF_WINDOW_INPUT_HAPPENED);
    EXPECT_EQ(heard.event.width, 60u);
    EXPECT_EQ(heard.event.height, 40u);
    ASSERT_EQ(heard.input.size(), events.size());
    EXPECT_EQ(std::memcmp(heard.input.data(), events.data(), events.size() * sizeof events[0]), 0);
    // Its cursor is the consumer's matter now.
    const std::vector<std::uint32_t> pixels(20 * 10, 0xFF112233);
    ASSERT_EQ(vdmabuf_window_set_cursor(window, pixels.data(), 20, 10, 3, 4), 0);
    vdmabuf_consumer_event cursor{};
    do {
        cursor = await(c, VDMABUF_CONSUMER_CURSOR);
        ASSERT_EQ(cursor.type, VDMABUF_CONSUMER_CURSOR);
    } while (!cursor.cursor->pixels);
    EXPECT_EQ(cursor.cursor->width, 20u);
    EXPECT_EQ(cursor.cursor->hot_y, 4u);
    EXPECT_EQ(cursor.cursor->pixels[199], 0xFF112233);
    ASSERT_EQ(vdmabuf_window_set_cursor(window, nullptr, 0, 0, 0, 0), 0);
    EXPECT_EQ(await(c, VDMABUF_CONSUMER_CURSOR).cursor->flags, VDMABUF_CURSOR_HIDDEN);
    EXPECT_EQ(vdmabuf_window_set_cursor(window, pixels.data(), 20, 0, 0, 0), -EINVAL);
    EXPECT_EQ(vdmabuf_window_set_cursor(window, pixels.data(), 20, 10, 20, 0), -EINVAL);
    // The host goes, and the focus with it.
    stop_broker();
    const Told gone = told(VDMABUF_WINDOW_INPUT_HAPPENED);
    ASSERT_EQ(gone.input.size(), 1u);
    EXPECT_EQ(gone.input[0].kind, VDMABUF_INPUT_FOCUS);
    EXPECT_EQ(gone.input[0].value, 0);
    // Frames go on all the same: images come back.
    for (int i = 0; i < 6; ++i) {
        int rc = present('x');
        if (rc == -EAGAIN) {
            ASSERT_EQ(told(VDMABUF_WINDOW_ROOM).event.type, VDMABUF_WINDOW_ROOM);
            rc = present('x');
        }
        ASSERT_GT(rc, 0);
    }
}

// Somebody who is not asking for events is kept no more of than has room.
TEST_F(WindowTest, InputThatNobodyAsksForEndsInARelease) {
    open(VDMABUF_WINDOW_INPUT);
    const vdmabuf_input_event focus{VDMABUF_INPUT_FOCUS, 0, 1, 0, 0};
    std::vector<vdmabuf_input_event> keys;
    for (std::uint16_t i = 0; i < 16; ++i) {
        keys.push_back({VDMABUF_INPUT_KEY, KEY_A, i % 2 == 0, 0, 0});
    }
    // The descriptor counts what has come.
    const auto wait_for_one = [&] {
        pollfd wait{vdmabuf_window_fd(window), POLLIN, 0};
        std::uint64_t count = 0;
        return ::poll(&wait, 1, 20000) == 1 && ::read(wait.fd, &count, sizeof count) == 8;
    };
    ASSERT_EQ(vdmabuf_consumer_input(c, stream, &focus, 1, 60, 40), 0);
    ASSERT_TRUE(wait_for_one());
    for (int i = 0; i < 80; ++i) {
        ASSERT_EQ(vdmabuf_consumer_input(c, stream, keys.data(), keys.size(), 60, 40), 0);
        ASSERT_TRUE(wait_for_one());
    }
    std::vector<vdmabuf_input_event> all;
    for (Told next = told(VDMABUF_WINDOW_INPUT_HAPPENED, 0); next.event.type != 0;
         next = told(VDMABUF_WINDOW_INPUT_HAPPENED, 0)) {
        all.insert(all.end(), next.input.begin(), next.input.end());
    }
    ASSERT_GE(all.size(), 2u);
    EXPECT_LE(all.size(), 1024u);
    EXPECT_EQ(all[0].kind, VDMABUF_INPUT_FOCUS);
    EXPECT_EQ(all[0].value, 0);
    EXPECT_EQ(all[1].kind, VDMABUF_INPUT_FOCUS);
    EXPECT_EQ(all[1].value, 1);
    EXPECT_EQ(all.back().kind, VDMABUF_INPUT_KEY) << "the newest is there";
}

TEST_F(WindowTest, WrongArgumentsAreRefused) {
    start_broker();
    const auto wrong = [&](auto change) {
        auto wanted = options();
        change(wanted);
        auto* made = reinterpret_cast<vdmabuf_window*>(16);
        const int rc = vdmabuf_window_open(&wanted, &made);
        EXPECT_EQ(made, nullptr);
        EXPECT_STRNE(vdmabuf_window_error(nullptr), "");
        return rc;
    };
    EXPECT_EQ(wrong([](auto& it) { it.width = 0; }), -EINVAL);
    EXPECT_EQ(wrong([](auto& it) { it.height = 32769; }), -EINVAL);
    EXPECT_EQ(wrong([](auto& it) { it.flags = 4; }), -EINVAL);
    EXPECT_EQ(wrong([](auto& it) { it.images = 1; }), -EINVAL);
    EXPECT_EQ(wrong([](auto& it) { it.images = 9; }), -EINVAL);
    EXPECT_EQ(wrong([](auto& it) { it.fourcc = fourcc_of("RG16"); }), -EINVAL);
    EXPECT_EQ(wrong([](auto& it) { it.size = 0; }), -EINVAL);
    EXPECT_EQ(wrong([](auto& it) { it.endpoint = "nonsense"; }), -EINVAL);
    EXPECT_EQ(wrong([](auto& it) { it.endpoint = "unix:/nowhere"; }), -ENOENT);
    vdmabuf_window_image image{};
    vdmabuf_window_event event{};
    EXPECT_EQ(vdmabuf_window_open(nullptr, &window), -EINVAL);
    EXPECT_EQ(vdmabuf_window_open(nullptr, nullptr), -EINVAL);
    vdmabuf_window_close(nullptr);
    EXPECT_EQ(vdmabuf_window_fd(nullptr), -EINVAL);
    EXPECT_EQ(vdmabuf_window_acquire(nullptr, &image), -EINVAL);
    EXPECT_EQ(vdmabuf_window_present(nullptr, 0, -1), -EINVAL);
    EXPECT_EQ(vdmabuf_window_resize(nullptr, 1, 1), -EINVAL);
    EXPECT_EQ(vdmabuf_window_set_title(nullptr, ""), -EINVAL);
    EXPECT_EQ(vdmabuf_window_set_cursor(nullptr, nullptr, 0, 0, 0, 0), -EINVAL);
    EXPECT_EQ(vdmabuf_window_dispatch(nullptr, &event), -EINVAL);
    const auto wanted = options();
    ASSERT_EQ(vdmabuf_window_open(&wanted, &window), 0);
    EXPECT_EQ(vdmabuf_window_acquire(window, nullptr), -EINVAL);
    EXPECT_EQ(vdmabuf_window_acquire(window, &image), -EINVAL) << "size 0";
    EXPECT_EQ(vdmabuf_window_set_title(window, nullptr), -EINVAL);
    EXPECT_EQ(vdmabuf_window_dispatch(window, nullptr), -EINVAL);
}

}  // namespace
}  // namespace vdmabuf::test
