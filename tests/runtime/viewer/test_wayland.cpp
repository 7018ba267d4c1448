// SPDX-License-Identifier: MIT
// The viewer's windows on a real Wayland compositor: Weston without a screen. What is passed on to
// it needs dmabufs, and a Weston that takes them: those tests run in a guest.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "tests/runtime/viewer/harness.hpp"

namespace vdmabuf::test {
namespace {

using testing::HasSubstr;

constexpr std::uint32_t kWidth = 640, kHeight = 480;  // of the output

// What an app was told of a frame.
struct Told {
    std::uint64_t serial = 0, shown = 0, refresh = 0, called = 0, told = 0;
};

std::vector<Told> told_to(const std::string& output) {
    std::istringstream lines(output);
    std::vector<Told> all;
    std::string line;
    while (std::getline(lines, line)) {
        std::istringstream words(line);
        std::string name;
        Told told;
        if (words >> name >> told.serial >> told.shown >> name >> told.refresh >> name >>
                told.called >> name >> told.told &&
            line.starts_with("shown ")) {
            all.push_back(told);
        }
    }
    return all;
}

class Wayland : public testing::Test {
  protected:
    void SetUp() override {
        ::setenv("SDL_VIDEODRIVER", "wayland", 1);
        scene_.start_broker();
    }
    // `renderer`: pixman or gl. Windows fill the output.
    bool start_weston(const std::string& renderer) {
        Process version({"weston", "--version"}, scene_.path("weston-version.txt"));
        if (version.wait() != 0) return false;
        const bool is_old = version.output().find("weston 10") != std::string::npos;
        // SDL of its time ends where a compositor has no seat, as the headless one.
        if (is_old && !scene_.start_display()) return false;
        weston_ = std::make_unique<Process>(
            std::vector<std::string>{
                "weston", is_old ? "--backend=x11-backend.so" : "--backend=headless-backend.so",
                "--shell=kiosk-shell.so", "--no-config",
                (is_old ? "--use-" : "--renderer=") + renderer, "--debug", "--socket=wayland-test",
                "--idle-time=0", "--width=" + std::to_string(kWidth),
                "--height=" + std::to_string(kHeight)},
            scene_.path("weston.log"));
        ::setenv("WAYLAND_DISPLAY", "wayland-test", 1);
        return wait_until([&] { return std::filesystem::exists(scene_.path("wayland-test")); });
    }
    // What Weston shows.
    Png output() {
        const std::string directory = scene_.path("shots");
        std::filesystem::remove_all(directory);
        std::filesystem::create_directory(directory);
        Process({"sh", "-c", "cd " + directory + " && exec weston-screenshooter"},
                scene_.path("shooter.log"))
            .wait();
        for (const auto& file : std::filesystem::directory_iterator(directory)) {
            return read_png(file.path());
        }
        return {};
    }
    bool shows(std::uint64_t serial) {
        return wait_until([&] {
            const Png png = output();
            return png.width == kWidth && png.height == kHeight && wrong_pixels(png, serial) == 0;
        });
    }
    void end(Process& viewer) {
        viewer.signal(SIGTERM);
        EXPECT_EQ(viewer.wait(), 0);  // 1 where validation had to say something
    }
    std::vector<std::string> of_output_size(std::vector<std::string> options) {
        options.insert(options.end(),
                       {"--width", std::to_string(kWidth), "--height", std::to_string(kHeight)});
        return options;
    }
    // Frames count as shown when the output shows them.
    void expect_times_of_the_display(const std::string& app_output) {
        const std::vector<Told> all = told_to(app_output);
        ASSERT_GT(all.size(), 30U);
        std::uint64_t before = 0;
        std::vector<std::uint64_t> between;
        for (const Told& each : all) {
            if (each.refresh == 0) continue;  // of the window's first moments
            EXPECT_NEAR(static_cast<double>(each.refresh), 1e9 / 60, 1e9 / 600) << each.serial;
            EXPECT_GE(each.shown, each.called) << each.serial;
            EXPECT_LE(each.shown, each.told + each.refresh) << each.serial;
            if (before != 0) between.push_back(each.shown - before);
            before = each.shown;
        }
        // No two in one refresh: the least is what a timer of whole milliseconds makes of it.
        ASSERT_FALSE(between.empty());
        std::sort(between.begin(), between.end());
        EXPECT_GT(between[between.size() / 2], 14'000'000U);
        const nlohmann::json stats = scene_.stats();
        EXPECT_GT(stats["frames_timed_by_display"].get<double>(),
                  stats["frames_shown"].get<double>() * 0.5)
            << stats;
    }
    Scene scene_;
    std::unique_ptr<Process> weston_;
};

TEST_F(Wayland, DrawnFramesHaveTheTimesOfTheDisplay) {
    if (!start_weston("pixman")) GTEST_SKIP() << "no Weston";
    auto viewer = scene_.viewer({"--wayland-direct", "off"});
    ASSERT_TRUE(
        wait_until([&] { return viewer->output().find("connected") != std::string::npos; }));
    auto app = scene_.app(of_output_size({"--times", "--frames", "100"}));
    ASSERT_EQ(app->wait(), 0);
    end(*viewer);
    expect_times_of_the_display(app->output());
    EXPECT_EQ(scene_.stats()["frames_passed_on"], 0);
}

TEST_F(Wayland, SaysWhyFramesAreDrawn) {
    if (!start_weston("pixman")) GTEST_SKIP() << "no Weston";
    auto viewer = scene_.viewer({});
    ASSERT_TRUE(
        wait_until([&] { return viewer->output().find("connected") != std::string::npos; }));
    auto app = scene_.app(of_output_size({"--frames", "40"}));
    ASSERT_EQ(app->wait(), 0);
    end(*viewer);
    EXPECT_EQ(scene_.stats()["frames_passed_on"], 0);
    EXPECT_GT(scene_.stats()["frames_shown"], 10);
    const std::string log = viewer->output();
    constexpr const char* kWhy = "frames are drawn: the compositor takes no dmabufs";
    const std::size_t at = log.find(kWhy);
    ASSERT_NE(at, std::string::npos) << log;
    EXPECT_EQ(log.find(kWhy, at + 1), std::string::npos) << "said twice";
    auto must = scene_.viewer({"--wayland-direct", "on"});
    EXPECT_EQ(must->wait(), 1);
    EXPECT_THAT(must->output(), HasSubstr("--wayland-direct on: the compositor takes no dmabufs"));
}

class WaylandDirect : public Wayland {
  protected:
    void SetUp() override {
        if (::access("/dev/udmabuf", R_OK | W_OK) != 0) GTEST_SKIP() << "no /dev/udmabuf";
        Wayland::SetUp();
        ASSERT_TRUE(start_weston("gl"));
    }
    std::string list() {
        auto ctl = scene_.ctl({"list"});
        ctl->wait();
        return ctl->output();
    }
};

TEST_F(WaylandDirect, ThePictureIsPassedOn) {
    auto viewer = scene_.viewer({"--wayland-direct", "on"});
    auto app = scene_.app(of_output_size({"--once"}));
    EXPECT_TRUE(shows(1));
    EXPECT_TRUE(wait_until([&] { return list().find("passed on") != std::string::npos; }))
        << list();
    end(*viewer);
    const nlohmann::json stats = scene_.stats();
    EXPECT_EQ(stats["frames_shown"], 1) << stats;
    EXPECT_EQ(stats["frames_passed_on"], 1);
    EXPECT_EQ(stats["cpu_copied_bytes_per_frame"], 0);
    EXPECT_EQ(stats["import_path"], "udmabuf");
}

TEST_F(WaylandDirect, FramesArePassedOnAtTheTimesOfTheDisplay) {
    auto viewer = scene_.viewer({"--wayland-direct", "on"});
    ASSERT_TRUE(
        wait_until([&] { return viewer->output().find("connected") != std::string::npos; }));
    auto app = scene_.app(of_output_size({"--times", "--frames", "100"}));
    ASSERT_EQ(app->wait(), 0);
    end(*viewer);
    expect_times_of_the_display(app->output());
    const nlohmann::json stats = scene_.stats();
    EXPECT_EQ(stats["frames_passed_on"], stats["frames_shown"]) << stats;
    EXPECT_GT(stats["frames_shown"], 50);
}

// With bars, and scaled; then the app takes another size.
TEST_F(WaylandDirect, ScaledByTheCompositor) {
    auto viewer = scene_.viewer({});
    auto app = scene_.app({"--width", "200", "--height", "300", "--hz", "30"});
    const auto looks = [&](std::uint32_t left) {
        return wait_until([&] {
            const Png png = output();
            if (png.width != kWidth) return false;
            const std::uint32_t right = kWidth - 1 - left;
            return png.at(left - 8, 240) == Rgb{} && png.at(right + 8, 240) == Rgb{} &&
                   png.at(left + 8, 120) == Rgb{220, 40, 30} &&
                   png.at(right - 8, 120) == Rgb{20, 180, 60} &&
                   png.at(left + 8, 470) == Rgb{30, 60, 220} &&
                   png.at(right - 8, 470) == Rgb{240, 220, 20};
        });
    };
    EXPECT_TRUE(looks(160));
    app->signal(SIGUSR1);  // 300 x 450
    ASSERT_TRUE(wait_until([&] { return list().find("300x450") != std::string::npos; })) << list();
    EXPECT_TRUE(looks(160));
    end(*viewer);
    EXPECT_EQ(scene_.stats()["frames_passed_on"], scene_.stats()["frames_shown"]);
}

// While the HUD is switched on and off over a picture that stands still, its lower half, where no
// HUD is, is never anything else.
TEST_F(WaylandDirect, TheHudIsDrawnAndComesWithoutAFlash) {
    Process viewer({KEYED_VIEWER, scene_.path("stats.json")}, scene_.path("keyed.log"));
    auto app = scene_.app(of_output_size({"--once"}));
    ASSERT_TRUE(shows(1));
    const auto has_hud = [](const Png& png) { return wrong_pixels(png, 1) != 0; };
    int switched = 0, looked = 0;
    for (int times = 0; times < 8; ++times) {
        viewer.signal(SIGUSR1);
        const bool wanted = times % 2 == 0;
        switched += wait_until([&] {
            const Png png = output();
            for (std::uint32_t y = kHeight * 3 / 4; y < kHeight; ++y) {
                for (std::uint32_t x = 0; x < kWidth; ++x) {
                    if (png.at(x, y) == test_picture(x, y, kWidth, kHeight, 1)) continue;
                    ADD_FAILURE() << "a flash at " << x << "," << y;
                    return true;
                }
            }
            ++looked;
            return has_hud(png) == wanted;
        });
    }
    EXPECT_EQ(switched, 8);
    EXPECT_GE(looked, 8);
    viewer.signal(SIGTERM);
    EXPECT_EQ(viewer.wait(), 0);
    EXPECT_THAT(viewer.output(), HasSubstr("frames are drawn: the HUD lies over them"));
    EXPECT_THAT(viewer.output(), HasSubstr("frames are passed on"));
}

// Wider than the images of the viewer's own driver, which could not draw it.
TEST_F(WaylandDirect, WhatCannotBeDrawnIsPassedOn) {
    auto viewer = scene_.viewer({});
    ASSERT_TRUE(
        wait_until([&] { return viewer->output().find("connected") != std::string::npos; }));
    auto wide = scene_.app({"--once", "--times", "--width", "20000", "--height", "16"});
    ASSERT_TRUE(wait_until([&] { return !told_to(wide->output()).empty(); }));
    EXPECT_THAT(viewer->output(), HasSubstr("larger than the driver's images"));
    EXPECT_THAT(viewer->output(), HasSubstr("frames are passed on"));
    end(*viewer);
}

}  // namespace
}  // namespace vdmabuf::test
