// SPDX-License-Identifier: MIT
// Frames of producers: without a consumer, and out of a guest, whose clock is another.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "tests/unit/broker/producer_session.hpp"

namespace vdmabuf::broker::test {
namespace {

// ---- frames without a consumer, on the real clock

TEST_F(ProducerSessionTest, WithoutAConsumerFramesComeBackAt60Hz) {
    auto peer = greeted_producer();
    give_stream(*peer, 3);
    std::uint64_t serial = 0;
    for (std::uint32_t slot = 0; slot < 3; ++slot) peer->send(present(1, slot, ++serial));
    const std::uint64_t begin = now_ns();
    std::uint64_t last = 0;
    for (int i = 0; i < 30; ++i) {
        const auto released = peer->await<stream::Release>();
        EXPECT_EQ(released.serial, last + 1);
        last = released.serial;
        peer->send(present(1, released.slot, ++serial));
    }
    const double hz = 29e9 / static_cast<double>(now_ns() - begin);
    EXPECT_LT(hz, 61.0);
    EXPECT_GT(hz, 30.0) << "or the machine is very busy";
}

TEST_F(ProducerSessionTest, EveryFrameIsReportedOnce) {
    auto peer = greeted_producer();
    give_stream(*peer, 3);
    for (std::uint64_t serial = 1; serial <= 12; ++serial) {
        auto message = present(1, static_cast<std::uint32_t>((serial - 1) % 3), serial);
        message.mode = static_cast<std::uint32_t>(stream::PresentMode::mailbox);
        peer->send(message);
        const auto report = peer->expect<stream::Presented>();
        EXPECT_EQ(report.serial, serial);
        EXPECT_EQ(report.flags, 0u);
        if (serial > 1) {
            const auto released = peer->expect<stream::Release>();
            EXPECT_EQ(released.serial, serial - 1);
            EXPECT_EQ(released.slot, (serial - 2) % 3);
            EXPECT_EQ(released.stream, 1u);
        }
    }
    EXPECT_TRUE(peer->silent());
}

// ---- a VM's channel

TEST_F(ProducerSessionTest, TheGuestsClockIsMeasuredAndStampsAreMapped) {
    auto guest = port("vm");
    guest->send(hello());
    guest->expect<stream::Welcome>();
    // The guest's clock began an hour after ours.
    constexpr std::uint64_t kBehind = 3600 * kNsPerSecond;
    const auto guest_now = [] { return now_ns() - kBehind; };
    for (int i = 0; i < 4; ++i) {
        auto pong = stream::make<stream::Pong>();
        pong.token = guest->expect<stream::Ping>().token;
        pong.producer_ns = guest_now();
        guest->send(pong);
    }
    EXPECT_TRUE(guest->received.empty()) << "no fifth PING in a row";

    auto memory = std::make_shared<BufferMemory>();
    memory->files.push_back(std::make_shared<const UniqueFd>(sealed_memfd(kImageBytes)));
    memory->runs.push_back({0, 0, kImageBytes});
    memory->size = kImageBytes;
    EXPECT_EQ(broker->ports().buffer_created(*guest, id_of(1), memory), Created::ok);
    EXPECT_EQ(broker->ports().buffer_created(*guest, id_of(1), memory), Created::exists);
    guest->send(create(1));
    guest->send(image(1, 0, id_of(1)));
    auto viewer = greeted_consumer();
    const auto added = viewer->expect<consumer::StreamAdded>();
    EXPECT_STREQ(added.vm, "vm");
    EXPECT_STREQ(added.app, "test-app");
    EXPECT_EQ(added.pid, 4711u);
    viewer->send(attach(added.stream));
    viewer->expect<consumer::Image>();

    const std::uint64_t called = now_ns();
    auto message = present(1, 0, 1);
    message.called_ns = guest_now();
    message.gpu_done_ns = guest_now();
    message.sent_ns = guest_now();
    guest->send(message);
    const auto frame = viewer->expect<consumer::Frame>();
    constexpr double kNear = 20e6;  // as exact as this machine's scheduling
    EXPECT_NEAR(static_cast<double>(frame.called_ns), static_cast<double>(called), kNear);
    EXPECT_LE(frame.called_ns, frame.gpu_done_ns);
    EXPECT_LE(frame.gpu_done_ns, frame.sent_ns);
    EXPECT_LE(frame.sent_ns, frame.received_ns);
    EXPECT_LE(frame.received_ns, frame.forwarded_ns);

    const std::uint64_t shown = guest_now();
    viewer->send(presented(added.stream, 1));
    const auto report = guest->expect<stream::Presented>();
    EXPECT_EQ(report.flags, stream::kPresentedShown);
    EXPECT_NEAR(static_cast<double>(report.time_ns), static_cast<double>(shown), kNear);
    EXPECT_EQ(report.refresh_ns, 10'000'000u);
}

TEST_F(ProducerSessionTest, LyingStampsStaySane) {
    auto guest = port("vm");
    guest->send(hello());
    guest->expect<stream::Welcome>();
    auto pong = stream::make<stream::Pong>();
    pong.token = 12345;  // not asked for
    pong.producer_ns = 1;
    guest->send(pong);
    pong.token = guest->expect<stream::Ping>().token;
    pong.producer_ns = ~std::uint64_t{0};
    guest->send(pong);
    auto memory = std::make_shared<BufferMemory>();
    memory->files.push_back(std::make_shared<const UniqueFd>(sealed_memfd(kImageBytes)));
    memory->runs.push_back({0, 0, kImageBytes});
    memory->size = kImageBytes;
    ASSERT_EQ(broker->ports().buffer_created(*guest, id_of(1), memory), Created::ok);
    guest->send(create(1));
    guest->send(image(1, 0, id_of(1)));
    auto viewer = greeted_consumer();
    const auto stream_id = viewer->expect<consumer::StreamAdded>().stream;
    viewer->send(attach(stream_id));
    viewer->expect<consumer::Image>();
    std::uint64_t serial = 0;
    for (const std::uint64_t lie : {std::uint64_t{1}, now_ns(), ~std::uint64_t{0} / 2,
                                    ~std::uint64_t{0} / 2 + 1, ~std::uint64_t{0}}) {
        auto message = present(1, 0, ++serial);
        message.called_ns = lie;
        message.gpu_done_ns = lie / 2;
        message.sent_ns = lie / 3;
        guest->send(message);
        const auto frame = viewer->await<consumer::Frame>();
        EXPECT_EQ(frame.serial, serial);
        EXPECT_LE(frame.called_ns, frame.received_ns);
        EXPECT_LE(frame.gpu_done_ns, frame.received_ns);
        EXPECT_LE(frame.sent_ns, frame.received_ns);
        EXPECT_LE(frame.called_ns, frame.gpu_done_ns ? frame.gpu_done_ns : frame.received_ns);
        viewer->send(presented(stream_id, serial));
    }
}

TEST_F(ProducerSessionTest, DamageIsClippedToTheImage) {
    auto peer = greeted_producer();
    give_stream(*peer, 2);
    auto viewer = greeted_consumer();
    const auto stream_id = viewer->expect<consumer::StreamAdded>().stream;
    viewer->send(attach(stream_id));
    viewer->expect<consumer::Image>();
    viewer->expect<consumer::Image>();
    peer->send(present(1, 1, 1));
    viewer->expect<consumer::Frame>();
    viewer->send(presented(stream_id, 1));
    auto message = present(1, 0, 2);
    message.damage_count = 3;
    message.damage[0] = {10, 20, 30, 40};
    message.damage[1] = {250, 250, 100, 100};
    message.damage[2] = {300, 0, 10, 10};
    message.damage[3] = {1, 2, 3, 4};  // beyond the count
    peer->send(message);
    const auto frame = viewer->expect<consumer::Frame>();
    ASSERT_EQ(frame.damage_count, 3u);
    EXPECT_EQ(frame.damage[0].width, 30u);
    EXPECT_EQ(frame.damage[1].x, 250u);
    EXPECT_EQ(frame.damage[1].width, 6u);
    EXPECT_EQ(frame.damage[1].height, 6u);
    EXPECT_EQ(frame.damage[2].width, 0u);
    EXPECT_EQ(frame.damage[3].width, 0u);
}

}  // namespace
}  // namespace vdmabuf::broker::test
