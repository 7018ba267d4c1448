// SPDX-License-Identifier: MIT
// vdmabufctl against a real broker and an app.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/runtime/viewer/harness.hpp"

namespace vdmabuf::test {
namespace {

using testing::HasSubstr;

// The number of the app's stream, as soon as there is one.
std::string wait_for_stream(Scene& scene) {
    std::string number;
    wait_until([&] {
        auto ctl = scene.ctl({"list", "--json"});
        ctl->wait();
        const auto json = nlohmann::json::parse(ctl->output(), nullptr, false);
        if (!json.is_object() || json["streams"].empty()) return false;
        number = std::to_string(json["streams"][0]["stream"].get<int>());
        return true;
    });
    return number;
}

TEST(Ctl, ScreenshotHasThePictureOfTheApp) {
    Scene scene;
    scene.start_broker();
    auto app = scene.app({"--hz", "60"});
    const std::string stream = wait_for_stream(scene);
    ASSERT_FALSE(stream.empty());
    auto ctl = scene.ctl({"screenshot", stream, scene.path("ctl.png")});
    EXPECT_EQ(ctl->wait(), 0);
    const Png png = read_png(scene.path("ctl.png"));
    ASSERT_EQ(png.width, 320U);
    // Which of its frames that was is not known.
    bool found = false;
    for (std::uint64_t serial = 1; serial < 2000 && !found; ++serial) {
        found = png.at(0, 0) == test_picture(0, 0, png.width, png.height, serial) &&
                wrong_pixels(png, serial) == 0;
    }
    EXPECT_TRUE(found);
    EXPECT_TRUE(app->running());  // as if nobody had looked
}

TEST(Ctl, ScreenshotSaysWhenThereIsNone) {
    Scene scene;
    scene.start_broker();
    auto app = scene.app({"--hz", "60"});
    ASSERT_FALSE(wait_for_stream(scene).empty());
    auto wrong = scene.ctl({"screenshot", "999", scene.path("none.png")});
    EXPECT_EQ(wrong->wait(), 1);
    EXPECT_THAT(wrong->output(), HasSubstr("there is no stream 999; there are: "));
    EXPECT_FALSE(std::filesystem::exists(scene.path("none.png")));
}

TEST(Ctl, ScreenshotOfAStreamWithoutAFrameEndsInTime) {
    Scene scene;
    scene.start_broker();
    auto app = scene.app({"--never"});
    const std::string stream = wait_for_stream(scene);
    ASSERT_FALSE(stream.empty());
    auto ctl = scene.ctl({"screenshot", stream, scene.path("none.png"), "--timeout", "0.3"});
    EXPECT_EQ(ctl->wait(), 3);
    EXPECT_THAT(ctl->output(), HasSubstr("the stream presents no frame"));
    EXPECT_FALSE(std::filesystem::exists(scene.path("none.png")));
    EXPECT_TRUE(app->running());
}

TEST(Ctl, StatsAreRatesOfTheApp) {
    Scene scene;
    scene.start_broker();
    auto viewer = scene.viewer({"--headless", "--refresh", "0"});
    auto app = scene.app({"--hz", "50", "--mode", "1"});
    ASSERT_FALSE(wait_for_stream(scene).empty());
    ASSERT_TRUE(wait_until([&] { return viewer->output().find("imported") != std::string::npos; }));
    auto ctl = scene.ctl({"stats", "--json", "--seconds", "2"});
    EXPECT_EQ(ctl->wait(), 0);
    const auto json = nlohmann::json::parse(ctl->output(), nullptr, false);
    ASSERT_TRUE(json.is_object()) << ctl->output();
    ASSERT_EQ(json["streams"].size(), 1U);
    EXPECT_GE(json["seconds"], 2.0);
    // At most its 50 a second; a busy machine makes it fewer.
    EXPECT_GT(json["streams"][0]["presented_per_s"], 5.0);
    EXPECT_LT(json["streams"][0]["presented_per_s"], 56.0);
    EXPECT_GT(json["streams"][0]["shown_per_s"], 5.0);
    EXPECT_EQ(json["streams"][0]["cpu_copied_bytes_per_s"], 0.0);
}

TEST(Ctl, WatchLooksAgainAndEndsWithTheBroker) {
    Scene scene;
    scene.start_broker();
    auto app = scene.app({"--hz", "50"});
    ASSERT_FALSE(wait_for_stream(scene).empty());
    auto two = scene.ctl({"watch", "--interval", "0.1", "--count", "2"});
    EXPECT_EQ(two->wait(), 0);
    const std::string text = two->output();
    const std::size_t first = text.find("320x240");
    ASSERT_NE(first, std::string::npos) << text;
    EXPECT_NE(text.find("320x240", first + 1), std::string::npos);
    auto endless = scene.ctl({"watch", "--interval", "0.1"});
    ASSERT_TRUE(wait_until([&] { return !endless->output().empty(); }));
    scene.kill_broker();
    EXPECT_EQ(endless->wait(), 1);
}

}  // namespace
}  // namespace vdmabuf::test
