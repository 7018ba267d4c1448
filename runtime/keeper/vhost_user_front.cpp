// SPDX-License-Identifier: MIT
#include "runtime/keeper/vhost_user_front.hpp"

#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "runtime/common/log.hpp"
#include "runtime/device/guest_memory.hpp"

namespace vdmabuf::keeper {
namespace {

constexpr std::uint64_t kFeatures = kFeatureVersion1 | kFeatureProtocol;
// Not INBAND_NOTIFICATIONS: kicks would then come as messages through the keeper. Not LOG_SHMFD:
// the device does not tell which pages it wrote, so a VM with it cannot be migrated live.
// BACKEND_REQ is not used, but User Mode Linux has no interrupt for its queues without it.
constexpr std::uint64_t kProtocolFeatures = kProtocolMultiQueue | kProtocolReplyAck |
                                            kProtocolBackendRequests | kProtocolConfig |
                                            kProtocolMemorySlots;
constexpr std::uint32_t kMaxRingSize = 32768;  // virtio 1.2, 2.7

Error protocol_error(std::string text) {
    return Error{EPROTO, std::move(text)};
}

}  // namespace

VhostUserFront::VhostUserFront(std::string name, std::unique_ptr<device::ConfigAccess> config,
                               HandOver hand_over)
    : name_(std::move(name)), config_(std::move(config)), hand_over_(std::move(hand_over)) {}

Result<std::vector<std::byte>> VhostUserFront::handle(FrontMessage message) {
    LOG_DEBUG("%s: %s", name_.c_str(), name_of(message.request));
    std::vector<std::byte> reply;
    const Status done = dispatch(message, reply);
    // REPLY_ACK: 0 for success, in answer to a message that has no reply of its own.
    const bool acknowledge = message.need_reply && (protocol_features_ & kProtocolReplyAck) != 0;
    if (!done) {
        const Error error{done.error().code,
                          std::string(name_of(message.request)) + ": " + done.error().text};
        // What breaks the protocol, or cannot be refused in a reply, ends the connection.
        if (error.code == EPROTO || !acknowledge) return error;
        LOG_ERROR("%s: %s", name_.c_str(), error.text.c_str());
        if (reply.empty()) return make_reply(message.request, 1);
        return reply;
    }
    if (reply.empty() && acknowledge) return make_reply(message.request, 0);
    return reply;
}

Status VhostUserFront::dispatch(FrontMessage& message, std::vector<std::byte>& reply) {
    const Request request = message.request;
    switch (request) {
        case Request::get_features:
            reply = make_reply(request, kFeatures);
            return {};
        case Request::set_features:
            return set_features(message.as<std::uint64_t>());
        case Request::get_protocol_features:
            reply = make_reply(request, kProtocolFeatures);
            return {};
        case Request::set_protocol_features:
            return set_protocol_features(message.as<std::uint64_t>());
        case Request::set_owner:
            return begin_session();
        case Request::set_vring_err:  // nothing to tell that a log would not tell better
            return {};
        case Request::set_backend_req_fd:
            // Nothing is ever sent there; its end would look like ours.
            backend_requests_ = std::move(message.fds[0]);
            return {};
        case Request::set_log_base:
        case Request::set_log_fd:
            LOG_WARNING("%s: live migration is not supported by its vdmabuf devices",
                        name_.c_str());
            // With a reply of its own where a front end ignores that LOG_SHMFD is not offered.
            if (request == Request::set_log_base && !message.fds.empty()) {
                reply = make_reply(request, std::span<const std::byte>());
            }
            return {};
        case Request::get_queue_num:
            reply = make_reply(request, std::uint64_t{device::kRingCount});
            return {};
        case Request::get_max_mem_slots:
            reply = make_reply(request, std::uint64_t{device::kMaxRegions});
            return {};
        case Request::set_mem_table:
            return set_memory_table(message);
        case Request::add_mem_reg:
            return add_region(message);
        case Request::rem_mem_reg:
            return remove_region(message);
        case Request::set_vring_num:
            return set_size(message.as<VringStatePayload>());
        case Request::set_vring_addr:
            return set_addresses(message.as<VringAddressPayload>());
        case Request::set_vring_base: {
            // Chains complete strictly in order, so a queue always goes on at the used index in
            // guest memory, and what the VMM remembers says the same.
            auto checked = ring(message.as<VringStatePayload>().index);
            return checked ? Status() : checked.error();
        }
        case Request::get_vring_base:
            return stop_ring(message.as<VringStatePayload>().index, reply);
        case Request::set_vring_kick:
        case Request::set_vring_call:
            return set_descriptor(message);
        case Request::set_vring_enable:
            return set_enable(message.as<VringStatePayload>());
        case Request::get_config:
            return get_config(message, reply);
        case Request::set_config:
            return set_config(message);
        case Request::reset_owner:  // deprecated: "disable all rings"
        case Request::reset_device:
            return reset_rings(request == Request::reset_device);
        case Request::set_status:
            status_ = message.as<std::uint64_t>();
            return status_ == 0 ? reset_rings(true) : Status();
        case Request::get_status:
            reply = make_reply(request, status_);
            return {};
    }
    return protocol_error("not supported");
}

// The start of a session: a device that was unplugged and plugged again has one more on the same
// connection, and nothing of the last one was taken back by name.
Status VhostUserFront::begin_session() {
    auto stopped = reset_rings(true);
    state_.regions.clear();
    return stopped;
}

Status VhostUserFront::set_features(std::uint64_t features) {
    if ((features & ~kFeatures) != 0) return protocol_error("features that were not offered");
    if ((features & kFeatureVersion1) == 0) {
        return Error{ENOTSUP,
                     "the driver is of before virtio 1.0: load the right one in the guest (for "
                     "windows virtio_vdmabuf), and do not give disable-modern=on to the device"};
    }
    if ((features & kFeatureProtocol) == 0) {
        // Without it every queue is enabled from the start (vhost-user, "Ring states").
        for (device::RingState& each : state_.rings) each.enabled = true;
    }
    state_.features = features;
    features_set_ = true;
    return changed();
}

Status VhostUserFront::set_protocol_features(std::uint64_t features) {
    if ((features & ~kProtocolFeatures) != 0) {
        return protocol_error("features that were not offered");
    }
    if ((features & kProtocolConfig) == 0) {
        LOG_ERROR("%s: the VMM does not give the device a configuration space; %s", name_.c_str(),
                  config_->advice());
    }
    protocol_features_ = features;
    return {};
}

Status VhostUserFront::set_memory_table(FrontMessage& message) {
    const auto table = message.as<MemoryTablePayload>();
    // User Mode Linux sends room for more regions than it counts.
    if (table.count > kMaxTableRegions || table.count != message.fds.size() ||
        message.payload.size() < sizeof table + table.count * sizeof(MemoryRegionPayload)) {
        return protocol_error("the number of regions does not match the message");
    }
    std::vector<device::RegionState> regions;
    for (std::size_t i = 0; i < table.count; ++i) {
        MemoryRegionPayload region;
        std::memcpy(&region, message.payload.data() + sizeof table + i * sizeof region,
                    sizeof region);
        regions.push_back(device::RegionState{region.gpa, region.size, region.uva, region.offset,
                                              device::share_fd(std::move(message.fds[i]))});
    }
    if (auto checked = device::check_regions(regions); !checked) return checked;
    state_.regions = std::move(regions);
    return changed();
}

Status VhostUserFront::add_region(FrontMessage& message) {
    const MemoryRegionPayload region = message.as<SingleRegionPayload>().region;
    std::vector<device::RegionState> regions = state_.regions;
    regions.push_back(device::RegionState{region.gpa, region.size, region.uva, region.offset,
                                          device::share_fd(std::move(message.fds[0]))});
    if (auto checked = device::check_regions(regions); !checked) return checked;
    state_.regions = std::move(regions);
    return changed();
}

Status VhostUserFront::remove_region(const FrontMessage& message) {
    const MemoryRegionPayload region = message.as<SingleRegionPayload>().region;
    const auto found =
        std::find_if(state_.regions.begin(), state_.regions.end(), [&](const auto& known) {
            return known.gpa == region.gpa && known.size == region.size && known.uva == region.uva;
        });
    if (found == state_.regions.end()) return Error{ENOENT, "no such memory region"};
    state_.regions.erase(found);
    return changed();
}

Result<device::RingState*> VhostUserFront::ring(std::uint64_t index) {
    if (index >= state_.rings.size()) {
        return protocol_error("queue " + std::to_string(index) + " does not exist");
    }
    return &state_.rings[index];
}

Status VhostUserFront::set_size(const VringStatePayload& payload) {
    auto which = ring(payload.index);
    if (!which) return which.error();
    if (payload.number == 0 || payload.number > kMaxRingSize ||
        !std::has_single_bit(payload.number)) {
        return Error{EINVAL, "a queue of " + std::to_string(payload.number) + " entries"};
    }
    (*which)->size = payload.number;
    return changed();
}

Status VhostUserFront::set_addresses(const VringAddressPayload& payload) {
    auto which = ring(payload.index);
    if (!which) return which.error();
    device::RingState& state = **which;
    state.descriptors = payload.descriptors;
    state.available = payload.available;
    state.used = payload.used;
    state.addressed = true;
    return changed();
}

Status VhostUserFront::set_descriptor(FrontMessage& message) {
    const auto value = message.as<std::uint64_t>();
    auto which = ring(value & kIndexMask);
    if (!which) return which.error();
    if (((value & kNoDescriptor) != 0) != message.fds.empty()) {
        return protocol_error("the descriptor does not match the message");
    }
    device::SharedFd fd =
        message.fds.empty() ? nullptr : device::share_fd(std::move(message.fds[0]));
    if (message.request == Request::set_vring_call) {
        (*which)->call = std::move(fd);
        return changed();
    }
    if (!fd) return Error{ENOTSUP, "a queue that is to be polled"};
    (*which)->kick = std::move(fd);
    return changed();
}

Status VhostUserFront::set_enable(const VringStatePayload& payload) {
    auto which = ring(payload.index);
    if (!which) return which.error();
    if (payload.number > 1) return protocol_error("neither on nor off");
    (*which)->enabled = payload.number == 1;
    return changed();
}

Status VhostUserFront::stop_ring(std::uint32_t index, std::vector<std::byte>& reply) {
    auto which = ring(index);
    if (!which) return which.error();
    device::RingState& state = **which;
    // The ring stops with this message, and lets go of its descriptors.
    state.kick.reset();
    state.call.reset();
    [[maybe_unused]] const Status handed = changed();
    VringStatePayload answer{index, 0};
    // Nobody serves the queue now: its used index stands.
    if (auto used = used_index(state)) answer.number = *used;
    reply = make_reply(Request::get_vring_base, std::as_bytes(std::span(&answer, 1)));
    return {};
}

Result<std::uint16_t> VhostUserFront::used_index(const device::RingState& ring) const {
    if (!ring.addressed) return Error{ENOENT, "the queue has no address"};
    const std::uint64_t address = ring.used + 2;  // virtio 1.2, 2.7.8: flags, idx
    for (const device::RegionState& region : state_.regions) {
        const std::uint64_t offset = address - region.uva;
        if (address < region.uva || offset >= region.size || region.size - offset < 2) continue;
        std::uint16_t value = 0;
        if (::pread(region.file->get(), &value, sizeof value,
                    static_cast<off_t>(region.offset + offset)) != sizeof value) {
            return system_error("pread of guest memory");
        }
        return value;
    }
    return Error{EFAULT, "the queue is outside of guest memory"};
}

Status VhostUserFront::reset_rings(bool forget) {
    for (device::RingState& each : state_.rings) {
        each.enabled = (state_.features & kFeatureProtocol) == 0 && !forget;
        if (forget) each = device::RingState{};
    }
    return changed();
}

Status VhostUserFront::get_config(const FrontMessage& message,
                                  std::vector<std::byte>& reply) const {
    auto config = message.as<ConfigPayload>();
    if (config.size > kMaxConfig || config.offset > kMaxConfig ||
        config.offset + config.size > kMaxConfig) {
        // "the back end replies with zero length of payload" on failure
        reply = make_reply(message.request, std::span<const std::byte>());
        return {};
    }
    std::vector<std::byte> payload(sizeof config + config.size);  // zero beyond the end
    std::memcpy(payload.data(), &config, sizeof config);
    const auto space = config_->bytes();
    if (config.offset < space.size()) {
        const std::size_t here = std::min<std::size_t>(config.size, space.size() - config.offset);
        std::memcpy(payload.data() + sizeof config, space.data() + config.offset, here);
    }
    reply = make_reply(message.request, payload);
    return {};
}

Status VhostUserFront::set_config(const FrontMessage& message) {
    const auto config = message.as<ConfigPayload>();
    const auto bytes = std::span<const std::byte>(message.payload).subspan(sizeof config);
    if (config.size != bytes.size() || config.offset > kMaxConfig ||
        config.offset + config.size > kMaxConfig) {
        return protocol_error("the configuration's size does not match the message");
    }
    if (!config_->write(config.offset, bytes)) {
        return Error{EPERM, "the configuration is read-only"};
    }
    return {};
}

Status VhostUserFront::changed() {
    const bool active = state_.active();
    if (!active && !handed_active_) return {};  // the VMM is still setting up
    if (active && state_.regions.empty()) {
        return Error{EINVAL,
                     "the VM's memory is not shared: add -object "
                     "memory-backend-memfd,id=mem,size=...,share=on and -machine "
                     "memory-backend=mem"};
    }
    handed_active_ = active;
    if (!hand_over_(state_)) return Error{EIO, "the device could not be started with that"};
    return {};
}

}  // namespace vdmabuf::keeper
