// SPDX-License-Identifier: MIT
#include "runtime/device/served_queue.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace vdmabuf::device {
namespace {

bool is_socket(int fd) {
    struct stat status {};
    return ::fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode);
}

void set_nonblocking(int fd) {
    // A hostile VMM could otherwise make us sleep in read(2) or write(2).
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags >= 0 && (flags & O_NONBLOCK) == 0) ::fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

// Takes the kicks that have come. False: the descriptor is no use any more.
bool take_kicks(int fd) {
    std::uint64_t count = 0;
    const ssize_t got = ::read(fd, &count, sizeof count);
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

}  // namespace

Status ServedQueue::start(std::shared_ptr<const GuestMemory> memory, const RingState& from,
                          std::function<void(bool readable)> kicked) {
    auto made = Vring::create(std::move(memory), from);
    if (!made) return made.error();
    const int fd = from.kick->get();
    set_nonblocking(fd);
    if (from.call) {
        set_nonblocking(from.call->get());
        call_is_socket_ = is_socket(from.call->get());
    }
    auto added = loop_.add(fd, EPOLLIN, [this, fd](std::uint32_t) { kicked_(take_kicks(fd)); });
    if (!added) return Error{added.error().code, "the kick descriptor of a queue is not pollable"};
    kicked_ = std::move(kicked);
    state = from;
    ring = std::move(*made);
    return {};
}

void ServedQueue::stop() {
    if (ring) loop_.remove(state.kick->get());
    ring.reset();
    state = RingState{};
}

void ServedQueue::interrupt() {
    if (!ring || !state.call || !ring->interrupt_wanted()) return;
    // Its reader wants exactly 8 bytes. When it is full, an interrupt is on its way already.
    const std::uint64_t one = 1;
    const int fd = state.call->get();
    [[maybe_unused]] const ssize_t told =
        call_is_socket_ ? ::send(fd, &one, sizeof one, MSG_DONTWAIT | MSG_NOSIGNAL)
                        : ::write(fd, &one, sizeof one);
}

}  // namespace vdmabuf::device
