// SPDX-License-Identifier: MIT
// /dev/vdmabufN: an open file is a channel to the host (include/uapi/linux/virtio_vdmabuf.h).
#include <fcntl.h>
#include <linux/virtio_vdmabuf.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "runtime/common/log.hpp"
#include "runtime/producer/patience.hpp"
#include "runtime/producer/transport.hpp"

namespace vdmabuf::producer {
namespace {

static_assert(stream::kMaxMessage == VIRTIO_VDMABUF_MAX_MESSAGE);
static_assert(stream::kIdSize == VIRTIO_VDMABUF_ID_SIZE);

int retry_ioctl(int fd, unsigned long request, void* argument) {
    int rc = 0;
    do {
        rc = ::ioctl(fd, request, argument);
    } while (rc != 0 && errno == EINTR);
    return rc;
}

class DeviceTransport final : public Transport {
  public:
    DeviceTransport(std::string path, UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}

    int fd() const override { return fd_.get(); }

    Result<std::shared_ptr<Buffer>> alloc(std::uint64_t size) override {
        vdmabuf_alloc request{};
        request.size = size;
        if (retry_ioctl(fd_.get(), VDMABUF_IOCTL_ALLOC, &request) != 0) {
            return system_error("ALLOC of " + std::to_string(size) + " bytes");
        }
        auto buffer = std::make_shared<Buffer>();
        buffer->fd.reset(request.fd);
        buffer->size = request.size;
        buffer->is_dmabuf = true;
        if (auto mapped = map_buffer(*buffer); !mapped) return mapped.error();
        return buffer;
    }

    Result<stream::BufferId> share(const Buffer& buffer) override {
        vdmabuf_share request{};
        request.fd = buffer.fd.get();
        if (retry_ioctl(fd_.get(), VDMABUF_IOCTL_SHARE, &request) != 0) {
            return system_error("SHARE");
        }
        LOG_DEBUG("shared %llu bytes in %u runs", static_cast<unsigned long long>(buffer.size),
                  request.nr_runs);
        stream::BufferId id{};
        std::memcpy(id.data(), request.id, id.size());
        return id;
    }

    void unshare(const stream::BufferId& id) override {
        vdmabuf_unshare request{};
        std::memcpy(request.id, id.data(), id.size());
        if (retry_ioctl(fd_.get(), VDMABUF_IOCTL_UNSHARE, &request) != 0) {
            LOG_DEBUG("UNSHARE: %s", std::strerror(errno));
        }
    }

    int send(std::span<const std::byte> message, InFence fence) noexcept override {
        vdmabuf_send request{};
        request.data = reinterpret_cast<std::uintptr_t>(message.data());
        request.size = static_cast<std::uint32_t>(message.size());
        if (fence.fd >= 0) {
            request.flags = VDMABUF_SEND_FENCE;
            if (fence.signalled_at) request.flags |= VDMABUF_SEND_FENCE_STAMP;
            if (fence.sent_at) request.flags |= VDMABUF_SEND_SENT_STAMP;
            request.in_fence = fence.fd;
            request.fence_stamp = fence.signalled_at;
            request.sent_stamp = fence.sent_at;
        }
        return retry_ioctl(fd_.get(), VDMABUF_IOCTL_SEND, &request) == 0 ? 0 : errno;
    }

    bool takes_fences() const override { return true; }

    int send_waiting(std::span<const std::byte> message) noexcept override {
        return send_with_patience(*this, message);
    }

    Received receive(std::span<std::byte> buffer) override {
        std::array<std::byte, VDMABUF_MAX_EVENT> raw{};
        ssize_t got = 0;
        do {
            got = ::read(fd_.get(), raw.data(), raw.size());
        } while (got < 0 && errno == EINTR);
        if (got < 0) {
            if (errno == EAGAIN) return {};
            return {Event::gone, 0, 0};
        }
        vdmabuf_event header{};
        if (static_cast<std::size_t>(got) < sizeof header) return {Event::gone, 0, 0};
        std::memcpy(&header, raw.data(), sizeof header);
        const std::size_t size = static_cast<std::size_t>(got) - sizeof header;
        const std::byte* body = raw.data() + sizeof header;
        switch (header.type) {
            case VDMABUF_EVENT_MESSAGE:
                if (size > buffer.size()) return {Event::gone, 0, 0};
                std::copy_n(body, size, buffer.begin());
                return {Event::message, size, 0};
            case VDMABUF_EVENT_RESYNC:
                return {Event::resync, 0, 0};
            case VDMABUF_EVENT_CLOSED: {
                std::uint32_t reason = 0;
                std::memcpy(&reason, body, std::min(size, sizeof reason));
                return {Event::closed, 0, reason};
            }
            default:
                return {};  // an event of a newer driver
        }
    }

    // After the device was unplugged and plugged again, or the host closed the channel.
    Status reconnect() override {
        UniqueFd fresh(::open(path_.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK));
        if (!fresh) return system_error(path_);
        if (::dup3(fresh.get(), fd_.get(), O_CLOEXEC) < 0) return system_error("dup3");
        return {};
    }

  private:
    const std::string path_;
    const UniqueFd fd_;
};

}  // namespace

Result<std::unique_ptr<Transport>> open_device_transport(const std::string& path) {
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK));
    if (!fd) return system_error(path);
    vdmabuf_info info{};
    if (retry_ioctl(fd.get(), VDMABUF_IOCTL_INFO, &info) != 0) {
        return system_error(path + " is not a vdmabuf device");
    }
    if (info.max_message < stream::kMaxMessage) {
        return Error{EPROTO, path + ": the host takes messages of " +
                                 std::to_string(info.max_message) +
                                 " bytes only: use host and guest parts of the same release"};
    }
    return std::unique_ptr<Transport>(new DeviceTransport(path, std::move(fd)));
}

Result<std::unique_ptr<Transport>> open_transport(const Endpoint& endpoint) {
    return endpoint.kind == Endpoint::Kind::device ? open_device_transport(endpoint.path)
                                                   : open_socket_transport(endpoint.path);
}

}  // namespace vdmabuf::producer
