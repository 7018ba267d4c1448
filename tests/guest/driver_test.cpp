// SPDX-License-Identifier: MIT
// Runs inside a guest and exercises the driver through its device node, with a real host behind it:
// every ioctl with right and wrong arguments, memory, events, fences, limits, closing, many
// threads, and the removal of the device while it is in use. Of the stream protocol it speaks only
// HELLO, and expects that the host answers it and closes a channel that speaks nonsense.
//
//   driver_test [--device /dev/vdmabuf0] [--seconds N] [--keep] [--restarts] [--only NAME]
//
// --seconds: how long the threads hammer (default 3). --keep: do not unbind the device. --restarts:
// the host is killed and restarted meanwhile.
#include <dirent.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
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

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

std::string g_device = "/dev/vdmabuf0";
std::chrono::seconds g_hammer = 3s;
bool g_keep = false;
bool g_restarts = false;

struct Skip : std::runtime_error {
    using std::runtime_error::runtime_error;
};

[[noreturn]] void fail(int line, const std::string& what) {
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
Fd open_channel(int flags = 0) {
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

vdmabuf_info info_of(int channel) {
    vdmabuf_info info{};
    EXPECT_ERRNO(::ioctl(channel, VDMABUF_IOCTL_INFO, &info), 0);
    return info;
}

int try_alloc(int channel, std::uint64_t size) {
    vdmabuf_alloc alloc{};
    alloc.size = size;
    return ::ioctl(channel, VDMABUF_IOCTL_ALLOC, &alloc) < 0 ? -1 : alloc.fd;
}

Fd alloc_buffer(int channel, std::uint64_t size) {
    Fd fd(try_alloc(channel, size));
    if (fd < 0) throw std::runtime_error(std::string("ALLOC: ") + std::strerror(errno));
    return fd;
}

int try_share(int channel, int fd, Id& id, unsigned* runs = nullptr) {
    vdmabuf_share share{};
    share.fd = fd;
    const int rc = ::ioctl(channel, VDMABUF_IOCTL_SHARE, &share);
    std::copy(std::begin(share.id), std::end(share.id), id.begin());
    if (runs != nullptr) *runs = share.nr_runs;
    return rc;
}

Id share_buffer(int channel, int fd) {
    Id id{};
    if (try_share(channel, fd, id) < 0) {
        throw std::runtime_error(std::string("SHARE: ") + std::strerror(errno));
    }
    return id;
}

int try_unshare(int channel, const Id& id) {
    vdmabuf_unshare unshare{};
    std::copy(id.begin(), id.end(), unshare.id);
    return ::ioctl(channel, VDMABUF_IOCTL_UNSHARE, &unshare);
}

int try_send(int channel, const void* data, std::size_t size, int fence = -1) {
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
std::vector<unsigned char> hello() {
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
std::vector<unsigned char> nonsense() {
    return std::vector<unsigned char>(24, 0xff);
}

short poll_events(int fd, short events, std::chrono::milliseconds limit) {
    pollfd entry{fd, events, 0};
    int rc = 0;
    do {
        rc = ::poll(&entry, 1, static_cast<int>(limit.count()));
    } while (rc < 0 && errno == EINTR);
    return entry.revents;
}

bool readable(int fd, std::chrono::milliseconds limit) {
    return (poll_events(fd, POLLIN, limit) & POLLIN) != 0;
}

struct Event {
    std::uint32_t type = 0;
    std::vector<unsigned char> body;
};

Event read_event(int fd) {
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

void expect_welcome(int fd) {
    const Event event = read_event(fd);
    EXPECT(event.type == VDMABUF_EVENT_MESSAGE);
    EXPECT(event.body.size() >= 8);
    std::uint32_t type = 0;
    std::memcpy(&type, event.body.data(), sizeof type);
    EXPECT(type == 0x81);
}

// Up to and with CLOSED; a host may say first what it did not like.
std::uint32_t expect_closed(int fd) {
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
bool eventually(Condition condition, std::chrono::milliseconds limit = 5s) {
    const auto until = Clock::now() + limit;
    while (!condition()) {
        if (Clock::now() > until) return false;
        std::this_thread::sleep_for(5ms);
    }
    return true;
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
        struct {
            std::uint32_t height, width, bpp, flags, handle, pitch;
            std::uint64_t size;
        } dumb{16, 16, 32, 0, 0, 0, 0};
        EXPECT_ERRNO(::ioctl(fd_, _IOWR('d', 0xb2, decltype(dumb)), &dumb), 0);
        struct {
            std::uint32_t handle, flags;
            std::int32_t fd;
        } prime{dumb.handle, O_CLOEXEC, -1};
        EXPECT_ERRNO(::ioctl(fd_, _IOWR('d', 0x2d, decltype(prime)), &prime), 0);
        const Fd buffer(prime.fd);
        struct {
            std::uint32_t handle, flags, fence, pad;
        } attach{dumb.handle, 1, 0, 0};
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

std::unique_ptr<Timeline> new_timeline() {
    Fd sync(::open("/sys/kernel/debug/sync/sw_sync", O_RDWR | O_CLOEXEC));
    if (sync >= 0) return std::make_unique<SwSync>(std::move(sync));
    for (int i = 0; i < 8; ++i) {
        Fd card(::open(("/dev/dri/card" + std::to_string(i)).c_str(), O_RDWR | O_CLOEXEC));
        char name[16] = {};
        struct {
            int major, minor, patch;
            std::size_t name_size;
            char* name;
            std::size_t date_size;
            char* date;
            std::size_t text_size;
            char* text;
        } version{0, 0, 0, sizeof name - 1, name, 0, nullptr, 0, nullptr};
        if (card >= 0 && ::ioctl(card, _IOWR('d', 0x00, decltype(version)), &version) == 0 &&
            std::string(name) == "vgem") {
            return std::make_unique<Vgem>(std::move(card));
        }
    }
    throw Skip("neither sw_sync nor vgem");
}

Fd signalled_fence(int dmabuf) {
    dma_buf_export_sync_file request{DMA_BUF_SYNC_WRITE, -1};
    if (::ioctl(dmabuf, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &request) < 0) {
        throw Skip("no DMA_BUF_IOCTL_EXPORT_SYNC_FILE");
    }
    return Fd(request.fd);
}

// ---- Tests ---------------------------------------------------------------------

void test_info() {
    const Fd channel = open_channel();
    const vdmabuf_info info = info_of(channel);
    EXPECT(info.abi_version == VIRTIO_VDMABUF_ABI_VERSION);
    EXPECT(info.channel != 0);
    EXPECT(info.max_message >= 1 && info.max_message <= VIRTIO_VDMABUF_MAX_MESSAGE);
    EXPECT(info.max_buffers >= 1);
    EXPECT(info.max_buffer_bytes >= 4096 && info.max_total_bytes >= info.max_buffer_bytes);
    const Fd other = open_channel();
    EXPECT(info_of(other).channel != info.channel);
}

template <std::size_t Size>
struct Sized {
    unsigned char bytes[Size];
};

void test_ioctl_numbers() {
    const Fd channel = open_channel();
    std::array<unsigned char, 256> raw{};
    EXPECT_ERRNO(::ioctl(channel, _IOWR(VDMABUF_IOCTL_MAGIC, 0x7f, Sized<16>), raw.data()), ENOTTY);
    EXPECT_ERRNO(::ioctl(channel, _IOWR('x', 0x01, vdmabuf_alloc), raw.data()), ENOTTY);
    EXPECT_ERRNO(::ioctl(channel, VDMABUF_IOCTL_ALLOC, nullptr), EFAULT);
    EXPECT_ERRNO(::ioctl(channel, VDMABUF_IOCTL_INFO, nullptr), EFAULT);
    EXPECT_ERRNO(::ioctl(channel, VDMABUF_IOCTL_SHARE, nullptr), EFAULT);
    EXPECT_ERRNO(::ioctl(channel, VDMABUF_IOCTL_UNSHARE, nullptr), EFAULT);
    EXPECT_ERRNO(::ioctl(channel, VDMABUF_IOCTL_SEND, nullptr), EFAULT);
}

void test_ioctl_sizes() {
    const Fd channel = open_channel();
    // Shorter than the first version.
    std::array<unsigned char, 256> raw{};
    EXPECT_ERRNO(::ioctl(channel, _IOR(VDMABUF_IOCTL_MAGIC, 0, Sized<8>), raw.data()), EINVAL);
    EXPECT_ERRNO(::ioctl(channel, _IOWR(VDMABUF_IOCTL_MAGIC, 1, Sized<8>), raw.data()), EINVAL);
    EXPECT_ERRNO(::ioctl(channel, _IOW(VDMABUF_IOCTL_MAGIC, 4, Sized<0>), raw.data()), EINVAL);
    // Longer: from a program that is newer than the driver.
    struct Longer {
        vdmabuf_alloc alloc;
        std::uint64_t more;
    } longer{};
    longer.alloc.size = 4096;
    EXPECT_ERRNO(::ioctl(channel, _IOWR(VDMABUF_IOCTL_MAGIC, 1, Longer), &longer), 0);
    ::close(longer.alloc.fd);
    longer = {};
    longer.alloc.size = 4096;
    longer.more = 1;
    EXPECT_ERRNO(::ioctl(channel, _IOWR(VDMABUF_IOCTL_MAGIC, 1, Longer), &longer), E2BIG);
    struct LongerInfo {
        vdmabuf_info info;
        std::uint64_t more;
    } info{};
    info.more = 7;
    EXPECT_ERRNO(::ioctl(channel, _IOR(VDMABUF_IOCTL_MAGIC, 0, LongerInfo), &info), 0);
    EXPECT(info.info.abi_version == VIRTIO_VDMABUF_ABI_VERSION && info.more == 0);
}

void test_alloc_arguments() {
    const Fd channel = open_channel();
    const vdmabuf_info info = info_of(channel);
    for (const std::uint64_t size :
         std::initializer_list<std::uint64_t>{0, info.max_buffer_bytes + 1, 1ull << 62, ~0ull}) {
        EXPECT_ERRNO(try_alloc(channel, size), EINVAL);
    }
    vdmabuf_alloc alloc{};
    alloc.size = 4096;
    alloc.flags = 1;
    EXPECT_ERRNO(::ioctl(channel, VDMABUF_IOCTL_ALLOC, &alloc), EINVAL);
    alloc = {};
    alloc.size = 5000;
    EXPECT_ERRNO(::ioctl(channel, VDMABUF_IOCTL_ALLOC, &alloc), 0);
    const Fd buffer(alloc.fd);
    EXPECT(alloc.size == 8192);
    EXPECT(::lseek(buffer, 0, SEEK_END) == 8192);
    EXPECT((::fcntl(buffer, F_GETFD) & FD_CLOEXEC) != 0);
}

void test_alloc_zeroed() {
    const Fd channel = open_channel();
    constexpr std::size_t size = 5u << 20;
    for (int round = 0; round < 3; ++round) {
        const Fd buffer = alloc_buffer(channel, size);
        const Map map(buffer, size);
        EXPECT(std::all_of(map.bytes(), map.bytes() + size, [](auto byte) { return byte == 0; }));
        std::memset(map.at, 0xa5, size);
    }
}

void test_mmap() {
    const Fd channel = open_channel();
    constexpr std::size_t size = 3u << 20;
    const Fd buffer = alloc_buffer(channel, size);
    const Map first(buffer, size);
    const Map second(buffer, size);
    for (std::size_t i = 0; i < size; i += 4096)
        first.bytes()[i] = static_cast<unsigned char>(i / 4096);
    for (std::size_t i = 0; i < size; i += 4096) {
        EXPECT(second.bytes()[i] == static_cast<unsigned char>(i / 4096));
    }
    const Map part(buffer, 8192, 1 << 20);
    EXPECT(part.bytes()[4096] == static_cast<unsigned char>(257));
    EXPECT(::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, buffer, size) == MAP_FAILED);
    EXPECT(::mmap(nullptr, size + 4096, PROT_READ, MAP_SHARED, buffer, 0) == MAP_FAILED);
    EXPECT(::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, buffer, 0) == MAP_FAILED);
    EXPECT(::mmap(nullptr, size, PROT_READ, MAP_SHARED, channel, 0) == MAP_FAILED);
    // Taken out of the page table, not out of the buffer.
    EXPECT_ERRNO(::madvise(first.at, size, MADV_DONTNEED), 0);
    EXPECT(first.bytes()[300 * 4096] == static_cast<unsigned char>(300));
    for (const std::uint64_t flags :
         {DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW}) {
        dma_buf_sync sync{flags};
        EXPECT_ERRNO(::ioctl(buffer, DMA_BUF_IOCTL_SYNC, &sync), 0);
    }
}

// Drivers that import host pointers pin the pages.
void test_pages_can_be_pinned() {
    const Fd channel = open_channel();
    const Fd buffer = alloc_buffer(channel, 8192);
    const Map map(buffer, 8192);
    std::strcpy(static_cast<char*>(map.at), "pinned");
    // vmsplice() puts the pages themselves into the pipe.
    int ends[2];
    EXPECT_ERRNO(::pipe2(ends, O_CLOEXEC), 0);
    const Fd out(ends[0]);
    const Fd in(ends[1]);
    char copy[16] = {};
    const iovec pages{map.at, sizeof copy};
    EXPECT(::vmsplice(in, &pages, 1, 0) == sizeof copy);
    EXPECT(::read(out, copy, sizeof copy) == sizeof copy);
    EXPECT(std::string(copy) == "pinned");
}

void test_share() {
    const Fd channel = open_channel();
    const Fd other = open_channel();
    std::set<Id> ids;
    std::vector<Fd> buffers;
    for (const std::size_t size : {4096u, 12288u, 1u << 20, 9u << 20}) {
        buffers.push_back(alloc_buffer(channel, size));
        Id id{};
        unsigned runs = 0;
        EXPECT_ERRNO(try_share(channel, buffers.back(), id, &runs), 0);
        EXPECT(id != Id{} && ids.insert(id).second);
        EXPECT(runs >= 1 && runs <= size / 4096);
    }
    Id id{};
    EXPECT_ERRNO(try_share(channel, buffers[0], id), EEXIST);
    EXPECT_ERRNO(try_share(other, buffers[0], id), 0);
    EXPECT(ids.insert(id).second);
    // An id means something on its own channel only.
    EXPECT_ERRNO(try_unshare(channel, id), ENOENT);
    EXPECT_ERRNO(try_unshare(other, id), 0);
    EXPECT_ERRNO(try_unshare(other, id), ENOENT);
    EXPECT_ERRNO(try_share(other, buffers[0], id), 0);
    EXPECT(ids.insert(id).second);
}

void test_share_arguments() {
    const Fd channel = open_channel();
    const Fd buffer = alloc_buffer(channel, 4096);
    vdmabuf_share share{};
    share.fd = buffer;
    share.flags = 1;
    EXPECT_ERRNO(::ioctl(channel, VDMABUF_IOCTL_SHARE, &share), EINVAL);
    share.flags = 0;
    share.reserved = 1;
    EXPECT_ERRNO(::ioctl(channel, VDMABUF_IOCTL_SHARE, &share), EINVAL);
    Id id{};
    EXPECT_ERRNO(try_share(channel, -1, id), EBADF);
    EXPECT_ERRNO(try_share(channel, 9999, id), EBADF);
    EXPECT_ERRNO(try_share(channel, channel, id), EBADF);
    const Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    EXPECT_ERRNO(try_share(channel, null, id), EBADF);

    vdmabuf_unshare unshare{};
    EXPECT_ERRNO(::ioctl(channel, VDMABUF_IOCTL_UNSHARE, &unshare), ENOENT);
    unshare.flags = 1;
    EXPECT_ERRNO(::ioctl(channel, VDMABUF_IOCTL_UNSHARE, &unshare), EINVAL);
    unshare.flags = 0;
    unshare.reserved = 1;
    EXPECT_ERRNO(::ioctl(channel, VDMABUF_IOCTL_UNSHARE, &unshare), EINVAL);
}

void test_share_foreign() {
    const Fd device(::open("/dev/udmabuf", O_RDWR | O_CLOEXEC));
    if (device < 0) throw Skip("no /dev/udmabuf");
    const Fd memory(::memfd_create("driver_test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    EXPECT_ERRNO(::ftruncate(memory, 65536), 0);
    EXPECT_ERRNO(::fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK), 0);
    udmabuf_create create{};
    create.memfd = static_cast<std::uint32_t>(static_cast<int>(memory));
    create.size = 65536;
    const Fd foreign(::ioctl(device, UDMABUF_CREATE, &create));
    if (foreign < 0) throw Skip("no udmabuf of a memfd");
    const Fd channel = open_channel();
    Id id{};
    EXPECT_ERRNO(try_share(channel, foreign, id), EOPNOTSUPP);
}

void test_send_arguments() {
    const Fd channel = open_channel();
    const vdmabuf_info info = info_of(channel);
    std::vector<unsigned char> data(info.max_message + 1);
    EXPECT_ERRNO(try_send(channel, data.data(), 0), EINVAL);
    EXPECT_ERRNO(try_send(channel, data.data(), data.size()), EMSGSIZE);
    EXPECT_ERRNO(try_send(channel, data.data(), ~std::uint32_t{0}), EMSGSIZE);
    EXPECT_ERRNO(try_send(channel, nullptr, 16), EFAULT);
    EXPECT_ERRNO(try_send(channel, nullptr, info.max_message), EFAULT);
    EXPECT_ERRNO(try_send(channel, data.data(), 16, channel), EBADF);
    EXPECT_ERRNO(try_send(channel, data.data(), 16, 9999), EBADF);
    vdmabuf_send send{};
    send.data = reinterpret_cast<std::uintptr_t>(data.data());
    send.size = 16;
    send.in_fence = 1;
    EXPECT_ERRNO(::ioctl(channel, VDMABUF_IOCTL_SEND, &send), EINVAL);
    send.in_fence = 0;
    send.flags = 2;
    EXPECT_ERRNO(::ioctl(channel, VDMABUF_IOCTL_SEND, &send), EINVAL);
    send.flags = 0;
    send.reserved = 1;
    EXPECT_ERRNO(::ioctl(channel, VDMABUF_IOCTL_SEND, &send), EINVAL);
    // None of this has reached the host.
    EXPECT_ERRNO(try_send(channel, hello().data(), hello().size()), 0);
    expect_welcome(channel);
}

void test_read() {
    const Fd channel = open_channel(O_NONBLOCK);
    std::array<unsigned char, VDMABUF_MAX_EVENT> raw{};
    EXPECT_ERRNO(::read(channel, raw.data(), raw.size()), EAGAIN);
    EXPECT(poll_events(channel, POLLIN | POLLOUT, 0ms) == POLLOUT);
    EXPECT_ERRNO(try_send(channel, hello().data(), hello().size()), 0);
    EXPECT(readable(channel, 5s));
    for (const std::size_t size : {0u, 1u, 8u, 64u}) {
        EXPECT_ERRNO(::read(channel, raw.data(), size), EMSGSIZE);
    }
    EXPECT_ERRNO(::syscall(SYS_read, int{channel}, nullptr, raw.size()), EFAULT);
    expect_welcome(channel);
    EXPECT_ERRNO(::pread(channel, raw.data(), raw.size(), 0), ESPIPE);
    EXPECT_ERRNO(::lseek(channel, 0, SEEK_SET), ESPIPE);
    EXPECT_ERRNO(::write(channel, raw.data(), 16), EINVAL);
}

void test_read_blocks() {
    const Fd channel = open_channel();
    std::thread sender([&] {
        std::this_thread::sleep_for(100ms);
        try_send(channel, hello().data(), hello().size());
    });
    std::array<unsigned char, VDMABUF_MAX_EVENT> raw{};
    const auto start = Clock::now();
    const ssize_t got = ::read(channel, raw.data(), raw.size());
    sender.join();
    EXPECT(got > 8);
    EXPECT(Clock::now() - start >= 50ms);
}

void test_read_interrupted() {
    struct sigaction action {};
    action.sa_handler = [](int) {};  // and no SA_RESTART
    ::sigaction(SIGUSR1, &action, nullptr);
    const Fd channel = open_channel();
    const pthread_t self = ::pthread_self();
    std::atomic<bool> done = false;
    std::thread kicker([&] {
        while (!done) {
            std::this_thread::sleep_for(20ms);
            ::pthread_kill(self, SIGUSR1);
        }
    });
    std::array<unsigned char, VDMABUF_MAX_EVENT> raw{};
    const ssize_t got = ::read(channel, raw.data(), raw.size());
    const int error = errno;
    done = true;
    kicker.join();
    EXPECT(got < 0 && error == EINTR);
}

void test_closed_by_host() {
    const Fd channel = open_channel();
    const Fd buffer = alloc_buffer(channel, 65536);
    const Id id = share_buffer(channel, buffer);
    EXPECT_ERRNO(try_send(channel, nonsense().data(), nonsense().size()), 0);
    EXPECT(expect_closed(channel) == VIRTIO_VDMABUF_CLOSE_PROTOCOL);
    EXPECT((poll_events(channel, POLLIN | POLLOUT, 0ms) & POLLHUP) != 0);
    EXPECT_ERRNO(try_send(channel, hello().data(), hello().size()), EPIPE);
    Id again{};
    EXPECT_ERRNO(try_share(channel, buffer, again), EPIPE);
    EXPECT_ERRNO(try_unshare(channel, id), ENOENT);
    char byte = 0;
    EXPECT(::read(channel, &byte, 1) == 0);
    // Nobody else has noticed.
    const Fd other = open_channel();
    EXPECT_ERRNO(try_send(other, hello().data(), hello().size()), 0);
    expect_welcome(other);
}

void test_signalled_fence() {
    const Fd channel = open_channel();
    const Fd buffer = alloc_buffer(channel, 4096);
    const Fd fence = signalled_fence(buffer);
    EXPECT_ERRNO(try_send(channel, hello().data(), hello().size(), fence), 0);
    expect_welcome(channel);
}

void test_fence_holds_back() {
    const auto timeline = new_timeline();
    const Fd channel = open_channel(O_NONBLOCK);
    {
        const Fd fence = timeline->fence(1);
        EXPECT_ERRNO(try_send(channel, hello().data(), hello().size(), fence), 0);
    }
    EXPECT_ERRNO(try_send(channel, nonsense().data(), nonsense().size()), 0);
    EXPECT(!readable(channel, 300ms));
    timeline->advance(1);
    expect_welcome(channel);
    expect_closed(channel);
}

void test_fence_error() {
    const auto timeline = new_timeline();
    const Fd channel = open_channel();
    const Fd fence = timeline->fence(1);
    EXPECT_ERRNO(try_send(channel, hello().data(), hello().size(), fence), 0);
    EXPECT(!readable(channel, 100ms));
    timeline->end();
    expect_welcome(channel);
}

void test_fence_outlives_channel() {
    const auto timeline = new_timeline();
    const Fd fence = timeline->fence(1);
    for (int i = 0; i < 50; ++i) {
        const Fd channel = open_channel();
        for (int k = 0; k < 4; ++k) {
            EXPECT_ERRNO(try_send(channel, hello().data(), hello().size(), fence), 0);
        }
    }
    timeline->advance(1);
    // And while it signals.
    for (std::uint32_t i = 0; i < 100; ++i) {
        Fd channel = open_channel();
        const Fd next = timeline->fence(2 + i);
        EXPECT_ERRNO(try_send(channel, hello().data(), hello().size(), next), 0);
        std::thread signaller([&] { timeline->advance(1); });
        channel.reset();
        signaller.join();
    }
}

void test_flow_control() {
    const auto timeline = new_timeline();
    const Fd channel = open_channel(O_NONBLOCK);
    const Fd fence = timeline->fence(1);
    const auto message = hello();
    int sent = 0;
    while (try_send(channel, message.data(), message.size(), sent == 0 ? int{fence} : -1) == 0) {
        EXPECT(++sent < 100000);
    }
    EXPECT(errno == EAGAIN);
    EXPECT(sent >= 16);
    EXPECT((poll_events(channel, POLLOUT, 0ms) & POLLOUT) == 0);
    // A file that blocks waits instead, until there is room.
    EXPECT_ERRNO(::fcntl(channel, F_SETFL, 0), 0);
    std::atomic<bool> returned = false;
    int rc = -1;
    int error = 0;
    std::thread sender([&] {
        rc = try_send(channel, message.data(), message.size());
        error = errno;
        returned = true;
    });
    std::this_thread::sleep_for(100ms);
    EXPECT(!returned);
    timeline->advance(1);
    sender.join();
    // The host may have closed the channel for so many HELLOs.
    EXPECT(rc == 0 || error == EPIPE);
    expect_welcome(channel);
}

void test_limits() {
    const Fd other = open_channel();
    {
        const Fd channel = open_channel();
        const vdmabuf_info info = info_of(channel);
        std::vector<Fd> buffers;
        int fd = -1;
        while ((fd = try_alloc(channel, 4096)) >= 0) {
            buffers.emplace_back(fd);
            EXPECT(buffers.size() <= info.max_buffers);
        }
        EXPECT(errno == EDQUOT || errno == EMFILE);
        if (errno == EDQUOT) EXPECT(buffers.size() == info.max_buffers);
        // One back, one more.
        buffers.pop_back();
        EXPECT(eventually([&] { return (fd = try_alloc(channel, 4096)) >= 0; }));
        ::close(fd);
        buffers.clear();

        const std::uint64_t step = std::min<std::uint64_t>(16u << 20, info.max_buffer_bytes);
        std::uint64_t total = 0;
        while ((fd = try_alloc(channel, step)) >= 0) {
            buffers.emplace_back(fd);
            total += step;
            EXPECT(total <= info.max_total_bytes);
        }
        EXPECT(errno == EDQUOT || errno == ENOMEM);
    }
    // All was given back.
    EXPECT(eventually([&] {
        const Fd buffer(
            try_alloc(other, std::min<std::uint64_t>(16u << 20, info_of(other).max_buffer_bytes)));
        return buffer >= 0;
    }));
}

void test_channel_limit() {
    std::vector<Fd> channels;
    for (;;) {
        const int fd = ::open(g_device.c_str(), O_RDWR | O_CLOEXEC);
        if (fd < 0) break;
        channels.emplace_back(fd);
        if (channels.size() == 900) break;  // there are limits on files, too
    }
    if (channels.size() < 900) EXPECT(errno == EDQUOT || errno == EMFILE);
    EXPECT(channels.size() >= 2);
    channels.clear();
    open_channel();
}

void test_shared_outlives_descriptors() {
    Fd channel = open_channel();
    Fd buffer = alloc_buffer(channel, 1u << 20);
    const Id id = share_buffer(channel, buffer);
    const Map map(buffer, 1u << 20);
    std::memset(map.at, 0x5a, map.size);
    buffer.reset();
    EXPECT_ERRNO(try_unshare(channel, id), 0);
    EXPECT(map.bytes()[map.size - 1] == 0x5a);
    channel.reset();
    EXPECT(map.bytes()[0] == 0x5a);
    map.bytes()[0] = 1;
}

void test_close_with_shares() {
    for (int round = 0; round < 20; ++round) {
        const Fd channel = open_channel();
        std::vector<Fd> buffers;
        for (int i = 0; i < 4; ++i) {
            buffers.push_back(alloc_buffer(channel, 256u << 10));
            share_buffer(channel, buffers.back());
        }
        if (round % 2 == 0) buffers.clear();
    }
}

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
    const auto worker = [&](unsigned seed) {
        const auto next = [&] { return seed = seed * 1103515245u + 12345u, seed >> 16; };
        // What the limits of all threads together, or a signal, may answer.
        const auto fine = [](int error) {
            return error == EDQUOT || error == ENOMEM || error == EINTR || error == EMFILE ||
                   (g_restarts && error == ESTALE);
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
                const Fd buffer(try_alloc(channel, 4096u << next() % 8));
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
    std::this_thread::sleep_for(g_hammer);
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
    std::this_thread::sleep_for(g_hammer / 2);
    stop = true;
    for (auto& thread : threads) thread.join();
    if (unexpected != 0) throw std::runtime_error(std::strerror(unexpected));
}

// ---- Removal -------------------------------------------------------------------

void test_module_is_held() {
    if (::geteuid() != 0) throw Skip("not root");
    if (::access("/sys/module/virtio_vdmabuf/refcnt", R_OK) != 0) throw Skip("built in");
    const auto unload = [] { return ::syscall(SYS_delete_module, "virtio_vdmabuf", O_NONBLOCK); };
    Fd buffer;
    {
        const Fd channel = open_channel();
        EXPECT_ERRNO(unload(), EAGAIN);
        buffer = alloc_buffer(channel, 4096);
    }
    EXPECT_ERRNO(unload(), EAGAIN);
}

// "virtio3", by which sysfs unbinds it.
std::string virtio_name() {
    const std::string node = g_device.substr(g_device.rfind('/') + 1);
    const std::string link = "/sys/class/vdmabuf/" + node + "/device";
    char* real = ::realpath(link.c_str(), nullptr);
    if (real == nullptr) throw Skip("no " + link);
    const std::string path = real;
    std::free(real);
    return path.substr(path.rfind('/') + 1);
}

void write_driver(const char* what, const std::string& device) {
    std::ofstream file(std::string("/sys/bus/virtio/drivers/virtio_vdmabuf/") + what);
    file << device << std::flush;
    if (!file) throw std::runtime_error(std::string("cannot ") + what + " " + device);
}

void bind_again(const std::string& device) {
    write_driver("bind", device);
    EXPECT(eventually([] { return ::access(g_device.c_str(), R_OK | W_OK) == 0; }));
}

void test_unbind() {
    if (g_keep) throw Skip("--keep");
    if (::geteuid() != 0) throw Skip("not root");
    const std::string device = virtio_name();
    Fd channel = open_channel();
    const Fd idle = open_channel();
    const Fd buffer = alloc_buffer(channel, 1u << 20);
    const Map map(buffer, 1u << 20);
    share_buffer(channel, buffer);
    std::atomic<int> read_error = 0;
    std::thread reader([&] {
        char raw[64];
        if (::read(channel, raw, sizeof raw) < 0) read_error = errno;
    });
    std::this_thread::sleep_for(50ms);
    write_driver("unbind", device);
    reader.join();
    EXPECT(read_error == ENODEV);
    EXPECT((poll_events(idle, POLLIN, 1s) & POLLHUP) != 0);
    std::memset(map.at, 0x77, map.size);  // the memory is still there
    vdmabuf_info info{};
    EXPECT_ERRNO(::ioctl(channel, VDMABUF_IOCTL_INFO, &info), ENODEV);
    EXPECT_ERRNO(try_alloc(channel, 4096), ENODEV);
    Id id{};
    EXPECT_ERRNO(try_share(channel, buffer, id), ENODEV);
    EXPECT_ERRNO(try_unshare(channel, id), ENODEV);
    EXPECT_ERRNO(try_send(channel, hello().data(), hello().size()), ENODEV);
    bind_again(device);
    EXPECT_ERRNO(try_send(channel, hello().data(), hello().size()), ENODEV);
    const Fd fresh = open_channel();
    // The buffer of the old device is memory like any other to the new one.
    EXPECT_ERRNO(try_share(fresh, buffer, id), 0);
    EXPECT_ERRNO(try_send(fresh, hello().data(), hello().size()), 0);
    expect_welcome(fresh);
    channel.reset();
    EXPECT(map.bytes()[5] == 0x77);
}

void test_unbind_under_load() {
    if (g_keep) throw Skip("--keep");
    if (::geteuid() != 0) throw Skip("not root");
    const std::string device = virtio_name();
    std::atomic<bool> stop = false;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            while (!stop) {
                const Fd channel(::open(g_device.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK));
                if (channel < 0) continue;
                for (int k = 0; k < 10; ++k) {
                    const Fd buffer(try_alloc(channel, 65536));
                    Id id{};
                    try_share(channel, buffer, id);
                    try_send(channel, hello().data(), hello().size());
                    if (k % 2 == 0) try_unshare(channel, id);
                }
            }
        });
    }
    std::string error;
    try {
        for (int round = 0; round < 10; ++round) {
            std::this_thread::sleep_for(100ms);
            write_driver("unbind", device);
            bind_again(device);
        }
    } catch (const std::exception& e) {
        error = e.what();
    }
    stop = true;
    for (auto& thread : threads) thread.join();
    if (!error.empty()) throw std::runtime_error(error);
    const Fd channel = open_channel();
    EXPECT_ERRNO(try_send(channel, hello().data(), hello().size()), 0);
    expect_welcome(channel);
}

struct Test {
    const char* name;
    void (*run)();
};

const Test kTests[] = {
    {"info", test_info},
    {"ioctl numbers", test_ioctl_numbers},
    {"ioctl sizes", test_ioctl_sizes},
    {"ALLOC arguments", test_alloc_arguments},
    {"ALLOC gives zeroed memory", test_alloc_zeroed},
    {"mmap", test_mmap},
    {"pages can be pinned", test_pages_can_be_pinned},
    {"SHARE", test_share},
    {"SHARE and UNSHARE arguments", test_share_arguments},
    {"SHARE of a foreign dmabuf", test_share_foreign},
    {"SEND arguments", test_send_arguments},
    {"read and poll", test_read},
    {"read waits", test_read_blocks},
    {"read is interrupted", test_read_interrupted},
    {"closed by the host", test_closed_by_host},
    {"fence that has signalled", test_signalled_fence},
    {"fence holds back", test_fence_holds_back},
    {"fence with an error", test_fence_error},
    {"fence outlives the channel", test_fence_outlives_channel},
    {"flow control", test_flow_control},
    {"limits", test_limits},
    {"limit of channels", test_channel_limit},
    {"shared memory outlives its descriptors", test_shared_outlives_descriptors},
    {"close with shared buffers", test_close_with_shares},
    {"fork", test_fork},
    {"killed process", test_killed_process},
    {"many threads and channels", test_hammer},
    {"many threads on one channel", test_one_channel_many_threads},
    {"the module is held", test_module_is_held},
    {"unbind while in use", test_unbind},
    {"unbind under load", test_unbind_under_load},
};

}  // namespace

int main(int argc, char** argv) {
    std::string only;
    for (int i = 1; i < argc; ++i) {
        const std::string option = argv[i];
        if (option == "--keep") {
            g_keep = true;
        } else if (option == "--restarts") {
            g_restarts = true;
        } else if (option == "--device" && i + 1 < argc) {
            g_device = argv[++i];
        } else if (option == "--seconds" && i + 1 < argc) {
            g_hammer = std::chrono::seconds(std::atoi(argv[++i]));
        } else if (option == "--only" && i + 1 < argc) {
            only = argv[++i];
        } else {
            std::fprintf(
                stderr,
                "usage: %s [--device FILE] [--seconds N] [--keep] [--restarts] [--only NAME]\n",
                argv[0]);
            return 2;
        }
    }
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    ::signal(SIGPIPE, SIG_IGN);
    int passed = 0;
    int failed = 0;
    for (const Test& test : kTests) {
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
