// SPDX-License-Identifier: MIT
// The viewer's windows on a virtual X server: what the server shows is compared with the picture.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "tests/runtime/viewer/harness.hpp"

namespace vdmabuf::test {
namespace {

using testing::HasSubstr;

class Window : public testing::Test {
  protected:
    void SetUp() override {
        if (!scene_.start_display()) GTEST_SKIP() << "no Xvfb";
        scene_.start_broker();
    }
    bool shows(const std::string& title, std::uint32_t width, std::uint32_t height,
               std::uint64_t serial) {
        return wait_until([&] {
            const Png png = scene_.window(title);
            return png.width == width && png.height == height && wrong_pixels(png, serial) == 0;
        });
    }
    int xdotool(const std::string& command) {
        return Process({"sh", "-c", "xdotool " + command}, scene_.path("xdotool.log")).wait();
    }
    void end(Process& viewer) {
        viewer.signal(SIGTERM);
        EXPECT_EQ(viewer.wait(), 0);  // 1 where validation had to say something
    }
    Scene scene_;
};

TEST_F(Window, ShowsThePictureAsItIs) {
    auto viewer = scene_.viewer({});
    auto app = scene_.app({"--once", "--width", "500", "--height", "300", "--title", "as it is"});
    EXPECT_TRUE(shows("as it is", 500, 300, 1));
    end(*viewer);
    EXPECT_EQ(wrong_pixels(scene_.shot(), 1), 0U);
    EXPECT_EQ(scene_.stats()["cpu_copied_bytes_per_frame"], 0);
}

TEST_F(Window, RowsFromBelow) {
    auto viewer = scene_.viewer({});
    auto app = scene_.app({"--once", "--y-flip", "--title", "flipped"});
    EXPECT_TRUE(shows("flipped", 320, 240, 1));
    end(*viewer);
    EXPECT_EQ(wrong_pixels(scene_.shot(), 1), 0U);
}

TEST_F(Window, BuffersAndCopiesAndOtherFormats) {
    auto viewer = scene_.viewer({});
    auto a = scene_.app({"--once", "--pitch", "1536", "--title", "buffer"});
    EXPECT_TRUE(shows("buffer", 320, 240, 1));
    auto b = scene_.app({"--once", "--pitch", "1536", "--y-flip", "--title", "flipped buffer"});
    EXPECT_TRUE(shows("flipped buffer", 320, 240, 1));
    auto c = scene_.app({"--once", "--fourcc", "XB24", "--title", "other order"});
    EXPECT_TRUE(shows("other order", 320, 240, 1));
    end(*viewer);
    auto copies = scene_.viewer({"--import", "copy"});
    EXPECT_TRUE(shows("other order", 320, 240, 1));
    end(*copies);
}

TEST_F(Window, ScalesWithItsShapeKept) {
    auto viewer = scene_.viewer({});
    auto app = scene_.app({"--once", "--title", "scaled"});
    ASSERT_TRUE(shows("scaled", 320, 240, 1));
    ASSERT_EQ(xdotool("search --name '^scaled$' windowsize 800 480"), 0);
    // 640x480 in the middle, black beside it.
    Png png;
    EXPECT_TRUE(wait_until([&] {
        png = scene_.window("scaled");
        return png.width == 800 && png.at(240, 360) == test_picture(80, 180, 320, 240, 1);
    }));
    EXPECT_EQ(png.at(240, 120), test_picture(80, 60, 320, 240, 1));
    EXPECT_EQ(png.at(560, 120), test_picture(240, 60, 320, 240, 1));
    EXPECT_EQ(png.at(560, 360), test_picture(240, 180, 320, 240, 1));
    EXPECT_EQ(png.at(81, 200), test_picture(1, 100, 320, 240, 1));
    EXPECT_EQ(png.at(78, 200), (Rgb{0, 0, 0}));
    EXPECT_EQ(png.at(721, 200), (Rgb{0, 0, 0}));
    EXPECT_TRUE(
        wait_until([&] { return app->output().find("configure 800x480") != std::string::npos; }));
    end(*viewer);
}

TEST_F(Window, KeysChooseTheScaleAndTakePictures) {
    auto viewer = scene_.viewer({"--scale", "integer", "--pictures", scene_.path(".")});
    auto app = scene_.app({"--once", "--title", "keys"});
    ASSERT_TRUE(shows("keys", 320, 240, 1));
    const auto key = [&](const char* command) {
        return xdotool("search --name '^keys$' windowfocus --sync " + std::string(command));
    };
    ASSERT_EQ(xdotool("search --name '^keys$' windowsize 800 600"), 0);
    const auto shows_at = [&](std::uint32_t x, std::uint32_t y, Rgb colour) {
        return wait_until([&] {
            const Png png = scene_.window("keys");
            return png.width == 800 && png.height == 600 && png.at(x, y) == colour;
        });
    };
    const Rgb black{0, 0, 0};
    // Twice its size, from 80, 60.
    EXPECT_TRUE(shows_at(80 + 160, 60 + 120, test_picture(80, 60, 320, 240, 1)));
    EXPECT_TRUE(shows_at(78, 200, black));
    EXPECT_TRUE(shows_at(81, 61, test_picture(0, 0, 320, 240, 1)));
    ASSERT_EQ(key("keydown Control_R key s keyup Control_R"), 0);  // stretched
    EXPECT_TRUE(shows_at(200, 150, test_picture(80, 60, 320, 240, 1)));
    EXPECT_TRUE(shows_at(1, 1, test_picture(0, 0, 320, 240, 1)));
    ASSERT_EQ(key("keydown Control_R key s keyup Control_R"), 0);  // 1:1, from 240, 180
    EXPECT_TRUE(shows_at(240, 180, test_picture(0, 0, 320, 240, 1)));
    EXPECT_TRUE(shows_at(239, 300, black));
    EXPECT_TRUE(shows_at(320, 240, test_picture(80, 60, 320, 240, 1)));
    ASSERT_EQ(key("keydown Control_R key p keyup Control_R"), 0);
    EXPECT_TRUE(wait_until(
        [&] { return wrong_pixels(read_png(scene_.path("pattern_app-1.png")), 1) == 0; }));
    EXPECT_EQ(xdotool("search --class org.example.pattern"), 0);
    end(*viewer);
}

TEST_F(Window, AppsThatFollowFillTheWindow) {
    auto viewer = scene_.viewer({});
    auto app = scene_.app({"--follow", "--hz", "60", "--title", "follows"});
    ASSERT_TRUE(wait_until([&] { return scene_.window("follows").width == 320; }));
    ASSERT_EQ(xdotool("search --name '^follows$' windowsize 640 300"), 0);
    EXPECT_TRUE(wait_until([&] {
        const Png png = scene_.window("follows");
        return png.width == 640 && png.at(2, 250) == test_picture(2, 250, 640, 300, 0);
    }));
    end(*viewer);
    EXPECT_EQ(scene_.stats()["width"], 640);
    EXPECT_EQ(scene_.stats()["height"], 300);
}

TEST_F(Window, FollowsTheApp) {
    auto viewer = scene_.viewer({});
    auto app = scene_.app({"--resize-after", "10", "--title", "grows"});
    EXPECT_TRUE(wait_until([&] {
        const Png png = scene_.window("grows");
        return png.width == 480 && png.height == 360 &&
               png.at(2, 350) == test_picture(2, 350, 480, 360, 0);
    }));
    end(*viewer);
}

TEST_F(Window, CloseButtonClosesTheApp) {
    auto viewer = scene_.viewer({});
    auto app = scene_.app({"--once", "--title", "closes"});
    ASSERT_TRUE(shows("closes", 320, 240, 1));
    scene_.click_close("closes");
    EXPECT_EQ(app->wait(), 0);
    EXPECT_THAT(app->output(), HasSubstr("close"));
    EXPECT_TRUE(wait_until([&] { return scene_.window("closes").width == 0; }));
    end(*viewer);
}

TEST_F(Window, KeepsItsWindowOverARestartOfTheBroker) {
    auto viewer = scene_.viewer({});
    auto app = scene_.app({"--hz", "60", "--title", "stays"});
    ASSERT_TRUE(wait_until([&] { return scene_.window("stays").width == 320; }));
    scene_.kill_broker();
    EXPECT_EQ(scene_.window("stays").width, 320U);
    scene_.start_broker();
    const auto bar = [&] { return scene_.window("stays").rgba; };
    for (int change = 0; change < 3; ++change) {
        const auto before = bar();
        EXPECT_TRUE(wait_until([&] { return bar() != before; })) << "frames go on";
    }
    EXPECT_EQ(scene_.window("stays").width, 320U);
    end(*viewer);
    EXPECT_EQ(scene_.stats()["streams"].size(), 1U);
}

// Each thread that is woken goes to sleep again, so these are counted.
TEST_F(Window, AStillPictureWakesNobody) {
    auto viewer = scene_.viewer({});
    auto app = scene_.app({"--once", "--title", "still"});
    ASSERT_TRUE(shows("still", 320, 240, 1));
    ::sleep(2);  // the last figures are told within a second
    const std::uint64_t viewers = viewer->sleeps(), brokers = scene_.broker().sleeps();
    ASSERT_GT(viewers, 0U);
    ASSERT_GT(brokers, 0U);
    ::sleep(5);
    EXPECT_EQ(scene_.broker().sleeps() - brokers, 0U);
    EXPECT_EQ(viewer->sleeps() - viewers, 0U);
    end(*viewer);
}

TEST_F(Window, EndsInTimeWhateverHappens) {
    for (int i = 0; i < 5; ++i) {
        auto app = scene_.app({"--title", "many"});
        auto viewer = scene_.viewer({"--frames", "30", "--timeout", "30"});
        EXPECT_EQ(viewer->wait(), 0);
    }
}

TEST(WindowWithoutDisplay, SaysWhatToDo) {
    Scene scene;
    auto viewer = scene.viewer({});
    EXPECT_EQ(viewer->wait(), 1);
    EXPECT_THAT(viewer->output(), HasSubstr("--headless"));
}

}  // namespace
}  // namespace vdmabuf::test
