// SPDX-License-Identifier: MIT
// Parts of the viewer that need neither a GPU nor a broker.
#include <gtest/gtest.h>

#include "runtime/viewer/fit.hpp"
#include "runtime/viewer/frame_history.hpp"
#include "runtime/viewer/hud_figures.hpp"
#include "runtime/viewer/kms/viewer_keys.hpp"
#include "runtime/viewer/refresh_pacer.hpp"
#include "runtime/viewer/size_wishes.hpp"
#include "runtime/viewer/stream_record.hpp"

namespace vdmabuf::viewer {
namespace {

TEST(Fit, KeepsTheShape) {
    EXPECT_EQ(fit(320, 240, 320, 240), (Box{0, 0, 320, 240}));
    EXPECT_EQ(fit(320, 240, 800, 480), (Box{80, 0, 640, 480}));
    EXPECT_EQ(fit(320, 240, 640, 1000), (Box{0, 260, 640, 480}));
    EXPECT_EQ(fit(32768, 1, 10, 10), (Box{0, 4, 10, 1}));
    EXPECT_EQ(fit(1, 32768, 10, 10), (Box{4, 0, 1, 10}));
    EXPECT_EQ(fit(320, 240, 0, 10).width, 0U);
}

using stream::Gravity;
using stream::ScalingBehaviour;

TEST(Fit, GravityOfWhatKeepsItsShape) {
    EXPECT_EQ(fit(320, 240, 800, 480, Gravity::min), (Box{0, 0, 640, 480}));
    EXPECT_EQ(fit(320, 240, 800, 480, Gravity::max), (Box{160, 0, 640, 480}));
    EXPECT_EQ(fit(320, 240, 640, 1000, Gravity::centre, Gravity::max), (Box{0, 520, 640, 480}));
    const auto placed =
        place(320, 240, 640, 1000, {ScalingBehaviour::keep_shape, Gravity::centre, Gravity::min});
    EXPECT_EQ(placed.from, (Box{0, 0, 320, 240}));
    EXPECT_EQ(placed.to, (Box{0, 0, 640, 480}));
}

TEST(Place, Stretched) {
    const auto placed = place(320, 240, 10, 1000, {ScalingBehaviour::stretch});
    EXPECT_EQ(placed.from, (Box{0, 0, 320, 240}));
    EXPECT_EQ(placed.to, (Box{0, 0, 10, 1000}));
}

// Smaller along one axis, larger along the other.
TEST(Place, PixelByPixel) {
    const auto one_to_one = [](Gravity x, Gravity y) {
        return place(100, 50, 60, 90, {ScalingBehaviour::one_to_one, x, y});
    };
    const auto least = one_to_one(Gravity::min, Gravity::min);
    EXPECT_EQ(least.from, (Box{0, 0, 60, 50}));
    EXPECT_EQ(least.to, (Box{0, 0, 60, 50}));
    const auto most = one_to_one(Gravity::max, Gravity::max);
    EXPECT_EQ(most.from, (Box{40, 0, 60, 50}));
    EXPECT_EQ(most.to, (Box{0, 40, 60, 50}));
    const auto middle = one_to_one(Gravity::centre, Gravity::centre);
    EXPECT_EQ(middle.from, (Box{20, 0, 60, 50}));
    EXPECT_EQ(middle.to, (Box{0, 20, 60, 50}));
}

constexpr std::uint64_t kMs = 1'000'000;

TEST(RefreshPacer, TimesOfTheDisplayCountAsTheyAre) {
    RefreshPacer pacer(16 * kMs, false);
    for (std::uint64_t at = 1000 * kMs; at < 1010 * kMs; at += kMs) pacer.shown_at(at);
    EXPECT_GT(pacer.shown_at(1010 * kMs), 1010 * kMs);  // it throttles by now
    EXPECT_EQ(pacer.told_at(1011 * kMs), 1011 * kMs);
    EXPECT_EQ(pacer.shown_at(1028 * kMs), 1028 * kMs);  // and no more
    RefreshPacer asked(40 * kMs, true);
    asked.told_at(1000 * kMs);
    EXPECT_EQ(asked.told_at(1016 * kMs), 1040 * kMs);
}

// 50 frames a second, of which we get every second one, 9 ms after the call.
std::vector<FrameSample> steady_samples(std::size_t count) {
    std::vector<FrameSample> samples;
    for (std::size_t i = 0; i < count; ++i) {
        FrameSample sample;
        const std::uint64_t called = (1000 + i * 40) * kMs;
        sample.at = {called,           called + 2 * kMs, called + 3 * kMs, called + 3 * kMs,
                     called + 4 * kMs, called + 6 * kMs, called + 9 * kMs};
        sample.presented_count = 10 + 2 * i;
        sample.copied_bytes = 512;
        samples.push_back(sample);
    }
    return samples;
}

TEST(ViewerKeys, AreItsOwnFromThePressToTheRelease) {
    using Action = ViewerKeys::Action;
    ViewerKeys keys;
    const auto press = [&](std::uint16_t code) { return keys.take(code, true).action; };
    const auto up = [&](std::uint16_t code) { return keys.take(code, false).own; };
    EXPECT_EQ(press(KEY_H), Action::none);
    EXPECT_FALSE(up(KEY_H));
    EXPECT_EQ(press(KEY_LEFTCTRL), Action::none);
    EXPECT_EQ(press(KEY_H), Action::none) << "the right one is the viewer's";
    EXPECT_FALSE(up(KEY_H));
    EXPECT_FALSE(up(KEY_LEFTCTRL));
    EXPECT_FALSE(keys.take(KEY_RIGHTCTRL, true).own) << "an app's key as well";
    EXPECT_EQ(press(KEY_H), Action::hud);
    EXPECT_EQ(press(KEY_S), Action::scale);
    EXPECT_EQ(press(KEY_P), Action::picture);
    EXPECT_EQ(press(KEY_G), Action::grab);
    EXPECT_EQ(press(KEY_N), Action::next_stream);
    EXPECT_EQ(press(KEY_Q), Action::quit);
    EXPECT_EQ(press(KEY_X), Action::none);
    EXPECT_FALSE(up(KEY_RIGHTCTRL));
    EXPECT_TRUE(up(KEY_H)) << "also when Ctrl is up before";
    EXPECT_FALSE(up(KEY_X));
    // What is not heard of any more.
    press(KEY_RIGHTCTRL);
    keys.forget();
    EXPECT_EQ(press(KEY_Q), Action::none);
}

TEST(ViewerKeys, OtherTerminals) {
    ViewerKeys keys;
    keys.take(KEY_LEFTALT, true);
    EXPECT_EQ(keys.take(KEY_F2, true).action, ViewerKeys::Action::none) << "Alt alone";
    keys.take(KEY_LEFTCTRL, true);
    const std::uint16_t functions[] = {KEY_F1, KEY_F2, KEY_F3, KEY_F4,  KEY_F5,  KEY_F6,
                                       KEY_F7, KEY_F8, KEY_F9, KEY_F10, KEY_F11, KEY_F12};
    int number = 0;
    for (const std::uint16_t code : functions) {
        const ViewerKeys::Taken taken = keys.take(code, true);
        EXPECT_EQ(taken.action, ViewerKeys::Action::console);
        EXPECT_EQ(taken.console, ++number);
        EXPECT_TRUE(taken.own);
    }
}

TEST(HudFigures, RatesAndStages) {
    const auto samples = steady_samples(100);
    const HudFigures figures = hud_figures(samples, samples.back().time(Stage::shown) + kMs);
    EXPECT_FALSE(figures.still);
    EXPECT_NEAR(figures.app_fps, 50, 0.01);
    EXPECT_NEAR(figures.shown_fps, 25, 0.01);
    EXPECT_NEAR(figures.frame_time, 20, 0.01);
    EXPECT_EQ(figures.frame_times.size(), 99U);
    EXPECT_NEAR(figures.total, 9, 1e-9);
    const std::array<double, kStages> expected{0, 2, 1, 0, 1, 2, 3};
    for (std::size_t s = 0; s < kStages; ++s) EXPECT_NEAR(figures.stages[s], expected[s], 1e-9);
    EXPECT_EQ(figures.copied_bytes, 512);
}

TEST(HudFigures, TimesThatAreNotKnownAndClocksThatDiffer) {
    auto samples = steady_samples(3);
    for (FrameSample& sample : samples) {
        sample.time(Stage::gpu_done) = 0;
        sample.time(Stage::sent) = sample.time(Stage::called) - kMs;  // a guest's clock
    }
    samples[1].presented_count = 1;  // a new broker
    const HudFigures figures = hud_figures(samples, samples.back().time(Stage::shown));
    EXPECT_FALSE(figures.known[static_cast<std::size_t>(Stage::gpu_done)]);
    EXPECT_EQ(figures.stages[static_cast<std::size_t>(Stage::sent)], 0);
    EXPECT_NEAR(figures.stages[static_cast<std::size_t>(Stage::received)], 3, 1e-9);
    EXPECT_NEAR(figures.total, 9, 1e-9);
    EXPECT_NEAR(figures.frame_times[0], 40, 1e-3);
}

TEST(HudFigures, NothingAndLongAgo) {
    EXPECT_TRUE(hud_figures({}, 1).still);
    const auto samples = steady_samples(5);
    EXPECT_TRUE(hud_figures(samples, samples.back().time(Stage::shown) + 1001 * kMs).still);
}

TEST(FrameHistory, KeepsTheNewest) {
    FrameHistory history;
    for (std::uint64_t i = 0; i < FrameHistory::kKept + 7; ++i) {
        FrameSample sample;
        sample.presented_count = i;
        history.add(sample, {});
    }
    const auto newest = history.newest().samples;
    ASSERT_EQ(newest.size(), FrameHistory::kKept);
    EXPECT_EQ(newest.front().presented_count, 7U);
    EXPECT_EQ(newest.back().presented_count, FrameHistory::kKept + 6);
}

TEST(RefreshPacer, LeavesADisplayAloneThatWaits) {
    RefreshPacer pacer(16'000, false);
    for (std::uint64_t i = 1; i < 100; ++i) {
        const std::uint64_t now = i * 16'000 + (i % 2) * 3'000;  // jitter
        EXPECT_EQ(pacer.shown_at(now), now);
    }
}

TEST(RefreshPacer, KeepsTheRateWhereNothingWaits) {
    RefreshPacer pacer(16'000, false);
    std::uint64_t now = 1'000'000;
    std::uint64_t last = 0;
    for (int i = 0; i < 100; ++i) {
        const std::uint64_t at = pacer.shown_at(now);
        if (i > 10) {
            EXPECT_EQ(at - last, 16'000U);
        }
        last = at;
        now = at + 1'000;  // drawn at once after the last was told of
    }
    now += 1'000'000;  // a pause is not made up for
    EXPECT_EQ(pacer.shown_at(now), now);
}

TEST(RefreshPacer, ZeroIsAtOnce) {
    RefreshPacer pacer(0, true);
    for (std::uint64_t now = 1; now < 50; ++now) EXPECT_EQ(pacer.shown_at(now), now);
}

TEST(SizeWishes, TheUserResizes) {
    SizeWishes wishes;
    EXPECT_TRUE(wishes.frame_resized({320, 240}));    // the first frame makes the window
    EXPECT_FALSE(wishes.window_resized({320, 240}));  // and the window is as it wanted
    EXPECT_TRUE(wishes.window_resized({330, 240}));
    EXPECT_TRUE(wishes.window_resized({340, 240}));
    EXPECT_FALSE(wishes.window_resized({340, 240}));
    // The app lags behind: its frames do not pull the window back.
    EXPECT_FALSE(wishes.frame_resized({330, 240}));
    EXPECT_FALSE(wishes.frame_resized({340, 240}));
}

TEST(SizeWishes, TheAppResizes) {
    SizeWishes wishes;
    EXPECT_TRUE(wishes.frame_resized({320, 240}));
    EXPECT_FALSE(wishes.window_resized({320, 240}));
    EXPECT_TRUE(wishes.frame_resized({480, 360}));
    EXPECT_FALSE(wishes.window_resized({480, 360}));
    // It skips a wish, or has a mind of its own.
    EXPECT_TRUE(wishes.window_resized({500, 360}));
    EXPECT_TRUE(wishes.frame_resized({400, 300}));
}

TEST(StreamRecord, CountsWhatWasSkippedAndLost) {
    StreamRecord record;
    consumer::Frame frame;
    const auto receive = [&](std::uint64_t serial, std::uint64_t count, std::uint64_t now) {
        frame.serial = serial;
        frame.presented_count = count;
        frame.called_ns = now - 5'000;
        record.received(frame, now);
    };
    receive(11, 11, 1'000'000'000);  // ten frames before we came
    receive(12, 12, 1'100'000'000);
    receive(15, 15, 1'200'000'000);
    EXPECT_EQ(record.frames_presented, 15U);
    EXPECT_EQ(record.frames_received, 3U);
    EXPECT_EQ(record.frames_skipped, 2U);
    EXPECT_EQ(record.serials_lost, 2U);
    EXPECT_NEAR(record.frames_per_second(), 10, 0.01);
    EXPECT_EQ(record.present_to_received.microseconds().p99, 5.0);
    record.reattached();  // a new broker counts from one
    receive(16, 1, 1'300'000'000);
    EXPECT_EQ(record.frames_presented, 16U);
    EXPECT_EQ(record.frames_skipped, 2U);
}

TEST(Durations, Percentiles) {
    Durations durations;
    EXPECT_EQ(durations.microseconds().max, 0);
    for (std::uint64_t us = 1; us <= 100; ++us) durations.add(us * 1000);
    EXPECT_EQ(durations.microseconds().p50, 50);
    EXPECT_EQ(durations.microseconds().p99, 99);
    EXPECT_EQ(durations.microseconds().max, 100);
}

}  // namespace
}  // namespace vdmabuf::viewer
