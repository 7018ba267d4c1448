// SPDX-License-Identifier: MIT
// Frames on their way to consumers and back; what consumers wish, and what is counted.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/broker/consumer_session.hpp"

namespace vdmabuf::broker::test {
namespace {

using consumer::Type;
using stream::ErrorCode;

// ---- frames

TEST_F(ConsumerSessionTest, AFramesWholeWay) {
    make_stream(2);
    auto peer = viewer(2);
    app->send(present(1, 0, 1));
    peer->expect<consumer::Frame>();
    peer->send(presented(id, 1));
    peer->send(release(id, 1));
    EXPECT_EQ(app->expect<stream::Presented>().serial, 1u);
    auto message = present(1, 1, 10);
    message.mode = 1;
    message.cpu_copied_bytes = 99;
    message.damage_count = 1;
    message.damage[0] = {1, 2, 3, 4};
    app->send(message);
    const auto frame = peer->expect<consumer::Frame>();
    EXPECT_EQ(frame.stream, id);
    EXPECT_EQ(frame.image, images[1].image);
    EXPECT_EQ(frame.serial, 10u);
    EXPECT_EQ(frame.mode, 1u);
    EXPECT_EQ(frame.called_ns, message.called_ns);  // the same clock
    EXPECT_EQ(frame.gpu_done_ns, message.gpu_done_ns);
    EXPECT_EQ(frame.sent_ns, message.sent_ns);
    EXPECT_GE(frame.received_ns, frame.sent_ns);
    EXPECT_GE(frame.forwarded_ns, frame.received_ns);
    EXPECT_EQ(frame.presented_count, 2u);
    EXPECT_EQ(frame.cpu_copied_bytes, 99u);
    EXPECT_EQ(frame.damage_count, 1u);
    EXPECT_EQ(frame.damage[0].height, 4u);

    EXPECT_EQ(app->expect<stream::Release>().serial, 1u);
    const auto shown = presented(id, 10);
    peer->send(shown);
    const auto report = app->expect<stream::Presented>();
    EXPECT_EQ(report.stream, 1u);
    EXPECT_EQ(report.serial, 10u);
    EXPECT_EQ(report.flags, stream::kPresentedShown);
    EXPECT_EQ(report.time_ns, shown.time_ns);
    EXPECT_EQ(report.refresh_ns, shown.refresh_ns);
    EXPECT_TRUE(app->silent()) << "the newest frame is kept";

    app->send(present(1, 0, 11));
    EXPECT_EQ(peer->expect<consumer::Frame>().presented_count, 3u);
    EXPECT_TRUE(app->silent()) << "the consumer still reads the last one";
    peer->send(release(id, 10));
    const auto released = app->expect<stream::Release>();
    EXPECT_EQ(released.slot, 1u);
    EXPECT_EQ(released.serial, 10u);
}

TEST_F(ConsumerSessionTest, DamageIsOfUseOnlyToOneWhoHadTheFrameBefore) {
    make_stream(3);
    std::uint64_t serial = 0;
    const auto show = [&](std::uint32_t slot) {
        auto message = present(1, slot, ++serial);
        message.mode = 1;
        message.damage_count = 1;
        message.damage[0] = {1, 2, 3, 4};
        app->send(message);
    };
    show(0);
    settle();
    auto peer = viewer(3);
    EXPECT_EQ(peer->expect<consumer::Frame>().damage_count, 0u) << "the first of all";
    show(1);
    settle();
    peer->send(presented(id, 1));
    EXPECT_EQ(peer->expect<consumer::Frame>().damage_count, 1u);
    show(2);
    show(0);  // replaces it
    settle();
    peer->send(presented(id, 2));
    const auto after = peer->expect<consumer::Frame>();
    EXPECT_EQ(after.serial, 4u);
    EXPECT_EQ(after.damage_count, 0u);
    EXPECT_EQ(after.damage[0].width, 0u);
    auto late = viewer(3);
    EXPECT_EQ(late->expect<consumer::Frame>().damage_count, 0u);
}

TEST_F(ConsumerSessionTest, NoFrameComesBeforePresented) {
    make_stream(3);
    auto peer = viewer(3);
    for (std::uint32_t slot = 0; slot < 3; ++slot) app->send(present(1, slot, slot + 1));
    EXPECT_EQ(peer->expect<consumer::Frame>().serial, 1u);
    EXPECT_TRUE(peer->silent());
    peer->send(release(id, 1));  // is not PRESENTED
    EXPECT_TRUE(peer->silent());
    peer->send(presented(id, 1));
    EXPECT_EQ(peer->expect<consumer::Frame>().serial, 2u);
    EXPECT_TRUE(peer->silent());
}

TEST_F(ConsumerSessionTest, OneThatNeverAnswersStallsNobody) {
    make_stream(3);
    auto stuck = viewer(3);
    std::uint64_t serial = 0;
    for (std::uint32_t slot = 0; slot < 3; ++slot) app->send(present(1, slot, ++serial));
    stuck->expect<consumer::Frame>();
    const std::uint64_t begin = now_ns();
    for (int i = 0; i < 8; ++i) {
        const auto released = app->await<stream::Release>();
        app->send(present(1, released.slot, ++serial));
    }
    // 100 ms a frame, and half a second for the one that it held.
    EXPECT_LT(now_ns() - begin, 2 * kNsPerSecond);
    EXPECT_GT(now_ns() - begin, kNsPerSecond / 2);
    EXPECT_TRUE(stuck->silent());
}

TEST_F(ConsumerSessionTest, ReleasingTwiceHarmsNobodyInventedFramesAreRefused) {
    make_stream(2);
    auto peer = viewer(2);
    app->send(present(1, 0, 5));
    peer->expect<consumer::Frame>();
    peer->send(presented(id, 5));
    peer->send(presented(id, 5));
    peer->send(release(id, 5));
    peer->send(release(id, 5));
    peer->send(release(id, 3));  // never was, but might have been
    app->expect<stream::Presented>();
    EXPECT_TRUE(app->silent());
    app->send(present(1, 1, 6));
    EXPECT_EQ(app->expect<stream::Release>().serial, 5u);
    EXPECT_TRUE(app->silent());
    peer->expect<consumer::Frame>();
    peer->send(release(id, 7));
    expect_refused(*peer, ErrorCode::protocol, Type::release);
    auto other = viewer(2);
    other->expect<consumer::Frame>();
    other->send(presented(id, 8));
    expect_refused(*other, ErrorCode::protocol, Type::presented);
    // The frames that they held are free again, and the app is served on.
    app->send(present(1, 0, 7));
    EXPECT_EQ(app->await<stream::Release>().serial, 6u);
}

TEST_F(ConsumerSessionTest, AttachingTwiceIsRefused) {
    make_stream(1);
    auto peer = viewer(1);
    peer->send(attach(id));
    expect_refused(*peer, ErrorCode::protocol, Type::attach);
}

TEST_F(ConsumerSessionTest, ALaterAttachGetsThePictureAtOnce) {
    make_stream(2);
    app->send(present(1, 0, 1));
    settle();
    auto peer = viewer(2);
    EXPECT_EQ(peer->expect<consumer::Frame>().serial, 1u);
    peer->send(of_stream<consumer::Detach>());
    peer->send(attach(id));
    peer->expect<consumer::Image>();
    peer->expect<consumer::Image>();
    EXPECT_EQ(peer->expect<consumer::Frame>().serial, 1u);
}

TEST_F(ConsumerSessionTest, ADeadConsumersFramesComeBack) {
    make_stream(2);
    auto peer = viewer(2);
    app->send(present(1, 0, 1));
    peer->expect<consumer::Frame>();
    app->send(present(1, 1, 2));
    peer->hang_up();
    const std::uint64_t begin = now_ns();
    EXPECT_EQ(app->expect<stream::Presented>().flags, 0u);
    EXPECT_EQ(app->await<stream::Release>().serial, 1u);
    EXPECT_LT(now_ns() - begin, 400 * kNsPerMs) << "not only because it was held for too long";
}

TEST_F(ConsumerSessionTest, OneThatNeverReadsIsDroppedAndTheOthersServed) {
    make_stream(2);
    auto deaf = viewer(2);
    auto good = viewer(2);
    app->send(present(1, 0, 1));
    good->expect<consumer::Frame>();
    EXPECT_EQ(broker->connections(), 3u);
    for (int i = 0; i < 20'000 && broker->connections() == 3; ++i) {
        // It asks and asks, and does not listen to the answers.
        const auto query = consumer::make<consumer::Query>();
        if (send_message(deaf->socket(), consumer::bytes_of(query)) != 0) settle();
    }
    EXPECT_EQ(broker->connections(), 2u);
    good->send(presented(id, 1));
    EXPECT_EQ(app->expect<stream::Presented>().serial, 1u);
    app->send(present(1, 1, 2));
    EXPECT_EQ(good->expect<consumer::Frame>().serial, 2u);
    good->send(release(id, 1));
    EXPECT_EQ(app->expect<stream::Release>().serial, 1u) << "the deaf one's hold has ended";
}

// ---- wishes, statistics

TEST_F(ConsumerSessionTest, WishesReachTheProducerAndDoNotOutliveTheirOwner) {
    make_stream(1);
    auto peer = viewer(1);
    auto wish = of_stream<consumer::Configure>();
    wish.flags = stream::kConfigureOccluded;
    wish.width = 640;
    wish.height = 480;
    wish.refresh_ns = 7;
    peer->send(wish);
    const auto told = app->expect<stream::Configure>();
    EXPECT_EQ(told.stream, 1u);
    EXPECT_EQ(told.flags, stream::kConfigureOccluded);
    EXPECT_EQ(told.width, 640u);
    EXPECT_EQ(told.height, 480u);
    EXPECT_EQ(told.refresh_ns, 7u);
    peer->hang_up();
    EXPECT_EQ(app->expect<stream::Configure>().flags, 0u);

    auto stranger = greeted_consumer();
    stranger->send(wish);  // not attached
    stranger->send(of_stream<consumer::CloseStream>());
    EXPECT_EQ(app->expect<stream::Close>().stream, 1u);
    EXPECT_TRUE(app->silent());
}

TEST_F(ConsumerSessionTest, QueryTellsWhatWentThrough) {
    make_stream(2);
    auto peer = viewer(2);
    auto message = present(1, 0, 1);
    message.cpu_copied_bytes = 1000;
    app->send(message);
    peer->expect<consumer::Frame>();
    peer->send(presented(id, 1));
    peer->send(release(id, 1));
    message = present(1, 1, 2);
    message.cpu_copied_bytes = 500;
    app->send(message);
    peer->expect<consumer::Frame>();
    auto imported = of_stream<consumer::Imported>();
    imported.image = images[0].image;
    imported.path = static_cast<std::uint32_t>(consumer::ImportPath::host_pointer);
    consumer::put_text(imported.reason, "no udmabuf");
    peer->send(imported);
    auto statistics = of_stream<consumer::Statistics>();
    statistics.cpu_copied_bytes = 70;
    statistics.latency_p50_ns = 1;
    statistics.latency_p99_ns = 2;
    peer->send(statistics);
    statistics.cpu_copied_bytes = 100;  // a running count
    peer->send(statistics);
    settle();
    {
        auto second = viewer(2);
        statistics.cpu_copied_bytes = 11;
        second->send(statistics);
        settle();
    }
    auto tool = greeted_consumer();
    tool->expect<consumer::StreamAdded>();
    tool->send(consumer::make<consumer::Query>());
    const auto status = tool->expect<consumer::StreamStatus>();
    EXPECT_EQ(status.stream, id);
    EXPECT_EQ(status.consumers, 1u);
    EXPECT_EQ(status.frames_presented, 2u);
    EXPECT_EQ(status.frames_released, 1u);
    EXPECT_EQ(status.frames_skipped, 0u);
    EXPECT_EQ(status.frames_shown, 1u);
    EXPECT_EQ(status.producer_copied_bytes, 1500u);
    EXPECT_EQ(status.broker_copied_bytes, 0u);
    EXPECT_EQ(status.consumer_copied_bytes, 111u);
    EXPECT_EQ(status.latency_p99_ns, 2u);
    EXPECT_NE(status.last_present_ns, 0u);
    EXPECT_STREQ(status.app, "test-app");
    const auto first = tool->expect<consumer::ImageStatus>();
    EXPECT_EQ(first.image, images[0].image);
    EXPECT_EQ(first.pitch, 1024u);
    EXPECT_EQ(first.buffer_size, kImageBytes);
    EXPECT_EQ(first.run_count, 1u);
    EXPECT_EQ(first.strategy, 1u);
    EXPECT_EQ(first.path, 2u);
    EXPECT_STREQ(first.reason, "no udmabuf");
    EXPECT_EQ(tool->expect<consumer::ImageStatus>().path, 0u);
    tool->expect<consumer::QueryDone>();
    EXPECT_TRUE(tool->silent());
}

}  // namespace
}  // namespace vdmabuf::broker::test
