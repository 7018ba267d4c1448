// SPDX-License-Identifier: MIT
#include "runtime/keeper/vhost_user_message.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <string>

namespace vdmabuf::keeper {
namespace {

constexpr std::size_t kMaxFds = 8;  // VHOST_MEMORY_BASELINE_NREGIONS

struct Shape {
    Request request;
    const char* name;
    std::size_t payload_min;
    std::size_t payload_max;
    std::size_t fds_min;
    std::size_t fds_max;
};

constexpr std::size_t kTableMax =
    sizeof(MemoryTablePayload) + kMaxTableRegions * sizeof(MemoryRegionPayload);

constexpr std::array kShapes{
    Shape{Request::get_features, "GET_FEATURES", 0, 0, 0, 0},
    Shape{Request::set_features, "SET_FEATURES", 8, 8, 0, 0},
    Shape{Request::set_owner, "SET_OWNER", 0, 0, 0, 0},
    Shape{Request::reset_owner, "RESET_OWNER", 0, 0, 0, 0},
    Shape{Request::set_mem_table, "SET_MEM_TABLE", sizeof(MemoryTablePayload), kTableMax, 0,
          kMaxTableRegions},
    Shape{Request::set_log_base, "SET_LOG_BASE", 8, 16, 0, 1},
    Shape{Request::set_log_fd, "SET_LOG_FD", 0, 8, 0, 1},
    Shape{Request::set_vring_num, "SET_VRING_NUM", 8, 8, 0, 0},
    Shape{Request::set_vring_addr, "SET_VRING_ADDR", 40, 40, 0, 0},
    Shape{Request::set_vring_base, "SET_VRING_BASE", 8, 8, 0, 0},
    Shape{Request::get_vring_base, "GET_VRING_BASE", 8, 8, 0, 0},
    Shape{Request::set_vring_kick, "SET_VRING_KICK", 8, 8, 0, 1},
    Shape{Request::set_vring_call, "SET_VRING_CALL", 8, 8, 0, 1},
    Shape{Request::set_vring_err, "SET_VRING_ERR", 8, 8, 0, 1},
    Shape{Request::get_protocol_features, "GET_PROTOCOL_FEATURES", 0, 0, 0, 0},
    Shape{Request::set_protocol_features, "SET_PROTOCOL_FEATURES", 8, 8, 0, 0},
    Shape{Request::get_queue_num, "GET_QUEUE_NUM", 0, 0, 0, 0},
    Shape{Request::set_vring_enable, "SET_VRING_ENABLE", 8, 8, 0, 0},
    Shape{Request::set_backend_req_fd, "SET_BACKEND_REQ_FD", 0, 8, 1, 1},
    Shape{Request::get_config, "GET_CONFIG", sizeof(ConfigPayload),
          sizeof(ConfigPayload) + kMaxConfig, 0, 0},
    Shape{Request::set_config, "SET_CONFIG", sizeof(ConfigPayload),
          sizeof(ConfigPayload) + kMaxConfig, 0, 0},
    Shape{Request::reset_device, "RESET_DEVICE", 0, 0, 0, 0},
    Shape{Request::get_max_mem_slots, "GET_MAX_MEM_SLOTS", 0, 0, 0, 0},
    Shape{Request::add_mem_reg, "ADD_MEM_REG", 40, 40, 1, 1},
    // "For REM_MEM_REG a back end must accept and close a descriptor": some front ends send one.
    Shape{Request::rem_mem_reg, "REM_MEM_REG", 40, 40, 0, 1},
    Shape{Request::set_status, "SET_STATUS", 8, 8, 0, 0},
    Shape{Request::get_status, "GET_STATUS", 0, 0, 0, 0},
};

const Shape* shape_of(Request request) {
    const auto* found = std::find_if(kShapes.begin(), kShapes.end(), [request](const Shape& shape) {
        return shape.request == request;
    });
    return found == kShapes.end() ? nullptr : found;
}

Error protocol_error(std::string text) {
    return Error{EPROTO, std::move(text)};
}

}  // namespace

const char* name_of(Request request) {
    const Shape* shape = shape_of(request);
    return shape ? shape->name : "unknown request";
}

Status check_header(const MessageHeader& header) {
    if ((header.flags & kFlagVersionMask) != kFlagVersion || (header.flags & kFlagReply) != 0 ||
        header.request == 0 || header.request > 0xff || header.size > kMaxPayload) {
        return protocol_error("the peer does not speak vhost-user");
    }
    return {};
}

Status check_shape(const FrontMessage& message) {
    const Shape* shape = shape_of(message.request);
    if (!shape) {
        return protocol_error("request " + std::to_string(static_cast<unsigned>(message.request)) +
                              " was not negotiated");
    }
    if (message.payload.size() < shape->payload_min ||
        message.payload.size() > shape->payload_max) {
        return protocol_error(std::string(shape->name) + " of " +
                              std::to_string(message.payload.size()) + " bytes");
    }
    if (message.fds.size() < shape->fds_min || message.fds.size() > shape->fds_max) {
        return protocol_error(std::string(shape->name) + " with " +
                              std::to_string(message.fds.size()) + " file descriptors");
    }
    return {};
}

std::vector<std::byte> make_reply(Request request, std::span<const std::byte> payload) {
    MessageHeader header;
    header.request = static_cast<std::uint32_t>(request);
    header.flags = kFlagVersion | kFlagReply;
    header.size = static_cast<std::uint32_t>(payload.size());
    std::vector<std::byte> reply(sizeof header + payload.size());
    std::memcpy(reply.data(), &header, sizeof header);
    if (!payload.empty()) {
        std::memcpy(reply.data() + sizeof header, payload.data(), payload.size());
    }
    return reply;
}

std::vector<std::byte> make_reply(Request request, std::uint64_t value) {
    return make_reply(request, std::as_bytes(std::span(&value, 1)));
}

Result<std::optional<FrontMessage>> MessageReader::read(int socket) {
    for (;;) {
        const bool in_header = have_ < sizeof header_;
        if (!in_header && have_ - sizeof header_ == message_.payload.size()) {
            have_ = 0;
            FrontMessage message = std::move(message_);
            message_ = FrontMessage{};
            if (auto checked = check_shape(message); !checked) return checked.error();
            return std::optional<FrontMessage>(std::move(message));
        }
        // Never more than what belongs to this message, so that the next one's descriptors stay
        // with it.
        iovec iov{};
        if (in_header) {
            iov.iov_base = reinterpret_cast<std::byte*>(&header_) + have_;
            iov.iov_len = sizeof header_ - have_;
        } else {
            iov.iov_base = message_.payload.data() + (have_ - sizeof header_);
            iov.iov_len = message_.payload.size() - (have_ - sizeof header_);
        }
        alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kMaxFds)> control{};
        msghdr msg{};
        msg.msg_iov = &iov;
        msg.msg_iovlen = 1;
        msg.msg_control = control.data();
        msg.msg_controllen = control.size();
        const ssize_t got = ::recvmsg(socket, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (got < 0) {
            if (errno == EINTR) continue;
            if (errno == EAGAIN) return std::optional<FrontMessage>();
            return system_error("the VMM's connection");
        }
        for (cmsghdr* part = CMSG_FIRSTHDR(&msg); part; part = CMSG_NXTHDR(&msg, part)) {
            if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
            const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
            for (std::size_t i = 0; i < count; ++i) {
                int fd = -1;
                std::memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
                message_.fds.emplace_back(fd);
            }
        }
        if ((msg.msg_flags & MSG_CTRUNC) != 0 || message_.fds.size() > kMaxFds) {
            return protocol_error("a message has more file descriptors than any may have");
        }
        if (got == 0) return Error{ECONNRESET, "the VMM has closed the connection"};
        have_ += static_cast<std::size_t>(got);
        if (in_header && have_ == sizeof header_) {
            if (auto checked = check_header(header_); !checked) return checked.error();
            message_.request = static_cast<Request>(header_.request);
            message_.need_reply = (header_.flags & kFlagNeedReply) != 0;
            message_.payload.resize(header_.size);
        }
    }
}

}  // namespace vdmabuf::keeper
