// SPDX-License-Identifier: MIT
// A broker on the same kernel: messages and sealed memfds over a Unix socket.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "runtime/common/seqpacket.hpp"
#include "runtime/producer/patience.hpp"
#include "runtime/producer/transport.hpp"

namespace vdmabuf::producer {
namespace {

constexpr std::uint64_t kPage = 4096;

class SocketTransport final : public Transport {
  public:
    SocketTransport(std::string path, UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}

    int fd() const override { return fd_.get(); }

    Result<std::shared_ptr<Buffer>> alloc(std::uint64_t size) override {
        if (size == 0 || size > std::uint64_t{1} << 40) {
            return Error{EINVAL, "a buffer of " + std::to_string(size) + " bytes"};
        }
        size = (size + kPage - 1) & ~(kPage - 1);
        auto buffer = std::make_shared<Buffer>();
        buffer->fd.reset(::memfd_create("vdmabuf", MFD_CLOEXEC | MFD_ALLOW_SEALING));
        if (!buffer->fd) return system_error("memfd_create");
        const int fd = buffer->fd.get();
        if (::ftruncate(fd, static_cast<off_t>(size)) != 0) return system_error("ftruncate");
        // Pages now, or an error now: a page that cannot be had later is a SIGBUS in the app.
        if (::fallocate(fd, 0, 0, static_cast<off_t>(size)) != 0) {
            return system_error("no shared memory for a buffer of " + std::to_string(size) +
                                " bytes");
        }
        // As udmabuf wants them: no shrinking, writable (Documentation of UDMABUF_CREATE).
        if (::fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
            return system_error("F_ADD_SEALS");
        }
        buffer->size = size;
        if (auto mapped = map_buffer(*buffer); !mapped) return mapped.error();
        // What fallocate() has given is not zeroed before the first touch through the memfd;
        // through a udmabuf of it (Linux 6.11 and later pin pages as they are) others would see
        // what lay there before, and the first touch would wipe what they have written.
        ::madvise(buffer->mapping.data(), buffer->mapping.size(), MADV_POPULATE_WRITE);
        return buffer;
    }

    Result<stream::BufferId> share(const Buffer& buffer) override {
        auto message = stream::make<stream::BufferCreate>();
        if (::getrandom(message.id.data(), message.id.size(), 0) !=
            static_cast<ssize_t>(message.id.size())) {
            return system_error("getrandom");
        }
        message.id[0] |= 1;  // never all zero
        message.size = buffer.size;
        const int fds[] = {buffer.fd.get()};
        const int error = with_patience(
            fd_.get(), [&] { return send_message(fd_.get(), stream::bytes_of(message), fds); });
        if (error) return system_error("BUFFER_CREATE", error);
        return message.id;
    }

    void unshare(const stream::BufferId& id) override {
        auto message = stream::make<stream::BufferDestroy>();
        message.id = id;
        send_waiting(stream::bytes_of(message));
    }

    // The broker waits for the fence, and puts the stamps in.
    int send(std::span<const std::byte> message, InFence fence) noexcept override {
        return send_message(fd_.get(), message,
                            std::span<const int>(&fence.fd, fence.fd >= 0 ? 1 : 0));
    }

    bool takes_fences() const override { return false; }

    int send_waiting(std::span<const std::byte> message) noexcept override {
        return send_with_patience(*this, message);
    }

    Received receive(std::span<std::byte> buffer) override {
        auto message = receive_message(fd_.get(), buffer);
        if (!message) {
            return {message.error().code == EAGAIN ? Event::none : Event::gone, 0, 0};
        }
        if (message->size == 0) return {Event::gone, 0, 0};
        return {Event::message, message->size, 0};
    }

    Status reconnect() override {
        auto fresh = connect_to(path_, SOCK_SEQPACKET);
        if (!fresh) return fresh.error();
        if (::dup3(fresh->get(), fd_.get(), O_CLOEXEC) < 0) return system_error("dup3");
        return {};
    }

  private:
    const std::string path_;
    const UniqueFd fd_;
};

}  // namespace

Result<std::unique_ptr<Transport>> open_socket_transport(const std::string& path) {
    auto fd = connect_to(path, SOCK_SEQPACKET);
    if (!fd) return fd.error();
    return std::unique_ptr<Transport>(new SocketTransport(path, std::move(*fd)));
}

}  // namespace vdmabuf::producer
