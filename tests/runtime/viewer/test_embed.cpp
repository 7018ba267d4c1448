// SPDX-License-Identifier: MIT
// vdmabuf-viewer --embed: the picture fills a window of another program, which is this test.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <xcb/xcb.h>

#include <cstdio>
#include <cstdlib>

#include "tests/runtime/viewer/harness.hpp"

namespace vdmabuf::test {
namespace {

using testing::HasSubstr;

// A program with a window in which it leaves room for another one's.
class Host {
  public:
    Host(std::uint16_t width, std::uint16_t height) : x_(xcb_connect(nullptr, nullptr)) {
        const xcb_screen_t* screen = xcb_setup_roots_iterator(xcb_get_setup(x_)).data;
        const std::uint32_t black = screen->black_pixel;
        top_ = xcb_generate_id(x_);
        xcb_create_window(x_, XCB_COPY_FROM_PARENT, top_, screen->root, 0, 0, 900, 700, 0,
                          XCB_WINDOW_CLASS_INPUT_OUTPUT, screen->root_visual, XCB_CW_BACK_PIXEL,
                          &black);
        inner_ = xcb_generate_id(x_);
        xcb_create_window(x_, XCB_COPY_FROM_PARENT, inner_, top_, 20, 30, width, height, 0,
                          XCB_WINDOW_CLASS_INPUT_OUTPUT, screen->root_visual, XCB_CW_BACK_PIXEL,
                          &black);
        xcb_map_window(x_, inner_);
        xcb_map_window(x_, top_);
        sync();
    }
    ~Host() { xcb_disconnect(x_); }
    Host(const Host&) = delete;
    Host& operator=(const Host&) = delete;

    std::string number() const { return std::to_string(inner_); }
    std::string hexadecimal() const {
        char text[16];
        std::snprintf(text, sizeof(text), "0x%x", inner_);
        return text;
    }
    int children() const {
        auto* tree = xcb_query_tree_reply(x_, xcb_query_tree(x_, inner_), nullptr);
        const int count = tree ? xcb_query_tree_children_length(tree) : 0;
        std::free(tree);
        return count;
    }
    void resize(std::uint32_t width, std::uint32_t height) {
        const std::uint32_t size[] = {width, height};
        xcb_configure_window(x_, inner_, XCB_CONFIG_WINDOW_WIDTH | XCB_CONFIG_WINDOW_HEIGHT, size);
        sync();
    }
    void end() {
        xcb_destroy_window(x_, inner_);
        sync();
    }

  private:
    void sync() { std::free(xcb_get_input_focus_reply(x_, xcb_get_input_focus(x_), nullptr)); }
    xcb_connection_t* x_;
    xcb_window_t top_ = 0;
    xcb_window_t inner_ = 0;
};

class Embed : public testing::Test {
  protected:
    void SetUp() override {
        if (!scene_.start_display()) GTEST_SKIP() << "no Xvfb";
        scene_.start_broker();
    }
    bool fills(const std::string& title, std::uint32_t width, std::uint32_t height) {
        return wait_until([&] {
            const Png png = scene_.window(title);
            return png.width == width && png.height == height &&
                   png.at(width / 4, height * 3 / 4) == test_picture(80, 180, 320, 240, 1);
        });
    }
    std::string refused(const std::string& window, int status) {
        auto viewer = scene_.viewer({"--embed", window});
        EXPECT_EQ(viewer->wait(), status);
        return viewer->output();
    }
    Scene scene_;
};

TEST_F(Embed, FillsTheWindowAndFollowsItsSize) {
    Host host(320, 240);
    auto viewer = scene_.viewer({"--embed", host.hexadecimal()});
    auto app = scene_.app({"--once", "--title", "inside"});
    ASSERT_TRUE(wait_until([&] {
        const Png png = scene_.window("inside");
        return png.width == 320 && png.height == 240 && wrong_pixels(png, 1) == 0;
    }));
    EXPECT_EQ(host.children(), 1);
    host.resize(640, 480);
    EXPECT_TRUE(fills("inside", 640, 480));
    EXPECT_TRUE(wait_until([&] {
        return app->output().find("configure 640x480") != std::string::npos;
    })) << "the app is asked to follow";
    viewer->signal(SIGTERM);
    EXPECT_EQ(viewer->wait(), 0);
    EXPECT_EQ(host.children(), 0);
}

// A picture of another size does not change the window, which is not ours; one stream at a time.
TEST_F(Embed, TakesTheSizeOfTheWindow) {
    Host host(640, 480);
    auto viewer = scene_.viewer({"--embed", host.number()});
    auto first = scene_.app({"--once", "--title", "first"});
    ASSERT_TRUE(fills("first", 640, 480));
    auto second = scene_.app({"--once", "--title", "second"});
    first.reset();
    EXPECT_TRUE(fills("second", 640, 480)) << "the next one comes when it has gone";
    EXPECT_EQ(host.children(), 1);
}

TEST_F(Embed, EndsWithTheWindow) {
    Host host(640, 480);
    auto viewer = scene_.viewer({"--embed", host.number()});
    auto app = scene_.app({"--once", "--title", "ends"});
    ASSERT_TRUE(fills("ends", 640, 480));
    host.end();
    EXPECT_EQ(viewer->wait(), 0);
    EXPECT_EQ(scene_.stats()["frames_shown"], 1);
}

// Without validation: it asks the driver about the window once more, when that has gone.
TEST_F(Embed, EndsWithTheWindowWhileItDraws) {
    ::setenv("VDMABUF_VALIDATION", "0", 1);
    for (int round = 0; round < 3; ++round) {
        Host host(320, 240);
        auto viewer = scene_.viewer({"--embed", host.number()});
        auto app = scene_.app({"--title", "draws", "--times"});
        ASSERT_TRUE(
            wait_until([&] { return app->output().find("shown 20 ") != std::string::npos; }));
        host.end();
        EXPECT_EQ(viewer->wait(), 0);
    }
}

TEST_F(Embed, SaysWhatIsWrongWithTheNumber) {
    EXPECT_THAT(refused("0x1fffffff", 1), HasSubstr("there is no window 0x1fffffff"));
    EXPECT_THAT(refused("window", 2), HasSubstr("must be the number of an X11 window"));
    EXPECT_THAT(refused("0", 2), HasSubstr("must be the number of an X11 window"));
    EXPECT_THAT(refused("0x20000000", 2), HasSubstr("must be the number of an X11 window"));
    EXPECT_THAT(refused("12z", 2), HasSubstr("not '12z'"));
}

}  // namespace
}  // namespace vdmabuf::test
