// SPDX-License-Identifier: MIT
// What the tests inside of a guest are made of: channels, buffers and events of the driver's device
// node, fences that a test signals, dmabufs of other drivers, the driver's binding in sysfs.
#ifndef VDMABUF_TESTS_GUEST_GUEST_TEST_HPP
#define VDMABUF_TESTS_GUEST_GUEST_TEST_HPP

#include <dirent.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
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

inline int try_send(int channel, const void* data, std::size_t size, int fence = -1) {
    vdmabuf_send send{};
    send.data = reinterpret_cast<std::uintptr_t>(data);
    send.size = static_cast<std::uint32_t>(size);
    if (fence >= 0) {
        send.flags = VDMABUF_SEND_FENCE;
        send.in_fence = fence;
    }
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

// ---- Dmabufs of other drivers -----------------------------------------------

// Asks a DRM card for its driver's name.
inline std::string drm_driver(int card) {
    char name[32] = {};
    struct {
        int major, minor, patch;
        std::size_t name_size;
        char* name;
        std::size_t date_size;
        char* date;
        std::size_t text_size;
        char* text;
    } version{0, 0, 0, sizeof name - 1, name, 0, nullptr, 0, nullptr};
    return ::ioctl(card, _IOWR('d', 0x00, decltype(version)), &version) == 0 ? name : "";
}

inline Fd open_card(const std::string& driver) {
    for (int i = 0; i < 8; ++i) {
        Fd card(::open(("/dev/dri/card" + std::to_string(i)).c_str(), O_RDWR | O_CLOEXEC));
        if (card >= 0 && drm_driver(card) == driver) return card;
    }
    throw Skip("no device of " + driver);
}

struct DumbBuffer {
    Fd fd;
    std::uint32_t handle = 0;
};

// 1024 pixels of 4 bytes to a line: a page.
inline DumbBuffer dumb_buffer(int card, std::size_t size) {
    struct {
        std::uint32_t height, width, bpp, flags, handle, pitch;
        std::uint64_t size;
    } dumb{static_cast<std::uint32_t>(size / 4096), 1024, 32, 0, 0, 0, 0};
    EXPECT_ERRNO(::ioctl(card, _IOWR('d', 0xb2, decltype(dumb)), &dumb), 0);
    EXPECT(dumb.size == size);
    struct {
        std::uint32_t handle, flags;
        std::int32_t fd;
    } prime{dumb.handle, O_CLOEXEC | O_RDWR, -1};
    EXPECT_ERRNO(::ioctl(card, _IOWR('d', 0x2d, decltype(prime)), &prime), 0);
    return {Fd(prime.fd), dumb.handle};
}

// Somebody else who makes dmabufs.
class Exporter {
  public:
    virtual ~Exporter() = default;
    virtual Fd buffer(std::size_t size) = 0;
};

// Of pages of a memfd.
class Udmabuf final : public Exporter {
  public:
    Udmabuf() : device_(::open("/dev/udmabuf", O_RDWR | O_CLOEXEC)) {
        if (device_ < 0) throw Skip("no /dev/udmabuf");
    }
    Fd buffer(std::size_t size) override {
        const Fd memory(::memfd_create("guest_test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
        EXPECT_ERRNO(::ftruncate(memory, static_cast<off_t>(size)), 0);
        EXPECT_ERRNO(::fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK), 0);
        udmabuf_create create{};
        create.memfd = static_cast<std::uint32_t>(static_cast<int>(memory));
        create.flags = UDMABUF_FLAGS_CLOEXEC;
        create.size = size;
        Fd fd(::ioctl(device_, UDMABUF_CREATE, &create));
        if (fd < 0) throw Skip(std::string("UDMABUF_CREATE: ") + std::strerror(errno));
        return fd;
    }

  private:
    Fd device_;
};

class SystemHeap final : public Exporter {
  public:
    SystemHeap() : device_(::open("/dev/dma_heap/system", O_RDWR | O_CLOEXEC)) {
        if (device_ < 0) throw Skip("no /dev/dma_heap/system");
    }
    Fd buffer(std::size_t size) override {
        dma_heap_allocation_data data{size, 0, O_RDWR | O_CLOEXEC, 0};
        EXPECT_ERRNO(::ioctl(device_, DMA_HEAP_IOCTL_ALLOC, &data), 0);
        return Fd(static_cast<int>(data.fd));
    }

  private:
    Fd device_;
};

// Dumb buffers of a DRM driver.
class Card final : public Exporter {
  public:
    explicit Card(const std::string& driver) : card_(open_card(driver)) {}
    Fd buffer(std::size_t size) override { return std::move(dumb_buffer(card_, size).fd); }

  private:
    Fd card_;
};

inline std::unique_ptr<Exporter> new_exporter(const std::string& name) {
    if (name == "udmabuf") return std::make_unique<Udmabuf>();
    if (name == "system heap") return std::make_unique<SystemHeap>();
    return std::make_unique<Card>(name);
}

// Whichever there is.
inline std::unique_ptr<Exporter> any_exporter() {
    for (const char* name : {"udmabuf", "system heap", "vgem", "virtio_gpu"}) {
        try {
            auto exporter = new_exporter(name);
            exporter->buffer(4096);
            return exporter;
        } catch (const Skip&) {
        }
    }
    throw Skip("nobody else exports dmabufs");
}

// How many buffers the driver is attached to, or -1 if the kernel does not tell.
inline int attachments() {
    std::ifstream file("/sys/kernel/debug/dma_buf/bufinfo");
    if (!file) return -1;
    const std::string name = g_device.substr(g_device.rfind('/') + 1);
    int count = 0;
    for (std::string line; std::getline(file, line);) count += line == "\t" + name ? 1 : 0;
    return count;
}

// ---- Fences ------------------------------------------------------------------

// Fences that signal when the test says so.
class Timeline {
  public:
    virtual ~Timeline() = default;
    // Signals when the timeline has come to `value`.
    virtual Fd fence(std::uint32_t value) = 0;
    virtual void advance(std::uint32_t by) = 0;
    virtual void end() = 0;  // signals what is left, as the timeline is gone
};

// The kernel's own for tests; distributions leave it out.
class SwSync final : public Timeline {
  public:
    explicit SwSync(Fd fd) : fd_(std::move(fd)) {}
    Fd fence(std::uint32_t value) override {
        struct {
            std::uint32_t value;
            char name[32];
            std::int32_t fence;
        } data{value, "driver_test", -1};
        EXPECT_ERRNO(::ioctl(fd_, _IOWR('W', 0, decltype(data)), &data), 0);
        return Fd(data.fence);
    }
    void advance(std::uint32_t by) override { ::ioctl(fd_, _IOW('W', 1, std::uint32_t), &by); }
    void end() override { fd_.reset(); }

  private:
    Fd fd_;
};

// Fences that vgem attaches to its buffers, each to one of its own (signalled after 10 s at most).
class Vgem final : public Timeline {
  public:
    explicit Vgem(Fd fd) : fd_(std::move(fd)) {}
    Fd fence(std::uint32_t value) override {
        const auto [buffer, handle] = dumb_buffer(fd_, 4096);
        struct {
            std::uint32_t handle, flags, fence, pad;
        } attach{handle, 1, 0, 0};
        EXPECT_ERRNO(::ioctl(fd_, _IOWR('d', 0x41, decltype(attach)), &attach), 0);
        fences_.emplace_back(value, attach.fence);
        dma_buf_export_sync_file request{DMA_BUF_SYNC_READ, -1};
        EXPECT_ERRNO(::ioctl(buffer, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &request), 0);
        return Fd(request.fd);
    }
    void advance(std::uint32_t by) override {
        now_ += by;
        std::erase_if(fences_, [&](const auto& entry) {
            if (entry.first > now_) return false;
            struct {
                std::uint32_t fence, flags;
            } signal{entry.second, 0};
            ::ioctl(fd_, _IOW('d', 0x42, decltype(signal)), &signal);
            return true;
        });
    }
    void end() override { fd_.reset(); }

  private:
    Fd fd_;
    std::uint32_t now_ = 0;
    std::vector<std::pair<std::uint32_t, std::uint32_t>> fences_;  // value, number
};

inline std::unique_ptr<Timeline> new_timeline() {
    Fd sync(::open("/sys/kernel/debug/sync/sw_sync", O_RDWR | O_CLOEXEC));
    if (sync >= 0) return std::make_unique<SwSync>(std::move(sync));
    try {
        return std::make_unique<Vgem>(open_card("vgem"));
    } catch (const Skip&) {
        throw Skip("neither sw_sync nor vgem");
    }
}

inline Fd signalled_fence(int dmabuf) {
    dma_buf_export_sync_file request{DMA_BUF_SYNC_WRITE, -1};
    if (::ioctl(dmabuf, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &request) < 0) {
        throw Skip("no DMA_BUF_IOCTL_EXPORT_SYNC_FILE");
    }
    return Fd(request.fd);
}

// ---- The driver in sysfs ----------------------------------------------------

// "virtio3", by which sysfs unbinds it.
inline std::string virtio_name() {
    const std::string node = g_device.substr(g_device.rfind('/') + 1);
    const std::string link = "/sys/class/vdmabuf/" + node + "/device";
    char* real = ::realpath(link.c_str(), nullptr);
    if (real == nullptr) throw Skip("no " + link);
    const std::string path = real;
    std::free(real);
    return path.substr(path.rfind('/') + 1);
}

inline void write_driver(const char* what, const std::string& device) {
    std::ofstream file(std::string("/sys/bus/virtio/drivers/virtio_vdmabuf/") + what);
    file << device << std::flush;
    if (!file) throw std::runtime_error(std::string("cannot ") + what + " " + device);
}

inline void bind_again(const std::string& device) {
    write_driver("bind", device);
    EXPECT(eventually([] { return ::access(g_device.c_str(), R_OK | W_OK) == 0; }));
}

// ---- Running them -----------------------------------------------------------

struct Test {
    const char* name;
    void (*run)();
};

// Runs all, or the one of that name. The exit status of the program.
template <std::size_t Count>
int run_tests(const Test (&tests)[Count], const std::string& only) {
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    ::signal(SIGPIPE, SIG_IGN);
    int passed = 0;
    int failed = 0;
    for (const Test& test : tests) {
        if (!only.empty() && only != test.name) continue;
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
    }
    std::printf("%d passed, %d failed\n", passed, failed);
    return failed == 0 && passed > 0 ? 0 : 1;
}

}  // namespace guest_test

#endif  // VDMABUF_TESTS_GUEST_GUEST_TEST_HPP
