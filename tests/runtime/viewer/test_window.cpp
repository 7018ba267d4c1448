// SPDX-License-Identifier: MIT
// The viewer's windows on a virtual X server: what the server shows is compared with the picture.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

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

// Pictures that are scaled to their window do not tell how large it is: the app does.
TEST_F(Window, FollowsTheWindowOfScaledPictures) {
    auto viewer = scene_.viewer({});
    auto app =
        scene_.app({"--stretched", "--hz", "60", "--resize-after", "60", "--title", "grows"});
    EXPECT_TRUE(wait_until([&] {
        const Png png = scene_.window("grows");
        return png.width == 480 && png.height == 360 &&
               png.at(470, 350) == test_picture(310, 230, 320, 240, 1) &&
               png.at(10, 350) == test_picture(10, 230, 320, 240, 1);
    }));
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

// What the HUD's panel makes of a pixel.
bool is_under_panel(Rgb pixel, Rgb below) {
    const auto near = [](int is, int was, int panel) {
        return std::abs(is - (was * 79 + panel * 176) / 255) <= 3;
    };
    return near(pixel.r, below.r, 12) && near(pixel.g, below.g, 14) && near(pixel.b, below.b, 18);
}

// Its panel lets the picture through a little, and nothing else of the picture changes.
TEST_F(Window, HudIsAPanelOverThePicture) {
    auto viewer = scene_.viewer({"--hud"});
    auto app = scene_.app({"--once", "--width", "640", "--height", "400", "--title", "hud"});
    constexpr std::uint32_t kX = 13, kY = 100;  // between the panel's edge and its texts
    const Rgb below = test_picture(kX, kY, 640, 400, 1);
    Png png;
    EXPECT_TRUE(wait_until([&] {
        png = scene_.window("hud");
        return png.width == 640 && is_under_panel(png.at(kX, kY), below);
    }));
    std::size_t lit = 0;
    for (std::uint32_t y = 10; y < 240; ++y) {
        for (std::uint32_t x = 10; x < 320; ++x) {
            const Rgb pixel = png.at(x, y);
            lit += pixel.r > 200 && pixel.g > 200 && pixel.b > 200;
        }
    }
    EXPECT_GT(lit, 200U) << "texts";
    std::size_t changed = 0;
    for (std::uint32_t y = 0; y < 400; ++y) {
        for (std::uint32_t x = 0; x < 640; ++x) {
            const bool panel = x >= 10 && x < 335 && y >= 10 && y < 290;
            if (!panel && png.at(x, y) != test_picture(x, y, 640, 400, 1)) ++changed;
        }
    }
    EXPECT_EQ(changed, 0U);
    const std::string key =
        "search --name '^hud$' windowfocus --sync keydown Control_R key h keyup Control_R";
    ASSERT_EQ(xdotool(key), 0);
    EXPECT_TRUE(shows("hud", 640, 400, 1));
    ASSERT_EQ(xdotool(key), 0);
    EXPECT_TRUE(wait_until([&] { return is_under_panel(scene_.window("hud").at(kX, kY), below); }));
    // It says once that the picture is still.
    ::sleep(3);
    const std::uint64_t viewers = viewer->sleeps();
    ::sleep(3);
    EXPECT_EQ(viewer->sleeps() - viewers, 0U);
    end(*viewer);
    EXPECT_EQ(wrong_pixels(scene_.shot(), 1), 0U) << "not in pictures that are taken";
}

// One by one, since there is no window manager here that keeps windows beside each other; then all
// at once, for what validation says.
TEST_F(Window, HudOfEveryWindowAndFormat) {
    auto viewer = scene_.viewer({"--hud"});
    const std::vector<std::vector<std::string>> looks = {
        {"--fourcc", "XB24"}, {"--pitch", "1536"}, {"--resize-after", "5"}};
    for (const auto& look : looks) {
        std::vector<std::string> options = {"--hz", "30", "--title", "hud"};
        options.insert(options.end(), look.begin(), look.end());
        auto app = scene_.app(options);
        const std::uint32_t width = look[0] == "--resize-after" ? 480 : 320;
        EXPECT_TRUE(wait_until([&] {
            const Png png = scene_.window("hud");
            return png.width == width && is_under_panel(png.at(13, 100), {220, 40, 30});
        })) << look[1];
        app.reset();
        EXPECT_TRUE(wait_until([&] { return scene_.window("hud").width == 0; }));
    }
    auto a = scene_.app({"--hz", "30", "--fourcc", "XB24"});
    auto b = scene_.app({"--hz", "30", "--resize-after", "10"});
    ::sleep(2);
    end(*viewer);
}

TEST_F(Window, SingleFollowsOneProgram) {
    auto viewer = scene_.viewer({"--single", "/pattern_app"});
    auto first = scene_.app({"--once", "--title", "first"});
    ASSERT_TRUE(shows("first", 320, 240, 1));
    auto second = scene_.app({"--once", "--title", "second"});
    auto third = scene_.app({"--once", "--width", "400", "--title", "third"});
    ::sleep(2);
    EXPECT_EQ(scene_.window("second").width, 0U);
    EXPECT_EQ(scene_.window("third").width, 0U);
    second.reset();
    ::sleep(1);
    first.reset();
    EXPECT_TRUE(shows("third", 400, 240, 1));
    EXPECT_EQ(scene_.window("second").width, 0U);
    end(*viewer);
    auto other = scene_.viewer({"--single", "games/pattern_app"});
    ::sleep(2);
    EXPECT_EQ(scene_.window("third").width, 0U) << "of this machine, not of that VM";
    end(*other);
}

// With a window manager: both are wishes to it.
TEST_F(Window, FullScreenAndAlwaysOnTop) {
    Process manager({"openbox", "--sm-disable"}, scene_.path("openbox.log"));
    const auto state = [&](const char* title) {
        const std::string file = scene_.path("xprop.txt");
        ::unlink(file.c_str());
        Process({"sh", "-c", std::string("xprop -name '") + title + "' _NET_WM_STATE"}, file)
            .wait();
        return read_file(file);
    };
    ASSERT_TRUE(wait_until([&] {
        const std::string file = scene_.path("root.txt");
        Process({"xprop", "-root", "_NET_SUPPORTING_WM_CHECK"}, file).wait();
        return read_file(file).find("window id") != std::string::npos;
    })) << "no openbox";
    auto viewer = scene_.viewer({});
    auto app = scene_.app({"--once", "--title", "managed"});
    ASSERT_TRUE(shows("managed", 320, 240, 1));
    const auto key = [&](const char* keys) {
        return xdotool("search --name '^managed$' windowactivate --sync " + std::string(keys));
    };
    ASSERT_EQ(key("key F11"), 0);
    EXPECT_TRUE(wait_until([&] {
        const Png png = scene_.window("managed");
        return png.width == 1280 && png.height == 1024 &&
               png.at(2, 200) == test_picture(2, 200 - 32, 1280, 960, 1);
    }));
    EXPECT_THAT(state("managed"), HasSubstr("_NET_WM_STATE_FULLSCREEN"));
    ASSERT_EQ(key("key F11"), 0);
    EXPECT_TRUE(shows("managed", 320, 240, 1));
    EXPECT_THAT(state("managed"), testing::Not(HasSubstr("ABOVE")));
    ASSERT_EQ(key("keydown Control_R key t keyup Control_R"), 0);
    EXPECT_TRUE(wait_until(
        [&] { return state("managed").find("_NET_WM_STATE_ABOVE") != std::string::npos; }));
    ASSERT_EQ(key("keydown Control_R key t keyup Control_R"), 0);
    EXPECT_TRUE(wait_until([&] { return state("managed").find("ABOVE") == std::string::npos; }));
    end(*viewer);
    auto on_top = scene_.viewer({"--on-top", "--fullscreen"});
    EXPECT_TRUE(wait_until([&] { return scene_.window("managed").width == 1280; }));
    EXPECT_THAT(state("managed"), HasSubstr("_NET_WM_STATE_ABOVE"));
    end(*on_top);
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

// Nothing of the one that was killed is in the way, and no frame of the app is needed: the broker
// has kept the newest.
TEST_F(Window, AfterAViewerThatWasKilledTheNextOneHasThePictureAtOnce) {
    auto still = scene_.app({"--once", "--title", "stood"});
    auto moving = scene_.app({"--hz", "60", "--title", "moved"});
    // One window at a time: there is no window manager here that keeps them beside each other.
    auto viewer = scene_.viewer({"--app", "stood"});
    ASSERT_TRUE(shows("stood", 320, 240, 1));
    for (int round = 0; round < 3; ++round) {
        viewer->signal(SIGKILL);
        ASSERT_EQ(viewer->wait(), 128 + SIGKILL);
        ASSERT_TRUE(wait_until([&] { return scene_.window("stood").width == 0; }));
        const auto start = std::chrono::steady_clock::now();
        viewer = scene_.viewer({"--app", "stood"});
        ASSERT_TRUE(shows("stood", 320, 240, 1));
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
        // A second where the machine has nothing else to do.
        EXPECT_LT(took.count(), 10);
        std::printf("the picture was back after %.2f s\n", took.count());
    }
    viewer->signal(SIGKILL);
    ASSERT_EQ(viewer->wait(), 128 + SIGKILL);
    viewer = scene_.viewer({"--app", "moved"});
    ASSERT_TRUE(wait_until([&] { return scene_.window("moved").width == 320; }));
    const auto before = scene_.window("moved").rgba;
    EXPECT_TRUE(wait_until([&] { return scene_.window("moved").rgba != before; }));
    EXPECT_TRUE(still->running() && moving->running());
    end(*viewer);
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

// Minimized, an app of FIFO frames goes on at the pace of --hidden-rate, and at its own when it is
// seen again.
TEST_F(Window, HiddenWindowsAreSlow) {
    auto viewer = scene_.viewer({"--hidden-rate", "12"});
    auto app = scene_.app({"--title", "hides", "--times"});
    ASSERT_TRUE(wait_until([&] { return scene_.window("hides").width == 320; }));
    // Frames that are shown in so many seconds.
    const auto shown_in = [&](double seconds) {
        const auto count = [&] {
            const std::string text = app->output();
            std::size_t lines = 0;
            for (std::size_t at = 0; (at = text.find("shown ", at)) != std::string::npos; ++at) {
                ++lines;
            }
            return lines;
        };
        const std::size_t before = count();
        std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
        return static_cast<double>(count() - before) / seconds;
    };
    const double seen = shown_in(2);
    ASSERT_GT(seen, 20);
    ASSERT_EQ(xdotool("search --name '^hides$' windowunmap --sync"), 0);
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    const double hidden = shown_in(3);
    EXPECT_GT(hidden, 4);
    EXPECT_LT(hidden, 13.5);
    ASSERT_EQ(xdotool("search --name '^hides$' windowmap --sync"), 0);
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    EXPECT_GT(shown_in(2), 20);
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
