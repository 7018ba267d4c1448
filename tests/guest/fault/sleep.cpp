// SPDX-License-Identifier: MIT
// The guest goes to sleep and comes back.
#include "tests/guest/dmabufs.hpp"
#include "tests/guest/fault/tests.hpp"
#include "tests/guest/fences.hpp"

namespace guest_test {
namespace {

void write_power(const char* file, const char* what) {
    std::ofstream out(std::string("/sys/power/") + file);
    out << what << std::flush;
    if (!out) throw Skip(std::string("no /sys/power/") + file);
}

// Buffers of the driver's own and of others are there again after a sleep.
void test_sleep() {
    if (::access("/sys/bus/virtio/drivers/9pnet_virtio/virtio0", F_OK) == 0) {
        throw Skip("files over 9p do not survive it");
    }
    const auto exporter = any_exporter();
    for (int round = 0; round < 4; ++round) {
        const Fd channel = open_channel();
        const Fd buffer = alloc_buffer(channel, 1u << 20);
        const Map map(buffer, 1u << 20);
        const Fd foreign = exporter->buffer(65536);
        const Map foreign_map(foreign, 65536);
        const Id id = share_buffer(channel, buffer);
        const Id foreign_id = share_buffer(channel, foreign);
        std::strcpy(static_cast<char*>(map.at), "asleep");
        std::strcpy(static_cast<char*>(foreign_map.at), "dreams");
        const auto timeline = new_timeline();
        const Fd fence = timeline->fence(1);
        EXPECT_ERRNO(try_send(channel, "echo 1", 6, fence), 0);
        EXPECT_ERRNO(try_send(channel, "echo 2", 6), 0);
        if (round % 2 == 1) {
            const Fd other = open_channel();
            order(other, "hold 1");
            try_unshare(other, share_buffer(other, alloc_buffer(other, 4096)));
        }
        write_power("pm_test", "devices");
        write_power("state", "freeze");
        expect_resync(channel);
        // What waited for the fence is void, as everything is announced anew.
        timeline->advance(1);
        EXPECT(!readable(channel, 50ms));
        EXPECT(peek(channel, id, 0, 6) == "asleep");
        EXPECT(peek(channel, foreign_id, 0, 6) == "dreams");
    }
}

const Test kTests[] = {
    {"sleep", test_sleep},
};

}  // namespace

std::span<const Test> sleep_tests() {
    return kTests;
}

}  // namespace guest_test
