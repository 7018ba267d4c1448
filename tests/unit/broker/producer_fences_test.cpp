// SPDX-License-Identifier: MIT
// Frames of a local producer that bring a fence. eventfds stand for sync_files, which only some
// kernels can make: whoever checks that they are is before what is tested here (the last test).
// With sync_files: udmabuf_session_test.cpp.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>

#include "runtime/broker/fence_queue.hpp"
#include "tests/unit/broker/harness.hpp"

namespace vdmabuf::broker::test {
namespace {

using testing::HasSubstr;

class ProducerFencesTest : public Harness {
  protected:
    void SetUp() override {
        app = port("");
        app->send(hello());
        app->expect<stream::Welcome>();
        auto memory = std::make_shared<BufferMemory>();
        memory->files.push_back(std::make_shared<const UniqueFd>(sealed_memfd(kImageBytes)));
        memory->runs.push_back({0, 0, kImageBytes});
        memory->size = kImageBytes;
        ASSERT_EQ(broker->ports().buffer_created(*app, id_of(1), memory), Created::ok);
        for (const std::uint32_t number : {1u, 2u}) {
            app->send(create(number));
            for (std::uint32_t slot = 0; slot < 3; ++slot) app->send(image(number, slot, id_of(1)));
        }
    }
    void TearDown() override {
        app.reset();
        broker.reset();
    }
    // Presents with a fence; what signals it comes back.
    UniqueFd send_fenced(std::uint32_t number, std::uint32_t slot, std::uint64_t serial) {
        UniqueFd fence(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
        UniqueFd other(::dup(fence.get()));
        broker->ports().present(*app, packed(present(number, slot, serial)), std::move(fence));
        return other;
    }
    static void signal(const UniqueFd& fence) {
        const std::uint64_t one = 1;
        ASSERT_EQ(::write(fence.get(), &one, sizeof one), ssize_t{sizeof one});
    }
    // How many frames of each stream have been presented, as the broker says.
    std::array<std::uint64_t, 2> presented_frames() {
        auto peer = greeted_consumer();
        peer->send(consumer::make<consumer::Query>());
        std::array<std::uint64_t, 2> counts{};
        for (auto& count : counts) count = peer->await<consumer::StreamStatus>().frames_presented;
        return counts;
    }
    using Counts = std::array<std::uint64_t, 2>;

    std::unique_ptr<PortPeer> app;
};

TEST_F(ProducerFencesTest, AFenceHoldsUpItsOwnStreamOnly) {
    const auto never = send_fenced(1, 0, 1);
    app->send(present(1, 1, 2));
    app->send(present(2, 0, 1));
    EXPECT_EQ(presented_frames(), (Counts{0, 1}));
    const auto soon = send_fenced(2, 1, 2);
    signal(soon);
    settle();
    EXPECT_EQ(presented_frames(), (Counts{0, 2}));
    signal(never);
    settle();
    EXPECT_EQ(presented_frames(), (Counts{2, 2}));
}

TEST_F(ProducerFencesTest, AnImageThatGoesTakesItsFrameAlong) {
    const auto never = send_fenced(1, 0, 1);
    app->send(present(1, 1, 2));
    auto gone = stream::make<stream::StreamImageGone>();
    gone.stream = 1;
    gone.slot = 0;
    app->send(gone);
    EXPECT_EQ(presented_frames(), (Counts{1, 0}));
    // The slot has another image and frame, of which the old fence knows nothing.
    app->send(image(1, 0, id_of(1)));
    app->send(present(1, 0, 3));
    EXPECT_EQ(presented_frames(), (Counts{2, 0}));
    signal(never);
    settle();
    EXPECT_EQ(presented_frames(), (Counts{2, 0}));
    EXPECT_FALSE(app->close_reason);
}

TEST_F(ProducerFencesTest, AStreamThatEndsAndAProducerThatStartsAnewForgetTheirFences) {
    const auto a = send_fenced(1, 0, 1);
    const auto b = send_fenced(2, 0, 1);
    auto destroy = stream::make<stream::StreamDestroy>();
    destroy.stream = 1;
    app->send(destroy);
    signal(a);
    settle();
    app->send(hello());
    signal(b);
    settle();
    EXPECT_FALSE(app->close_reason);
    app->send(create(1));
    app->send(create(2));
    app->send(image(1, 0, id_of(1)));
    app->send(present(1, 0, 1));
    EXPECT_EQ(presented_frames(), (Counts{1, 0}));
    const auto c = send_fenced(1, 0, 2);
    app->hang_up();
    signal(c);
    settle();
}

TEST_F(ProducerFencesTest, TooManyThatWaitAreRefusedAsByAQuota) {
    config.local.streams = 64;
    std::vector<UniqueFd> fences;
    std::uint32_t waiting = 0;
    for (std::uint32_t number = 10; waiting < FenceQueue::kMaxWaiting; ++number) {
        app->send(create(number));
        for (std::uint32_t slot = 0; slot < 64 && waiting < FenceQueue::kMaxWaiting; ++slot) {
            app->send(image(number, slot, id_of(1)));
            fences.push_back(send_fenced(number, slot, slot + 1));
            ++waiting;
        }
    }
    EXPECT_TRUE(app->received.empty());
    fences.push_back(send_fenced(1, 2, 1));
    const auto error = app->expect<stream::ErrorMessage>();
    EXPECT_EQ(error.code, static_cast<std::uint32_t>(stream::ErrorCode::quota));
    EXPECT_THAT(std::string(error.text), HasSubstr("256"));
    EXPECT_EQ(app->expect<stream::Presented>().flags, 0u);
    EXPECT_EQ(app->expect<stream::Release>().slot, 2u);
    EXPECT_FALSE(app->close_reason);
    // Without a fence nothing waits.
    app->send(present(2, 0, 1));
    signal(fences[0]);
    settle();
    fences.push_back(send_fenced(2, 1, 2));
    EXPECT_FALSE(app->close_reason);
}

TEST_F(ProducerFencesTest, MistakesAreFoundWhenTheFrameComes) {
    const auto fence = send_fenced(1, 0, 5);
    app->send(present(1, 1, 5));  // a serial that is not greater: seen when its turn comes
    EXPECT_FALSE(app->close_reason);
    signal(fence);
    settle();
    EXPECT_EQ(app->close_reason, CloseReason::protocol);
}

TEST_F(ProducerFencesTest, OfASocketOnlySyncFilesAreTaken) {
    auto peer = greeted_producer();
    give_stream(*peer, 1);
    const UniqueFd other(::eventfd(1, EFD_CLOEXEC));
    peer->send_bytes(packed(present(1, 0, 1)), std::array{other.get()});
    const auto error = peer->await<stream::ErrorMessage>();
    EXPECT_EQ(error.request, static_cast<std::uint32_t>(stream::Type::present));
    EXPECT_THAT(std::string(error.text), HasSubstr("sync_file"));
    EXPECT_TRUE(peer->ended());
    auto two = greeted_producer();
    give_stream(*two, 1);
    two->send_bytes(packed(present(1, 0, 1)), std::array{other.get(), other.get()});
    EXPECT_THAT(std::string(two->await<stream::ErrorMessage>().text), HasSubstr("descriptor"));
    EXPECT_TRUE(two->ended());
}

}  // namespace
}  // namespace vdmabuf::broker::test
