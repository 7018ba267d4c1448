// SPDX-License-Identifier: MIT
#include "runtime/device/input_device.hpp"

#include <gtest/gtest.h>

#include "tests/unit/device/input_driver.hpp"

namespace vdmabuf::device {
namespace {

using test::FakeGuest;
using test::InputDriver;
using test::kSync;
using test::Told;
using test::told_key;

class InputDeviceTest : public testing::Test {
  protected:
    void SetUp() override {
        auto loop = EventLoop::create();
        ASSERT_TRUE(loop);
        loop_ = std::move(*loop);
        create();
    }
    void create() { device_ = std::make_unique<InputDevice>(*loop_, "test", InputRole::pointer); }
    void start(bool resumed = false) {
        VmState state = guest_.state();
        state.resumed = resumed;
        ASSERT_TRUE(device_->apply(state));
        settle();
        guest_.interrupts(0);  // one, as another process may have owed it
    }
    void settle() {
        for (int i = 0; i < 20; ++i) loop_->run_once(0);
    }
    void key(std::uint16_t code, bool down) {
        const std::array packet{make_evdev(EV_KEY, code, down)};
        device_->send(packet);
        settle();
    }
    void expect_broken() {
        settle();
        EXPECT_TRUE(device_->broken());
        EXPECT_FALSE(device_->running());
        key(KEY_A, true);  // to nobody
    }

    FakeGuest guest_;
    InputDriver driver_{guest_};
    std::unique_ptr<EventLoop> loop_;
    std::unique_ptr<InputDevice> device_;
};

TEST_F(InputDeviceTest, TellsTheGuest) {
    start();
    driver_.post(4);
    key(KEY_A, true);
    EXPECT_EQ(driver_.take(), (std::vector<Told>{told_key(KEY_A, true), kSync}));
    EXPECT_EQ(guest_.interrupts(0), 1U);
    key(KEY_A, false);
    EXPECT_EQ(driver_.take(), (std::vector<Told>{told_key(KEY_A, false), kSync}));
}

TEST_F(InputDeviceTest, OneInterruptForOneRound) {
    start();
    driver_.post(32);
    loop_->post([this] {
        for (const int code : {KEY_A, KEY_B, KEY_C}) {
            const std::array packet{make_evdev(EV_KEY, static_cast<std::uint16_t>(code), 1)};
            device_->send(packet);
        }
    });
    settle();
    EXPECT_EQ(driver_.take().size(), 6U);
    EXPECT_EQ(guest_.interrupts(0), 1U);
}

TEST_F(InputDeviceTest, WaitsForBuffers) {
    start();
    key(KEY_A, true);
    EXPECT_TRUE(driver_.take().empty());
    EXPECT_EQ(guest_.used_flags(0), 0) << "asks for a kick";
    // A packet in parts: a queue may be shorter than it.
    driver_.post(1);
    settle();
    EXPECT_EQ(driver_.take(), (std::vector<Told>{told_key(KEY_A, true)}));
    driver_.post(1);
    settle();
    EXPECT_EQ(driver_.take(), (std::vector<Told>{kSync}));
    driver_.post(8);
    settle();
    key(KEY_A, false);
    EXPECT_EQ(driver_.take().size(), 2U);
    EXPECT_NE(guest_.used_flags(0), 0) << "posting buffers is no news now";
}

TEST_F(InputDeviceTest, AGuestThatTakesNothingCostsNothing) {
    start();
    for (std::uint16_t i = 0; i < 10000; ++i) key(KEY_A, i % 2 == 0);
    key(KEY_B, true);
    driver_.post(FakeGuest::kRingSize);
    settle();
    std::vector<Told> all = driver_.take();
    for (int i = 0; i < 20; ++i) {
        driver_.post(32);
        settle();
        const auto more = driver_.take();
        all.insert(all.end(), more.begin(), more.end());
    }
    EXPECT_LT(all.size(), 300U);
    bool a = false;
    bool b = false;
    for (const Told& each : all) {
        if (each[0] == EV_KEY) (each[1] == KEY_A ? a : b) = each[2] != 0;
    }
    EXPECT_FALSE(a);
    EXPECT_TRUE(b);
}

TEST_F(InputDeviceTest, WithoutADriverNothingIsKept) {
    key(KEY_A, true);
    start();
    driver_.post(8);
    settle();
    EXPECT_TRUE(driver_.take().empty());
    EXPECT_FALSE(device_->wanted().down(KEY_A));
}

TEST_F(InputDeviceTest, NothingStaysDownOverAReset) {
    start();
    driver_.post(8);
    key(KEY_A, true);
    driver_.take();
    ASSERT_TRUE(device_->apply(VmState{}));
    EXPECT_FALSE(device_->running());
    // A paused VM goes on: its driver still believes that the key is down.
    start();
    EXPECT_EQ(driver_.take(), (std::vector<Told>{told_key(KEY_A, false), kSync}));
}

TEST_F(InputDeviceTest, AnotherProcessReleasesWhatItCannotKnow) {
    start();
    driver_.post(2);
    key(KEY_LEFTSHIFT, true);
    driver_.take();
    for (const bool told : {true, false}) {
        create();  // the one before has died
        start(told);
        std::vector<Told> all;
        for (int i = 0; i < 40; ++i) {
            driver_.post(8);
            settle();
            const auto more = driver_.take();
            all.insert(all.end(), more.begin(), more.end());
        }
        EXPECT_NE(std::find(all.begin(), all.end(), told_key(KEY_LEFTSHIFT, false)), all.end());
        ASSERT_FALSE(all.empty());
        EXPECT_EQ(all.back(), kSync);
    }
}

TEST_F(InputDeviceTest, AFreshGuestIsToldNothing) {
    start();
    driver_.post(8);
    settle();
    EXPECT_TRUE(driver_.take().empty());
}

TEST_F(InputDeviceTest, ChangesOfMemoryDoNotMatter) {
    start();
    driver_.post(8);
    key(KEY_A, true);
    start();
    EXPECT_TRUE(device_->wanted().down(KEY_A));
    EXPECT_EQ(driver_.take().size(), 2U);
    key(KEY_A, false);
    EXPECT_EQ(driver_.take().size(), 2U);
}

TEST_F(InputDeviceTest, GivesStatusBuffersBack) {
    start();
    for (int i = 0; i < 200; ++i) {
        driver_.say_status();
        if (i % 3 == 0) settle();
    }
    settle();
    EXPECT_EQ(guest_.used_index(InputDriver::kStatus), 200);
    EXPECT_GT(guest_.interrupts(InputDriver::kStatus), 0U);
    EXPECT_FALSE(device_->broken());
}

TEST_F(InputDeviceTest, BuffersMustBeWritable) {
    start();
    guest_.set_descriptor(0, 0, {FakeGuest::kScratch, 8, 0, 0});
    guest_.make_available(0, 0);
    key(KEY_A, true);
    expect_broken();
}

TEST_F(InputDeviceTest, BuffersMustBeWritableAsAWhole) {
    start();
    guest_.set_descriptor(0, 0, {FakeGuest::kScratch, 8, 1, 1});
    guest_.set_descriptor(0, 1, {FakeGuest::kScratch + 8, 8, 2, 0});
    guest_.make_available(0, 0);
    key(KEY_A, true);
    expect_broken();
}

TEST_F(InputDeviceTest, BuffersMustBeLargeEnough) {
    start();
    driver_.post(1, 7);
    key(KEY_A, true);
    expect_broken();
}

TEST_F(InputDeviceTest, ChainsAreChecked) {
    start();
    guest_.set_descriptor(0, 0, {FakeGuest::kScratch, 4, 1 | 2, 0});  // a loop
    guest_.make_available(0, 0);
    key(KEY_A, true);
    expect_broken();
}

TEST_F(InputDeviceTest, AddressesAreChecked) {
    start();
    guest_.set_descriptor(0, 0, {FakeGuest::kGpa + FakeGuest::kSize - 4, 8, 2, 0});
    guest_.make_available(0, 0);
    key(KEY_A, true);
    expect_broken();
}

TEST_F(InputDeviceTest, TheIndexIsChecked) {
    start();
    guest_.set_available_index(0, 5000);
    key(KEY_A, true);
    expect_broken();
}

TEST_F(InputDeviceTest, TheStatusQueueIsCheckedToo) {
    start();
    guest_.set_descriptor(1, 3, {FakeGuest::kScratch, 8, 4, 0});  // indirect
    guest_.make_available(1, 3);
    guest_.kick(1);
    expect_broken();
}

TEST_F(InputDeviceTest, ABrokenOneComesBackWithAReset) {
    start();
    driver_.post(1, 7);
    key(KEY_A, true);
    expect_broken();
    start();
    EXPECT_TRUE(device_->broken()) << "a change of memory is no reset";
    ASSERT_TRUE(device_->apply(VmState{}));
    FakeGuest fresh;
    ASSERT_TRUE(device_->apply(fresh.state()));
    InputDriver driver(fresh);
    driver.post(4);
    settle();
    key(KEY_B, true);
    EXPECT_EQ(driver.take(), (std::vector<Told>{told_key(KEY_B, true), kSync}));
}

TEST_F(InputDeviceTest, RefusesQueuesOutsideOfMemory) {
    VmState state = guest_.state();
    state.rings[1].used = FakeGuest::kUva + FakeGuest::kSize;
    EXPECT_FALSE(device_->apply(state));
    EXPECT_FALSE(device_->running());
    start();
    EXPECT_TRUE(device_->running());
}

TEST_F(InputDeviceTest, WithoutAnInterruptTheGuestPolls) {
    VmState state = guest_.state();
    state.rings[0].call.reset();
    ASSERT_TRUE(device_->apply(state));
    driver_.post(4);
    key(KEY_A, true);
    EXPECT_EQ(driver_.take().size(), 2U);
}

}  // namespace
}  // namespace vdmabuf::device
