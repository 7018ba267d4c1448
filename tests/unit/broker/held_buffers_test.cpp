// SPDX-License-Identifier: MIT
#include "runtime/broker/held_buffers.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "runtime/common/clock.hpp"

namespace vdmabuf::broker {
namespace {

class HeldBuffersTest : public testing::Test {
  protected:
    HeldBuffersTest() {
        auto made = EventLoop::create();
        EXPECT_TRUE(made);
        loop = std::move(*made);
        held = std::make_unique<HeldBuffers>(*loop, [this](int) {
            ++looks;
            return others;
        });
    }
    // A buffer of one byte of the quota; `freed` counts the ends of its memory.
    std::shared_ptr<Buffer> make(bool with_dmabuf) {
        auto buffer = held->make();
        buffer->memory = std::shared_ptr<const BufferMemory>(new BufferMemory,
                                                             [this](const BufferMemory* memory) {
                                                                 delete memory;
                                                                 ++freed;
                                                             });
        buffer->bytes = *quota->take(Quota::Kind::bytes, 1);
        if (with_dmabuf) {
            buffer->udmabuf =
                std::make_shared<const UniqueFd>(::open("/dev/null", O_RDONLY | O_CLOEXEC));
        }
        return buffer;
    }
    void turn(std::uint64_t ns) {
        const std::uint64_t end = now_ns() + ns;
        for (std::uint64_t now = now_ns(); now < end; now = now_ns()) {
            loop->run_once(static_cast<std::int64_t>(end - now));
        }
    }

    std::unique_ptr<EventLoop> loop;
    std::shared_ptr<Quota> quota = Quota::create(Limits{});
    std::uint64_t others = 0;
    int looks = 0;
    int freed = 0;
    std::unique_ptr<HeldBuffers> held;
};

TEST_F(HeldBuffersTest, WithoutADmabufOrHoldersABufferEndsAtOnce) {
    others = 1;
    make(false).reset();
    EXPECT_EQ(freed, 1);
    EXPECT_EQ(looks, 0);
    others = 0;
    make(true).reset();
    EXPECT_EQ(freed, 2);
    EXPECT_EQ(held->size(), 0u);
    EXPECT_EQ(quota->used(Quota::Kind::bytes), 0u);
}

TEST_F(HeldBuffersTest, WhatOthersHoldIsKeptAndCounted) {
    others = 1;
    make(true).reset();
    make(true).reset();
    EXPECT_EQ(freed, 0);
    EXPECT_EQ(held->size(), 2u);
    EXPECT_EQ(quota->used(Quota::Kind::bytes), 2u);
    turn(50 * kNsPerMs);
    EXPECT_EQ(freed, 0);
    others = 0;
    turn(150 * kNsPerMs);
    EXPECT_EQ(freed, 2);
    EXPECT_EQ(held->size(), 0u);
    EXPECT_EQ(quota->used(Quota::Kind::bytes), 0u);
    // Nobody looks any more.
    const int before = looks;
    turn(300 * kNsPerMs);
    EXPECT_EQ(looks, before);
}

TEST_F(HeldBuffersTest, ALongHoldCostsFewLooks) {
    others = 1;
    make(true).reset();
    turn(kNsPerSecond);
    EXPECT_GE(looks, 6);
    EXPECT_LE(looks, 14);
}

TEST_F(HeldBuffersTest, TheEndOfABufferMayMakeOrEndOthers) {
    others = 1;
    std::shared_ptr<Buffer> second = make(true);
    auto first = held->make();
    first->memory =
        std::shared_ptr<const BufferMemory>(new BufferMemory, [&](const BufferMemory* memory) {
            delete memory;
            others = 1;
            second.reset();
        });
    first->udmabuf = std::make_shared<const UniqueFd>(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    first.reset();
    others = 0;
    turn(20 * kNsPerMs);
    EXPECT_FALSE(second);
    EXPECT_EQ(held->size(), 1u);
    others = 0;
    turn(20 * kNsPerMs);
    EXPECT_EQ(held->size(), 0u);
    EXPECT_EQ(freed, 1);
}

TEST_F(HeldBuffersTest, BuffersMayOutliveIt) {
    others = 1;
    auto alive = make(true);
    make(true).reset();
    held.reset();
    EXPECT_EQ(freed, 1) << "the broker ends: nobody waits any more";
    alive.reset();
    EXPECT_EQ(freed, 2);
    turn(20 * kNsPerMs);
}

}  // namespace
}  // namespace vdmabuf::broker
