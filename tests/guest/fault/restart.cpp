// SPDX-License-Identifier: MIT
// A host that starts anew.
#include "tests/guest/dmabufs.hpp"
#include "tests/guest/fault/tests.hpp"
#include "tests/guest/fences.hpp"

namespace guest_test {
namespace {

void restart(int times) {
    const Fd channel = open_channel();
    const Fd other = open_channel();
    const Fd buffer = alloc_buffer(channel, 1u << 20);
    const Map map(buffer, 1u << 20);
    const Id id = share_buffer(channel, buffer);
    share_buffer(other, buffer);
    std::strcpy(static_cast<char*>(map.at), "before");
    order(channel, "flood 5 32");
    order(other, "resync " + std::to_string(times));
    EXPECT(eventually([&] { return try_send(channel, "echo x", 6) < 0 && errno == ESTALE; }));
    const Fd late = alloc_buffer(channel, 4096);
    Id refused{};
    EXPECT_ERRNO(try_share(channel, late, refused), ESTALE);
    // What was unread is void.
    expect_resync(channel);
    expect_resync(other);
    EXPECT(!readable(channel, 20ms));
    EXPECT(peek(channel, id, 0, 6) == "before");
    EXPECT(count(channel).buffers >= 2);
    EXPECT_ERRNO(try_unshare(channel, id), 0);
    EXPECT_ERRNO(try_share(channel, buffer, refused), 0);
}

void test_restart() {
    restart(1);
}

void test_restarts() {
    for (int i = 0; i < 10; ++i) restart(5);
}

// Consumers of the old host may use the pages for a while; then they are given back.
void test_restart_keeps_what_was_kept() {
    const Fd channel = open_channel();
    const Count before = count(channel);
    const auto kept = info_of(channel).max_buffers;
    std::vector<Id> ids;
    for (unsigned i = 0; i < kept; ++i) {
        ids.push_back(share_buffer(channel, alloc_buffer(channel, 4096)));
    }
    order(channel, "hold 100000");
    for (const Id& id : ids) EXPECT_ERRNO(try_unshare(channel, id), 0);
    EXPECT_ERRNO(try_alloc(channel, 4096), EDQUOT);
    order(channel, "hold 0");
    const auto start = Clock::now();
    order(channel, "resync 1");
    expect_resync(channel);
    // Three seconds is what consumers are promised.
    while (Clock::now() - start < 3s) {
        EXPECT_ERRNO(try_alloc(channel, 4096), EDQUOT);
        std::this_thread::sleep_for(100ms);
    }
    const auto limit = start + 10s;
    while (Clock::now() < limit && Fd(try_alloc(channel, 4096)) < 0) {
        std::this_thread::sleep_for(50ms);
    }
    EXPECT(Clock::now() - start > std::chrono::milliseconds(VIRTIO_VDMABUF_GRACE_MS));
    EXPECT(eventually([&] { return count(channel) == before; }));
}

// The host has lost everything, and says so only 300 ms later.
void test_restart_that_is_told_late() {
    const Fd channel = open_channel(O_NONBLOCK);
    const Fd buffer = alloc_buffer(channel, 65536);
    order(channel, "lose 0.3");
    const auto start = Clock::now();
    const Id id = share_buffer(channel, buffer);
    EXPECT(Clock::now() - start > 200ms);
    expect_resync(channel);
    peek(channel, id, 0, 8);
    // The new host knows this one before it has said that it is new.
    order(channel, "lose 0.3");
    const Fd early = open_channel();
    EXPECT(ask(early, "echo early") == "early");
    expect_resync(early);
    expect_resync(channel);
    EXPECT(ask(early, "echo late") == "late");
    EXPECT_ERRNO(try_unshare(channel, id), 0);
}

void test_silent_restart() {
    const Fd channel = open_channel();
    const Fd buffer = alloc_buffer(channel, 4096);
    order(channel, "mute 0.4");
    order(channel, "resync 1");
    Id id{};
    const bool shared = try_share(channel, buffer, id) == 0;
    EXPECT(shared || errno == ESTALE);
    expect_resync(channel);
    if (!shared) share_buffer(channel, buffer);
    EXPECT(ask(channel, "echo on") == "on");
}

// Reads what there is.
void drain(int channel) {
    std::array<unsigned char, VDMABUF_MAX_EVENT> raw;
    while (::read(channel, raw.data(), raw.size()) > 0) continue;
}

void test_restarts_under_load() {
    std::atomic<bool> stop = false;
    std::atomic<int> unexpected = 0;
    const auto worker = [&](unsigned seed) {
        const auto note = [&](std::initializer_list<int> fine) {
            if (std::find(fine.begin(), fine.end(), errno) == fine.end()) unexpected = errno;
        };
        std::unique_ptr<Exporter> exporter;
        try {
            exporter = any_exporter();
        } catch (const Skip&) {
        }
        while (!stop) {
            const Fd channel(::open(g_device.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK));
            if (channel < 0) {
                note({EDQUOT});
                continue;
            }
            for (int k = 0; k < 20 && !stop; ++k) {
                drain(channel);
                const std::size_t size = 4096u << ::rand_r(&seed) % 6;
                const Fd buffer =
                    k % 4 == 3 && exporter ? exporter->buffer(size) : Fd(try_alloc(channel, size));
                if (buffer < 0) continue;
                Id id{};
                if (try_share(channel, buffer, id) != 0) {
                    note({ESTALE, EDQUOT});
                } else if (k % 2 == 1 && try_unshare(channel, id) != 0) {
                    note({ENOENT});
                }
                try_send(channel, "echo hi", 7);
            }
        }
    };
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < 4; ++i) threads.emplace_back(worker, i);
    const Fd channel = open_channel(O_NONBLOCK);
    const auto until = Clock::now() + 4s;
    int rounds = 0;
    for (; Clock::now() < until; ++rounds) {
        // What a host keeps when it goes stays away for seconds: not so many that nothing is left.
        if (rounds % 8 == 0) try_send(channel, "hold 3", 6);
        try_send(channel, "resync 2", 8);
        // The next restart may have taken back what was there to read.
        if (readable(channel, 500ms)) drain(channel);
        std::this_thread::sleep_for(std::chrono::milliseconds(rounds % 20));
    }
    stop = true;
    for (auto& thread : threads) thread.join();
    try_send(channel, "hold 0", 6);
    if (unexpected != 0) throw std::runtime_error(std::strerror(unexpected));
    EXPECT(rounds > 10);
}

void test_restart_drops_messages() {
    const auto timeline = new_timeline();
    const Fd channel = open_channel();
    const Fd fence = timeline->fence(1);
    EXPECT_ERRNO(try_send(channel, "echo 1", 6, fence), 0);
    EXPECT_ERRNO(try_send(channel, "echo 2", 6), 0);
    const Fd other = open_channel();
    order(other, "resync 1");
    expect_resync(channel);
    timeline->advance(1);
    EXPECT(!readable(channel, 100ms));
    EXPECT(ask(channel, "echo 3") == "3");
}

void test_restart_wakes_senders() {
    const auto timeline = new_timeline();
    const Fd channel = open_channel(O_NONBLOCK);
    const Fd fence = timeline->fence(1);
    while (try_send(channel, "echo 1", 6, fence) == 0) continue;
    EXPECT(errno == EAGAIN);
    EXPECT_ERRNO(::fcntl(channel, F_SETFL, 0), 0);
    int rc = 0;
    int error = 0;
    std::jthread sender([&] {
        rc = try_send(channel, "echo 2", 6);
        error = errno;
    });
    std::this_thread::sleep_for(50ms);
    const Fd other = open_channel();
    order(other, "resync 1");
    sender.join();
    EXPECT(rc < 0 && error == ESTALE);
}

const Test kTests[] = {
    {"restart", test_restart},
    {"restarts", test_restarts},
    {"restart keeps what the host kept, for a while", test_restart_keeps_what_was_kept},
    {"restart that is told late", test_restart_that_is_told_late},
    {"restart after silence", test_silent_restart},
    {"restarts under load", test_restarts_under_load},
    {"restart drops messages", test_restart_drops_messages},
    {"restart wakes senders", test_restart_wakes_senders},
};

}  // namespace

std::span<const Test> restart_tests() {
    return kTests;
}

}  // namespace guest_test
