// SPDX-License-Identifier: MIT
#pragma once

#include <poll.h>

#include <cerrno>

#include "runtime/common/clock.hpp"
#include "runtime/producer/transport.hpp"

namespace vdmabuf::producer {

// Calls `send` until it answers something else than EAGAIN, a second at most.
template <typename Send>
int with_patience(int fd, Send&& send) noexcept {
    const std::uint64_t deadline = now_ns() + kNsPerSecond;
    for (;;) {
        const int error = send();
        if (error != EAGAIN || now_ns() >= deadline) return error;
        pollfd wait{fd, POLLOUT, 0};
        ::poll(&wait, 1, 50);
    }
}

inline int send_with_patience(Transport& transport, std::span<const std::byte> message) noexcept {
    return with_patience(transport.fd(), [&] { return transport.send(message, {}); });
}

}  // namespace vdmabuf::producer
