// SPDX-License-Identifier: MIT
#include "runtime/device/guest_input.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/device/input_driver.hpp"

namespace vdmabuf::device {
namespace {

using input::Kind;
using input::make_event;
using test::FakeGuest;
using test::InputDriver;
using test::kSync;
using test::Told;
using test::told_key;

constexpr std::uint32_t kWide = 640;
constexpr std::uint32_t kHigh = 480;
constexpr std::int32_t kPixel = input::kFraction;

class GuestInputTest : public testing::Test {
  protected:
    void SetUp() override {
        auto loop = EventLoop::create();
        ASSERT_TRUE(loop);
        loop_ = std::move(*loop);
        input_ = std::make_unique<GuestInput>(*loop_, "test");
    }
    void start(InputRole role) {
        const auto index = static_cast<std::uint32_t>(role);
        guests_[index - 1] = std::make_unique<FakeGuest>();
        drivers_[index - 1] = std::make_unique<InputDriver>(*guests_[index - 1]);
        ASSERT_TRUE(input_->apply(index, guests_[index - 1]->state()));
        drivers_[index - 1]->post(FakeGuest::kRingSize);
        settle();
    }
    void start_all() {
        for (const InputRole role : {InputRole::pointer, InputRole::mouse, InputRole::touch}) {
            start(role);
        }
    }
    void settle() {
        for (int i = 0; i < 20; ++i) loop_->run_once(0);
    }
    std::vector<Told> say(InputRole role, const input::Event& event) {
        input_->event(event, kWide, kHigh);
        return take(role);
    }
    std::vector<Told> take(InputRole role) {
        settle();
        InputDriver& driver = *drivers_[static_cast<std::size_t>(role) - 1];
        auto told = driver.take();
        driver.post(told.size());
        settle();
        return told;
    }
    bool silent() {
        settle();
        return std::all_of(drivers_.begin(), drivers_.end(),
                           [](const auto& driver) { return !driver || driver->take().empty(); });
    }

    std::unique_ptr<EventLoop> loop_;
    std::array<std::unique_ptr<FakeGuest>, kInputRoles> guests_;
    std::array<std::unique_ptr<InputDriver>, kInputRoles> drivers_;
    std::unique_ptr<GuestInput> input_;
};

TEST_F(GuestInputTest, Keys) {
    start_all();
    EXPECT_EQ(say(InputRole::pointer, make_event(Kind::key, KEY_A, 1)),
              (std::vector<Told>{told_key(KEY_A, true), kSync}));
    EXPECT_EQ(say(InputRole::pointer, make_event(Kind::key, KEY_A, 0)),
              (std::vector<Told>{told_key(KEY_A, false), kSync}));
    EXPECT_TRUE(silent());
}

TEST_F(GuestInputTest, EveryPixelIsFound) {
    start(InputRole::pointer);
    for (const std::uint32_t width : {1U, 3U, 640U, 1366U, 1920U, 3840U, 7680U}) {
        for (std::uint32_t pixel = 0; pixel < width; pixel += 1 + width / 97) {
            input_->event(make_event(Kind::motion, 0, 0, static_cast<std::int32_t>(pixel) * kPixel),
                          width, 1);
            const auto told = take(InputRole::pointer);
            ASSERT_EQ(told.size(), 3U);
            ASSERT_EQ(told[0][1], ABS_X);
            ASSERT_GE(told[0][2], 0);
            ASSERT_LT(told[0][2], kInputRange);
            // As libinput scales it, rounded down.
            const auto there = static_cast<std::uint64_t>(told[0][2]) * width / kInputRange;
            ASSERT_EQ(there, pixel) << width;
        }
    }
    const auto corner = say(InputRole::pointer,
                            make_event(Kind::motion, 0, 0, kWide * kPixel - 1, kHigh * kPixel - 1));
    EXPECT_EQ(corner,
              (std::vector<Told>{
                  {EV_ABS, ABS_X, kInputRange - 1}, {EV_ABS, ABS_Y, kInputRange - 1}, kSync}));
}

TEST_F(GuestInputTest, MovesByWholeSteps) {
    start_all();
    EXPECT_EQ(say(InputRole::mouse, make_event(Kind::relative, 0, 0, 3 * kPixel, -2 * kPixel)),
              (std::vector<Told>{{EV_REL, REL_X, 3}, {EV_REL, REL_Y, -2}, kSync}));
    EXPECT_TRUE(say(InputRole::mouse, make_event(Kind::relative, 0, 0, 100, 0)).empty());
    EXPECT_TRUE(say(InputRole::mouse, make_event(Kind::relative, 0, 0, 100, 0)).empty());
    EXPECT_EQ(say(InputRole::mouse, make_event(Kind::relative, 0, 0, 100, 0)),
              (std::vector<Told>{{EV_REL, REL_X, 1}, kSync}));
    EXPECT_TRUE(silent());
}

TEST_F(GuestInputTest, WithoutAMouseThePointerMoves) {
    start(InputRole::pointer);
    say(InputRole::pointer, make_event(Kind::motion, 0, 0, 320 * kPixel, 240 * kPixel));
    auto told = say(InputRole::pointer, make_event(Kind::relative, 0, 0, 64 * kPixel, 0));
    ASSERT_EQ(told.size(), 3U);
    EXPECT_EQ(told[0][2], kInputRange * 6 / 10);
    EXPECT_EQ(told[1][2], kInputRange / 2);
    told = say(InputRole::pointer, make_event(Kind::relative, 0, 0, -10000 * kPixel, 0));
    EXPECT_EQ(told[0][2], 0) << "and no further";
    told = say(InputRole::pointer, make_event(Kind::relative, 0, 0, 10000 * kPixel, 0));
    EXPECT_EQ(told[0][2], kInputRange - 1);
}

TEST_F(GuestInputTest, WheelsTurnInPartsOfAClick) {
    start_all();
    EXPECT_EQ(say(InputRole::pointer, make_event(Kind::wheel, 0, 0, 0, 120)),
              (std::vector<Told>{{EV_REL, REL_WHEEL_HI_RES, 120}, {EV_REL, REL_WHEEL, 1}, kSync}));
    EXPECT_EQ(say(InputRole::pointer, make_event(Kind::wheel, 0, 0, 80, 0)),
              (std::vector<Told>{{EV_REL, REL_HWHEEL_HI_RES, 80}, kSync}));
    EXPECT_EQ(say(InputRole::pointer, make_event(Kind::wheel, 0, 0, 80, 0)),
              (std::vector<Told>{{EV_REL, REL_HWHEEL_HI_RES, 80}, {EV_REL, REL_HWHEEL, 1}, kSync}));
    EXPECT_EQ(say(InputRole::pointer, make_event(Kind::wheel, 0, 0, -80, 0)),
              (std::vector<Told>{{EV_REL, REL_HWHEEL_HI_RES, -80}, kSync}))
        << "turned back";
}

TEST_F(GuestInputTest, ButtonsBelongToWhatMoves) {
    start_all();
    say(InputRole::pointer, make_event(Kind::motion, 0, 0, 0, 0));
    EXPECT_EQ(say(InputRole::pointer, make_event(Kind::button, BTN_LEFT, 1)).size(), 2U);
    say(InputRole::mouse, make_event(Kind::relative, 0, 0, kPixel, 0));
    EXPECT_EQ(say(InputRole::mouse, make_event(Kind::button, BTN_RIGHT, 1)).size(), 2U);
    EXPECT_EQ(say(InputRole::mouse, make_event(Kind::wheel, 0, 0, 0, 120)).size(), 3U);
    // Released where it was pressed, and there only.
    EXPECT_EQ(say(InputRole::pointer, make_event(Kind::button, BTN_LEFT, 0)),
              (std::vector<Told>{told_key(BTN_LEFT, false), kSync}));
    EXPECT_EQ(say(InputRole::mouse, make_event(Kind::button, BTN_RIGHT, 0)),
              (std::vector<Told>{told_key(BTN_RIGHT, false), kSync}));
    EXPECT_TRUE(silent());
}

TEST_F(GuestInputTest, TouchesWithSeveralFingers) {
    start_all();
    const auto half = kInputRange / 2;
    EXPECT_EQ(say(InputRole::touch, make_event(Kind::touch_down, 2, 0, 320 * kPixel, 240 * kPixel)),
              (std::vector<Told>{{EV_ABS, ABS_MT_SLOT, 2},
                                 {EV_ABS, ABS_MT_TRACKING_ID, 0},
                                 {EV_ABS, ABS_MT_POSITION_X, half},
                                 {EV_ABS, ABS_MT_POSITION_Y, half},
                                 told_key(BTN_TOUCH, true),
                                 {EV_ABS, ABS_X, half},
                                 {EV_ABS, ABS_Y, half},
                                 kSync}));
    EXPECT_EQ(say(InputRole::touch, make_event(Kind::touch_down, 5, 0, 0, 0)),
              (std::vector<Told>{{EV_ABS, ABS_MT_SLOT, 5},
                                 {EV_ABS, ABS_MT_TRACKING_ID, 1},
                                 {EV_ABS, ABS_MT_POSITION_X, 0},
                                 {EV_ABS, ABS_MT_POSITION_Y, 0},
                                 kSync}));
    EXPECT_EQ(say(InputRole::touch, make_event(Kind::touch_motion, 5, 0, 320 * kPixel, 0)),
              (std::vector<Told>{{EV_ABS, ABS_MT_SLOT, 5},
                                 {EV_ABS, ABS_MT_POSITION_X, half},
                                 {EV_ABS, ABS_MT_POSITION_Y, 0},
                                 kSync}));
    EXPECT_EQ(
        say(InputRole::touch, make_event(Kind::touch_up, 2)),
        (std::vector<Told>{{EV_ABS, ABS_MT_SLOT, 2}, {EV_ABS, ABS_MT_TRACKING_ID, -1}, kSync}));
    EXPECT_EQ(say(InputRole::touch, make_event(Kind::touch_up, 5)),
              (std::vector<Told>{{EV_ABS, ABS_MT_SLOT, 5},
                                 {EV_ABS, ABS_MT_TRACKING_ID, -1},
                                 told_key(BTN_TOUCH, false),
                                 kSync}));
    EXPECT_TRUE(say(InputRole::touch, make_event(Kind::touch_up, 5)).empty());
    EXPECT_TRUE(say(InputRole::touch, make_event(Kind::touch_motion, 5)).empty());
    EXPECT_TRUE(silent());
}

TEST_F(GuestInputTest, TouchesAreCancelled) {
    start_all();
    say(InputRole::touch, make_event(Kind::touch_down, 0, 0, 0, 0));
    say(InputRole::touch, make_event(Kind::touch_down, 1, 0, 0, 0));
    const auto told = say(InputRole::touch, make_event(Kind::touch_cancel));
    EXPECT_EQ(std::count(told.begin(), told.end(), Told{EV_ABS, ABS_MT_TRACKING_ID, -1}), 2);
    EXPECT_EQ(std::count(told.begin(), told.end(), told_key(BTN_TOUCH, false)), 1);
}

TEST_F(GuestInputTest, WithoutATouchScreenTheFirstFingerClicks) {
    start(InputRole::pointer);
    auto told = say(InputRole::pointer, make_event(Kind::touch_down, 3, 0, 0, 0));
    EXPECT_EQ(std::count(told.begin(), told.end(), told_key(BTN_LEFT, true)), 1);
    EXPECT_TRUE(say(InputRole::pointer, make_event(Kind::touch_down, 4, 0, 0, 0)).empty());
    EXPECT_TRUE(say(InputRole::pointer, make_event(Kind::touch_up, 4)).empty());
    EXPECT_EQ(say(InputRole::pointer, make_event(Kind::touch_motion, 3, 0, kPixel, 0)).size(), 3U);
    EXPECT_EQ(say(InputRole::pointer, make_event(Kind::touch_up, 3)),
              (std::vector<Told>{told_key(BTN_LEFT, false), kSync}));
}

TEST_F(GuestInputTest, ReleasesEverythingEverywhere) {
    start_all();
    say(InputRole::pointer, make_event(Kind::key, KEY_A, 1));
    say(InputRole::pointer, make_event(Kind::button, BTN_LEFT, 1));
    say(InputRole::mouse, make_event(Kind::relative, 0, 0, kPixel, 0));
    say(InputRole::mouse, make_event(Kind::button, BTN_RIGHT, 1));
    say(InputRole::touch, make_event(Kind::touch_down, 0, 0, 0, 0));
    input_->release_all();
    EXPECT_EQ(take(InputRole::pointer),
              (std::vector<Told>{told_key(KEY_A, false), told_key(BTN_LEFT, false), kSync}));
    EXPECT_EQ(take(InputRole::mouse), (std::vector<Told>{told_key(BTN_RIGHT, false), kSync}));
    EXPECT_EQ(take(InputRole::touch).size(), 4U);
}

TEST_F(GuestInputTest, NobodyIsThere) {
    for (std::uint16_t kind = 1; kind <= 11; ++kind) {
        input_->event({kind, 0, 0, 0, 0}, kWide, kHigh);
    }
    input_->release_all();
    EXPECT_FALSE(input_->apply(0, VmState{}));
    EXPECT_FALSE(input_->apply(4, VmState{}));
}

}  // namespace
}  // namespace vdmabuf::device
