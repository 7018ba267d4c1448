// SPDX-License-Identifier: MIT
// Raw buffers from one program to another through the C interface.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "tests/api/world.hpp"

namespace vdmabuf::test {
namespace {

using Id = std::array<std::uint8_t, VDMABUF_RAW_ID_SIZE>;

class RawTest : public World {
  protected:
    void SetUp() override {
        start_broker();
        p = producer();
        c = consumer();
        ASSERT_TRUE(p && c);
        ASSERT_EQ(vdmabuf_buffer_alloc(p, kBytes, &buffer), 0);
    }
    void TearDown() override { vdmabuf_buffer_free(buffer); }

    void offer(const std::string& message = "hello", int fence = -1) {
        ASSERT_EQ(vdmabuf_buffer_offer(buffer, "topic", message.data(), message.size(), fence), 0)
            << vdmabuf_producer_error(p);
    }
    // Offered, subscribed, taken and mapped; both sides have been told.
    void hand_over() {
        offer();
        ASSERT_GT(vdmabuf_consumer_raw_subscribe(c, nullptr, "topic", VDMABUF_SUBSCRIBE_ANY_VM), 0);
        take();
    }
    void take() {
        const auto offered = await(c, VDMABUF_CONSUMER_RAW_OFFERED);
        ASSERT_EQ(offered.type, VDMABUF_CONSUMER_RAW_OFFERED);
        std::memcpy(id.data(), offered.offer->id, id.size());
        ASSERT_EQ(vdmabuf_consumer_raw_take(c, id.data(), 0), 0);
        const auto got = await(c, VDMABUF_CONSUMER_RAW_BUFFER);
        ASSERT_EQ(got.type, VDMABUF_CONSUMER_RAW_BUFFER);
        ASSERT_EQ(vdmabuf_map(got.buffer->memory, &address, &length), 0);
        const auto taken = await(p, VDMABUF_PRODUCER_TAKEN);
        ASSERT_EQ(taken.type, VDMABUF_PRODUCER_TAKEN);
        EXPECT_EQ(taken.buffer, buffer);
        EXPECT_STREQ(taken.text, "a consumer");
        receiver = taken.receiver;
    }
    void unmap() { vdmabuf_unmap(std::exchange(address, nullptr), length); }
    char* bytes() { return static_cast<char*>(vdmabuf_buffer_data(buffer)); }
    int say(const std::string& text) {
        return vdmabuf_buffer_send(buffer, receiver, text.data(), text.size(), -1);
    }
    int answer(const std::string& text) {
        return vdmabuf_consumer_raw_send(c, id.data(), text.data(), text.size());
    }
    static std::string text_of(const vdmabuf_consumer_event& event) {
        if (event.type != VDMABUF_CONSUMER_RAW_MESSAGE) return "(no message)";
        return {static_cast<const char*>(event.message->data), event.message->bytes};
    }
    static std::string text_of(const vdmabuf_producer_event& event) {
        if (event.type != VDMABUF_PRODUCER_MESSAGE) return "(no message)";
        return {static_cast<const char*>(event.data), event.bytes};
    }

    static constexpr std::uint64_t kBytes = 5 * 4096;
    vdmabuf_producer* p = nullptr;
    vdmabuf_consumer* c = nullptr;
    vdmabuf_buffer* buffer = nullptr;
    Id id{};
    std::uint64_t receiver = 0;
    const void* address = nullptr;
    std::size_t length = 0;
};

TEST_F(RawTest, TheReceiverSeesWhatIsWrittenAfterwards) {
    std::memset(bytes(), 'a', kBytes);
    hand_over();
    const auto* held = vdmabuf_consumer_raw_buffer(c, id.data());
    ASSERT_NE(held, nullptr);
    EXPECT_EQ(std::string(static_cast<const char*>(held->message), held->message_bytes), "hello");
    EXPECT_EQ(held->memory->bytes, kBytes);
    EXPECT_EQ(held->memory->kind, VDMABUF_MEMORY_RUNS);
    EXPECT_STREQ(held->offer->topic, "topic");
    EXPECT_STREQ(held->offer->app, "a producer");
    EXPECT_STREQ(held->offer->vm, "");
    EXPECT_EQ(held->offer->pid, static_cast<std::uint32_t>(::getpid()));
    const char* seen = static_cast<const char*>(address);
    EXPECT_EQ(seen[0], 'a');
    bytes()[kBytes - 1] = 'z';
    EXPECT_EQ(seen[kBytes - 1], 'z');
    EXPECT_EQ(vdmabuf_consumer_raw_take(c, id.data(), 0), -EALREADY);
    unmap();
    EXPECT_EQ(vdmabuf_consumer_raw_done(c, id.data()), 0);
    EXPECT_EQ(vdmabuf_consumer_raw_done(c, id.data()), -ENOENT);
    const auto done = await(p, VDMABUF_PRODUCER_DONE);
    EXPECT_EQ(done.buffer, buffer);
    EXPECT_EQ(done.receiver, receiver);
    EXPECT_EQ(done.left, 0u);
    EXPECT_EQ(done.died, 0u);
    EXPECT_EQ(say("nobody"), -ENOENT);
    // It is still offered.
    EXPECT_EQ(vdmabuf_consumer_raw_take(c, id.data(), VDMABUF_TAKE_RUNS), 0);
    EXPECT_EQ(await(c, VDMABUF_CONSUMER_RAW_BUFFER).type, VDMABUF_CONSUMER_RAW_BUFFER);
    EXPECT_GT(await(p, VDMABUF_PRODUCER_TAKEN).receiver, receiver);
}

TEST_F(RawTest, MessagesKeepTheirOrderAndNobodyIsOverrun) {
    hand_over();
    // Far more than the window: the sender is told when there is room again.
    int sent = 0;
    int got = 0;
    int rooms = 0;
    constexpr int kMessages = 500;
    while (got < kMessages) {
        int rc = 0;
        while (sent < kMessages && (rc = say(std::to_string(sent))) == 0) ++sent;
        if (sent < kMessages) {
            ASSERT_EQ(rc, -EAGAIN);
        }
        for (;;) {
            const auto event = next(c, got < sent ? 5000 : 0);
            if (event.type == 0) break;
            ASSERT_EQ(text_of(event), std::to_string(got));
            ++got;
        }
        if (sent < kMessages) {
            ASSERT_EQ(next(p).type, VDMABUF_PRODUCER_ROOM);
            ++rooms;
        }
    }
    EXPECT_GT(rooms, kMessages / VDMABUF_MESSAGE_WINDOW / 2);
    sent = got = rooms = 0;
    while (got < kMessages) {
        int rc = 0;
        while (sent < kMessages && (rc = answer(std::to_string(sent))) == 0) ++sent;
        if (sent < kMessages) {
            ASSERT_EQ(rc, -EAGAIN);
        }
        for (;;) {
            const auto event = next(p, got < sent ? 5000 : 0);
            if (event.type == 0) break;
            ASSERT_EQ(text_of(event), std::to_string(got));
            ASSERT_EQ(event.receiver, receiver);
            ++got;
        }
        if (sent < kMessages) {
            ASSERT_EQ(next(c).type, VDMABUF_CONSUMER_RAW_ROOM);
            ++rooms;
        }
    }
    EXPECT_GT(rooms, kMessages / VDMABUF_MESSAGE_WINDOW / 2);
    EXPECT_EQ(answer(""), -EINVAL);
    EXPECT_EQ(answer(std::string(1025, 'x')), -EMSGSIZE);
    if (answer("x") == -EAGAIN) {
        EXPECT_EQ(next(c).type, VDMABUF_CONSUMER_RAW_ROOM);
    }
    const std::string longest(1024, 'x');
    EXPECT_EQ(answer(longest), 0);
    bool whole = false;
    for (int i = 0; i < 2 && !whole; ++i) whole = text_of(next(p)) == longest;
    EXPECT_TRUE(whole);
    unmap();
}

TEST_F(RawTest, AWithdrawnBufferStaysWithItsReceivers) {
    hand_over();
    EXPECT_EQ(vdmabuf_buffer_offer(buffer, "topic", nullptr, 0, -1), -EALREADY);
    EXPECT_EQ(vdmabuf_buffer_withdraw(buffer), 0);
    auto gone = await(c, VDMABUF_CONSUMER_RAW_GONE);
    ASSERT_EQ(gone.type, VDMABUF_CONSUMER_RAW_GONE);
    EXPECT_EQ(std::memcmp(gone.gone->id, id.data(), id.size()), 0);
    EXPECT_EQ(gone.gone->producer_gone, 0u);
    EXPECT_EQ(answer("still here"), 0);
    EXPECT_EQ(text_of(next(p)), "still here");
    bytes()[7] = 'q';
    EXPECT_EQ(static_cast<const char*>(address)[7], 'q');
    // Offered once more: another offer, with another id.
    offer("again");
    const auto again = await(c, VDMABUF_CONSUMER_RAW_OFFERED);
    ASSERT_EQ(again.type, VDMABUF_CONSUMER_RAW_OFFERED);
    EXPECT_NE(std::memcmp(again.offer->id, id.data(), id.size()), 0);
    EXPECT_EQ(await(p, VDMABUF_PRODUCER_DONE, 50).type, 0u);
    // The producer's end: the pages stay, messages do not.
    vdmabuf_buffer_free(std::exchange(buffer, nullptr));
    close(p);
    do {
        gone = await(c, VDMABUF_CONSUMER_RAW_GONE);
        ASSERT_EQ(gone.type, VDMABUF_CONSUMER_RAW_GONE);
    } while (!gone.gone->producer_gone);
    EXPECT_EQ(static_cast<const char*>(address)[7], 'q');
    EXPECT_EQ(answer("hello?"), -EPIPE);
    EXPECT_EQ(vdmabuf_consumer_raw_done(c, id.data()), 0);
    unmap();
    EXPECT_EQ(vdmabuf_consumer_raw_buffer(c, id.data()), nullptr);
}

TEST_F(RawTest, AReceiverThatDiesIsToldApart) {
    hand_over();
    auto* other = consumer();
    EXPECT_GT(vdmabuf_consumer_raw_subscribe(other, "", "to", VDMABUF_SUBSCRIBE_TOPIC_PREFIX), 0);
    const auto offered = await(other, VDMABUF_CONSUMER_RAW_OFFERED);
    ASSERT_EQ(offered.type, VDMABUF_CONSUMER_RAW_OFFERED);
    EXPECT_EQ(vdmabuf_consumer_raw_take(other, offered.offer->id, 0), 0);
    EXPECT_EQ(await(p, VDMABUF_PRODUCER_TAKEN).type, VDMABUF_PRODUCER_TAKEN);
    unmap();
    close(c);
    const auto done = await(p, VDMABUF_PRODUCER_DONE);
    EXPECT_EQ(done.receiver, receiver);
    EXPECT_EQ(done.died, 1u);
    EXPECT_EQ(done.left, 1u);
}

TEST_F(RawTest, WhatWasNotOfferedCannotBeTaken) {
    hand_over();
    auto* other = consumer();
    EXPECT_EQ(next(other).type, VDMABUF_CONSUMER_CONNECTED);
    EXPECT_EQ(vdmabuf_consumer_raw_take(other, id.data(), 0), -ENOENT);
    const int number = vdmabuf_consumer_raw_subscribe(other, "", "topic", 0);
    EXPECT_GT(number, 0);
    EXPECT_EQ(next(other).type, VDMABUF_CONSUMER_RAW_OFFERED);
    EXPECT_EQ(vdmabuf_consumer_raw_unsubscribe(other, number), 0);
    EXPECT_EQ(vdmabuf_consumer_raw_unsubscribe(other, number), -ENOENT);
    EXPECT_EQ(vdmabuf_consumer_raw_take(other, id.data(), 0), -ENOENT);
    EXPECT_EQ(vdmabuf_consumer_raw_buffer(other, id.data()), nullptr);
    for (int i = 0; i < 16; ++i) {
        EXPECT_GT(vdmabuf_consumer_raw_subscribe(other, "", "nothing", 0), 0);
    }
    EXPECT_EQ(vdmabuf_consumer_raw_subscribe(other, "", "nothing", 0), -ENOSPC);
    EXPECT_EQ(next(other, 50).type, 0u);
    unmap();
}

TEST_F(RawTest, ARefusalSaysWhy) {
    vdmabuf_buffer_free(std::exchange(buffer, nullptr));
    close(p);
    close(c);
    stop_broker();
    config.local.raw_offers = 1;
    config.local.raw_receivers = 1;
    SetUp();
    hand_over();
    auto* other = consumer();
    EXPECT_GT(vdmabuf_consumer_raw_subscribe(other, "", "topic", 0), 0);
    EXPECT_EQ(await(other, VDMABUF_CONSUMER_RAW_OFFERED).type, VDMABUF_CONSUMER_RAW_OFFERED);
    EXPECT_EQ(vdmabuf_consumer_raw_take(other, id.data(), 0), 0);
    EXPECT_EQ(vdmabuf_consumer_raw_take(other, id.data(), 0), -EALREADY);
    const auto refused = await(other, VDMABUF_CONSUMER_RAW_REFUSED);
    ASSERT_EQ(refused.type, VDMABUF_CONSUMER_RAW_REFUSED);
    EXPECT_EQ(refused.refused->error, -EDQUOT);
    EXPECT_STRNE(refused.refused->text, "");
    vdmabuf_buffer* second = nullptr;
    ASSERT_EQ(vdmabuf_buffer_alloc(p, 4096, &second), 0);
    EXPECT_EQ(vdmabuf_buffer_offer(second, "topic", nullptr, 0, -1), 0);
    const auto told = await(p, VDMABUF_PRODUCER_REFUSED);
    EXPECT_EQ(told.buffer, second);
    EXPECT_STRNE(told.text, "");
    EXPECT_EQ(vdmabuf_buffer_withdraw(second), -ENOENT) << "the refusal has withdrawn it";
    vdmabuf_buffer_free(second);
    unmap();
}

TEST_F(RawTest, MemoryOfOthersIsShared) {
    const int fd = ::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    ASSERT_EQ(::ftruncate(fd, kBytes), 0);
    vdmabuf_buffer* imported = nullptr;
    EXPECT_EQ(vdmabuf_buffer_import(p, fd, &imported), -EOPNOTSUPP) << "not sealed";
    EXPECT_EQ(imported, nullptr);
    EXPECT_EQ(vdmabuf_buffer_import(p, 9999, &imported), -EBADF);
    ASSERT_EQ(::fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
    ASSERT_EQ(vdmabuf_buffer_import(p, fd, &imported), 0) << vdmabuf_producer_error(p);
    EXPECT_EQ(vdmabuf_buffer_bytes(imported), kBytes);
    EXPECT_EQ(vdmabuf_buffer_data(imported), nullptr);
    vdmabuf_buffer_free(std::exchange(buffer, imported));
    hand_over();
    const char late = 'y';
    ASSERT_EQ(::pwrite(fd, &late, 1, 4097), 1);
    EXPECT_EQ(static_cast<const char*>(address)[4097], 'y');
    unmap();
    ASSERT_EQ(::ftruncate(fd, kBytes + 1), 0);
    EXPECT_EQ(vdmabuf_buffer_import(p, fd, &imported), -EINVAL) << "not whole pages";
    ::close(fd);
}

// A pipe stands for a sync_file, which no driver of this kernel makes: both are readable when it is
// time.
TEST_F(RawTest, WhatComesAfterAFenceWaitsForIt) {
    ASSERT_GT(vdmabuf_consumer_raw_subscribe(c, "", "topic", 0), 0);
    int fence[2];
    ASSERT_EQ(::pipe2(fence, O_CLOEXEC), 0);
    offer("fenced", fence[0]);
    EXPECT_EQ(await(c, VDMABUF_CONSUMER_RAW_OFFERED, 100).type, 0u);
    EXPECT_EQ(next(p, 0).type, 0u);
    ASSERT_EQ(::write(fence[1], "x", 1), 1);
    EXPECT_EQ(next(p, 50).type, 0u);  // turns the library's loop
    take();
    char byte = 0;
    ASSERT_EQ(::read(fence[0], &byte, 1), 1);
    ASSERT_EQ(vdmabuf_buffer_send(buffer, receiver, "1", 1, fence[0]), 0);
    ASSERT_EQ(say("2"), 0);
    EXPECT_EQ(next(p, 0).type, 0u);
    EXPECT_EQ(await(c, VDMABUF_CONSUMER_RAW_MESSAGE, 100).type, 0u);
    ASSERT_EQ(::write(fence[1], "x", 1), 1);
    EXPECT_EQ(next(p, 50).type, 0u);
    EXPECT_EQ(text_of(next(c)), "1");
    EXPECT_EQ(text_of(next(c)), "2");
    // A buffer may end before its fence has signalled, and so may the producer.
    ASSERT_EQ(::read(fence[0], &byte, 1), 1);
    vdmabuf_buffer* late = nullptr;
    ASSERT_EQ(vdmabuf_buffer_alloc(p, 4096, &late), 0);
    ASSERT_EQ(vdmabuf_buffer_offer(late, "topic", nullptr, 0, fence[0]), 0);
    vdmabuf_buffer_free(late);
    ASSERT_EQ(::write(fence[1], "x", 1), 1);
    EXPECT_EQ(next(p, 100).type, 0u);
    EXPECT_EQ(vdmabuf_producer_online(p), 1) << "it is no mistake of the producer's";
    ASSERT_EQ(say("3"), 0);
    EXPECT_EQ(text_of(await(c, VDMABUF_CONSUMER_RAW_MESSAGE)), "3");
    unmap();
    ::close(fence[0]);
    ::close(fence[1]);
}

TEST_F(RawTest, ANewBrokerIsOfferedEverythingAgain) {
    hand_over();
    vdmabuf_buffer* second = nullptr;
    ASSERT_EQ(vdmabuf_buffer_alloc(p, 4096, &second), 0);
    ASSERT_EQ(vdmabuf_buffer_offer(second, "another", "2", 1, -1), 0);
    ASSERT_EQ(vdmabuf_buffer_withdraw(second), 0);
    stop_broker();
    const auto away = await(p, VDMABUF_PRODUCER_AWAY);
    EXPECT_EQ(away.type, VDMABUF_PRODUCER_AWAY);
    EXPECT_EQ(vdmabuf_producer_online(p), 0);
    EXPECT_EQ(say("nobody"), -ENOENT);
    EXPECT_EQ(await(c, VDMABUF_CONSUMER_DISCONNECTED).type, VDMABUF_CONSUMER_DISCONNECTED);
    EXPECT_EQ(vdmabuf_consumer_raw_buffer(c, id.data()), nullptr);
    EXPECT_EQ(vdmabuf_consumer_raw_take(c, id.data(), 0), -ENOTCONN);
    bytes()[1] = 'k';
    EXPECT_EQ(static_cast<const char*>(address)[1], 'k') << "the mapping is the program's";
    unmap();
    // What is offered meanwhile is offered then.
    ASSERT_EQ(vdmabuf_buffer_offer(second, "late", "2", 1, -1), 0);
    const Id before = id;
    start_broker();
    EXPECT_EQ(await(p, VDMABUF_PRODUCER_BACK).type, VDMABUF_PRODUCER_BACK);
    take();
    if (HasFatalFailure()) return;
    EXPECT_NE(id, before);
    EXPECT_EQ(static_cast<const char*>(address)[1], 'k');
    auto* other = consumer();
    ASSERT_GT(vdmabuf_consumer_raw_subscribe(other, "", "late", 0), 0);
    const auto offered = await(other, VDMABUF_CONSUMER_RAW_OFFERED);
    ASSERT_EQ(offered.type, VDMABUF_CONSUMER_RAW_OFFERED);
    EXPECT_EQ(offered.offer->bytes, 4096u);
    EXPECT_EQ(say("hello"), 0);
    EXPECT_EQ(text_of(await(c, VDMABUF_CONSUMER_RAW_MESSAGE)), "hello");
    unmap();
    vdmabuf_buffer_free(second);
}

}  // namespace
}  // namespace vdmabuf::test
