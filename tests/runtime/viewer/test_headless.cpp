// SPDX-License-Identifier: MIT
// The viewer without a display, against a real broker and an app that presents a known picture.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "tests/runtime/viewer/harness.hpp"

namespace vdmabuf::test {
namespace {

using testing::HasSubstr;

// Runs one app and one viewer to the end of `frames`; the picture must be the app's.
nlohmann::json show(Scene& scene, const std::vector<std::string>& app_options,
                    std::vector<std::string> viewer_options) {
    scene.start_broker();
    auto viewer_words = std::move(viewer_options);
    viewer_words.insert(viewer_words.end(),
                        {"--headless", "--frames", "20", "--timeout", "30", "--refresh", "0"});
    auto viewer = scene.viewer(viewer_words);
    auto app = scene.app(app_options);
    EXPECT_EQ(viewer->wait(), 0);
    auto stats = scene.stats();
    EXPECT_GE(stats["frames_received"], 20);
    EXPECT_EQ(stats["blank"], false);
    const Png png = scene.shot();
    EXPECT_EQ(wrong_pixels(png, stats["last_serial"]), 0U);
    EXPECT_EQ(png.alpha(0, 0), 255);
    return stats;
}

// For apps that end by themselves: they must not have ended before anybody looks.
void wait_for_connection(Process& viewer) {
    EXPECT_TRUE(wait_until(
        [&] { return viewer.output().find("connected to broker") != std::string::npos; }));
}

TEST(Headless, ImportsAsAnImageAndCopiesNothing) {
    Scene scene;
    const auto stats = show(scene, {"--width", "500", "--height", "300"}, {});
    EXPECT_EQ(stats["app"], "pattern_app");
    EXPECT_EQ(stats["vm"], "");
    EXPECT_EQ(stats["width"], 500);
    EXPECT_EQ(stats["height"], 300);
    EXPECT_EQ(stats["import_path"], "host-pointer");
    EXPECT_THAT(stats["import_reason"], HasSubstr("VkImage"));
    EXPECT_EQ(stats["cpu_copied_bytes_per_frame"], 0);
    EXPECT_EQ(stats["strategy"], "host-pointer");
    EXPECT_GT(stats["present_to_received_us"]["p50"], 0);
    EXPECT_GT(stats["frames_per_second"], 0);
}

TEST(Headless, ImportsAsABufferWhenThePitchIsAnother) {
    Scene scene;
    const auto stats = show(scene, {"--width", "500", "--height", "300", "--pitch", "2304"}, {});
    EXPECT_EQ(stats["import_path"], "host-pointer");
    EXPECT_THAT(stats["import_reason"], HasSubstr("VkBuffer"));
    EXPECT_EQ(stats["cpu_copied_bytes_per_frame"], 0);
}

TEST(Headless, CopyIsCounted) {
    Scene scene;
    const auto stats = show(scene, {"--width", "500", "--height", "300"}, {"--import", "copy"});
    EXPECT_EQ(stats["import_path"], "copy");
    EXPECT_EQ(stats["cpu_copied_bytes_per_frame"], 500 * 300 * 4);
}

TEST(Headless, RowsFromBelowAndOtherComponentOrder) {
    Scene scene;
    show(scene, {"--width", "200", "--height", "100", "--y-flip", "--fourcc", "XB24"}, {});
}

TEST(Headless, FollowsANewSize) {
    Scene scene;
    scene.start_broker();
    auto viewer = scene.viewer({"--headless", "--frames", "40", "--timeout", "30"});
    auto app = scene.app({"--width", "200", "--height", "100", "--resize-after", "20"});
    ASSERT_EQ(viewer->wait(), 0);
    EXPECT_EQ(scene.stats()["width"], 300);
    EXPECT_EQ(scene.shot().height, 150U);
    EXPECT_EQ(wrong_pixels(scene.shot(), scene.stats()["last_serial"]), 0U);
}

TEST(Headless, RefreshPacesTheApp) {
    Scene scene;
    scene.start_broker();
    auto viewer =
        scene.viewer({"--headless", "--frames", "40", "--timeout", "30", "--refresh", "50"});
    auto app = scene.app({});
    ASSERT_EQ(viewer->wait(), 0);
    // Never faster; how much slower is the machine's load.
    EXPECT_LE(scene.stats()["frames_per_second"], 56);
    EXPECT_GE(scene.stats()["frames_per_second"], 15);
}

TEST(Headless, BlankPicturesAreAFailure) {
    Scene scene;
    scene.start_broker();
    auto viewer = scene.viewer({"--headless", "--frames", "5", "--timeout", "30"});
    auto app = scene.app({"--plain"});
    EXPECT_EQ(viewer->wait(), 4);
    EXPECT_EQ(scene.stats()["blank"], true);
}

TEST(Headless, NoFrameInTime) {
    Scene scene;
    scene.start_broker();
    EXPECT_EQ(scene.viewer({"--headless", "--frames", "5", "--timeout", "0.3"})->wait(), 3);
}

TEST(Headless, WrongUse) {
    Scene scene;
    EXPECT_EQ(scene.viewer({"--headless", "--no-such-option"})->wait(), 2);
    EXPECT_EQ(scene.viewer({"--headless", "--import", "magic"})->wait(), 2);
    EXPECT_EQ(scene.viewer({"--headless", "--gpu", "no such card"})->wait(), 1);
}

TEST(Headless, ASignalEndsARunInOrder) {
    Scene scene;
    scene.start_broker();
    auto viewer = scene.viewer({"--headless"});
    wait_for_connection(*viewer);
    auto app = scene.app({"--frames", "30"});
    ASSERT_EQ(app->wait(), 0);
    viewer->signal(SIGTERM);
    EXPECT_EQ(viewer->wait(), 0);
    // The app had ended: its last picture was kept.
    EXPECT_EQ(wrong_pixels(scene.shot(), scene.stats()["last_serial"]), 0U);
}

TEST(Headless, OnceEndsWithTheApp) {
    Scene scene;
    scene.start_broker();
    auto viewer = scene.viewer({"--headless", "--once"});
    wait_for_connection(*viewer);
    auto app = scene.app({"--frames", "10"});
    EXPECT_EQ(viewer->wait(), 0);
}

TEST(Headless, GoesOnAfterTheBrokersDeath) {
    Scene scene;
    scene.start_broker();
    auto app = scene.app({"--hz", "200"});
    auto viewer = scene.viewer({"--headless"});
    const auto frames = [&] {
        auto ctl = scene.ctl({"list", "--json"});
        if (ctl->wait() != 0) return 0;
        const auto json = nlohmann::json::parse(ctl->output(), nullptr, false);
        return json["streams"].empty() ? 0 : json["streams"][0]["frames_shown"].get<int>();
    };
    for (int restart = 0; restart < 3; ++restart) {
        ASSERT_TRUE(wait_until([&] { return frames() > 5; }));
        scene.kill_broker();
        scene.start_broker();
    }
    ASSERT_TRUE(wait_until([&] { return frames() > 5; }));
    viewer->signal(SIGTERM);
    ASSERT_EQ(viewer->wait(), 0);
    EXPECT_EQ(scene.stats()["streams"].size(), 1U) << "a stream that came back is the same one";
    EXPECT_EQ(wrong_pixels(scene.shot(), scene.stats()["last_serial"]), 0U);
    EXPECT_TRUE(app->running());
}

TEST(Headless, FiltersChooseStreams) {
    Scene scene;
    scene.start_broker();
    auto one = scene.app({"--title", "one", "--width", "100", "--height", "100"});
    auto two = scene.app({"--title", "two", "--width", "200", "--height", "100"});
    auto viewer = scene.viewer({"--headless", "--app", "two", "--frames", "5", "--timeout", "30"});
    ASSERT_EQ(viewer->wait(), 0);
    EXPECT_EQ(scene.stats()["streams"].size(), 1U);
    EXPECT_EQ(scene.shot().width, 200U);
}

TEST(Ctl, ListsAndCloses) {
    Scene scene;
    auto none = scene.ctl({"list"});
    EXPECT_EQ(none->wait(), 1);
    EXPECT_THAT(none->output(), HasSubstr("start vdmabufd"));
    EXPECT_EQ(scene.ctl({"frobnicate"})->wait(), 2);
    EXPECT_EQ(scene.ctl({"--version"})->wait(), 0);

    scene.start_broker();
    auto viewer = scene.viewer({"--headless", "--once"});
    auto app = scene.app({"--title", "a window", "--hz", "100"});
    nlohmann::json stream;
    ASSERT_TRUE(wait_until([&] {
        auto list = scene.ctl({"list", "--json"});
        if (list->wait() != 0) return false;
        const auto json = nlohmann::json::parse(list->output(), nullptr, false);
        if (json["streams"].empty()) return false;
        stream = json["streams"][0];
        return stream["frames_shown"] > 3;
    }));
    EXPECT_EQ(stream["title"], "a window");
    EXPECT_EQ(stream["app"], "pattern_app");
    EXPECT_EQ(stream["consumers"], 1);
    ASSERT_EQ(stream["images"].size(), 3U);
    EXPECT_EQ(stream["images"][0]["fourcc"], "XR24");
    EXPECT_EQ(stream["images"][0]["pitch"], 1280);
    EXPECT_EQ(stream["images"][0]["import_path"], "host-pointer");
    auto text = scene.ctl({"list"});
    EXPECT_EQ(text->wait(), 0);
    EXPECT_THAT(text->output(), HasSubstr("\"a window\"  320x240, fifo"));

    auto wrong = scene.ctl({"close", "999"});
    EXPECT_EQ(wrong->wait(), 1);
    EXPECT_THAT(wrong->output(), HasSubstr("there is no stream 999; there are: "));
    EXPECT_EQ(scene.ctl({"close", std::to_string(stream["stream"].get<int>())})->wait(), 0);
    EXPECT_EQ(app->wait(), 0);
    EXPECT_EQ(viewer->wait(), 0);
}

}  // namespace
}  // namespace vdmabuf::test
