// SPDX-License-Identifier: MIT
// Raw buffers through a broker on real sockets: who may have them, for how long, and what a slow,
// dead or hostile end costs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "runtime/broker/raw_consumer.hpp"
#include "runtime/broker/raw_producer.hpp"
#include "tests/unit/broker/harness.hpp"

namespace vdmabuf::broker::test {
namespace {

using stream::ErrorCode;
using testing::HasSubstr;

raw::Offer offer_of(const BufferId& buffer, const std::string& topic = "test",
                    const std::string& data = "hello") {
    auto m = raw::make<raw::Offer>();
    m.buffer = buffer;
    raw::put_text(m.topic, topic);
    m.data_size = static_cast<std::uint32_t>(data.size());
    std::memcpy(m.data, data.data(), data.size());
    return m;
}

raw::Subscribe subscription(std::uint32_t number = 1, const std::string& topic = "test",
                            std::uint32_t flags = raw::kAnyVm, const std::string& vm = "") {
    auto m = raw::make<raw::Subscribe>();
    m.number = number;
    m.flags = flags;
    raw::put_text(m.vm, vm);
    raw::put_text(m.topic, topic);
    return m;
}

raw::Take take(const raw::OfferId& id) {
    auto m = raw::make<raw::Take>();
    m.id = id;
    return m;
}

raw::Done done(std::uint64_t receiver) {
    auto m = raw::make<raw::Done>();
    m.receiver = receiver;
    return m;
}

template <typename Message>
Message say(std::uint64_t receiver, const std::string& data) {
    auto m = raw::make<Message>();
    m.receiver = receiver;
    m.data_size = static_cast<std::uint32_t>(data.size());
    std::memcpy(m.data, data.data(), data.size());
    return m;
}

template <typename Message>
Message acknowledge(std::uint32_t count) {
    auto m = raw::make<Message>();
    m.count = count;
    return m;
}

template <typename Message>
std::string data_of(const Message& m) {
    return {reinterpret_cast<const char*>(m.data), m.data_size};
}

class RawBuffersTest : public Harness {
  protected:
    // A producer that offers buffer 1, and a consumer that has been told.
    void offer(const std::string& topic = "test") {
        app = greeted_producer();
        memory = sealed_memfd(kImageBytes);
        app->send_bytes(packed(buffer_create(id_of(1))), std::array{memory.get()});
        app->send(offer_of(id_of(1), topic));
        viewer = greeted_consumer();
        viewer->send(subscription());
        offered = viewer->expect<raw::Offered>();
    }
    void take_it() {
        viewer->send(take(offered.id));
        auto received = viewer->next();
        ASSERT_TRUE(received);
        const auto decoded = raw::decode<raw::Buffer>(received->bytes);
        ASSERT_TRUE(decoded);
        got = *decoded;
        files = std::move(received->fds);
        taken = app->expect<raw::Taken>();
        app->send(acknowledge<raw::ProducerAck>(1));
    }
    void expect_ended(Peer& peer, ErrorCode code, const std::string& text) {
        // Errors of both protocols have the same layout.
        while (auto received = peer.next()) {
            const std::uint32_t type = type_number(received->bytes);
            if (type != 0x88 && type != 0x188) continue;
            stream::ErrorMessage error{};
            ASSERT_EQ(received->bytes.size(), sizeof error);
            std::memcpy(&error, received->bytes.data(), sizeof error);
            EXPECT_EQ(error.code, static_cast<std::uint32_t>(code)) << error.text;
            EXPECT_THAT(std::string(error.text), HasSubstr(text));
            EXPECT_TRUE(peer.ended());
            return;
        }
        ADD_FAILURE() << "no ERROR";
    }
    std::vector<raw::Status> status() {
        auto asker = greeted_consumer();
        asker->send(consumer::make<consumer::Query>());
        std::vector<raw::Status> all;
        while (auto received = asker->next()) {
            if (const auto m = raw::decode<raw::Status>(received->bytes)) all.push_back(*m);
            if (type_number(received->bytes) ==
                static_cast<std::uint32_t>(consumer::Type::query_done)) {
                break;
            }
        }
        return all;
    }

    std::unique_ptr<SocketPeer> app;
    std::unique_ptr<SocketPeer> viewer;
    UniqueFd memory;
    raw::Offered offered;
    raw::Buffer got;
    raw::Taken taken;
    std::vector<UniqueFd> files;
};

// ---- the way of a buffer

TEST_F(RawBuffersTest, BothSidesAreToldThatTheyAreServed) {
    auto p = producer();
    p->send(hello());
    EXPECT_EQ(p->expect<stream::Welcome>().features & raw::kFeatureRaw, raw::kFeatureRaw);
    auto c = consumer();
    c->send(consumer_hello());
    EXPECT_EQ(c->expect<consumer::Welcome>().features & raw::kFeatureRaw, raw::kFeatureRaw);
}

TEST_F(RawBuffersTest, AConsumerGetsTheSamePagesAndTheData) {
    offer();
    EXPECT_EQ(offered.size, kImageBytes);
    EXPECT_STREQ(offered.topic, "test");
    EXPECT_STREQ(offered.app, "test-app");
    EXPECT_STREQ(offered.vm, "");
    EXPECT_EQ(offered.pid, static_cast<std::uint32_t>(::getpid()));
    EXPECT_EQ(offered.uid, ::getuid());
    BufferId as_buffer{};
    std::copy(offered.id.begin(), offered.id.end(), as_buffer.begin());
    EXPECT_NE(as_buffer, id_of(1)) << "the producer's id is not the name";
    take_it();
    EXPECT_EQ(data_of(got), "hello");
    EXPECT_EQ(got.size, kImageBytes);
    EXPECT_EQ(got.receiver, taken.receiver);
    EXPECT_EQ(taken.buffer, id_of(1));
    EXPECT_STREQ(taken.name, "test-consumer");
    ASSERT_EQ(files.size(), 2u);
    // Written after the hand-over, read by the consumer.
    const char late = 'x';
    ASSERT_EQ(::pwrite(memory.get(), &late, 1, 5000), 1);
    char seen = 0;
    ASSERT_EQ(::pread(files[1].get(), &seen, 1, 5000), 1);
    EXPECT_EQ(seen, 'x');
    EXPECT_EQ(::pwrite(files[1].get(), &late, 1, 0), -1) << "for reading only";
}

TEST_F(RawBuffersTest, MessagesGoBothWaysInOrderAndOpenTheWindowAgain) {
    offer();
    take_it();
    for (std::uint32_t i = 0; i < raw::kWindow; ++i) {
        app->send(say<raw::ProducerSend>(got.receiver, "to " + std::to_string(i)));
        viewer->send(say<raw::ConsumerSend>(got.receiver, "from " + std::to_string(i)));
    }
    for (std::uint32_t i = 0; i < raw::kWindow; ++i) {
        EXPECT_EQ(data_of(viewer->expect<raw::ConsumerMessage>()), "to " + std::to_string(i));
        EXPECT_EQ(data_of(app->expect<raw::ProducerMessage>()), "from " + std::to_string(i));
    }
    viewer->send(acknowledge<raw::ConsumerAck>(8));
    std::uint32_t credit = 0;
    while (credit < 8) {
        const auto m = app->expect<raw::ProducerCredit>();
        ASSERT_GT(m.count, 0u);
        EXPECT_EQ(m.receiver, got.receiver);
        credit += m.count;
    }
    EXPECT_EQ(credit, 8u);
    for (int i = 0; i < 8; ++i) app->send(say<raw::ProducerSend>(got.receiver, "more"));
    for (int i = 0; i < 8; ++i) {
        EXPECT_EQ(data_of(viewer->expect<raw::ConsumerMessage>()), "more");
    }
    app->send(say<raw::ProducerSend>(got.receiver, "too much"));
    expect_ended(*app, ErrorCode::protocol, "acknowledged");
}

TEST_F(RawBuffersTest, AConsumerKeepsToItsWindowToo) {
    offer();
    take_it();
    for (std::uint32_t i = 0; i <= raw::kWindow; ++i) {
        viewer->send(say<raw::ConsumerSend>(got.receiver, "x"));
    }
    expect_ended(*viewer, ErrorCode::protocol, "acknowledged");
}

TEST_F(RawBuffersTest, DoneIsToldWithHowManyAreLeft) {
    offer();
    take_it();
    auto second = greeted_consumer();
    second->send(subscription());
    const auto id = second->expect<raw::Offered>().id;
    EXPECT_EQ(id, offered.id);
    second->send(take(id));
    const auto other = second->expect<raw::Buffer>();
    EXPECT_NE(other.receiver, got.receiver);
    EXPECT_EQ(app->expect<raw::Taken>().receiver, other.receiver);
    ASSERT_EQ(status().size(), 1u);
    EXPECT_EQ(status()[0].receivers, 2u);
    viewer->send(done(got.receiver));
    auto ended = app->expect<raw::ReceiverDone>();
    EXPECT_EQ(ended.receiver, got.receiver);
    EXPECT_EQ(ended.left, 1u);
    EXPECT_EQ(ended.flags, 0u);
    second->hang_up();
    ended = app->expect<raw::ReceiverDone>();
    EXPECT_EQ(ended.receiver, other.receiver);
    EXPECT_EQ(ended.left, 0u);
    EXPECT_EQ(ended.flags, raw::kReceiverDied);
    // It may be taken again.
    viewer->send(take(offered.id));
    EXPECT_GT(viewer->expect<raw::Buffer>().receiver, other.receiver);
}

TEST_F(RawBuffersTest, PagesStayUntilTheLastReceiverIsDone) {
    start();
    auto vm = port("guest");
    vm->send(hello());
    vm->await<stream::Welcome>();
    auto pages = std::make_shared<BufferMemory>();
    pages->files.push_back(std::make_shared<const UniqueFd>(sealed_memfd(kPage)));
    pages->runs.push_back({0, 0, kPage});
    pages->size = kPage;
    const std::weak_ptr<BufferMemory> alive = pages;
    EXPECT_EQ(broker->ports().buffer_created(*vm, id_of(1), std::move(pages)), Created::ok);
    vm->send(offer_of(id_of(1)));
    std::array<std::unique_ptr<SocketPeer>, 2> receivers{greeted_consumer(), greeted_consumer()};
    std::array<std::uint64_t, 2> numbers{};
    for (std::size_t i = 0; i < 2; ++i) {
        receivers[i]->send(subscription());
        const auto told = receivers[i]->expect<raw::Offered>();
        EXPECT_STREQ(told.vm, "guest");
        receivers[i]->send(take(told.id));
        numbers[i] = receivers[i]->expect<raw::Buffer>().receiver;
    }
    auto withdraw = raw::make<raw::Withdraw>();
    withdraw.buffer = id_of(1);
    vm->send(withdraw);
    EXPECT_TRUE(broker->ports().buffer_destroyed(*vm, id_of(1)));
    for (auto& receiver : receivers) EXPECT_EQ(receiver->expect<raw::Gone>().flags, 0u);
    EXPECT_FALSE(alive.expired());
    ASSERT_EQ(status().size(), 1u);
    EXPECT_EQ(status()[0].flags, raw::kWithdrawn);
    // Even the end of the guest's program leaves the others their picture.
    vm->hang_up();
    for (auto& receiver : receivers) {
        EXPECT_EQ(receiver->expect<raw::Gone>().flags, raw::kProducerGone);
    }
    EXPECT_FALSE(alive.expired());
    receivers[0]->send(say<raw::ConsumerSend>(numbers[0], "to nobody"));
    receivers[0]->send(done(numbers[0]));
    settle();
    EXPECT_FALSE(alive.expired());
    receivers[1]->hang_up();
    EXPECT_TRUE(turn_until([&] { return alive.expired(); }));
    EXPECT_TRUE(status().empty());
}

// ---- who may have what

TEST_F(RawBuffersTest, SubscriptionsSelectByVmAndTopic) {
    start();
    const auto offer_from = [&](Peer& peer, std::uint8_t number, const std::string& topic) {
        peer.send(offer_of(id_of(number), topic));
    };
    app = greeted_producer();
    for (std::uint8_t i = 1; i <= 2; ++i) give_buffer(*app, id_of(i));
    offer_from(*app, 1, "camera/front");
    offer_from(*app, 2, "camera");
    auto vm = port("guest");
    vm->send(hello());
    auto pages = std::make_shared<BufferMemory>();
    pages->files.push_back(std::make_shared<const UniqueFd>(sealed_memfd(kPage)));
    pages->runs.push_back({0, 0, kPage});
    pages->size = kPage;
    EXPECT_EQ(broker->ports().buffer_created(*vm, id_of(1), std::move(pages)), Created::ok);
    offer_from(*vm, 1, "camera/guest");
    settle();

    viewer = greeted_consumer();
    viewer->send(subscription(1, "camera", 0));
    EXPECT_STREQ(viewer->expect<raw::Offered>().topic, "camera");
    EXPECT_TRUE(viewer->silent());
    viewer->send(subscription(2, "camera", raw::kTopicPrefix));
    EXPECT_STREQ(viewer->expect<raw::Offered>().topic, "camera/front");
    EXPECT_TRUE(viewer->silent()) << "each is told once";
    viewer->send(subscription(3, "camera/guest", 0, "other"));
    EXPECT_TRUE(viewer->silent());
    viewer->send(subscription(4, "camera/guest", 0, "guest"));
    const auto guest = viewer->expect<raw::Offered>();
    EXPECT_STREQ(guest.vm, "guest");
    // Unsubscribed: not to be had any more.
    auto unsubscribe = raw::make<raw::Unsubscribe>();
    unsubscribe.number = 4;
    viewer->send(unsubscribe);
    viewer->send(take(guest.id));
    EXPECT_EQ(viewer->expect<raw::TakeRefused>().id, guest.id);
    viewer->send(unsubscribe);
    expect_ended(*viewer, ErrorCode::protocol, "not subscribed");
}

TEST_F(RawBuffersTest, OnlyWhatWasOfferedToAConsumerCanBeTaken) {
    offer();
    auto other = greeted_consumer();
    other->send(subscription(1, "another topic"));
    other->send(take(offered.id));
    const auto foreign = other->expect<raw::TakeRefused>();
    EXPECT_EQ(foreign.code, static_cast<std::uint32_t>(ErrorCode::policy));
    auto guessed = take(offered.id);
    guessed.id[7] ^= 1;
    other->send(guessed);
    const auto unknown = other->expect<raw::TakeRefused>();
    EXPECT_STREQ(unknown.text, foreign.text) << "nothing tells what is there";
    // The buffer's own id is no name for anybody but its producer.
    std::copy(taken.buffer.begin(), taken.buffer.end(), guessed.id.begin());
    other->send(guessed);
    other->expect<raw::TakeRefused>();
    // Nor can the holder's number be used by others.
    take_it();
    other->send(done(got.receiver));
    expect_ended(*other, ErrorCode::protocol, "does not hold");
    auto third = greeted_producer();
    third->send(say<raw::ProducerSend>(got.receiver, "forged"));
    EXPECT_TRUE(viewer->silent());
    ASSERT_EQ(status().size(), 1u);
    EXPECT_EQ(status()[0].receivers, 1u);
}

TEST_F(RawBuffersTest, NamesOfOffersAreRandom) {
    offer();
    std::set<raw::OfferId> names{offered.id};
    std::array<unsigned, 16> differences{};
    raw::OfferId last = offered.id;
    for (int i = 0; i < 64; ++i) {
        auto withdraw = raw::make<raw::Withdraw>();
        withdraw.buffer = id_of(1);
        app->send(withdraw);
        app->send(offer_of(id_of(1)));
        viewer->expect<raw::Gone>();
        const auto id = viewer->expect<raw::Offered>().id;
        EXPECT_TRUE(names.insert(id).second);
        for (std::size_t byte = 0; byte < id.size(); ++byte) {
            differences[byte] += id[byte] != last[byte];
        }
        last = id;
    }
    for (const unsigned different : differences) EXPECT_GT(different, 32u);
}

TEST_F(RawBuffersTest, TheConfigurationKeepsVmMemoryFromConsumers) {
    config.share_vm_memory = false;
    start();
    auto vm = port("guest");
    vm->send(hello());
    auto pages = std::make_shared<BufferMemory>();
    pages->files.push_back(std::make_shared<const UniqueFd>(sealed_memfd(kPage)));
    pages->runs.push_back({0, 0, kPage});
    pages->size = kPage;
    EXPECT_EQ(broker->ports().buffer_created(*vm, id_of(1), std::move(pages)), Created::ok);
    vm->send(offer_of(id_of(1)));
    viewer = greeted_consumer();
    viewer->send(subscription());
    viewer->send(take(viewer->expect<raw::Offered>().id));
    const auto refused = viewer->expect<raw::TakeRefused>();
    EXPECT_EQ(refused.code, static_cast<std::uint32_t>(ErrorCode::policy));
    EXPECT_THAT(std::string(refused.text), HasSubstr("share_vm_memory"));
    EXPECT_EQ(status()[0].receivers, 0u);
    EXPECT_TRUE(viewer->silent());
}

// ---- quotas, and ends that misbehave

TEST_F(RawBuffersTest, OffersAreBoundedAndHeldOnesCount) {
    config.local.raw_offers = 2;
    app = greeted_producer();
    for (std::uint8_t i = 1; i <= 3; ++i) {
        give_buffer(*app, id_of(i));
        app->send(offer_of(id_of(i)));
    }
    const auto refused = app->expect<raw::OfferRefused>();
    EXPECT_EQ(refused.buffer, id_of(3));
    EXPECT_EQ(refused.code, static_cast<std::uint32_t>(ErrorCode::quota));
    viewer = greeted_consumer();
    viewer->send(subscription());
    const auto first = viewer->expect<raw::Offered>();
    viewer->expect<raw::Offered>();
    viewer->send(take(first.id));
    const auto held = viewer->expect<raw::Buffer>();
    auto withdraw = raw::make<raw::Withdraw>();
    withdraw.buffer = id_of(1);
    app->send(withdraw);
    app->send(offer_of(id_of(3)));
    app->await<raw::OfferRefused>();  // the first is withdrawn, but held
    viewer->send(done(held.receiver));
    app->await<raw::ReceiverDone>();
    app->send(offer_of(id_of(3)));
    viewer->expect<raw::Gone>();
    EXPECT_STREQ(viewer->expect<raw::Offered>().topic, "test");
    // What was refused may be withdrawn: its producer could not know.
    withdraw.buffer = id_of(2);
    app->send(withdraw);
    viewer->expect<raw::Gone>();
    app->send(withdraw);
    EXPECT_TRUE(app->silent());
}

TEST_F(RawBuffersTest, ReceiversAreBoundedPerVm) {
    config.local.raw_receivers = 1;
    offer();
    take_it();
    auto second = greeted_consumer();
    second->send(subscription());
    second->send(take(second->expect<raw::Offered>().id));
    EXPECT_EQ(second->expect<raw::TakeRefused>().code,
              static_cast<std::uint32_t>(ErrorCode::quota));
    viewer->send(done(got.receiver));
    app->expect<raw::ReceiverDone>();
    second->send(take(offered.id));
    second->expect<raw::Buffer>();
}

TEST_F(RawBuffersTest, SubscriptionsAreBounded) {
    viewer = greeted_consumer();
    for (std::uint32_t i = 0; i < raw::kMaxSubscriptions; ++i) viewer->send(subscription(i));
    EXPECT_TRUE(viewer->silent());
    viewer->send(subscription(1000));
    expect_ended(*viewer, ErrorCode::quota, "subscriptions");
}

TEST_F(RawBuffersTest, AProducerThatOffersTooFastIsEnded) {
    offer();
    auto withdraw = raw::make<raw::Withdraw>();
    withdraw.buffer = id_of(1);
    for (int i = 0; i < 20000; ++i) {
        if (send_message(app->socket(), packed(withdraw)) == EPIPE) break;
        if (send_message(app->socket(), packed(offer_of(id_of(1)))) == EPIPE) break;
        settle();
        while (viewer->silent() == false) {
        }
    }
    expect_ended(*app, ErrorCode::quota, "too fast");
}

TEST_F(RawBuffersTest, AProducerThatDoesNotReadCostsItselfAlone) {
    config.local.raw_receivers = 1024;
    offer();
    app->send(acknowledge<raw::ProducerAck>(1));
    expect_ended(*app, ErrorCode::protocol, "more than was sent");
    // More receivers than may be on their way to it, of which it acknowledges none.
    app = greeted_producer();
    std::vector<std::uint64_t> numbers;
    for (std::uint8_t i = 1; i <= 100; ++i) {
        give_buffer(*app, id_of(i), kPage);
        app->send(offer_of(id_of(i)));
    }
    viewer = greeted_consumer();
    viewer->send(subscription());
    std::vector<raw::OfferId> ids;
    for (int i = 0; i < 100; ++i) ids.push_back(viewer->expect<raw::Offered>().id);
    for (const auto& id : ids) {
        viewer->send(take(id));
        numbers.push_back(viewer->expect<raw::Buffer>().receiver);
    }
    for (const auto number : numbers) {
        for (std::uint32_t i = 0; i < raw::kWindow; ++i) {
            viewer->send(say<raw::ConsumerSend>(number, "nobody reads this"));
        }
    }
    EXPECT_TRUE(viewer->silent()) << "the consumer is not told off for it";
    std::size_t came = 0;
    while (!app->silent()) ++came;
    EXPECT_EQ(came, RawProducer::kInFlight);
    // Receivers that it never heard of end without a word.
    for (const auto number : numbers) viewer->send(done(number));
    settle();
    EXPECT_TRUE(app->silent());
    app->send(acknowledge<raw::ProducerAck>(RawProducer::kInFlight));
    std::size_t more = 0;
    while (!app->silent()) ++more;
    EXPECT_EQ(more, RawProducer::kInFlight) << "their ends";
}

TEST_F(RawBuffersTest, AConsumerThatDoesNotReadCostsItselfAlone) {
    app = greeted_producer();
    for (std::uint8_t i = 1; i <= 50; ++i) {
        give_buffer(*app, id_of(i), kPage);
        app->send(offer_of(id_of(i)));
    }
    auto slow = greeted_consumer();
    auto quick = greeted_consumer();
    slow->send(subscription());
    quick->send(subscription());
    std::vector<std::uint64_t> numbers;
    std::vector<raw::OfferId> ids;
    for (int i = 0; i < 50; ++i) ids.push_back(slow->expect<raw::Offered>().id);
    for (const auto& id : ids) {
        slow->send(take(id));
        numbers.push_back(slow->await<raw::Buffer>().receiver);
    }
    const auto last = quick->expect<raw::Offered>().id;
    quick->send(take(last));
    const auto quick_number = quick->await<raw::Buffer>().receiver;
    settle();
    for (const auto number : numbers) {
        for (std::uint32_t i = 0; i < raw::kWindow; ++i) {
            app->send(say<raw::ProducerSend>(number, "slowly"));
        }
    }
    app->send(say<raw::ProducerSend>(quick_number, "quickly"));
    EXPECT_EQ(data_of(quick->await<raw::ConsumerMessage>()), "quickly");
    std::size_t came = 0;
    while (!slow->silent()) ++came;
    EXPECT_EQ(came, RawConsumer::kInFlight);
    // And what waited comes when it acknowledges.
    slow->send(acknowledge<raw::ConsumerAck>(RawConsumer::kInFlight));
    slow->await<raw::ConsumerMessage>();
}

TEST_F(RawBuffersTest, AReceiverThatDiesFreesWhatWaited) {
    offer();
    take_it();
    for (std::uint32_t i = 0; i < raw::kWindow; ++i) {
        app->send(say<raw::ProducerSend>(got.receiver, "x"));
    }
    viewer->hang_up();
    const auto ended = app->expect<raw::ReceiverDone>();
    EXPECT_EQ(ended.flags, raw::kReceiverDied);
    // It could not know yet.
    app->send(say<raw::ProducerSend>(got.receiver, "x"));
    EXPECT_TRUE(app->silent());
    EXPECT_EQ(status()[0].receivers, 0u);
}

TEST_F(RawBuffersTest, HelloAgainStartsAnew) {
    offer();
    take_it();
    app->send(say<raw::ProducerSend>(got.receiver, "before"));
    viewer->expect<raw::ConsumerMessage>();
    app->send(hello());
    app->expect<stream::Welcome>();
    EXPECT_EQ(viewer->expect<raw::Gone>().flags, raw::kProducerGone);
    // The old hold stays, apart from the new offer of the same buffer.
    app->send(offer_of(id_of(1), "test", "again"));
    const auto again = viewer->expect<raw::Offered>();
    EXPECT_NE(again.id, offered.id);
    viewer->send(take(again.id));
    const auto fresh = viewer->expect<raw::Buffer>();
    EXPECT_EQ(data_of(fresh), "again");
    EXPECT_EQ(app->expect<raw::Taken>().receiver, fresh.receiver);
    viewer->send(say<raw::ConsumerSend>(got.receiver, "old"));
    viewer->send(done(got.receiver));
    viewer->send(say<raw::ConsumerSend>(fresh.receiver, "new"));
    EXPECT_EQ(data_of(app->expect<raw::ProducerMessage>()), "new");
    // Nothing of what was sent before HELLO is to be acknowledged.
    app->send(acknowledge<raw::ProducerAck>(3));
    expect_ended(*app, ErrorCode::protocol, "more than was sent");
}

TEST_F(RawBuffersTest, WhatMakesNoSenseEndsTheConnection) {
    offer();
    app->send(offer_of(id_of(1)));
    expect_ended(*app, ErrorCode::protocol, "offered already");
    app = greeted_producer();
    // It may have been destroyed while its offer waited for a fence: no mistake of the producer's.
    app->send(offer_of(id_of(9)));
    EXPECT_EQ(app->expect<raw::OfferRefused>().buffer, id_of(9));
    EXPECT_TRUE(app->silent());
    auto type = raw::make<raw::Withdraw>();
    type.header.type = 0x2f;
    app->send(type);
    expect_ended(*app, ErrorCode::protocol, "unknown type");
    viewer = greeted_consumer();
    type.header.type = 0x12f;
    viewer->send(type);
    expect_ended(*viewer, ErrorCode::protocol, "unknown type");
    viewer = greeted_consumer();
    viewer->send(subscription(1));
    viewer->send(subscription(1));
    expect_ended(*viewer, ErrorCode::protocol, "in use");
    offer();
    take_it();
    viewer->send(take(offered.id));
    expect_ended(*viewer, ErrorCode::protocol, "has already");
}

TEST_F(RawBuffersTest, ABufferThatAQuotaRefusedCannotBeOffered) {
    config.local.buffers = 1;
    app = greeted_producer();
    give_buffer(*app, id_of(1));
    give_buffer(*app, id_of(2));
    app->expect<stream::ErrorMessage>();
    app->send(offer_of(id_of(2)));
    EXPECT_EQ(app->expect<raw::OfferRefused>().buffer, id_of(2));
    app->send(offer_of(id_of(1)));
    EXPECT_TRUE(app->silent());
}

}  // namespace
}  // namespace vdmabuf::broker::test
