// SPDX-License-Identifier: MIT
// Many processes, threads and channels.
#include "tests/guest/dmabufs.hpp"
#include "tests/guest/driver/tests.hpp"

namespace guest_test {
namespace {

void test_fork() {
    const Fd channel = open_channel();
    EXPECT((::fcntl(channel, F_GETFD) & FD_CLOEXEC) != 0);
    const Fd buffer = alloc_buffer(channel, 4096);
    const Map map(buffer, 4096);
    const pid_t child = ::fork();
    if (child == 0) {
        map.bytes()[0] = 42;  // shared with the parent
        Id id{};
        ::_exit(try_share(channel, buffer, id) == 0 ? 0 : 1);
    }
    int status = -1;
    EXPECT(::waitpid(child, &status, 0) == child && status == 0);
    EXPECT(map.bytes()[0] == 42);
    Id id{};
    EXPECT_ERRNO(try_share(channel, buffer, id), EEXIST);
    EXPECT_ERRNO(try_send(channel, hello().data(), hello().size()), 0);
    expect_welcome(channel);
}

void test_killed_process() {
    for (int round = 0; round < 10; ++round) {
        const pid_t child = ::fork();
        if (child == 0) {
            const int channel = ::open(g_device.c_str(), O_RDWR);
            for (;;) {
                const int buffer = try_alloc(channel, 1u << 20);
                Id id{};
                try_share(channel, buffer, id);
                ::close(buffer);
                try_unshare(channel, id);
            }
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(10 + round * 3));
        ::kill(child, SIGKILL);
        const auto start = Clock::now();
        EXPECT(::waitpid(child, nullptr, 0) == child);
        EXPECT(Clock::now() - start < 5s);
    }
}

void test_hammer() {
    std::atomic<bool> stop = false;
    std::atomic<std::uint64_t> rounds = 0;
    std::atomic<int> unexpected = 0;
    std::unique_ptr<Exporter> exporter;
    try {
        exporter = any_exporter();
    } catch (const Skip&) {
    }
    const auto new_buffer = [&](int channel, std::size_t size, bool foreign) {
        return foreign && exporter ? exporter->buffer(size) : Fd(try_alloc(channel, size));
    };
    const auto worker = [&](unsigned seed) {
        const auto next = [&] { return seed = seed * 1103515245u + 12345u, seed >> 16; };
        // What the limits of all threads together, or a signal, may answer.
        const auto fine = [](int error) {
            return error == EDQUOT || error == ENOMEM || error == EINTR || error == EMFILE ||
                   (g_options.restarts && error == ESTALE);
        };
        while (!stop) {
            const Fd channel(::open(g_device.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK));
            if (channel < 0) {
                if (!fine(errno)) unexpected = errno;
                continue;
            }
            if (next() % 4 == 0) try_send(channel, hello().data(), hello().size());
            std::vector<Id> ids;
            for (unsigned i = 0; i < next() % 8; ++i) {
                const std::size_t size = 4096u << next() % 8;
                const Fd buffer = new_buffer(channel, size, next() % 3 == 0);
                if (buffer < 0) {
                    if (!fine(errno)) unexpected = errno;
                    continue;
                }
                Id id{};
                if (try_share(channel, buffer, id) == 0) {
                    ids.push_back(id);
                } else if (!fine(errno)) {
                    unexpected = errno;
                }
            }
            for (const Id& id : ids) {
                if (next() % 2 == 0 && try_unshare(channel, id) != 0) unexpected = errno;
            }
            ++rounds;
        }
    };
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < 8; ++i) threads.emplace_back(worker, i + 1);
    std::this_thread::sleep_for(g_options.hammer);
    stop = true;
    for (auto& thread : threads) thread.join();
    if (unexpected != 0) throw std::runtime_error(std::strerror(unexpected));
    EXPECT(rounds > 0);
    open_channel();
}

// Several threads on one channel.
void test_one_channel_many_threads() {
    const Fd channel = open_channel(O_NONBLOCK);
    std::atomic<bool> stop = false;
    std::atomic<int> unexpected = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 6; ++i) {
        threads.emplace_back([&] {
            while (!stop) {
                const Fd buffer(try_alloc(channel, 65536));
                if (buffer < 0) continue;
                Id id{};
                if (try_share(channel, buffer, id) != 0) {
                    if (errno != EDQUOT) unexpected = errno;
                } else if (try_unshare(channel, id) != 0) {
                    unexpected = errno;
                }
            }
        });
    }
    threads.emplace_back([&] {
        std::array<unsigned char, VDMABUF_MAX_EVENT> raw;
        while (!stop) {
            poll_events(channel, POLLIN, 10ms);
            if (::read(channel, raw.data(), raw.size()) < 0 && errno != EAGAIN) unexpected = errno;
        }
    });
    std::this_thread::sleep_for(g_options.hammer / 2);
    stop = true;
    for (auto& thread : threads) thread.join();
    if (unexpected != 0) throw std::runtime_error(std::strerror(unexpected));
}

const Test kTests[] = {
    {"fork", test_fork},
    {"killed process", test_killed_process},
    {"many threads and channels", test_hammer},
    {"many threads on one channel", test_one_channel_many_threads},
};

}  // namespace

std::span<const Test> load_tests() {
    return kTests;
}

}  // namespace guest_test
