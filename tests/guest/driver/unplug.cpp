// SPDX-License-Identifier: MIT
// The device is taken out by the VMM while everything of it is in use, and put back. Whoever runs
// this does so when the lines "unplug" and "plug" appear in its output.
#include "tests/guest/dmabufs.hpp"
#include "tests/guest/driver/tests.hpp"
#include "tests/guest/fences.hpp"

namespace guest_test {
namespace {

void unplug_once(int round, bool comes_back) {
    Fd channel = open_channel();
    const Fd idle = open_channel();
    const Fd stuck = open_channel();
    const Fd buffer = alloc_buffer(channel, 1u << 20);
    const Map map(buffer, 1u << 20);
    share_buffer(channel, buffer);
    Fd foreign;
    std::unique_ptr<Timeline> timeline;
    try {
        timeline = new_timeline();
        const Fd fence = timeline->fence(1);
        EXPECT_ERRNO(try_send(stuck, hello().data(), hello().size(), fence), 0);
        EXPECT_ERRNO(try_send(stuck, hello().data(), hello().size()), 0);
        foreign = any_exporter()->buffer(65536);
        share_buffer(channel, foreign);
    } catch (const Skip&) {
    }
    std::atomic<int> read_error = 0;
    std::thread reader([&] {
        char raw[64];
        if (::read(channel, raw, sizeof raw) < 0) read_error = errno;
    });
    std::this_thread::sleep_for(50ms);
    std::printf("unplug %d\n", round);
    reader.join();
    EXPECT(read_error == ENODEV);
    EXPECT((poll_events(idle, POLLIN, 5s) & POLLHUP) != 0);
    std::memset(map.at, 0x77, map.size);  // the memory is still there
    expect_attachments(0);
    Id id{};
    EXPECT_ERRNO(try_alloc(channel, 4096), ENODEV);
    EXPECT_ERRNO(try_share(channel, buffer, id), ENODEV);
    EXPECT_ERRNO(try_send(stuck, hello().data(), hello().size()), ENODEV);
    if (round % 2 == 1) channel.reset();
    if (timeline) timeline->advance(1);  // nobody is there to be told
    EXPECT(eventually([] { return ::access(g_device.c_str(), F_OK) != 0; }));
    if (!comes_back) return;
    std::printf("plug %d\n", round);
    EXPECT(eventually([] { return ::access(g_device.c_str(), R_OK | W_OK) == 0; }, 60s));
    const Fd fresh = open_channel();
    EXPECT_ERRNO(try_share(fresh, buffer, id), 0);
    if (foreign >= 0) EXPECT_ERRNO(try_share(fresh, foreign, id), 0);
    EXPECT_ERRNO(try_send(fresh, hello().data(), hello().size()), 0);
    expect_welcome(fresh);
    EXPECT_ERRNO(try_send(idle, hello().data(), hello().size()), ENODEV);
}

void test_unplug() {
    if (g_options.unplugs == 0) throw Skip("no --unplugs");
    for (int round = 1; round <= g_options.unplugs; ++round) unplug_once(round, true);
}

void test_unplug_for_ever() {
    if (!g_options.unplug_for_ever) throw Skip("no --unplug-for-ever");
    unplug_once(0, false);
}

const Test kTests[] = {
    {"unplug and plug", test_unplug},
    {"unplug", test_unplug_for_ever},
};

}  // namespace

std::span<const Test> unplug_tests() {
    return kTests;
}

}  // namespace guest_test
