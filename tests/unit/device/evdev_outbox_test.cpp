// SPDX-License-Identifier: MIT
#include "runtime/device/evdev_outbox.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "tests/unit/device/input_driver.hpp"

namespace vdmabuf::device {
namespace {

using test::kSync;
using test::Told;
using test::told_key;

class EvdevOutboxTest : public testing::Test {
  protected:
    void key(std::uint16_t code, bool down) {
        const std::array packet{make_evdev(EV_KEY, code, down)};
        outbox_->add(packet);
    }
    // Packets that are not put together.
    void fill() {
        for (std::uint16_t i = 0; i < 500; ++i) {
            const std::array packet{make_evdev(EV_REL, i % 2 == 0 ? REL_WHEEL : REL_HWHEEL, 1)};
            outbox_->add(packet);
        }
    }
    void wheel() {
        const std::array packet{make_evdev(EV_REL, REL_WHEEL, 1)};
        outbox_->add(packet);
    }
    // The next `count` events, fewer if there are fewer.
    std::vector<Told> take(std::size_t count = SIZE_MAX) {
        std::vector<Told> taken;
        while (taken.size() < count) {
            const EvdevEvent* event = outbox_->next();
            if (!event) break;
            taken.push_back({event->type, event->code, static_cast<std::int32_t>(event->value)});
            outbox_->pop();
        }
        return taken;
    }

    EvdevOutbox pointer_{InputRole::pointer};
    EvdevOutbox screen_{InputRole::touch};
    EvdevOutbox* outbox_ = &pointer_;
};

TEST_F(EvdevOutboxTest, GivesPacketsInOrder) {
    key(KEY_A, true);
    wheel();
    key(KEY_A, false);
    EXPECT_EQ(take(), (std::vector<Told>{told_key(KEY_A, true),
                                         kSync,
                                         {EV_REL, REL_WHEEL, 1},
                                         kSync,
                                         told_key(KEY_A, false),
                                         kSync}));
    EXPECT_TRUE(take().empty());
}

TEST_F(EvdevOutboxTest, SaysNothingThatIsSoAlready) {
    key(KEY_A, false);
    EXPECT_TRUE(take().empty());
    key(KEY_A, true);
    key(KEY_A, true);
    EXPECT_EQ(take().size(), 2U);
}

TEST_F(EvdevOutboxTest, ReleasesAreNeverLost) {
    key(KEY_A, true);
    EXPECT_EQ(take().size(), 2U);
    // Until there is no room.
    fill();
    key(KEY_A, false);
    key(KEY_B, true);
    const auto told = take();
    ASSERT_LE(told.size(), EvdevOutbox::kMaxWaiting + 3);
    EXPECT_EQ(told[told.size() - 4], kSync) << "packets are whole";
    EXPECT_EQ(std::vector<Told>(told.end() - 3, told.end()),
              (std::vector<Told>{told_key(KEY_A, false), told_key(KEY_B, true), kSync}));
    EXPECT_TRUE(take().empty());
}

TEST_F(EvdevOutboxTest, WaysThatWaitArePutTogether) {
    const auto at = [this](std::int32_t x) {
        const std::array packet{make_evdev(EV_ABS, ABS_X, x), make_evdev(EV_ABS, ABS_Y, 2 * x)};
        outbox_->add(packet);
    };
    for (std::int32_t x = 1; x <= 1000; ++x) at(x);
    wheel();
    wheel();
    key(KEY_A, true);
    wheel();
    EXPECT_EQ(take(2).size(), 2U);
    at(7);  // does not go into the packet that the guest has a part of, nor before the key
    EXPECT_EQ(take(), (std::vector<Told>{kSync,
                                         {EV_REL, REL_WHEEL, 2},
                                         kSync,
                                         told_key(KEY_A, true),
                                         kSync,
                                         {EV_REL, REL_WHEEL, 1},
                                         kSync,
                                         {EV_ABS, ABS_X, 7},
                                         {EV_ABS, ABS_Y, 14},
                                         kSync}));
    at(1);
    EXPECT_EQ(take(1).size(), 1U);
    at(2);
    EXPECT_EQ(take(),
              (std::vector<Told>{
                  {EV_ABS, ABS_Y, 2}, kSync, {EV_ABS, ABS_X, 2}, {EV_ABS, ABS_Y, 4}, kSync}));
}

TEST_F(EvdevOutboxTest, FingersAreNotPutTogether) {
    outbox_ = &screen_;
    const auto move = [this](std::int32_t slot, std::int32_t x) {
        const std::array packet{make_evdev(EV_ABS, ABS_MT_SLOT, slot),
                                make_evdev(EV_ABS, ABS_MT_POSITION_X, x)};
        outbox_->add(packet);
    };
    move(1, 5);
    move(1, 6);
    move(2, 7);
    EXPECT_EQ(take(), (std::vector<Told>{{EV_ABS, ABS_MT_SLOT, 1},
                                         {EV_ABS, ABS_MT_POSITION_X, 6},
                                         kSync,
                                         {EV_ABS, ABS_MT_SLOT, 2},
                                         {EV_ABS, ABS_MT_POSITION_X, 7},
                                         kSync}));
}

TEST_F(EvdevOutboxTest, ReleasesAllThatIsDown) {
    key(KEY_A, true);
    key(BTN_LEFT, true);
    EXPECT_EQ(take(2).size(), 2U);
    outbox_->release_all();
    EXPECT_EQ(take(), (std::vector<Told>{told_key(BTN_LEFT, true), kSync, told_key(KEY_A, false),
                                         told_key(BTN_LEFT, false), kSync}));
}

TEST_F(EvdevOutboxTest, ARestartTakesBackWhatWasTold) {
    key(KEY_A, true);
    key(KEY_B, true);
    take(2);
    outbox_->restart(false);
    EXPECT_EQ(take(), (std::vector<Told>{told_key(KEY_A, false), kSync}));
}

TEST_F(EvdevOutboxTest, WhatAnotherProcessToldIsTakenBackWhole) {
    outbox_->restart(true);
    const auto told = take();
    std::set<std::int32_t> released;
    for (const Told& each : told) {
        if (each[0] != EV_KEY) continue;
        EXPECT_EQ(each[2], 0);
        released.insert(each[1]);
    }
    ASSERT_EQ(released.size(), 255U + 8);
    EXPECT_TRUE(released.contains(KEY_A) && released.contains(BTN_TASK));
    EXPECT_EQ(told.back(), kSync);
    EXPECT_TRUE(take().empty());
}

TEST_F(EvdevOutboxTest, FingersOfAnotherProcessAreLifted) {
    outbox_ = &screen_;
    outbox_->restart(true);
    const auto told = take();
    ASSERT_EQ(told.size(), 2U * 16 + 1 + 1);
    EXPECT_EQ(told[0], (Told{EV_ABS, ABS_MT_SLOT, 0}));
    EXPECT_EQ(told[1], (Told{EV_ABS, ABS_MT_TRACKING_ID, -1}));
    EXPECT_TRUE(take().empty());
}

TEST_F(EvdevOutboxTest, AFingerThatBecameAnotherGoesUpFirst) {
    outbox_ = &screen_;
    const auto touch = [this](std::int32_t id, std::int32_t x) {
        const std::array packet{make_evdev(EV_ABS, ABS_MT_SLOT, 3),
                                make_evdev(EV_ABS, ABS_MT_TRACKING_ID, id),
                                make_evdev(EV_ABS, ABS_MT_POSITION_X, x)};
        outbox_->add(packet);
    };
    touch(1, 10);
    take();
    fill();
    touch(2, 20);
    const auto told = take();
    const std::vector<Told> wanted{{EV_ABS, ABS_MT_SLOT, 3},
                                   {EV_ABS, ABS_MT_TRACKING_ID, -1},
                                   kSync,
                                   {EV_ABS, ABS_MT_SLOT, 3},
                                   {EV_ABS, ABS_MT_TRACKING_ID, 2},
                                   {EV_ABS, ABS_MT_POSITION_X, 20},
                                   {EV_ABS, ABS_MT_POSITION_Y, 0},
                                   kSync};
    ASSERT_GE(told.size(), wanted.size());
    EXPECT_EQ(
        std::vector<Told>(told.end() - static_cast<std::ptrdiff_t>(wanted.size()), told.end()),
        wanted);
}

// Whatever is done, and however slowly the guest takes it: in the end it believes what is so.
TEST_F(EvdevOutboxTest, TheGuestComesToBelieveWhatIsSo) {
    std::mt19937 random(7);
    const auto below = [&random](unsigned limit) {
        return static_cast<std::uint16_t>(random() % limit);
    };
    std::set<std::int32_t> guest;
    const auto believe = [&](const std::vector<Told>& told) {
        for (const Told& each : told) {
            if (each[0] != EV_KEY) continue;
            if (each[2]) {
                guest.insert(each[1]);
            } else {
                guest.erase(each[1]);
            }
        }
    };
    for (int round = 0; round < 200; ++round) {
        std::set<std::int32_t> down;
        for (std::int32_t code = 1; code <= 255; ++code) {
            if (outbox_->wanted().down(static_cast<std::uint16_t>(code))) down.insert(code);
        }
        for (int i = below(400); i > 0; --i) {
            const auto code = static_cast<std::uint16_t>(1 + below(255));
            const bool press = below(2) != 0;
            key(code, press);
            if (press) down.insert(code);
            if (!press) down.erase(code);
            if (below(3) == 0) believe(take(below(5)));
        }
        if (below(10) == 0) {
            outbox_->release_all();
            down.clear();
        }
        believe(take());
        ASSERT_EQ(guest, down) << round;
    }
}

}  // namespace
}  // namespace vdmabuf::device
