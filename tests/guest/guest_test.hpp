// SPDX-License-Identifier: MIT
// What the tests inside of a guest are made of: channels, buffers and events of the driver's device
// node, and how tests are run.
#ifndef VDMABUF_TESTS_GUEST_GUEST_TEST_HPP
#define VDMABUF_TESTS_GUEST_GUEST_TEST_HPP

#include <dirent.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/virtio_vdmabuf.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <initializer_list>
#include <memory>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace guest_test {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

inline std::string g_device = "/dev/vdmabuf0";

struct Skip : std::runtime_error {
    using std::runtime_error::runtime_error;
};

[[noreturn]] inline void fail(int line, const std::string& what) {
    throw std::runtime_error("line " + std::to_string(line) + ": " + what);
}

#define EXPECT(condition)                             \
    do {                                              \
        if (!(condition)) fail(__LINE__, #condition); \
    } while (false)

// The call fails with this errno (0: succeeds).
#define EXPECT_ERRNO(call, expected)                                                         \
    do {                                                                                     \
        errno = 0;                                                                           \
        const auto rc_ = (call);                                                             \
        const int got_ = rc_ < 0 ? errno : 0;                                                \
        if (got_ != (expected))                                                              \
            fail(__LINE__, std::string(#call) + ": " + std::strerror(got_) + ", expected " + \
                               std::strerror(expected));                                     \
    } while (false)

class Fd {
  public:
    Fd() = default;
    explicit Fd(int fd) : fd_(fd) {}
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd& operator=(Fd&& other) noexcept {
        reset(std::exchange(other.fd_, -1));
        return *this;
    }
    ~Fd() { reset(); }
    void reset(int fd = -1) {
        if (fd_ >= 0) ::close(fd_);
        fd_ = fd;
    }
    operator int() const { return fd_; }

  private:
    int fd_ = -1;
};

struct Map {
    Map(int fd, std::size_t bytes, off_t offset = 0, int prot = PROT_READ | PROT_WRITE)
        : size(bytes), at(::mmap(nullptr, bytes, prot, MAP_SHARED, fd, offset)) {
        if (at == MAP_FAILED)
            throw std::runtime_error(std::string("mmap: ") + std::strerror(errno));
    }
    Map(const Map&) = delete;
    Map& operator=(const Map&) = delete;
    ~Map() { ::munmap(at, size); }
    unsigned char* bytes() const { return static_cast<unsigned char*>(at); }
    const std::size_t size;
    void* const at;
};

using Id = std::array<std::uint8_t, VIRTIO_VDMABUF_ID_SIZE>;

// ---- What the tests are made of --------------------------------------------

// When channels that were closed still wait for the host, its limit may be reached for a moment.
inline Fd open_channel(int flags = 0) {
    const auto until = Clock::now() + 5s;
    for (;;) {
        Fd fd(::open(g_device.c_str(), O_RDWR | O_CLOEXEC | flags));
        if (fd >= 0) return fd;
        if (errno != EDQUOT || Clock::now() > until) {
            throw std::runtime_error(g_device + ": " + std::strerror(errno));
        }
        std::this_thread::sleep_for(10ms);
    }
}

inline vdmabuf_info info_of(int channel) {
    vdmabuf_info info{};
    EXPECT_ERRNO(::ioctl(channel, VDMABUF_IOCTL_INFO, &info), 0);
    return info;
}

inline int try_alloc(int channel, std::uint64_t size) {
    vdmabuf_alloc alloc{};
    alloc.size = size;
    return ::ioctl(channel, VDMABUF_IOCTL_ALLOC, &alloc) < 0 ? -1 : alloc.fd;
}

inline Fd alloc_buffer(int channel, std::uint64_t size) {
    Fd fd(try_alloc(channel, size));
    if (fd < 0) throw std::runtime_error(std::string("ALLOC: ") + std::strerror(errno));
    return fd;
}

inline int try_share(int channel, int fd, Id& id, unsigned* runs = nullptr) {
    vdmabuf_share share{};
    share.fd = fd;
    const int rc = ::ioctl(channel, VDMABUF_IOCTL_SHARE, &share);
    std::copy(std::begin(share.id), std::end(share.id), id.begin());
    if (runs != nullptr) *runs = share.nr_runs;
    return rc;
}

inline Id share_buffer(int channel, int fd) {
    Id id{};
    if (try_share(channel, fd, id) < 0) {
        throw std::runtime_error(std::string("SHARE: ") + std::strerror(errno));
    }
    return id;
}

inline int try_unshare(int channel, const Id& id) {
    vdmabuf_unshare unshare{};
    std::copy(id.begin(), id.end(), unshare.id);
    return ::ioctl(channel, VDMABUF_IOCTL_UNSHARE, &unshare);
}

inline vdmabuf_send send_arguments(const void* data, std::size_t size, int fence = -1) {
    vdmabuf_send send{};
    send.data = reinterpret_cast<std::uintptr_t>(data);
    send.size = static_cast<std::uint32_t>(size);
    if (fence >= 0) {
        send.flags = VDMABUF_SEND_FENCE;
        send.in_fence = fence;
    }
    return send;
}

inline int try_send(int channel, const void* data, std::size_t size, int fence = -1) {
    vdmabuf_send send = send_arguments(data, size, fence);
    return ::ioctl(channel, VDMABUF_IOCTL_SEND, &send);
}

// HELLO of the stream protocol: {type 1, size, version 1 .. 1, pid, features, 0, name}.
inline std::vector<unsigned char> hello() {
    std::vector<unsigned char> message(88);
    const auto put = [&](std::size_t at, std::uint32_t value, std::size_t size) {
        std::memcpy(&message[at], &value, size);
    };
    put(0, 1, 4);
    put(4, 88, 4);
    put(8, 1, 2);
    put(10, 1, 2);
    put(12, static_cast<std::uint32_t>(::getpid()), 4);
    std::memcpy(&message[24], "driver_test", 11);
    return message;
}

// What no host takes for a message.
inline std::vector<unsigned char> nonsense() {
    return std::vector<unsigned char>(24, 0xff);
}

inline short poll_events(int fd, short events, std::chrono::milliseconds limit) {
    pollfd entry{fd, events, 0};
    int rc = 0;
    do {
        rc = ::poll(&entry, 1, static_cast<int>(limit.count()));
    } while (rc < 0 && errno == EINTR);
    return entry.revents;
}

inline bool readable(int fd, std::chrono::milliseconds limit) {
    return (poll_events(fd, POLLIN, limit) & POLLIN) != 0;
}

struct Event {
    std::uint32_t type = 0;
    std::vector<unsigned char> body;
};

inline Event read_event(int fd) {
    EXPECT(readable(fd, 5s));
    std::array<unsigned char, VDMABUF_MAX_EVENT> raw;
    const ssize_t got = ::read(fd, raw.data(), raw.size());
    if (got < 0) throw std::runtime_error(std::string("read: ") + std::strerror(errno));
    vdmabuf_event header{};
    EXPECT(got >= static_cast<ssize_t>(sizeof header));
    std::memcpy(&header, raw.data(), sizeof header);
    EXPECT(header.size == static_cast<std::uint32_t>(got));
    return {header.type, {raw.begin() + sizeof header, raw.begin() + got}};
}

inline void expect_welcome(int fd) {
    const Event event = read_event(fd);
    EXPECT(event.type == VDMABUF_EVENT_MESSAGE);
    EXPECT(event.body.size() >= 8);
    std::uint32_t type = 0;
    std::memcpy(&type, event.body.data(), sizeof type);
    EXPECT(type == 0x81);
}

// Up to and with CLOSED; a host may say first what it did not like.
inline std::uint32_t expect_closed(int fd) {
    Event event = read_event(fd);
    while (event.type == VDMABUF_EVENT_MESSAGE) event = read_event(fd);
    EXPECT(event.type == VDMABUF_EVENT_CLOSED);
    EXPECT(event.body.size() == 4);
    std::uint32_t reason = 0;
    std::memcpy(&reason, event.body.data(), sizeof reason);
    return reason;
}

// Repeats what depends on the host having answered until it is so.
template <typename Condition>
inline bool eventually(Condition condition, std::chrono::milliseconds limit = 5s) {
    const auto until = Clock::now() + limit;
    while (!condition()) {
        if (Clock::now() > until) return false;
        std::this_thread::sleep_for(5ms);
    }
    return true;
}

// ---- Running them -----------------------------------------------------------

struct Test {
    const char* name;
    void (*run)();
};

// Runs all, or the one of that name. The exit status of the program.
inline int run_tests(std::initializer_list<std::span<const Test>> groups, const std::string& only) {
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    ::signal(SIGPIPE, SIG_IGN);
    int passed = 0;
    int failed = 0;
    const auto run = [&](const Test& test) {
        if (!only.empty() && only != test.name) return;
        const auto start = Clock::now();
        try {
            test.run();
            const auto ms =
                std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start);
            std::printf("ok    %s (%lld ms)\n", test.name, static_cast<long long>(ms.count()));
            ++passed;
        } catch (const Skip& skip) {
            std::printf("skip  %s: %s\n", test.name, skip.what());
        } catch (const std::exception& error) {
            std::printf("FAIL  %s: %s\n", test.name, error.what());
            ++failed;
        }
    };
    for (const auto group : groups) {
        for (const Test& test : group) run(test);
    }
    std::printf("%d passed, %d failed\n", passed, failed);
    return failed == 0 && passed > 0 ? 0 : 1;
}

}  // namespace guest_test

#endif  // VDMABUF_TESTS_GUEST_GUEST_TEST_HPP
