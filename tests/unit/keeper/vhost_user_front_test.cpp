// SPDX-License-Identifier: MIT
#include "runtime/keeper/vhost_user_front.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/unit/keeper/fake_front.hpp"

namespace vdmabuf::keeper {
namespace {

using test::FakeGuest;
using test::peek;
using test::ring_addresses;
using test::ring_state;
using test::to_bytes;

constexpr std::uint64_t kReplyAck = 1ULL << 3;

class VhostUserFrontTest : public testing::Test {
  protected:
    VhostUserFrontTest()
        : front_("VM 'test'", std::make_unique<device::VdmabufConfig>(device::Limits{}),
                 [this](const auto& state) {
                     states_.push_back(state);
                     return accept_;
                 }) {}

    Result<std::vector<std::byte>> handle(Request request, std::vector<std::byte> payload = {},
                                          const std::vector<int>& fds = {},
                                          bool need_reply = false) {
        FrontMessage message;
        message.request = request;
        message.need_reply = need_reply;
        message.payload = std::move(payload);
        for (const int fd : fds) message.fds.emplace_back(::dup(fd));
        if (auto shape = check_shape(message); !shape) return shape.error();
        return front_.handle(std::move(message));
    }
    // The payload of the reply.
    std::vector<std::byte> ask(Request request, std::vector<std::byte> payload = {}) {
        auto reply = handle(request, std::move(payload));
        if (!reply || reply->size() < 12) return {};
        EXPECT_EQ(peek<std::uint32_t>(*reply), static_cast<std::uint32_t>(request));
        EXPECT_EQ(peek<std::uint32_t>(*reply, 4), 5U);
        EXPECT_EQ(peek<std::uint32_t>(*reply, 8), reply->size() - 12);
        return {reply->begin() + 12, reply->end()};
    }
    std::uint64_t ask_number(Request request) {
        const auto payload = ask(request);
        return payload.size() == 8 ? peek<std::uint64_t>(payload) : UINT64_MAX;
    }
    bool tell(Request request, std::vector<std::byte> payload = {},
              const std::vector<int>& fds = {}) {
        auto reply = handle(request, std::move(payload), fds);
        return reply && reply->empty();
    }
    void start() {
        ASSERT_TRUE(tell(Request::set_protocol_features, to_bytes(kReplyAck | 1ULL << 9)));
        ASSERT_TRUE(tell(Request::set_features, to_bytes(ask_number(Request::get_features))));
        const device::VmState state = guest_.state();
        ASSERT_TRUE(tell(Request::add_mem_reg, test::single_region(state.regions[0]),
                         {state.regions[0].file->get()}));
        for (std::uint32_t i = 0; i < 2; ++i) {
            const device::RingState& ring = state.rings[i];
            ASSERT_TRUE(tell(Request::set_vring_num, ring_state(i, ring.size)));
            ASSERT_TRUE(tell(Request::set_vring_base, ring_state(i, 0)));
            ASSERT_TRUE(tell(Request::set_vring_addr, ring_addresses(i, ring)));
            ASSERT_TRUE(
                tell(Request::set_vring_kick, to_bytes(std::uint64_t{i}), {ring.kick->get()}));
            ASSERT_TRUE(
                tell(Request::set_vring_call, to_bytes(std::uint64_t{i}), {ring.call->get()}));
            ASSERT_TRUE(tell(Request::set_vring_enable, ring_state(i, 1)));
        }
    }

    FakeGuest guest_;
    std::vector<device::VmState> states_;
    bool accept_ = true;
    VhostUserFront front_;
};

TEST_F(VhostUserFrontTest, OffersWhatItCan) {
    EXPECT_EQ(ask_number(Request::get_features), 1ULL << 32 | 1ULL << 30);
    const std::uint64_t protocol = ask_number(Request::get_protocol_features);
    EXPECT_NE(protocol & 1ULL << 3, 0U) << "REPLY_ACK";
    EXPECT_NE(protocol & 1ULL << 9, 0U) << "CONFIG";
    EXPECT_NE(protocol & 1ULL << 15, 0U) << "CONFIGURE_MEM_SLOTS";
    EXPECT_EQ(protocol & 1ULL << 14, 0U) << "INBAND_NOTIFICATIONS";
    EXPECT_EQ(protocol & 1ULL << 1, 0U) << "LOG_SHMFD";
    EXPECT_EQ(ask_number(Request::get_queue_num), 2U);
    EXPECT_EQ(ask_number(Request::get_max_mem_slots), device::kMaxRegions);
    EXPECT_EQ(ask_number(Request::get_status), 0U);
}

TEST_F(VhostUserFrontTest, HandsOverWhatRuns) {
    start();
    ASSERT_FALSE(states_.empty());
    const device::VmState& last = states_.back();
    EXPECT_TRUE(last.rings[0].active());
    EXPECT_TRUE(last.rings[1].active());
    ASSERT_EQ(last.regions.size(), 1U);
    EXPECT_EQ(last.regions[0].gpa, FakeGuest::kGpa);
    EXPECT_EQ(last.rings[1].used, guest_.ring(1).used);
    EXPECT_FALSE(last.resumed);
    EXPECT_LE(states_.size(), 7U) << "nothing before the first queue runs";
}

TEST_F(VhostUserFrontTest, ServesTheConfiguration) {
    const auto get = [this](std::uint32_t offset, std::uint32_t size) {
        auto payload = to_bytes(ConfigPayload{offset, size, 0});
        payload.resize(12 + std::min<std::uint32_t>(size, 256));
        return ask(Request::get_config, payload);
    };
    auto reply = get(0, 64);
    ASSERT_EQ(reply.size(), 12U + 64);
    EXPECT_EQ(peek<std::uint32_t>(reply, 4), 64U);
    EXPECT_EQ(peek<std::uint16_t>(reply, 12), 1U);
    EXPECT_EQ(peek<std::uint32_t>(reply, 12 + 32), 4096U) << "max_message";
    EXPECT_EQ(peek<std::uint64_t>(reply, 12 + 56), 0U) << "zeros beyond";
    reply = get(32, 4);
    ASSERT_EQ(reply.size(), 16U);
    EXPECT_EQ(peek<std::uint32_t>(reply, 12), 4096U);
    EXPECT_EQ(get(250, 6).size(), 18U);
    EXPECT_TRUE(get(250, 7).empty()) << "too far";
    EXPECT_TRUE(get(UINT32_MAX, 4).empty());
    EXPECT_TRUE(get(4, UINT32_MAX).empty());
    EXPECT_FALSE(tell(Request::set_config, to_bytes(ConfigPayload{0, 0, 0}))) << "read-only";
}

TEST_F(VhostUserFrontTest, RefusesFeaturesThatWereNotOffered) {
    EXPECT_FALSE(tell(Request::set_features, to_bytes(1ULL << 32 | 1ULL << 33)));
    EXPECT_FALSE(tell(Request::set_features, to_bytes(1ULL << 30))) << "a legacy driver";
    EXPECT_FALSE(tell(Request::set_protocol_features, to_bytes(1ULL << 14)));
}

TEST_F(VhostUserFrontTest, QueuesAreEnabledFromTheStartWithoutProtocolFeatures) {
    EXPECT_TRUE(tell(Request::set_features, to_bytes(1ULL << 32)));
    EXPECT_TRUE(front_.state().rings[0].enabled);
}

TEST_F(VhostUserFrontTest, AcknowledgesWhenAsked) {
    const auto asked = [this](Request request, std::vector<std::byte> payload) {
        auto reply = handle(request, std::move(payload), {}, true);
        return reply && reply->size() == 20 ? peek<std::uint64_t>(*reply, 12) : UINT64_MAX;
    };
    EXPECT_EQ(asked(Request::set_vring_num, ring_state(0, 64)), UINT64_MAX)
        << "not before REPLY_ACK is negotiated";
    ASSERT_TRUE(tell(Request::set_protocol_features, to_bytes(kReplyAck)));
    EXPECT_EQ(asked(Request::set_vring_num, ring_state(0, 64)), 0U);
    EXPECT_EQ(asked(Request::set_vring_num, ring_state(0, 65)), 1U) << "refused, and goes on";
    EXPECT_EQ(asked(Request::rem_mem_reg, test::single_region(guest_.region())), 1U);
    EXPECT_EQ(asked(Request::set_vring_enable, ring_state(0, 1)), 0U);
}

TEST_F(VhostUserFrontTest, WithoutARefusalTheConnectionEnds) {
    EXPECT_FALSE(tell(Request::set_vring_num, ring_state(0, 65)));
    EXPECT_FALSE(tell(Request::rem_mem_reg, test::single_region(guest_.region())));
}

TEST_F(VhostUserFrontTest, RefusesQueuesThatDoNotExist) {
    EXPECT_FALSE(tell(Request::set_vring_num, ring_state(2, 64)));
    EXPECT_FALSE(tell(Request::set_vring_base, ring_state(2, 0)));
    EXPECT_FALSE(tell(Request::set_vring_enable, ring_state(2, 1)));
    EXPECT_FALSE(tell(Request::set_vring_addr, ring_addresses(2, guest_.ring(0))));
    EXPECT_FALSE(tell(Request::set_vring_kick, to_bytes(std::uint64_t{2}), {0}));
    EXPECT_FALSE(tell(Request::set_vring_call, to_bytes(std::uint64_t{255}), {0}));
    EXPECT_FALSE(handle(Request::get_vring_base, ring_state(UINT32_MAX, 0)));
}

TEST_F(VhostUserFrontTest, RefusesBadQueueValues) {
    EXPECT_FALSE(tell(Request::set_vring_num, ring_state(0, 0)));
    EXPECT_FALSE(tell(Request::set_vring_num, ring_state(0, 65536)));
    EXPECT_FALSE(tell(Request::set_vring_enable, ring_state(0, 2)));
    EXPECT_FALSE(tell(Request::set_vring_kick, to_bytes(std::uint64_t{0}))) << "no descriptor";
    EXPECT_FALSE(tell(Request::set_vring_kick, to_bytes(std::uint64_t{0x100}))) << "to be polled";
    EXPECT_FALSE(tell(Request::set_vring_kick, to_bytes(std::uint64_t{0x100}), {0}));
    EXPECT_FALSE(tell(Request::set_vring_call, to_bytes(std::uint64_t{0})));
    EXPECT_TRUE(tell(Request::set_vring_call, to_bytes(std::uint64_t{0x100}))) << "the guest polls";
}

TEST_F(VhostUserFrontTest, ChecksMemory) {
    const device::RegionState region = guest_.region();
    const std::vector<int> fds{region.file->get()};
    auto table = test::memory_table({region});
    EXPECT_TRUE(tell(Request::set_mem_table, table, fds));
    EXPECT_FALSE(tell(Request::set_mem_table, table)) << "no descriptor";
    EXPECT_FALSE(tell(Request::set_mem_table, table, {fds[0], fds[0]}));
    EXPECT_FALSE(
        tell(Request::set_mem_table, test::memory_table({region, region}), {fds[0], fds[0]}))
        << "they overlap";
    table.resize(table.size() - 1);
    EXPECT_FALSE(tell(Request::set_mem_table, table, fds)) << "shorter than it says";
    test::poke<std::uint32_t>(table, 0, UINT32_MAX);
    EXPECT_FALSE(tell(Request::set_mem_table, table, fds));
    // User Mode Linux sends room for two regions and counts one.
    table = test::memory_table({region});
    table.resize(8 + 2 * 32);
    EXPECT_TRUE(tell(Request::set_mem_table, table, fds));

    EXPECT_FALSE(tell(Request::add_mem_reg, test::single_region(region), fds)) << "twice";
    EXPECT_TRUE(tell(Request::rem_mem_reg, test::single_region(region)));
    EXPECT_FALSE(tell(Request::rem_mem_reg, test::single_region(region)));
    EXPECT_TRUE(tell(Request::add_mem_reg, test::single_region(region), fds));
    device::RegionState longer = region;
    longer.gpa += 2 * region.size;
    longer.uva += 2 * region.size;
    longer.size *= 2;
    EXPECT_FALSE(tell(Request::add_mem_reg, test::single_region(longer), fds));
    longer.size = 0;
    EXPECT_FALSE(tell(Request::add_mem_reg, test::single_region(longer), fds));
    EXPECT_EQ(front_.state().regions.size(), 1U);
}

TEST_F(VhostUserFrontTest, SaysThatMemoryIsNotShared) {
    ASSERT_TRUE(tell(Request::set_features, to_bytes(1ULL << 32)));
    EXPECT_TRUE(front_.lacks_memory());
    ASSERT_TRUE(tell(Request::set_vring_num, ring_state(0, 64)));
    ASSERT_TRUE(tell(Request::set_vring_addr, ring_addresses(0, guest_.ring(0))));
    auto reply =
        handle(Request::set_vring_kick, to_bytes(std::uint64_t{0}), {guest_.ring(0).kick->get()});
    ASSERT_FALSE(reply);
    EXPECT_THAT(reply.error().text, testing::HasSubstr("memory-backend-memfd"));
}

TEST_F(VhostUserFrontTest, StopsAQueueWhereItHasCome) {
    start();
    guest_.set_used_index(0, 1234);
    const auto reply = ask(Request::get_vring_base, ring_state(0, 0));
    ASSERT_EQ(reply.size(), 8U);
    EXPECT_EQ(peek<std::uint32_t>(reply, 4), 1234U);
    EXPECT_FALSE(states_.back().rings[0].active()) << "told before the reply";
    EXPECT_TRUE(states_.back().rings[1].active());
    // One that never ran.
    VhostUserFront fresh("VM 'test'", std::make_unique<device::VdmabufConfig>(device::Limits{}),
                         [](const auto&) { return true; });
    FrontMessage message;
    message.request = Request::get_vring_base;
    message.payload = ring_state(0, 0);
    auto answer = fresh.handle(std::move(message));
    ASSERT_TRUE(answer);
    EXPECT_EQ(peek<std::uint32_t>(*answer, 16), 0U);
}

TEST_F(VhostUserFrontTest, ResetsEndEverythingButMemory) {
    for (const Request request : {Request::reset_device, Request::reset_owner}) {
        start();
        ASSERT_TRUE(tell(request));
        EXPECT_FALSE(states_.back().active());
        EXPECT_EQ(front_.state().regions.size(), 1U);
        ASSERT_TRUE(tell(Request::rem_mem_reg, test::single_region(guest_.region())));
    }
    start();
    ASSERT_TRUE(tell(Request::set_status, to_bytes(std::uint64_t{15})));
    EXPECT_EQ(ask_number(Request::get_status), 15U);
    EXPECT_TRUE(front_.state().active());
    ASSERT_TRUE(tell(Request::set_status, to_bytes(std::uint64_t{0})));
    EXPECT_FALSE(states_.back().active());
}

TEST_F(VhostUserFrontTest, AnOwnerBeginsAnew) {
    start();
    ASSERT_TRUE(tell(Request::set_owner));
    EXPECT_FALSE(states_.back().active());
    EXPECT_TRUE(front_.state().regions.empty());
    start();  // with the same memory once more
    EXPECT_TRUE(states_.back().active());
}

TEST_F(VhostUserFrontTest, PassesRefusalsOn) {
    accept_ = false;
    ASSERT_TRUE(tell(Request::set_protocol_features, to_bytes(kReplyAck)));
    ASSERT_TRUE(tell(Request::set_features, to_bytes(1ULL << 32)));
    const device::RegionState region = guest_.region();
    ASSERT_TRUE(tell(Request::add_mem_reg, test::single_region(region), {region.file->get()}));
    ASSERT_TRUE(tell(Request::set_vring_num, ring_state(0, 64)));
    ASSERT_TRUE(tell(Request::set_vring_addr, ring_addresses(0, guest_.ring(0))));
    auto reply = handle(Request::set_vring_kick, to_bytes(std::uint64_t{0}),
                        {guest_.ring(0).kick->get()}, true);
    ASSERT_TRUE(reply);
    ASSERT_EQ(reply->size(), 20U);
    EXPECT_EQ(peek<std::uint64_t>(*reply, 12), 1U);
}

TEST_F(VhostUserFrontTest, DoesNotLogDirtyMemory) {
    EXPECT_TRUE(tell(Request::set_log_fd, {}, {0}));
    EXPECT_TRUE(tell(Request::set_log_base, std::vector<std::byte>(8)));
    EXPECT_TRUE(tell(Request::set_vring_err, to_bytes(std::uint64_t{0}), {0}));
    EXPECT_TRUE(tell(Request::set_backend_req_fd, {}, {0}));
}

}  // namespace
}  // namespace vdmabuf::keeper
