// SPDX-License-Identifier: MIT
// Messages with file descriptors over AF_UNIX SOCK_SEQPACKET. unix(7): a message keeps its
// boundaries, and its descriptors come with it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/common/result.hpp"
#include "runtime/common/unique_fd.hpp"

namespace vdmabuf {

constexpr std::size_t kMaxMessageFds = 16;

struct ReceivedMessage {
    std::size_t size = 0;       // bytes put into the caller's buffer; 0: the peer has closed
    std::vector<UniqueFd> fds;  // close-on-exec
};

// Sends one message without waiting. Returns 0 or an errno value: EAGAIN when the socket is full,
// EPIPE or ECONNRESET when the peer is gone. Never raises SIGPIPE. Thread-safe, does not allocate.
int send_message(int socket, std::span<const std::byte> message, std::span<const int> fds = {});

// Receives one message without waiting (EAGAIN when there is none). A message longer than `buffer`
// or with more than kMaxMessageFds descriptors is an error (EMSGSIZE), its descriptors are closed.
Result<ReceivedMessage> receive_message(int socket, std::span<std::byte> buffer);

// A listening socket at `path`, mode 0600 or as given; a stale socket file there is replaced, one
// that somebody serves is not (EADDRINUSE).
Result<UniqueFd> listen_at(const std::string& path, int socket_type, unsigned mode = 0600);

// Connects to `path`. Does not wait longer than the peer's backlog makes it.
Result<UniqueFd> connect_to(const std::string& path, int socket_type);

struct PeerCredentials {
    std::uint32_t pid = 0;
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
};
// SO_PEERCRED: who the peer was when it connected.
Result<PeerCredentials> peer_credentials(int socket);

// $XDG_RUNTIME_DIR/vdmabuf, or /run/user/UID/vdmabuf where the variable is not set. The directory
// is made (mode 0700) when `create` is true. EACCES when it belongs to somebody else.
Result<std::string> runtime_directory(bool create);

}  // namespace vdmabuf
