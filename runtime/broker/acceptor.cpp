// SPDX-License-Identifier: MIT
#include "runtime/broker/acceptor.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace vdmabuf::broker {
namespace {

// Kept open to be given up when there is no other descriptor left to accept with.
UniqueFd& spare() {
    static UniqueFd fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    return fd;
}

}  // namespace

Result<AcceptedPeer> accept_peer(int listener) {
    spare();
    UniqueFd socket(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket) {
        const int code = errno;
        if (code == EMFILE || code == ENFILE) {
            spare().reset();
            const UniqueFd dropped(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
        }
        if (!spare()) spare().reset(::open("/dev/null", O_RDONLY | O_CLOEXEC));
        if (code == ECONNABORTED || code == EINTR) return Error{EAGAIN, "the peer has gone"};
        return system_error("cannot accept a connection", code);
    }
    auto peer = peer_credentials(socket.get());
    if (!peer) return peer.error();
    return AcceptedPeer{std::move(socket), *peer};
}

}  // namespace vdmabuf::broker
