// SPDX-License-Identifier: MIT
#include "tests/guest/stress/actor.hpp"

#include <sys/socket.h>
#include <sys/time.h>

#include <new>

namespace guest_test {
namespace {

constexpr std::size_t kMostChannels = 6;
constexpr std::size_t kMostBuffers = 12;
constexpr std::size_t kMostFences = 8;
constexpr std::size_t kMostMemory = 6;
constexpr std::size_t kMostIds = 32;

constexpr unsigned long kIoctls[] = {VDMABUF_IOCTL_INFO, VDMABUF_IOCTL_ALLOC, VDMABUF_IOCTL_SHARE,
                                     VDMABUF_IOCTL_UNSHARE, VDMABUF_IOCTL_SEND};

Fd page_file() {
    Fd file(::memfd_create("page", MFD_CLOEXEC));
    EXPECT_ERRNO(::ftruncate(file, 4096), 0);
    return file;
}

}  // namespace

void interrupt_often() {
    struct sigaction action {};
    action.sa_handler = [](int) {};  // and no SA_RESTART
    ::sigaction(SIGALRM, &action, nullptr);
    const itimerval often{{0, 50000}, {0, 50000}};
    ::setitimer(ITIMER_REAL, &often, nullptr);
}

Actor::Actor(std::uint64_t seed, int post, bool inject)
    : random_(seed), post_(post), edge_(page_file(), 1u << 16) {
    if (inject) fail_nth_ = Fd(::open("/proc/self/fail-nth", O_RDWR | O_CLOEXEC));
    for (const char* name : {"udmabuf", "system heap", "vgem", "virtio_gpu"}) {
        try {
            auto exporter = new_exporter(name);
            exporter->buffer(4096);
            exporters_.push_back(std::move(exporter));
        } catch (const std::exception&) {
        }
    }
    try {
        timeline_ = new_timeline();
    } catch (const std::exception&) {
    }
}

Actor::~Actor() {
    for (const Memory& memory : memory_) ::munmap(memory.at, memory.size);
}

std::uint64_t Actor::number(std::uint64_t below) {
    return std::uniform_int_distribution<std::uint64_t>(0, below - 1)(random_);
}

int Actor::any(const std::vector<Fd>& fds) {
    return fds.empty() ? -1 : static_cast<int>(fds[number(fds.size())]);
}

int Actor::any_descriptor() {
    switch (number(5)) {
        case 0:
            return any(buffers_);
        case 1:
            return any(fences_);
        case 2:
            return static_cast<int>(number(64));
        case 3:
            return one_in(4) ? -1 : static_cast<int>(number(1u << 31));
        default:
            return channel();
    }
}

void Actor::keep(std::vector<Fd>& fds, int fd, std::size_t most) {
    note(fd >= 0);
    if (fd < 0) return;
    if (fds.size() < most) {
        fds.emplace_back(fd);
    } else {
        fds[number(fds.size())].reset(fd);
    }
}

void* Actor::any_pointer() {
    switch (number(8)) {
        case 0:
            return nullptr;
        case 1:
            return reinterpret_cast<void*>(0x1000 + number(1u << 20));
        case 2:
            return reinterpret_cast<void*>(~std::uintptr_t{0} - number(4096));
        case 3:
            return reinterpret_cast<void*>(std::uintptr_t{1} << 47);
        case 4:  // up to, and over, the end of what there is
            return edge_.bytes() + 4096 - number(64);
        default:
            return bytes_.data() + number(64);
    }
}

Id Actor::any_id() {
    if (!ids_.empty() && !one_in(8)) return ids_[number(ids_.size())];
    Id id{};
    for (auto& byte : id) byte = static_cast<std::uint8_t>(number(256));
    return id;
}

void Actor::open_device() {
    const int mode = one_in(8) ? O_RDONLY : O_RDWR;
    const int flags = one_in(3) ? 0 : O_NONBLOCK;
    keep(channels_, ::open(g_device.c_str(), mode | flags | O_CLOEXEC), kMostChannels);
}

void Actor::close_something() {
    auto& fds = one_in(2) ? channels_ : one_in(2) ? buffers_ : fences_;
    if (!fds.empty()) fds.erase(fds.begin() + static_cast<std::ptrdiff_t>(number(fds.size())));
}

void Actor::copy_something() {
    auto& fds = one_in(2) ? channels_ : buffers_;
    const int fd = any(fds);
    if (fd >= 0) keep(fds, ::fcntl(fd, F_DUPFD_CLOEXEC, 0), kMostChannels);
    if (fd >= 0 && one_in(4)) ::fcntl(fd, F_SETFL, one_in(3) ? 0 : O_NONBLOCK);
}

void Actor::alloc() {
    const std::uint64_t sizes[] = {1, 4096, 4097, 65536, 1u << 20, (1u << 20) + number(1u << 20)};
    const std::uint64_t odd[] = {0, ~0ull, 1ull << 40, 1ull << 63};
    const std::uint64_t size = one_in(16) ? odd[number(4)] : sizes[number(6)];
    keep(buffers_, try_alloc(channel(), size), kMostBuffers);
}

void Actor::share() {
    Id id{};
    const bool shared = try_share(channel(), one_in(8) ? any_descriptor() : any(buffers_), id) == 0;
    note(shared);
    if (!shared) return;
    if (ids_.size() < kMostIds) {
        ids_.push_back(id);
    } else {
        ids_[number(ids_.size())] = id;
    }
}

void Actor::unshare() {
    note(try_unshare(channel(), any_id()) == 0);
}

void Actor::valid_send() {
    // Far more are good than bad: the host closes the channel for a bad one.
    auto message = one_in(64) ? nonsense() : hello();
    vdmabuf_send send = send_arguments(message.data(), message.size());
    const int fence = any(fences_);
    if (fence >= 0 && one_in(2)) {
        send.flags |= VDMABUF_SEND_FENCE;
        send.in_fence = fence;
        if (one_in(2)) {
            send.flags |= VDMABUF_SEND_FENCE_STAMP;
            send.fence_stamp = 80;
        }
    }
    if (one_in(2)) {
        send.flags |= VDMABUF_SEND_SENT_STAMP;
        send.sent_stamp = 72;
    }
    note(::ioctl(channel(), VDMABUF_IOCTL_SEND, &send) == 0);
}

void Actor::send() {
    if (!one_in(8)) return valid_send();
    vdmabuf_send send{};
    send.data = reinterpret_cast<std::uintptr_t>(one_in(2) ? any_pointer() : bytes_.data());
    send.size = static_cast<std::uint32_t>(one_in(4) ? random_() : number(5000));
    send.flags = static_cast<std::uint32_t>(number(one_in(8) ? 64 : 8));
    send.in_fence = any_descriptor();
    send.fence_stamp = static_cast<std::uint16_t>(number(one_in(2) ? 64 : 65536));
    send.sent_stamp = static_cast<std::uint16_t>(number(one_in(2) ? 64 : 65536));
    note(::ioctl(channel(), VDMABUF_IOCTL_SEND, &send) == 0);
}

// One that exists, with random arguments.
void Actor::random_ioctl() {
    unsigned char arguments[64];
    for (auto& byte : arguments) byte = one_in(3) ? static_cast<unsigned char>(random_()) : 0;
    const unsigned long request = kIoctls[number(std::size(kIoctls))];
    if (::ioctl(one_in(4) ? any_descriptor() : channel(), request, arguments) != 0) return;
    if (request != VDMABUF_IOCTL_ALLOC) return;
    vdmabuf_alloc alloc{};
    std::memcpy(&alloc, arguments, sizeof alloc);
    keep(buffers_, alloc.fd, kMostBuffers);
}

// Any number, any size, any pointer.
void Actor::odd_ioctl() {
    const auto request = _IOC(number(4), one_in(4) ? number(256) : VDMABUF_IOCTL_MAGIC,
                              number(one_in(2) ? 8 : 256), number(one_in(4) ? 16384 : 128));
    // ALLOC may succeed and tell nobody: what it made goes with the process.
    if (_IOC_NR(request) != _IOC_NR(VDMABUF_IOCTL_ALLOC) || one_in(16)) {
        ::ioctl(any_descriptor(), request, any_pointer());
    }
}

void Actor::read_events() {
    const int fd = channel();
    for (int i = 0; i < 8 && readable(fd, 0ms); ++i) {
        const ssize_t got = ::read(fd, bytes_.data(), one_in(8) ? number(64) : bytes_.size());
        note(got > 0);
        if (got <= 0) break;
    }
}

void Actor::odd_read_write() {
    const int fd = one_in(2) ? channel() : any_descriptor();
    if (fd == post_) return;
    void* const at = any_pointer();
    switch (number(6)) {
        case 0:
            // Waits, where the file does; the alarm ends it.
            if (fd > 2) (void)!::syscall(SYS_read, fd, at, number(8192));
            break;
        case 1:
            (void)!::syscall(SYS_pread64, fd, at, number(64), number(64));
            break;
        case 2:
            if (fd > 2) (void)!::syscall(SYS_write, fd, at, number(64));
            break;
        case 3:
            ::lseek(fd, static_cast<off_t>(number(8192)), static_cast<int>(number(5)));
            break;
        case 4: {
            const iovec parts[] = {{at, number(64)}, {any_pointer(), number(4096)}};
            if (fd > 2) (void)!::syscall(SYS_readv, fd, parts, 2);
            break;
        }
        default:
            if (fd > 2) (void)!::ftruncate(fd, static_cast<off_t>(number(65536)));
            break;
    }
}

void Actor::poll_some() {
    std::vector<pollfd> entries;
    for (const Fd& fd : channels_) entries.push_back({fd, POLLIN | POLLOUT, 0});
    for (const Fd& fd : buffers_) entries.push_back({fd, POLLIN | POLLOUT, 0});
    for (const Fd& fd : fences_) entries.push_back({fd, POLLIN, 0});
    ::poll(entries.data(), entries.size(), static_cast<int>(number(3)));
}

void Actor::map() {
    const int fd = one_in(8) ? any_descriptor() : any(buffers_);
    const std::size_t size = 4096 * (1 + number(one_in(4) ? 512 : 16));
    const int protection = one_in(4) ? PROT_READ : PROT_READ | PROT_WRITE;
    const int flags = one_in(8) ? MAP_PRIVATE : one_in(4) ? MAP_SHARED | MAP_POPULATE : MAP_SHARED;
    const auto offset = static_cast<off_t>(one_in(4) ? 4096 * number(32) : 0);
    void* const at = ::mmap(nullptr, size, protection, flags, fd, offset);
    note(at != MAP_FAILED);
    if (at == MAP_FAILED) return;
    if (memory_.size() < kMostMemory) {
        memory_.push_back({at, size});
        return;
    }
    Memory& memory = memory_[number(memory_.size())];
    ::munmap(memory.at, memory.size);
    memory = {at, size};
}

// By the kernel: what a mapping that is not ours to write, or shorter than thought, does to a
// process is no news.
void Actor::use_memory() {
    if (memory_.empty()) return;
    const Memory& memory = memory_[number(memory_.size())];
    void* const at = static_cast<unsigned char*>(memory.at) + 4096 * number(memory.size / 4096);
    int ends[2];
    switch (number(4)) {
        case 0:
            ::madvise(memory.at, memory.size, MADV_DONTNEED);
            break;
        case 1:
            ::mprotect(at, 4096, one_in(2) ? PROT_READ : PROT_READ | PROT_WRITE);
            break;
        default:
            if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return;
            const Fd out(ends[0]);
            const Fd in(ends[1]);
            // Reads them, pins them, writes them.
            const iovec pages{at, 4096};
            if (one_in(2)) {
                note(::vmsplice(in, &pages, 1, 0) > 0);
            } else {
                note(::write(in, at, 4096) > 0 && ::read(out, at, 4096) > 0);
            }
            break;
    }
}

void Actor::unmap() {
    if (memory_.empty()) return;
    const std::size_t i = number(memory_.size());
    Memory& memory = memory_[i];
    if (memory.size > 4096 && one_in(2)) {  // only its end
        memory.size -= 4096;
        ::munmap(static_cast<unsigned char*>(memory.at) + memory.size, 4096);
        return;
    }
    ::munmap(memory.at, memory.size);
    memory_.erase(memory_.begin() + static_cast<std::ptrdiff_t>(i));
}

void Actor::sync_dmabuf() {
    const int fd = one_in(8) ? any_descriptor() : any(buffers_);
    if (one_in(2)) {
        dma_buf_sync sync{number(8)};
        note(::ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync) == 0);
        return;
    }
    if (one_in(2) && !fences_.empty()) {
        struct {
            std::uint32_t flags;
            std::int32_t fence;
        } import{static_cast<std::uint32_t>(number(4)), any(fences_)};
        note(::ioctl(fd, _IOW('b', 3, decltype(import)), &import) == 0);
        return;
    }
    dma_buf_export_sync_file request{static_cast<std::uint32_t>(number(4)), -1};
    if (::ioctl(fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &request) != 0) return;
    keep(fences_, request.fd, kMostFences);
}

void Actor::foreign_buffer() {
    if (exporters_.empty()) return;
    try {
        Fd fd = exporters_[number(exporters_.size())]->buffer(4096u << number(7));
        keep(buffers_, ::fcntl(fd, F_DUPFD_CLOEXEC, 0), kMostBuffers);
    } catch (const std::exception&) {
    }
}

void Actor::new_fence() {
    if (!timeline_) return;
    try {
        Fd fd = timeline_->fence(next_fence_ + static_cast<std::uint32_t>(number(4)));
        keep(fences_, ::fcntl(fd, F_DUPFD_CLOEXEC, 0), kMostFences);
    } catch (const std::exception&) {
    }
}

void Actor::signal_fences() {
    if (!timeline_) return;
    ++next_fence_;
    timeline_->advance(1);
    if (!one_in(16)) return;
    timeline_->end();  // with an error
    next_fence_ = 1;
    try {
        timeline_ = new_timeline();
    } catch (const std::exception&) {
        timeline_.reset();
    }
}

// To whoever takes it.
void Actor::give() {
    const int fd = one_in(2) ? channel() : one_in(2) ? any(buffers_) : any(fences_);
    if (fd < 0) return;
    char byte = 0;
    iovec part{&byte, 1};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
    ::sendmsg(post_, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void Actor::take() {
    char byte = 0;
    iovec part{&byte, 1};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    if (::recvmsg(post_, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) < 0) return;
    const cmsghdr* const header = CMSG_FIRSTHDR(&message);
    if (header == nullptr || header->cmsg_type != SCM_RIGHTS) return;
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
    // It is of one kind or another.
    keep(one_in(3) ? channels_ : one_in(2) ? buffers_ : fences_, fd, kMostChannels);
}

// The child goes on with everything for a moment; some are killed in the middle of it.
void Actor::fork_child() {
    if (is_child_) return;
    const pid_t child = ::fork();
    if (child < 0) return;
    if (child == 0) {
        is_child_ = true;
        interrupt_often();  // no child inherits that
        if (fail_nth_ >= 0) fail_nth_ = Fd(::open("/proc/self/fail-nth", O_RDWR | O_CLOEXEC));
        random_.seed(random_());
        for (int i = 0; i < 100; ++i) act();
        ::_exit(0);
    }
    if (one_in(2)) {
        const timespec moment{0, static_cast<long>(number(2'000'000))};
        ::nanosleep(&moment, nullptr);
        ::kill(child, SIGKILL);
    }
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
}

void Actor::patience() {
    std::ofstream("/sys/module/virtio_vdmabuf/parameters/timeout_ms") << (1 + number(3000));
}

void Actor::act() {
    ++acts_;
    const bool fails = fail_nth_ >= 0 && one_in(3);
    if (fails) {
        char text[16];
        const int size = std::snprintf(text, sizeof text, "%d", static_cast<int>(1 + number(24)));
        (void)!::pwrite(fail_nth_, text, static_cast<std::size_t>(size), 0);
    }
    try {
        do_something(fails);
    } catch (const std::bad_alloc&) {  // our own memory is the kernel's, too
    }
    if (!fails) return;
    char left[16] = {};
    // It has happened when nothing is left of the count.
    if (::pread(fail_nth_, left, sizeof left - 1, 0) > 0 && std::atoi(left) == 0) ++failures_;
    (void)!::pwrite(fail_nth_, "0", 1, 0);
}

void Actor::do_something(bool fails) {
    switch (number(fails ? 20 : 22)) {
        case 0:
        case 1:
            open_device();
            break;
        case 2:
            close_something();
            break;
        case 3:
            copy_something();
            break;
        case 4:
        case 5:
            alloc();
            break;
        case 6:
        case 7:
            share();
            break;
        case 8:
            unshare();
            break;
        case 9:
        case 10:
            send();
            break;
        case 11:
            random_ioctl();
            break;
        case 12:
            odd_ioctl();
            break;
        case 13:
            read_events();
            break;
        case 14:
            odd_read_write();
            break;
        case 15:
            poll_some();
            break;
        case 16:
            map();
            break;
        case 17:
            one_in(2) ? use_memory() : unmap();
            break;
        case 18:
            sync_dmabuf();
            break;
        case 19:
            one_in(2) ? foreign_buffer() : new_fence();
            break;
        case 20:
            one_in(2) ? give() : take();
            break;
        default:
            one_in(2)    ? signal_fences()
            : one_in(4)  ? fork_child()
            : one_in(16) ? patience()
                         : void();
            break;
    }
}

}  // namespace guest_test
