// SPDX-License-Identifier: MIT
#include "runtime/device/vring.hpp"

#include <gtest/gtest.h>

#include "tests/unit/device/fake_guest.hpp"

namespace vdmabuf::device {
namespace {

using test::Descriptor;
using test::FakeGuest;

constexpr std::uint16_t kNext = 1;
constexpr std::uint16_t kWrite = 2;
constexpr std::uint16_t kIndirect = 4;

class VringTest : public testing::Test {
  protected:
    void SetUp() override {
        auto memory = GuestMemory::create(guest_.state().regions);
        ASSERT_TRUE(memory);
        memory_ = *memory;
        create();
    }
    void create() {
        auto ring = Vring::create(memory_, guest_.ring(0));
        ASSERT_TRUE(ring);
        ring_.emplace(std::move(*ring));
    }
    // Puts descriptors 0, 1, ... and makes 0 available.
    void offer(const std::vector<Descriptor>& descriptors, std::uint16_t head = 0) {
        for (std::size_t i = 0; i < descriptors.size(); ++i) {
            guest_.set_descriptor(0, static_cast<std::uint16_t>(i), descriptors[i]);
        }
        guest_.make_available(0, head);
    }
    void expect_broken(const char* what) {
        auto next = ring_->next(chain_);
        ASSERT_FALSE(next) << what;
        EXPECT_NE(next.error().text.find(what), std::string::npos) << next.error().text;
    }

    FakeGuest guest_;
    std::shared_ptr<const GuestMemory> memory_;
    std::optional<Vring> ring_;
    Chain chain_;
};

TEST_F(VringTest, ServesChainsInOrder) {
    auto nothing = ring_->next(chain_);
    ASSERT_TRUE(nothing);
    EXPECT_FALSE(*nothing);
    offer({{FakeGuest::kScratch, 16, kNext, 1},
           {FakeGuest::kScratch + 16, 8, kNext, 2},
           {FakeGuest::kScratch + 64, 8, kWrite, 0}});
    auto next = ring_->next(chain_);
    ASSERT_TRUE(next && *next);
    EXPECT_EQ(chain_.readable.size(), 2U);
    EXPECT_EQ(chain_.readable_bytes, 24U);
    EXPECT_EQ(chain_.writable_bytes, 8U);
    EXPECT_EQ(guest_.used_index(0), 0);
    ring_->push(chain_, 8);
    EXPECT_EQ(guest_.used_index(0), 1);
    EXPECT_EQ(guest_.used_entry(0, 0), std::pair(0U, 8U));
    auto end = ring_->next(chain_);
    ASSERT_TRUE(end);
    EXPECT_FALSE(*end);
}

TEST_F(VringTest, GoesRoundTheRingAndRoundTheIndex) {
    guest_.set_used_index(0, 65530);
    guest_.set_available_index(0, 65530);
    create();
    EXPECT_EQ(ring_->used_index(), 65530);
    for (int i = 0; i < 200; ++i) {
        offer({{FakeGuest::kScratch, 16, kWrite, 0}});
        auto next = ring_->next(chain_);
        ASSERT_TRUE(next && *next) << i;
        ring_->push(chain_, 1);
    }
    EXPECT_EQ(guest_.used_index(0), static_cast<std::uint16_t>(65530 + 200));
}

TEST_F(VringTest, GoesOnAtTheUsedIndex) {
    offer({{FakeGuest::kScratch, 16, kWrite, 0}});
    guest_.make_available(0, 0);
    ASSERT_TRUE(ring_->next(chain_));
    ring_->push(chain_, 4);
    create();  // as another process does
    auto next = ring_->next(chain_);
    ASSERT_TRUE(next && *next);
    ring_->push(chain_, 4);
    auto end = ring_->next(chain_);
    ASSERT_TRUE(end);
    EXPECT_FALSE(*end);
}

TEST_F(VringTest, RefusesLoops) {
    offer({{FakeGuest::kScratch, 16, kNext, 1}, {FakeGuest::kScratch, 16, kNext, 0}});
    expect_broken("loop");
}

TEST_F(VringTest, RefusesALoopOfOne) {
    offer({{FakeGuest::kScratch, 16, kNext, 0}});
    expect_broken("loop");
}

TEST_F(VringTest, TakesAChainAsLongAsTheRing) {
    std::vector<Descriptor> all;
    for (std::uint16_t i = 0; i < FakeGuest::kRingSize; ++i) {
        all.push_back({FakeGuest::kScratch, 1, kNext, static_cast<std::uint16_t>(i + 1)});
    }
    all.back().flags = 0;
    offer(all);
    auto next = ring_->next(chain_);
    ASSERT_TRUE(next && *next);
    EXPECT_EQ(chain_.readable_bytes, FakeGuest::kRingSize);
}

TEST_F(VringTest, RefusesAHeadOutsideOfTheQueue) {
    offer({}, FakeGuest::kRingSize);
    expect_broken("index is outside");
}

TEST_F(VringTest, RefusesANextOutsideOfTheQueue) {
    offer({{FakeGuest::kScratch, 16, kNext, 65535}});
    expect_broken("index is outside");
}

TEST_F(VringTest, RefusesAnIndexThatRunsAhead) {
    guest_.set_available_index(0, FakeGuest::kRingSize + 1);
    expect_broken("runs ahead");
}

TEST_F(VringTest, RefusesAnIndexThatGoesBack) {
    guest_.set_available_index(0, 65535);
    expect_broken("runs ahead");
}

TEST_F(VringTest, RefusesIndirect) {
    offer({{FakeGuest::kScratch, 16, kIndirect, 0}});
    expect_broken("indirect");
}

TEST_F(VringTest, RefusesReadableAfterWritable) {
    offer({{FakeGuest::kScratch, 16, kNext | kWrite, 1}, {FakeGuest::kScratch, 16, 0, 0}});
    expect_broken("follows a writable");
}

TEST_F(VringTest, RefusesEmptyDescriptors) {
    offer({{FakeGuest::kScratch, 0, 0, 0}});
    expect_broken("length 0");
}

TEST_F(VringTest, RefusesAddressesOutsideOfMemory) {
    const std::uint64_t end = FakeGuest::kGpa + FakeGuest::kSize;
    for (const Descriptor& descriptor :
         {Descriptor{0, 16, 0, 0}, Descriptor{end, 1, 0, 0}, Descriptor{end - 8, 16, kWrite, 0},
          Descriptor{FakeGuest::kGpa - 1, 2, 0, 0}, Descriptor{UINT64_MAX - 3, 16, 0, 0},
          Descriptor{FakeGuest::kScratch, UINT32_MAX, 0, 0}}) {
        guest_.set_descriptor(0, 0, descriptor);
        guest_.set_available_index(0, 1);
        expect_broken("outside of guest memory");
    }
}

TEST_F(VringTest, RefusesBadPlaces) {
    const auto refused = [&](auto change) {
        RingState state = guest_.ring(0);
        change(state);
        return !Vring::create(memory_, state);
    };
    EXPECT_FALSE(refused([](RingState&) {}));
    EXPECT_TRUE(refused([](RingState& r) { r.size = 0; }));
    EXPECT_TRUE(refused([](RingState& r) { r.size = 48; }));
    EXPECT_TRUE(refused([](RingState& r) { r.size = 65536; }));
    EXPECT_TRUE(refused([](RingState& r) { r.descriptors = 0; }));
    EXPECT_TRUE(refused([](RingState& r) { r.descriptors += 8; }));
    EXPECT_TRUE(refused([](RingState& r) { r.available += 1; }));
    EXPECT_TRUE(refused([](RingState& r) { r.used += 2; }));
    EXPECT_TRUE(refused([](RingState& r) { r.used = UINT64_MAX - 3; }));
    EXPECT_TRUE(
        refused([](RingState& r) { r.descriptors = FakeGuest::kUva + FakeGuest::kSize - 1008; }));
    EXPECT_FALSE(
        refused([](RingState& r) { r.descriptors = FakeGuest::kUva + FakeGuest::kSize - 1024; }));
}

TEST_F(VringTest, HonoursSuppression) {
    EXPECT_TRUE(ring_->interrupt_wanted());
    guest_.set_available_flags(0, 1);
    EXPECT_FALSE(ring_->interrupt_wanted());
    ring_->set_kicks(false);
    EXPECT_EQ(guest_.used_flags(0), 1);
    ring_->set_kicks(true);
    EXPECT_EQ(guest_.used_flags(0), 0);
}

TEST_F(VringTest, GathersAndScatters) {
    const std::vector<GuestRun> pieces{{FakeGuest::kScratch, 3}, {FakeGuest::kScratch + 100, 5}};
    const std::string text = "virtio";
    EXPECT_TRUE(scatter(*memory_, pieces, std::as_bytes(std::span(text))));
    std::string back(text.size(), 0);
    EXPECT_TRUE(gather(*memory_, pieces, std::as_writable_bytes(std::span(back))));
    EXPECT_EQ(back, text);
    std::string longer(9, 'x');
    EXPECT_FALSE(scatter(*memory_, pieces, std::as_bytes(std::span(longer))));
    EXPECT_FALSE(gather(*memory_, pieces, std::as_writable_bytes(std::span(longer))));
}

}  // namespace
}  // namespace vdmabuf::device
