// SPDX-License-Identifier: MIT
// Messages with fences, seen from the host: what it gets, in which order, and stamped with what.
#include "tests/guest/fences.hpp"
#include "tests/guest/fault/tests.hpp"

namespace guest_test {
namespace {

std::uint64_t now() {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch())
            .count());
}

// An order to say it again, with room for two stamps: "echo NNN", then 8 bytes twice, then more.
struct Stamped {
    static constexpr std::uint16_t kFenceAt = 8;
    static constexpr std::uint16_t kSentAt = 16;
    std::string text;
    explicit Stamped(int number, std::size_t size = 32) {
        char head[16];
        std::snprintf(head, sizeof head, "echo %03d", number);
        text = head + std::string(size - 8, 'x');
    }
    int send(int channel, std::uint32_t stamps, int fence = -1, std::uint16_t sent_at = kSentAt) {
        vdmabuf_send send = send_arguments(text.data(), text.size(), fence);
        send.flags |= stamps;
        if ((stamps & VDMABUF_SEND_FENCE_STAMP) != 0) send.fence_stamp = kFenceAt;
        if ((stamps & VDMABUF_SEND_SENT_STAMP) != 0) send.sent_stamp = sent_at;
        return ::ioctl(channel, VDMABUF_IOCTL_SEND, &send);
    }
};

// What came back of it: all but the five bytes of the order.
struct Echo {
    std::string text;
    explicit Echo(int channel) : text("echo " + answer(channel)) {}
    int number() const { return std::stoi(text.substr(5, 3)); }
    std::uint64_t at(std::size_t offset) const {
        std::uint64_t ns = 0;
        EXPECT(offset + sizeof ns <= text.size());
        std::memcpy(&ns, text.data() + offset, sizeof ns);
        return ns;
    }
    std::uint64_t fence() const { return at(Stamped::kFenceAt); }
    std::uint64_t sent() const { return at(Stamped::kSentAt); }
};

constexpr std::uint32_t kBoth = VDMABUF_SEND_FENCE_STAMP | VDMABUF_SEND_SENT_STAMP;

void test_stamps_without_fence() {
    const Fd channel = open_channel();
    // Short ones and long ones are kept in different places.
    for (const std::size_t size : {24u, 512u, 520u, 4096u}) {
        for (const std::size_t at : {std::size_t{8}, size - 8}) {
            Stamped message(1, size);
            const std::uint64_t before = now();
            EXPECT_ERRNO(
                message.send(channel, VDMABUF_SEND_SENT_STAMP, -1, static_cast<std::uint16_t>(at)),
                0);
            const std::uint64_t after = now();
            Echo echo(channel);
            EXPECT(before <= echo.at(at) && echo.at(at) <= after);
            echo.text.replace(at, 8, 8, 'x');  // and nothing else is changed
            EXPECT(echo.text == message.text);
        }
    }
    // The memory of a message is used again: nothing of an old stamp stays.
    Stamped plain(2);
    EXPECT_ERRNO(plain.send(channel, 0), 0);
    EXPECT(Echo(channel).text == plain.text);
}

void test_stamps_of_a_fence() {
    const auto timeline = new_timeline();
    const Fd channel = open_channel();
    Fd fence = timeline->fence(1);
    Stamped message(1, 600);
    EXPECT_ERRNO(message.send(channel, kBoth, fence), 0);
    std::this_thread::sleep_for(100ms);
    const std::uint64_t before = now();
    timeline->advance(1);
    const Echo echo(channel);
    EXPECT(before <= echo.fence() && echo.fence() <= echo.sent() && echo.sent() <= now());
    // The fence has signalled long ago, but SEND sees it only now.
    const std::uint64_t again = now();
    EXPECT_ERRNO(message.send(channel, kBoth, fence), 0);
    const Echo late(channel);
    EXPECT(again <= late.fence() && late.fence() <= late.sent() && late.sent() <= now());
    // Whoever does not ask gets none.
    EXPECT_ERRNO(message.send(channel, 0, fence), 0);
    EXPECT(Echo(channel).text == message.text);
}

// The last fence signals first: the messages leave in order all the same.
void test_order() {
    constexpr int kCount = 8;
    std::vector<std::unique_ptr<Timeline>> timelines;
    const Fd channel = open_channel();
    for (int i = 0; i < kCount; ++i) {
        timelines.push_back(new_timeline());
        const Fd fence = timelines.back()->fence(1);
        EXPECT_ERRNO(Stamped(2 * i).send(channel, kBoth, fence), 0);
        EXPECT_ERRNO(Stamped(2 * i + 1).send(channel, VDMABUF_SEND_SENT_STAMP), 0);
    }
    for (int i = kCount - 1; i > 0; --i) {
        timelines[static_cast<std::size_t>(i)]->advance(1);
        EXPECT(!readable(channel, 10ms));
    }
    timelines[0]->advance(1);
    std::uint64_t fence = ~std::uint64_t{0};
    std::uint64_t sent = 0;
    for (int i = 0; i < 2 * kCount; ++i) {
        const Echo echo(channel);
        EXPECT(echo.number() == i);
        EXPECT(sent <= echo.sent());
        sent = echo.sent();
        if (i % 2 != 0) continue;
        EXPECT(echo.fence() < fence);  // each had signalled before the one ahead of it
        fence = echo.fence();
    }
}

// Whether it errs or never signals, other channels go on, and closing frees what waits.
void test_stuck_fences() {
    const auto never = new_timeline();
    const auto errs = new_timeline();
    const Fd other = open_channel();
    const Count before = count(other);
    {
        Fd stuck = open_channel();
        const Fd failing = open_channel();
        const Fd never_fence = never->fence(1);
        EXPECT_ERRNO(Stamped(1).send(stuck, kBoth, never_fence), 0);
        EXPECT_ERRNO(Stamped(2).send(stuck, 0), 0);
        EXPECT_ERRNO(Stamped(3).send(failing, kBoth, errs->fence(1)), 0);
        for (int i = 0; i < 50; ++i) EXPECT(ask(other, "echo on") == "on");
        EXPECT(!readable(stuck, 0ms) && !readable(failing, 0ms));
        errs->end();
        EXPECT(Echo(failing).number() == 3);
        EXPECT(ask(failing, "echo on") == "on");
        EXPECT(!readable(stuck, 50ms));
        const auto start = Clock::now();
        stuck.reset();
        EXPECT(Clock::now() - start < 1s);
        EXPECT(eventually([&] { return count(other).channels == before.channels + 1; }));
    }
    never->advance(1);  // nobody is there to be told
    EXPECT(ask(other, "echo on") == "on");
    EXPECT(count(other) == before);
}

const Test kTests[] = {
    {"stamps", test_stamps_without_fence},
    {"stamps of a fence", test_stamps_of_a_fence},
    {"order of fences", test_order},
    {"stuck fences", test_stuck_fences},
};

}  // namespace

std::span<const Test> fence_tests() {
    return kTests;
}

}  // namespace guest_test
