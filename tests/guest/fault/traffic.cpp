// SPDX-License-Identifier: MIT
// How often guest and host wake each other up for messages.
#include "tests/guest/fault/tests.hpp"

namespace guest_test {
namespace {

struct Traffic {
    int kicks = 0;
    int interrupts = 0;
};

Traffic traffic(int channel) {
    Traffic traffic;
    EXPECT(std::sscanf(ask(channel, "traffic").c_str(), "%d %d", &traffic.kicks,
                       &traffic.interrupts) == 2);
    return traffic;
}

// Of what asking costs, too.
constexpr int kSlack = 4;

// Like a frame: a message there, an event back, before the next.
void test_one_kick_and_one_interrupt() {
    constexpr int kCount = 300;
    const Fd channel = open_channel();
    const Traffic before = traffic(channel);
    for (int i = 0; i < kCount; ++i) EXPECT(ask(channel, "echo frame") == "frame");
    const Traffic after = traffic(channel);
    std::printf("      %d messages: %d kicks, %d interrupts\n", kCount, after.kicks - before.kicks,
                after.interrupts - before.interrupts);
    EXPECT(after.kicks > before.kicks && after.interrupts > before.interrupts);
    EXPECT(after.kicks - before.kicks <= kCount + kSlack);
    EXPECT(after.interrupts - before.interrupts <= kCount + kSlack);
}

// That they have arrived is not worth an interrupt.
void test_messages_without_answer() {
    constexpr int kCount = 300;
    const Fd channel = open_channel();
    const Traffic before = traffic(channel);
    for (int i = 0; i < kCount; ++i) order(channel, "nothing");
    const Traffic after = traffic(channel);
    std::printf("      %d messages: %d kicks, %d interrupts\n", kCount, after.kicks - before.kicks,
                after.interrupts - before.interrupts);
    EXPECT(after.kicks - before.kicks <= kCount + kSlack);
    EXPECT(after.interrupts - before.interrupts <= kCount / 10);
}

const Test kTests[] = {
    {"one kick and one interrupt", test_one_kick_and_one_interrupt},
    {"messages without an answer", test_messages_without_answer},
};

}  // namespace

std::span<const Test> traffic_tests() {
    return kTests;
}

}  // namespace guest_test
