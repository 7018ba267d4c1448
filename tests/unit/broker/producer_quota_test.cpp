// SPDX-License-Identifier: MIT
// What a producer, and a VM, may use.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/broker/producer_session.hpp"

namespace vdmabuf::broker::test {
namespace {

using stream::ErrorCode;
using stream::Type;

TEST_F(ProducerSessionTest, OneStreamTooManyIsRefusedAndNothingElse) {
    config.local.streams = 2;
    auto peer = greeted_producer();
    give_stream(*peer, 1);
    peer->send(create(2));
    peer->send(create(3));
    expect_quota(*peer, Type::stream_create);
    // What the producer had sent before it could know is no mistake, and its slot comes back.
    peer->send(image(3, 0, id_of(1)));
    peer->send(present(3, 0, 1));
    EXPECT_EQ(peer->expect<stream::Presented>().serial, 1u);
    const auto released = peer->expect<stream::Release>();
    EXPECT_EQ(released.stream, 3u);
    EXPECT_EQ(released.slot, 0u);
    auto destroy = stream::make<stream::StreamDestroy>();
    destroy.stream = 3;
    peer->send(destroy);
    destroy.stream = 2;
    peer->send(destroy);
    peer->send(create(4));  // there is room again
    expect_alive(*peer, "lives");
    auto other = greeted_producer();  // the limit is of a connection
    give_stream(*other, 1);
    EXPECT_TRUE(other->silent());
}

TEST_F(ProducerSessionTest, BuffersAreLimitedInNumber) {
    config.local.buffers = 3;
    auto peer = greeted_producer();
    give_stream(*peer, 2);
    auto other = greeted_producer();  // shares the limit
    give_buffer(*other, id_of(1));
    settle();
    EXPECT_TRUE(other->silent());
    give_buffer(*peer, id_of(50));
    expect_quota(*peer, Type::buffer_create);
    peer->send(image(1, 5, id_of(50)));
    peer->send(present(1, 5, 1));
    peer->expect<stream::Presented>();
    EXPECT_EQ(peer->expect<stream::Release>().slot, 5u);
    auto gone = stream::make<stream::StreamImageGone>();
    gone.stream = 1;
    gone.slot = 5;
    peer->send(gone);
    auto destroy = stream::make<stream::BufferDestroy>();
    destroy.id = id_of(50);
    peer->send(destroy);
    // The end of the other connection makes room.
    other->hang_up();
    settle();
    give_buffer(*peer, id_of(50));
    peer->send(image(1, 5, id_of(50)));
    EXPECT_TRUE(peer->silent());
    expect_alive(*peer, "lives");
}

TEST_F(ProducerSessionTest, BuffersAreLimitedInBytes) {
    config.local.buffer_bytes = 2 * kImageBytes + kPage;
    auto peer = greeted_producer();
    give_stream(*peer, 2);
    give_buffer(*peer, id_of(50), 2 * kPage);
    expect_quota(*peer, Type::buffer_create);
    give_buffer(*peer, id_of(51), kPage);
    EXPECT_TRUE(peer->silent());
    expect_alive(*peer, "lives");
}

TEST_F(ProducerSessionTest, WhatConsumersHoldCounts) {
    config.local.buffers = 1;
    auto peer = greeted_producer();
    give_stream(*peer, 1);
    auto viewer = greeted_consumer();
    const auto stream_id = viewer->expect<consumer::StreamAdded>().stream;
    viewer->send(attach(stream_id));
    const auto shown = viewer->expect<consumer::Image>();
    // The producer gives up image and buffer, the consumer does not.
    auto gone = stream::make<stream::StreamImageGone>();
    gone.stream = 1;
    peer->send(gone);
    auto destroy = stream::make<stream::BufferDestroy>();
    destroy.id = id_of(1);
    peer->send(destroy);
    give_buffer(*peer, id_of(2));
    expect_quota(*peer, Type::buffer_create);
    EXPECT_EQ(viewer->expect<consumer::ImageGone>().image, shown.image);
    auto done = consumer::make<consumer::ImageDone>();
    done.stream = stream_id;
    done.image = shown.image;
    viewer->send(done);
    settle();
    give_buffer(*peer, id_of(3));
    EXPECT_TRUE(peer->silent());
}

TEST_F(ProducerSessionTest, ImagesAreLimited) {
    config.local.images = 2;
    auto peer = greeted_producer();
    give_stream(*peer, 2);
    peer->send(image(1, 2, id_of(1)));
    expect_quota(*peer, Type::stream_image);
    peer->send(present(1, 2, 1));
    peer->expect<stream::Presented>();
    EXPECT_EQ(peer->expect<stream::Release>().slot, 2u);
    auto gone = stream::make<stream::StreamImageGone>();
    gone.stream = 1;
    peer->send(gone);
    gone.slot = 2;
    peer->send(gone);
    peer->send(image(1, 2, id_of(1)));
    EXPECT_TRUE(peer->silent());
    expect_alive(*peer, "lives");
}

TEST_F(ProducerSessionTest, ConnectionsAreLimitedForEachVm) {
    config.local.connections = 1;
    config.vms["small"].connections = 1;
    auto peer = greeted_producer();
    auto second = producer();
    const auto error = second->expect<stream::ErrorMessage>();
    EXPECT_EQ(error.code, static_cast<std::uint32_t>(ErrorCode::quota));
    EXPECT_TRUE(second->ended());
    auto a = port("small");
    PortPeer refused(*this, broker->ports());
    EXPECT_FALSE(refused.open("small"));
    auto b = port("other");
    a->hang_up();
    EXPECT_TRUE(refused.open("small"));
    // The broken ones are forgotten.
    peer->hang_up();
    settle();
    auto third = greeted_producer();
}

TEST_F(ProducerSessionTest, RefusedStreamsAreNotRememberedWithoutEnd) {
    config.local.streams = 1;
    auto peer = greeted_producer();
    for (std::uint32_t i = 1; i < 1500; ++i) {
        peer->send(create(i));
        peer->silent();  // reads one message
    }
    EXPECT_TRUE(peer->ended());
    settle();
    EXPECT_EQ(broker->connections(), 0u);
}

TEST_F(ProducerSessionTest, OneThatMakesStreamsWithoutEndIsEndedAndNobodyElse) {
    auto bystander = greeted_producer();
    give_stream(*bystander, 1);
    auto watcher = greeted_consumer();
    watcher->expect<consumer::StreamAdded>();
    auto guest = port("evil");
    guest->send(hello());
    auto destroy = stream::make<stream::StreamDestroy>();
    destroy.stream = 1;
    std::uint64_t sent = 0;
    // The watcher does not read: its queue must be able to take all of it.
    while (!guest->close_reason) {
        guest->send(create(1));
        guest->send(destroy);
        ASSERT_LT(++sent, 20'000u);
    }
    EXPECT_EQ(guest->close_reason, CloseReason::quota);
    EXPECT_EQ(guest->received.size(), 3u);  // WELCOME, PING, ERROR
    EXPECT_GE(sent, 4096u);
    settle();
    EXPECT_EQ(broker->connections(), 2u) << "bystander and watcher";
    for (std::uint64_t i = 0; i < sent - 1; ++i) {
        watcher->expect<consumer::StreamAdded>();
        watcher->expect<consumer::StreamRemoved>();
        if (HasFailure()) return;
    }
    expect_alive(*bystander, "unharmed");
}

}  // namespace
}  // namespace vdmabuf::broker::test
