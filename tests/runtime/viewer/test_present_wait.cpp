// SPDX-License-Identifier: MIT
// Times of the display itself. No driver of this machine has VK_KHR_present_wait, but our layer
// does: a viewer whose window goes through the layer to another viewer, which has a refresh rate,
// has a display that tells when it shows something.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/runtime/viewer/harness.hpp"

namespace vdmabuf::test {
namespace {

constexpr double kHz = 25;

// The times between frames that an app was told, in milliseconds.
std::vector<double> intervals(const std::string& output) {
    std::istringstream lines(output);
    std::vector<double> between;
    std::string word;
    std::uint64_t before = 0;
    while (lines >> word) {
        std::uint64_t serial = 0, at = 0;
        if (word != "shown" || !(lines >> serial >> at)) continue;
        if (before != 0) between.push_back(static_cast<double>(at - before) / 1e6);
        before = at;
    }
    return between;
}

TEST(PresentWait, AppsRunAtTheRateOfTheDisplay) {
    if (!std::filesystem::exists(LAYER_MANIFEST)) GTEST_SKIP() << "no layer in this build";
    Scene scene;
    if (!scene.start_display()) GTEST_SKIP() << "no Xvfb";
    scene.start_broker();
    const std::string producers = scene.path("display-producer.sock");
    const std::string consumers = scene.path("display-consumer.sock");
    Process broker({BROKER_HOST, producers, consumers}, scene.path("display-broker.log"));
    ASSERT_TRUE(wait_until([&] { return broker.output().find("ready") != std::string::npos; }));
    Process display({VIEWER, "--no-broker", "--headless", "--socket", consumers, "--refresh",
                     std::to_string(kHz)},
                    scene.path("display.log"));
    ASSERT_TRUE(
        wait_until([&] { return display.output().find("connected") != std::string::npos; }));
    // Under another name, as viewers leave the layer of its own out.
    nlohmann::json manifest = nlohmann::json::parse(read_file(LAYER_MANIFEST));
    manifest["layer"]["name"] = "VK_LAYER_VDMABUF_display";
    std::ofstream(scene.path("layer.json")) << manifest;
    // No validation: it cannot be put above a layer that is explicit by the environment, and below
    // it sees an extension that the driver does not have.
    auto viewer = std::make_unique<Process>(
        std::vector<std::string>{
            "env", "VDMABUF_VALIDATION=0", "VK_ADD_LAYER_PATH=" + scene.path("."),
            "VK_INSTANCE_LAYERS=VK_LAYER_VDMABUF_display", "VDMABUF_ENDPOINT=unix:" + producers,
            VIEWER, "--no-broker", "--stats", scene.path("stats.json")},
        scene.path("viewer.log"));
    ASSERT_TRUE(
        wait_until([&] { return viewer->output().find("connected") != std::string::npos; }));
    auto app = scene.app({"--times", "--frames", "100"});
    ASSERT_EQ(app->wait(), 0);
    viewer->signal(SIGTERM);
    EXPECT_EQ(viewer->wait(), 0);
    std::vector<double> between = intervals(app->output());
    ASSERT_GT(between.size(), 50U);
    std::sort(between.begin(), between.end());
    EXPECT_NEAR(between[between.size() / 2], 1000 / kHz, 4);
    const nlohmann::json stats = scene.stats();
    // The first ones come while the window is being opened.
    EXPECT_GT(stats["frames_timed_by_display"].get<double>(),
              stats["frames_shown"].get<double>() * 0.8)
        << stats;
}

}  // namespace
}  // namespace vdmabuf::test
