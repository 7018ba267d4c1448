// SPDX-License-Identifier: MIT
#include "runtime/device/event_queue.hpp"

#include <gtest/gtest.h>

#include "tests/unit/device/fake_guest.hpp"

namespace vdmabuf::device {
namespace {

using test::FakeGuest;
using test::make_id;
using test::peek;

class EventQueueTest : public testing::Test {
  protected:
    void SetUp() override {
        auto memory = GuestMemory::create(guest_.state().regions);
        ASSERT_TRUE(memory);
        memory_ = *memory;
        auto ring = Vring::create(memory_, guest_.ring(1));
        ASSERT_TRUE(ring);
        ring_.emplace(std::move(*ring));
    }
    bool message(std::uint32_t channel, const std::string& text) {
        return queue_.message(channel, std::as_bytes(std::span(text)));
    }
    std::size_t deliver() {
        auto count = queue_.deliver(*ring_, *memory_);
        return count ? *count : SIZE_MAX;
    }
    std::uint32_t next_type() {
        auto event = guest_.take_event();
        return event ? peek<std::uint32_t>(*event) : 0;
    }

    FakeGuest guest_;
    std::shared_ptr<const GuestMemory> memory_;
    std::optional<Vring> ring_;
    EventQueue queue_;
};

TEST_F(EventQueueTest, WritesEachEvent) {
    guest_.post_event_buffers(4);
    EXPECT_TRUE(message(7, "hello"));
    queue_.channel_closed(7, VIRTIO_VDMABUF_CLOSE_QUOTA);
    queue_.buffer_released(8, make_id(5), 1);
    queue_.resync(0x1234567890);
    EXPECT_EQ(deliver(), 4U);
    EXPECT_TRUE(queue_.empty());

    auto event = guest_.take_event();  // RESYNC overtakes
    ASSERT_TRUE(event);
    EXPECT_EQ(peek<std::uint32_t>(*event), static_cast<std::uint32_t>(VIRTIO_VDMABUF_EVT_RESYNC));
    EXPECT_EQ(event->size(), sizeof(virtio_vdmabuf_event_resync));
    EXPECT_EQ(peek<std::uint32_t>(*event, 8), 0U);
    EXPECT_EQ(peek<std::uint64_t>(*event, 16), 0x1234567890U);
    event = guest_.take_event();
    ASSERT_TRUE(event);
    EXPECT_EQ(peek<std::uint32_t>(*event), static_cast<std::uint32_t>(VIRTIO_VDMABUF_EVT_MESSAGE));
    EXPECT_EQ(peek<std::uint32_t>(*event, 4), 21U);
    EXPECT_EQ(peek<std::uint32_t>(*event, 8), 7U);
    EXPECT_EQ(std::memcmp(event->data() + 16, "hello", 5), 0);
    event = guest_.take_event();
    ASSERT_TRUE(event);
    EXPECT_EQ(event->size(), sizeof(virtio_vdmabuf_event_channel_closed));
    EXPECT_EQ(peek<std::uint32_t>(*event, 16),
              static_cast<std::uint32_t>(VIRTIO_VDMABUF_CLOSE_QUOTA));
    event = guest_.take_event();
    ASSERT_TRUE(event);
    EXPECT_EQ(event->size(), sizeof(virtio_vdmabuf_event_buffer_released));
    EXPECT_EQ(peek<std::uint8_t>(*event, 16), 5);
}

TEST_F(EventQueueTest, WaitsForBuffers) {
    EXPECT_TRUE(message(1, "one"));
    EXPECT_TRUE(message(1, "two"));
    EXPECT_EQ(deliver(), 0U);
    guest_.post_event_buffers(1);
    EXPECT_EQ(deliver(), 1U);
    guest_.post_event_buffers(1);
    EXPECT_EQ(deliver(), 1U);
    EXPECT_TRUE(queue_.empty());
}

TEST_F(EventQueueTest, BoundsEachChannelByItself) {
    std::uint32_t count = 0;
    while (message(1, "x")) ++count;
    EXPECT_EQ(count, EventQueue::kMaxWaiting);
    EXPECT_TRUE(message(2, "x"));
    std::size_t bytes = 0;
    const std::string large(4096, 'x');
    while (message(3, large)) bytes += large.size();
    EXPECT_EQ(bytes, EventQueue::kMaxWaitingBytes);
    // Room again as they leave.
    guest_.post_event_buffers(1);
    EXPECT_EQ(deliver(), 1U);
    EXPECT_TRUE(message(1, "x"));
    EXPECT_FALSE(message(1, "x"));
    queue_.drop_messages(1);
    EXPECT_TRUE(message(1, "x"));
}

TEST_F(EventQueueTest, TellsWhatHasArrived) {
    std::vector<std::uint64_t> seen;
    queue_.closed_delivered = [&](std::uint32_t channel) { seen.push_back(channel); };
    queue_.released_delivered = [&](std::uint64_t token) { seen.push_back(token); };
    queue_.channel_closed(3, 1);
    queue_.buffer_released(3, make_id(1), 77);
    deliver();
    EXPECT_TRUE(seen.empty());
    guest_.post_event_buffers(2);
    deliver();
    EXPECT_EQ(seen, (std::vector<std::uint64_t>{3, 77}));
}

TEST_F(EventQueueTest, RefusesBuffersThatAreTooSmall) {
    guest_.post_event_buffers(1, 16);
    EXPECT_TRUE(message(1, "x"));
    EXPECT_EQ(deliver(), SIZE_MAX);
}

TEST_F(EventQueueTest, RefusesReadableBuffers) {
    guest_.set_descriptor(1, 0, {FakeGuest::kEventBuffers, 4112, 0, 0});
    guest_.make_available(1, 0);
    EXPECT_TRUE(message(1, "x"));
    EXPECT_EQ(deliver(), SIZE_MAX);
}

}  // namespace
}  // namespace vdmabuf::device
