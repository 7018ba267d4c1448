// SPDX-License-Identifier: MIT
#include "runtime/keeper/vhost_user_message.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/keeper/fake_front.hpp"

namespace vdmabuf::keeper {
namespace {

using test::encode;
using test::to_bytes;

struct Good {
    Request request;
    std::size_t payload;
    std::size_t fds;
};

// Every message that is served, with a payload and descriptors as it must have them.
constexpr Good kGood[] = {
    {Request::get_features, 0, 0},
    {Request::set_features, 8, 0},
    {Request::set_owner, 0, 0},
    {Request::reset_owner, 0, 0},
    {Request::set_mem_table, 40, 1},
    {Request::set_mem_table, 8 + 8 * 32, 8},
    {Request::set_log_base, 16, 1},
    {Request::set_log_fd, 0, 1},
    {Request::set_vring_num, 8, 0},
    {Request::set_vring_addr, 40, 0},
    {Request::set_vring_base, 8, 0},
    {Request::get_vring_base, 8, 0},
    {Request::set_vring_kick, 8, 1},
    {Request::set_vring_call, 8, 1},
    {Request::set_vring_call, 8, 0},
    {Request::set_vring_err, 8, 1},
    {Request::get_protocol_features, 0, 0},
    {Request::set_protocol_features, 8, 0},
    {Request::get_queue_num, 0, 0},
    {Request::set_vring_enable, 8, 0},
    {Request::set_backend_req_fd, 0, 1},
    {Request::get_config, 12 + 48, 0},
    {Request::set_config, 12 + 4, 0},
    {Request::reset_device, 0, 0},
    {Request::get_max_mem_slots, 0, 0},
    {Request::add_mem_reg, 40, 1},
    {Request::rem_mem_reg, 40, 0},
    {Request::rem_mem_reg, 40, 1},
    {Request::set_status, 8, 0},
    {Request::get_status, 0, 0},
};

// Messages whose payload may be of any length up to the longest.
bool flexible(Request request) {
    return request == Request::set_mem_table || request == Request::get_config ||
           request == Request::set_config || request == Request::set_log_base ||
           request == Request::set_log_fd || request == Request::set_backend_req_fd;
}

FrontMessage make(Request request, std::size_t payload, std::size_t fds) {
    FrontMessage message;
    message.request = request;
    message.payload.resize(payload);
    for (std::size_t i = 0; i < fds; ++i) message.fds.emplace_back(::dup(0));
    return message;
}

TEST(VhostUserMessageTest, TakesEveryMessageInItsShape) {
    for (const Good& good : kGood) {
        EXPECT_TRUE(check_shape(make(good.request, good.payload, good.fds)))
            << name_of(good.request);
    }
}

TEST(VhostUserMessageTest, RefusesWrongSizes) {
    for (const Good& good : kGood) {
        if (!flexible(good.request)) {
            EXPECT_FALSE(check_shape(make(good.request, good.payload + 1, good.fds)))
                << name_of(good.request);
            EXPECT_TRUE(good.payload == 0 ||
                        !check_shape(make(good.request, good.payload - 1, good.fds)))
                << name_of(good.request);
        }
        EXPECT_FALSE(check_shape(make(good.request, 600, good.fds))) << name_of(good.request);
    }
    EXPECT_FALSE(check_shape(make(Request::set_mem_table, 7, 0)));
    EXPECT_FALSE(check_shape(make(Request::get_config, 11, 0)));
    EXPECT_FALSE(check_shape(make(Request::set_log_base, 7, 0)));
}

TEST(VhostUserMessageTest, RefusesWrongDescriptors) {
    for (const Good& good : kGood) {
        EXPECT_FALSE(check_shape(make(good.request, good.payload, 9))) << name_of(good.request);
        if (good.request != Request::set_mem_table && good.fds == 0 &&
            good.request != Request::set_vring_call && good.request != Request::rem_mem_reg) {
            EXPECT_FALSE(check_shape(make(good.request, good.payload, 1))) << name_of(good.request);
        }
    }
    EXPECT_FALSE(check_shape(make(Request::add_mem_reg, 40, 0)));
    EXPECT_FALSE(check_shape(make(Request::set_backend_req_fd, 0, 0)));
}

TEST(VhostUserMessageTest, RefusesWhatWasNotNegotiated) {
    for (const std::uint32_t request : {19U, 20U, 31U, 35U, 41U, 44U, 255U}) {
        EXPECT_FALSE(check_shape(make(static_cast<Request>(request), 8, 0))) << request;
    }
}

TEST(VhostUserMessageTest, RefusesOtherProtocols) {
    EXPECT_TRUE(check_header({1, 1, 0}));
    EXPECT_TRUE(check_header({1, 1 | 8, 4096}));
    EXPECT_FALSE(check_header({1, 0, 0}));
    EXPECT_FALSE(check_header({1, 2, 0}));
    EXPECT_FALSE(check_header({1, 1 | 4, 0})) << "a reply";
    EXPECT_FALSE(check_header({0, 1, 0}));
    EXPECT_FALSE(check_header({1, 1, 4097}));
    EXPECT_FALSE(check_header({0x20544547, 0x2048202f, 0}));  // "GET / H "
}

class MessageReaderTest : public testing::Test {
  protected:
    void SetUp() override {
        int pair[2];
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        front_.emplace(UniqueFd(pair[0]));
        back_.reset(pair[1]);
    }
    std::optional<test::FakeFront> front_;
    UniqueFd back_;
    MessageReader reader_;
};

TEST_F(MessageReaderTest, PutsPiecesTogether) {
    const auto bytes = encode(Request::set_vring_addr, std::vector<std::byte>(40), true);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        auto nothing = reader_.read(back_.get());
        ASSERT_TRUE(nothing);
        EXPECT_FALSE(*nothing);
        ASSERT_TRUE(front_->send(std::span(bytes).subspan(i, 1)));
    }
    auto message = reader_.read(back_.get());
    ASSERT_TRUE(message && *message);
    EXPECT_EQ((*message)->request, Request::set_vring_addr);
    EXPECT_TRUE((*message)->need_reply);
    EXPECT_EQ((*message)->payload.size(), 40U);
}

TEST_F(MessageReaderTest, KeepsDescriptorsWithTheirMessage) {
    ASSERT_TRUE(front_->send(encode(Request::set_vring_kick, to_bytes(std::uint64_t{0})), {0}));
    ASSERT_TRUE(front_->send(encode(Request::set_owner, {})));
    ASSERT_TRUE(front_->send(encode(Request::set_vring_call, to_bytes(std::uint64_t{1})), {0}));
    for (const std::size_t fds : {1U, 0U, 1U}) {
        auto message = reader_.read(back_.get());
        ASSERT_TRUE(message && *message);
        EXPECT_EQ((*message)->fds.size(), fds);
    }
}

TEST_F(MessageReaderTest, SaysWhenThePeerIsGone) {
    ASSERT_TRUE(front_->send(std::vector<std::byte>(5)));
    front_.reset();
    auto message = reader_.read(back_.get());
    ASSERT_FALSE(message);
    EXPECT_EQ(message.error().code, ECONNRESET);
}

TEST_F(MessageReaderTest, SaysWhenThePeerIsSomethingElse) {
    const std::string text = "GET / HTTP/1.1\r\n\r\n";
    ASSERT_TRUE(front_->send(std::as_bytes(std::span(text))));
    auto message = reader_.read(back_.get());
    ASSERT_FALSE(message);
    EXPECT_EQ(message.error().code, EPROTO);
    EXPECT_NE(message.error().text.find("vhost-user"), std::string::npos);
}

TEST_F(MessageReaderTest, RefusesAHeapOfDescriptors) {
    ASSERT_TRUE(front_->send(encode(Request::set_mem_table, std::vector<std::byte>(8)),
                             std::vector<int>(12, 0)));
    auto message = reader_.read(back_.get());
    ASSERT_FALSE(message);
    EXPECT_EQ(message.error().code, EPROTO);
}

}  // namespace
}  // namespace vdmabuf::keeper
