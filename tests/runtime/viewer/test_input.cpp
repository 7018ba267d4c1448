// SPDX-License-Identifier: MIT
// Keys and pointer of an X server (xdotool) in the viewer's windows, as the app is told of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/input-event-codes.h>
#include <signal.h>

#include <sstream>

#include "runtime/viewer/input_map.hpp"
#include "runtime/viewer/input_source.hpp"
#include "runtime/viewer/window_input.hpp"
#include "tests/runtime/viewer/harness.hpp"
#include "tests/runtime/viewer/host_cursor.hpp"

namespace vdmabuf::test {
namespace {

using input::Event;
using input::Kind;
using input::make_event;
using testing::HasSubstr;
using testing::Not;

class Input : public testing::Test {
  protected:
    void SetUp() override {
        if (!scene_.start_display()) GTEST_SKIP() << "no Xvfb";
        scene_.start_broker();
    }
    void open(std::vector<std::string> viewer, std::vector<std::string> app = {}) {
        viewer_ = scene_.viewer(std::move(viewer));
        app.insert(app.end(), {"--once", "--title", "takes"});
        app_ = scene_.app(std::move(app));
        ASSERT_TRUE(wait_until([&] { return scene_.window("takes").width == 320; }));
        ASSERT_EQ(act("windowfocus --sync"), 0);
        EXPECT_TRUE(told("kind 1 code 0 value 1"));
    }
    int act(const std::string& command) {
        return Process({"sh", "-c", "xdotool search --name '^takes$' " + command},
                       scene_.path("xdotool.log"))
            .wait();
    }
    // Whether this line comes, after all that was asked for so far.
    bool told(const std::string& line) {
        std::size_t at = std::string::npos;
        const bool came = wait_until(
            [&] { return (at = app_->output().find("input " + line, read_)) != std::string::npos; },
            5);
        if (!came) ADD_FAILURE() << line << " did not come, but:\n" << app_->output().substr(read_);
        if (came) read_ = at + line.size();
        return came;
    }
    bool resized(int width, int height) {
        const std::string size = std::to_string(width) + " " + std::to_string(height);
        EXPECT_EQ(act("windowsize " + size), 0);
        return wait_until([&] {
            return scene_.window("takes").width == static_cast<std::uint32_t>(width) &&
                   app_->output().find("configure " + std::to_string(width) + "x" +
                                       std::to_string(height)) != std::string::npos;
        });
    }
    void end() {
        viewer_->signal(SIGTERM);
        EXPECT_EQ(viewer_->wait(), 0);
    }
    Scene scene_;
    std::unique_ptr<Process> viewer_;
    std::unique_ptr<Process> app_;
    std::size_t read_ = 0;
};

TEST_F(Input, KeysButtonsAndWheel) {
    open({});
    ASSERT_EQ(act("key a"), 0);
    EXPECT_TRUE(told("kind 3 code 30 value 1"));
    EXPECT_TRUE(told("kind 3 code 30 value 0"));
    ASSERT_EQ(act("mousemove --window %1 100 50"), 0);
    EXPECT_TRUE(told("kind 5 code 0 value 0 at 25728,12928 of 320x240"));  // 100.5, 50.5
    ASSERT_EQ(act("click 1"), 0);
    EXPECT_TRUE(told("kind 4 code 272 value 1"));
    EXPECT_TRUE(told("kind 4 code 272 value 0"));
    ASSERT_EQ(act("click 3"), 0);
    EXPECT_TRUE(told("kind 4 code 273 value 1"));
    ASSERT_EQ(act("click 4"), 0);
    EXPECT_TRUE(told("kind 7 code 0 value 0 at 0,120"));
    ASSERT_EQ(act("click 5"), 0);
    EXPECT_TRUE(told("kind 7 code 0 value 0 at 0,-120"));
    end();
}

TEST_F(Input, TheViewersOwnKeysStayItsOwn) {
    open({"--scale", "integer"});
    ASSERT_EQ(act("keydown Control_R key s keyup Control_R key b"), 0);
    EXPECT_TRUE(told("kind 3 code 97 value 1"));  // right Ctrl itself is an app's key as well
    EXPECT_TRUE(told("kind 3 code 97 value 0"));
    EXPECT_TRUE(told("kind 3 code 48 value 0"));
    EXPECT_THAT(app_->output(), Not(HasSubstr("code 31 ")));
    ASSERT_EQ(act("key s"), 0);
    EXPECT_TRUE(told("kind 3 code 31 value 1"));
    end();
}

TEST_F(Input, CoordinatesInEachScaleMode) {
    open({});
    ASSERT_TRUE(resized(800, 600));  // 2.5 times
    const auto at = [&](int x, int y) {
        EXPECT_EQ(act("mousemove --window %1 " + std::to_string(x) + " " + std::to_string(y)), 0);
    };
    const auto comes = [&](int x, int y) {
        EXPECT_TRUE(told("kind 5 code 0 value 0 at " + std::to_string(x) + "," + std::to_string(y) +
                         " of 320x240"));
    };
    at(400, 300);
    comes(400 * 256 * 2 / 5 + 51, 300 * 256 * 2 / 5 + 51);  // fit
    const auto next = [&] { ASSERT_EQ(act("keydown Control_R key s keyup Control_R"), 0); };
    next();  // integer: twice, from 80, 60
    EXPECT_TRUE(told("kind 3 code 97 value 0"));
    at(80, 60);
    comes(64, 64);
    at(281, 161);
    comes(100 * 256 + 192, 50 * 256 + 192);
    at(10, 10);  // beside it: the nearest point, and no clicks
    comes(0, 0);
    ASSERT_EQ(act("click 1 click 4 key z"), 0);
    EXPECT_TRUE(told("kind 3 code 44 value 1"));
    EXPECT_THAT(app_->output(), Not(HasSubstr("kind 4 ")));
    EXPECT_THAT(app_->output(), Not(HasSubstr("kind 7 ")));
    EXPECT_TRUE(told("kind 3 code 44 value 0"));
    next();  // stretched
    EXPECT_TRUE(told("kind 3 code 97 value 0"));
    at(0, 0);
    comes(51, 51);
    next();  // 1:1, from 240, 180
    EXPECT_TRUE(told("kind 3 code 97 value 0"));
    at(241, 182);
    comes(256 + 128, 512 + 128);
    at(790, 590);
    comes(320 * 256 - 1, 240 * 256 - 1);
    end();
}

TEST_F(Input, TheFocusGoesWithTheHosts) {
    open({});
    auto other = scene_.app({"--once", "--title", "other", "--width", "200"});
    ASSERT_TRUE(wait_until([&] { return scene_.window("other").width == 200; }));
    ASSERT_EQ(act("windowfocus --sync keydown a"), 0);
    EXPECT_TRUE(told("kind 3 code 30 value 1"));
    ASSERT_EQ(Process({"sh", "-c", "xdotool search --name '^other$' windowfocus --sync key c"},
                      scene_.path("xdotool.log"))
                  .wait(),
              0);
    EXPECT_TRUE(told("kind 1 code 0 value 0"));
    EXPECT_TRUE(wait_until(
        [&] { return other->output().find("kind 3 code 46 value 1") != std::string::npos; }));
    EXPECT_THAT(app_->output(), Not(HasSubstr("code 46 ")));
    ASSERT_EQ(act("keyup a"), 0);
    end();
}

TEST_F(Input, ComesBackWithTheBroker) {
    open({});
    scene_.kill_broker();
    EXPECT_TRUE(told("kind 1 code 0 value 0"));
    scene_.start_broker();
    EXPECT_TRUE(told("kind 1 code 0 value 1"));
    ASSERT_EQ(act("key d"), 0);
    EXPECT_TRUE(told("kind 3 code 32 value 1"));
    end();
}

TEST_F(Input, AGrabbedPointerOnlyMoves) {
    open({});
    ASSERT_EQ(act("mousemove --window %1 100 100 keydown Control_R key g keyup Control_R"), 0);
    EXPECT_TRUE(told("kind 3 code 97 value 0"));
    ASSERT_EQ(act("mousemove_relative 7 5"), 0);
    EXPECT_TRUE(told("kind 6 code 0 value 0 at 1792,1280"));
    ASSERT_EQ(act("keydown Control_R key g keyup Control_R"), 0);
    EXPECT_TRUE(told("kind 3 code 97 value 0"));
    ASSERT_EQ(act("mousemove --window %1 10 10"), 0);
    EXPECT_TRUE(told("kind 5 code 0 value 0 at 2688,2688"));
    end();
}

TEST_F(Input, TheAppsCursorIsTheHosts) {
    open({}, {"--cursor", "48"});
    ASSERT_EQ(act("mousemove --window %1 100 100"), 0);
    std::vector<std::uint32_t> wanted;
    for (std::uint32_t i = 0; i < 48 * 48; ++i) wanted.push_back(test_cursor(i % 48, i / 48));
    EXPECT_TRUE(wait_until([&] { return cursor_of_host(48) == wanted; }));
    // Not any more where another window has the focus.
    auto other = scene_.app({"--once", "--title", "other"});
    ASSERT_TRUE(wait_until([&] { return scene_.window("other").width == 320; }));
    ASSERT_EQ(Process({"sh", "-c", "xdotool search --name '^other$' windowfocus --sync"},
                      scene_.path("xdotool.log"))
                  .wait(),
              0);
    EXPECT_TRUE(wait_until([&] { return cursor_of_host(48).empty(); }));
    end();
}

TEST_F(Input, NoneWhereNoneIsWanted) {
    viewer_ = scene_.viewer({"--no-input"});
    app_ = scene_.app({"--once", "--title", "takes"});
    ASSERT_TRUE(wait_until([&] { return scene_.window("takes").width == 320; }));
    ASSERT_EQ(act("windowfocus --sync key a click 1 key F11"), 0);
    EXPECT_TRUE(wait_until([&] {
        return app_->output().find("configure 1280x1024") != std::string::npos;
    })) << "F11 is the viewer's";
    EXPECT_THAT(app_->output(), Not(HasSubstr("input")));
    end();
}

// ---- parts

viewer::WindowInput::Shown shown() {
    viewer::WindowInput::Shown made;
    made.picture_width = 320;
    made.picture_height = 240;
    made.window_width = 800;
    made.window_height = 480;  // 640x480 in the middle
    return made;
}

TEST(WindowInput, WhatIsPressedInThePictureEndsOutsideOfItAsWell) {
    viewer::WindowInput window;
    const Event press = make_event(Kind::button, BTN_LEFT, 1);
    const Event release = make_event(Kind::button, BTN_LEFT, 0);
    const Event beside = make_event(Kind::motion, 0, 0, 10 * 256, 10 * 256);
    const Event inside = make_event(Kind::motion, 0, 0, 400 * 256, 240 * 256);
    EXPECT_EQ(window.map(std::vector{beside, press, release}, shown()).events.size(), 1U);
    const auto mapped = window.map(std::vector{inside, press, beside, release}, shown());
    ASSERT_EQ(mapped.events.size(), 4U);
    EXPECT_EQ(mapped.events[0], make_event(Kind::motion, 0, 0, 160 * 256, 120 * 256));
    EXPECT_EQ(mapped.events[2], make_event(Kind::motion, 0, 0, 0, 5 * 256));
    EXPECT_EQ(mapped.width, 320U);
}

TEST(WindowInput, EverythingIsAsMessagesMayHaveIt) {
    for (const auto scale : {viewer::Scale::fit, viewer::Scale::integer, viewer::Scale::stretch,
                             viewer::Scale::one_to_one}) {
        for (const std::uint32_t size : {1U, 3U, 240U, 1000U, 32768U}) {
            auto place = shown();
            place.scale = scale;
            place.window_width = size;
            place.window_height = 32769 - size;
            viewer::WindowInput window;
            for (const std::int32_t at : {-1000000, -1, 0, 1, 100000, 32768 * 256, 1 << 28}) {
                const auto mapped =
                    window.map(std::vector{make_event(Kind::motion, 0, 0, at, at)}, place);
                ASSERT_EQ(mapped.events.size(), 1U);
                EXPECT_EQ(input::check(mapped.events[0], mapped.width, mapped.height), nullptr);
            }
        }
    }
}

TEST(WindowInput, PicturesThatScaleThemselvesFillTheWindow) {
    auto place = shown();
    place.scaling.behaviour = stream::ScalingBehaviour::one_to_one;
    viewer::WindowInput window;
    const auto mapped =
        window.map(std::vector{make_event(Kind::motion, 0, 0, 700 * 256, 400 * 256)}, place);
    EXPECT_EQ(mapped.width, 800U);
    EXPECT_EQ(mapped.events[0], make_event(Kind::motion, 0, 0, 700 * 256, 400 * 256));
}

}  // namespace
}  // namespace vdmabuf::test
