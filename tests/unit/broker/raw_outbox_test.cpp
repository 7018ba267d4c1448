// SPDX-License-Identifier: MIT
#include "runtime/broker/raw_outbox.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace vdmabuf::broker {
namespace {

using Kind = RawOutbox::Kind;

class RawOutboxTest : public testing::Test {
  protected:
    static std::vector<std::byte> message(int value) { return {static_cast<std::byte>(value)}; }

    std::vector<int> sent;
    std::vector<std::uint64_t> delivered;
    std::function<void(std::uint64_t)> note = [this](std::uint64_t link) {
        delivered.push_back(link);
    };
    RawOutbox outbox{2, [this](std::span<const std::byte> bytes) {
                         sent.push_back(std::to_integer<int>(bytes[0]));
                     }};
};

TEST_F(RawOutboxTest, SendsNoMoreThanIsAcknowledged) {
    for (int i = 0; i < 5; ++i) outbox.push(1, Kind::message, message(i));
    EXPECT_EQ(sent, (std::vector{0, 1}));
    EXPECT_EQ(outbox.waiting_count(), 3u);
    ASSERT_TRUE(outbox.acknowledge(1, note));
    EXPECT_EQ(sent, (std::vector{0, 1, 2}));
    ASSERT_TRUE(outbox.acknowledge(2, note));
    EXPECT_EQ(sent, (std::vector{0, 1, 2, 3, 4}));
    EXPECT_EQ(delivered, (std::vector<std::uint64_t>{1, 1, 1}));
    ASSERT_TRUE(outbox.acknowledge(2, note));
    EXPECT_FALSE(outbox.acknowledge(1, note)) << "of nothing";
    EXPECT_EQ(delivered.size(), 5u);
}

TEST_F(RawOutboxTest, OnlyMessagesAreReported) {
    outbox.push(1, Kind::taken, message(0));
    outbox.push(1, Kind::credit, message(1));
    ASSERT_TRUE(outbox.acknowledge(2, note));
    EXPECT_TRUE(delivered.empty());
}

TEST_F(RawOutboxTest, WhatNobodyHasHeardOfIsForgotten) {
    outbox.push(1, Kind::taken, message(0));
    outbox.push(2, Kind::taken, message(1));
    outbox.push(1, Kind::message, message(2));
    outbox.push(3, Kind::taken, message(3));
    outbox.push(3, Kind::message, message(4));
    EXPECT_FALSE(outbox.drop(1)) << "its TAKEN is out";
    EXPECT_TRUE(outbox.drop(3));
    EXPECT_EQ(outbox.waiting_count(), 0u);
    ASSERT_TRUE(outbox.acknowledge(2, note));
    EXPECT_EQ(sent, (std::vector{0, 1}));
}

TEST_F(RawOutboxTest, AWaitingMessageCanBeChanged) {
    outbox.push(1, Kind::credit, message(0));
    EXPECT_EQ(outbox.waiting(1, Kind::credit), nullptr) << "it is out already";
    outbox.push(1, Kind::message, message(1));
    outbox.push(1, Kind::credit, message(2));
    auto* waiting = outbox.waiting(1, Kind::credit);
    ASSERT_NE(waiting, nullptr);
    (*waiting)[0] = std::byte{7};
    EXPECT_EQ(outbox.waiting(2, Kind::credit), nullptr);
    ASSERT_TRUE(outbox.acknowledge(1, note));
    EXPECT_EQ(sent, (std::vector{0, 1, 7}));
}

TEST_F(RawOutboxTest, APeerThatStartsAnewOwesNothing) {
    for (int i = 0; i < 4; ++i) outbox.push(1, Kind::message, message(i));
    outbox.clear();
    EXPECT_FALSE(outbox.acknowledge(1, note));
    outbox.push(1, Kind::message, message(9));
    EXPECT_EQ(sent.back(), 9);
}

}  // namespace
}  // namespace vdmabuf::broker
