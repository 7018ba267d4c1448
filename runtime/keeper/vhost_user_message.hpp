// SPDX-License-Identifier: MIT
// Messages of vhost-user (QEMU's docs/interop/vhost-user.rst) as a VMM sends them over a Unix
// stream socket: layouts, and the shape that each must have.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include "runtime/common/result.hpp"
#include "runtime/common/unique_fd.hpp"

namespace vdmabuf::keeper {

enum class Request : std::uint32_t {
    get_features = 1,
    set_features = 2,
    set_owner = 3,
    reset_owner = 4,
    set_mem_table = 5,
    set_log_base = 6,
    set_log_fd = 7,
    set_vring_num = 8,
    set_vring_addr = 9,
    set_vring_base = 10,
    get_vring_base = 11,
    set_vring_kick = 12,
    set_vring_call = 13,
    set_vring_err = 14,
    get_protocol_features = 15,
    set_protocol_features = 16,
    get_queue_num = 17,
    set_vring_enable = 18,
    set_backend_req_fd = 21,
    get_config = 24,
    set_config = 25,
    reset_device = 34,
    get_max_mem_slots = 36,
    add_mem_reg = 37,
    rem_mem_reg = 38,
    set_status = 39,
    get_status = 40,
};

const char* name_of(Request request);  // "SET_FEATURES", "unknown request"

// Virtio feature bits (virtio 1.2, 6) and that of vhost-user.
constexpr std::uint64_t kFeatureVersion1 = 1ULL << 32;
constexpr std::uint64_t kFeatureProtocol = 1ULL << 30;  // VHOST_USER_F_PROTOCOL_FEATURES

// Protocol features.
constexpr std::uint64_t kProtocolMultiQueue = 1ULL << 0;
constexpr std::uint64_t kProtocolReplyAck = 1ULL << 3;
constexpr std::uint64_t kProtocolBackendRequests = 1ULL << 5;  // BACKEND_REQ
constexpr std::uint64_t kProtocolConfig = 1ULL << 9;
constexpr std::uint64_t kProtocolMemorySlots = 1ULL << 15;  // CONFIGURE_MEM_SLOTS

struct MessageHeader {
    std::uint32_t request = 0;
    std::uint32_t flags = 0;
    std::uint32_t size = 0;  // bytes of the payload
};
constexpr std::uint32_t kFlagVersion = 1;  // bits 0 and 1
constexpr std::uint32_t kFlagVersionMask = 3;
constexpr std::uint32_t kFlagReply = 1u << 2;
constexpr std::uint32_t kFlagNeedReply = 1u << 3;

constexpr std::size_t kMaxPayload = 4096;  // bytes; the longest that is known has 268
constexpr std::size_t kMaxTableRegions = 8;
constexpr std::size_t kMaxConfig = 256;           // VHOST_USER_MAX_CONFIG_SIZE
constexpr std::uint64_t kNoDescriptor = 1u << 8;  // SET_VRING_KICK and its like
constexpr std::uint64_t kIndexMask = 0xff;

struct VringStatePayload {
    std::uint32_t index = 0;
    std::uint32_t number = 0;
};
struct VringAddressPayload {
    std::uint32_t index = 0;
    std::uint32_t flags = 0;
    std::uint64_t descriptors = 0;
    std::uint64_t used = 0;
    std::uint64_t available = 0;
    std::uint64_t log = 0;
};
struct MemoryRegionPayload {
    std::uint64_t gpa = 0;
    std::uint64_t size = 0;
    std::uint64_t uva = 0;
    std::uint64_t offset = 0;
};
struct MemoryTablePayload {  // followed by `count` MemoryRegionPayload
    std::uint32_t count = 0;
    std::uint32_t padding = 0;
};
struct SingleRegionPayload {
    std::uint64_t padding = 0;
    MemoryRegionPayload region;
};
struct ConfigPayload {  // followed by `size` bytes
    std::uint32_t offset = 0;
    std::uint32_t size = 0;
    std::uint32_t flags = 0;
};
static_assert(sizeof(MessageHeader) == 12 && sizeof(VringAddressPayload) == 40);
static_assert(sizeof(MemoryRegionPayload) == 32 && sizeof(SingleRegionPayload) == 40);
static_assert(sizeof(ConfigPayload) == 12);

struct FrontMessage {
    Request request{};
    bool need_reply = false;
    std::vector<std::byte> payload;
    std::vector<UniqueFd> fds;

    // The start of the payload. Only after check_shape() said that it has the size.
    template <typename Payload>
    Payload as() const {
        Payload value{};
        std::memcpy(&value, payload.data(), sizeof value);
        return value;
    }
};

// EPROTO unless the header can begin a message of a front end.
Status check_header(const MessageHeader& header);

// EPROTO unless the message has the payload and the descriptors that its request asks for.
Status check_shape(const FrontMessage& message);

// A reply, ready to be sent.
std::vector<std::byte> make_reply(Request request, std::span<const std::byte> payload);
std::vector<std::byte> make_reply(Request request, std::uint64_t value);

// Puts messages together from a non-blocking stream socket.
class MessageReader {
  public:
    // The next whole message, with its shape checked; nothing when the socket has no more for now.
    // ECONNRESET: the peer is gone. EPROTO: what it sends is not vhost-user.
    Result<std::optional<FrontMessage>> read(int socket);

  private:
    MessageHeader header_;
    std::size_t have_ = 0;  // bytes of header and payload
    FrontMessage message_;
};

}  // namespace vdmabuf::keeper
