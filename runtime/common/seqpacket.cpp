// SPDX-License-Identifier: MIT
#include "runtime/common/seqpacket.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace vdmabuf {
namespace {

Result<sockaddr_un> address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path) {
        return Error{ENAMETOOLONG, "socket path '" + path + "' is empty or longer than 107 bytes"};
    }
    std::memcpy(address.sun_path, path.data(), path.size());
    return address;
}

}  // namespace

int send_message(int socket, std::span<const std::byte> message, std::span<const int> fds) {
    if (fds.size() > kMaxMessageFds) return EMSGSIZE;
    iovec iov{};
    iov.iov_base = const_cast<std::byte*>(message.data());  // sendmsg(2) does not write to it
    iov.iov_len = message.size();
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kMaxMessageFds)> control{};
    msghdr msg{};
    msg.msg_iov = &iov;
    msg.msg_iovlen = 1;
    if (!fds.empty()) {
        msg.msg_control = control.data();
        msg.msg_controllen = CMSG_SPACE(fds.size_bytes());
        cmsghdr* header = CMSG_FIRSTHDR(&msg);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(fds.size_bytes());
        std::memcpy(CMSG_DATA(header), fds.data(), fds.size_bytes());
    }
    for (;;) {
        if (::sendmsg(socket, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) return 0;
        if (errno != EINTR) return errno;
    }
}

Result<ReceivedMessage> receive_message(int socket, std::span<std::byte> buffer) {
    iovec iov{};
    iov.iov_base = buffer.data();
    iov.iov_len = buffer.size();
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kMaxMessageFds)> control{};
    msghdr msg{};
    msg.msg_iov = &iov;
    msg.msg_iovlen = 1;
    msg.msg_control = control.data();
    msg.msg_controllen = control.size();
    ssize_t got = 0;
    bool reset = false;
    for (;;) {
        got = ::recvmsg(socket, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (got >= 0) break;
        if (errno == EINTR) continue;
        // A peer that closes with something unread: Linux says so first, once, and only then gives
        // out what that peer had sent before, such as why it goes.
        if (errno != ECONNRESET || reset) break;
        reset = true;
    }
    if (got < 0) return Error{errno, std::string("recvmsg: ") + std::strerror(errno)};

    ReceivedMessage message;
    message.size = static_cast<std::size_t>(got);
    for (cmsghdr* header = CMSG_FIRSTHDR(&msg); header; header = CMSG_NXTHDR(&msg, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof fd);
            message.fds.emplace_back(fd);
        }
    }
    if (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
        return Error{EMSGSIZE, "a message is longer, or has more descriptors, than allowed"};
    }
    return message;
}

Result<UniqueFd> listen_at(const std::string& path, int socket_type, unsigned mode) {
    auto address = address_of(path);
    if (!address) return address.error();
    struct stat st {};
    if (::lstat(path.c_str(), &st) == 0) {
        if (!S_ISSOCK(st.st_mode)) {
            return Error{
                EEXIST,
                "'" + path + "' exists and is not a socket: remove it or choose another path"};
        }
        if (connect_to(path, socket_type)) {
            return Error{EADDRINUSE, "'" + path + "' is served by another process"};
        }
        ::unlink(path.c_str());
    }
    UniqueFd fd(::socket(AF_UNIX, socket_type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) return system_error("socket");
    // The mode of a socket file comes from the umask at bind(2); fchmod(2) before it has the same
    // effect on Linux and no other thread sees a changed umask.
    if (::fchmod(fd.get(), mode) != 0) return system_error("fchmod of the socket");
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0) {
        return system_error("cannot make the socket '" + path + "'");
    }
    if (::listen(fd.get(), 64) != 0) return system_error("listen on '" + path + "'");
    return fd;
}

Result<UniqueFd> connect_to(const std::string& path, int socket_type) {
    auto address = address_of(path);
    if (!address) return address.error();
    UniqueFd fd(::socket(AF_UNIX, socket_type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) return system_error("socket");
    // connect(2) on a Unix socket does not wait, except on a full backlog (EAGAIN when
    // non-blocking).
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0) {
        return system_error("cannot connect to '" + path + "'");
    }
    return fd;
}

Result<PeerCredentials> peer_credentials(int socket) {
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
        return system_error("SO_PEERCRED");
    }
    return PeerCredentials{static_cast<std::uint32_t>(credentials.pid), credentials.uid,
                           credentials.gid};
}

Result<std::string> runtime_directory(bool create) {
    const char* base = std::getenv("XDG_RUNTIME_DIR");
    std::string path = base && *base ? base : "/run/user/" + std::to_string(::getuid());
    path += "/vdmabuf";
    if (create && ::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
        return system_error("cannot make '" + path +
                            "' (set XDG_RUNTIME_DIR to a directory of yours)");
    }
    struct stat st {};
    if (::stat(path.c_str(), &st) != 0) return system_error("'" + path + "'");
    if (!S_ISDIR(st.st_mode) || st.st_uid != ::getuid()) {
        return Error{EACCES, "'" + path + "' is not a directory of this user"};
    }
    return path;
}

}  // namespace vdmabuf
