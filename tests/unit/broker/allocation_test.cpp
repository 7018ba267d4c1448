// SPDX-License-Identifier: MIT
// The frame path takes no memory: a frame of any size costs the same few sends, for ever.
#include <gtest/gtest.h>

#include <memory>

#include "tests/unit/broker/counting_new.hpp"
#include "tests/unit/broker/harness.hpp"

namespace vdmabuf::broker::test {
namespace {

class AllocationTest : public Harness {
  protected:
    void SetUp() override {
        around_turn = [this](bool begins) { counting = begins && measuring; };
        app = greeted_producer();
        give_stream(*app, 3);
        settle();
        viewer = greeted_consumer();
        id = viewer->expect<consumer::StreamAdded>().stream;
    }
    bool measuring = false;
    std::unique_ptr<SocketPeer> app;
    std::unique_ptr<SocketPeer> viewer;
    std::uint64_t id = 0;
};

TEST_F(AllocationTest, TheCounterCounts) {
    measuring = true;
    app->send(create(2));
    settle();
    EXPECT_GT(allocations, 0u);
    allocations = 0;
}

TEST_F(AllocationTest, FramesWithAConsumer) {
    viewer->send(attach(id));
    for (int i = 0; i < 3; ++i) viewer->expect<consumer::Image>();
    std::uint32_t slot = 0;
    for (std::uint64_t serial = 1; serial <= 300; ++serial) {
        if (serial == 50) {
            allocations = 0;
            measuring = true;
        }
        app->send(present(1, slot, serial));
        const auto frame = viewer->expect<consumer::Frame>();
        ASSERT_EQ(frame.serial, serial);
        if (serial > 1) viewer->send(release(id, serial - 1));
        viewer->send(presented(id, serial));
        if (serial > 1) {
            slot = app->await<stream::Release>().slot;
        } else {
            slot = 1;
        }
    }
    EXPECT_EQ(allocations, 0u);
}

TEST_F(AllocationTest, FramesWithoutAConsumer) {
    std::uint64_t serial = 0;
    for (std::uint32_t slot = 0; slot < 3; ++slot) app->send(present(1, slot, ++serial));
    for (int i = 0; i < 40; ++i) {
        if (i == 10) {
            allocations = 0;
            measuring = true;
        }
        const auto released = app->await<stream::Release>();
        app->send(present(1, released.slot, ++serial));
    }
    EXPECT_EQ(allocations, 0u);
}

}  // namespace
}  // namespace vdmabuf::broker::test
