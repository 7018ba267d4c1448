// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/common/result.hpp"
#include "runtime/device/config_access.hpp"
#include "runtime/device/vm_state.hpp"
#include "runtime/keeper/vhost_user_message.hpp"

namespace vdmabuf::keeper {

// The back end's side of a vhost-user conversation with one VMM: keeps what the VMM says as a
// VmState. The only thing it ever reads from the guest's memory is a used index, two bytes, when
// the VMM asks where a queue has come to.
class VhostUserFront {
  public:
    // Gives the state to whoever serves the queues, and returns when that one has taken it (and
    // does not touch any more what is no part of it). False: it cannot be served.
    using HandOver = std::function<bool(const device::VmState&)>;

    // `name`: how messages for people begin, "VM 'games'".
    VhostUserFront(std::string name, std::unique_ptr<device::ConfigAccess> config,
                   HandOver hand_over);

    // Handles a message with a sound shape. Returns the reply to send, or nothing. An error means
    // that the connection must be closed.
    Result<std::vector<std::byte>> handle(FrontMessage message);

    const device::VmState& state() const { return state_; }
    // The driver is there, but the VMM has not shared any memory yet.
    bool lacks_memory() const { return features_set_ && state_.regions.empty(); }

  private:
    Status dispatch(FrontMessage& message, std::vector<std::byte>& reply);
    Status begin_session();
    Status set_features(std::uint64_t features);
    Status set_protocol_features(std::uint64_t features);
    Status set_memory_table(FrontMessage& message);
    Status add_region(FrontMessage& message);
    Status remove_region(const FrontMessage& message);
    Status set_size(const VringStatePayload& payload);
    Status set_addresses(const VringAddressPayload& payload);
    Status set_descriptor(FrontMessage& message);
    Status set_enable(const VringStatePayload& payload);
    Status stop_ring(std::uint32_t index, std::vector<std::byte>& reply);
    Status reset_rings(bool forget);
    Status get_config(const FrontMessage& message, std::vector<std::byte>& reply) const;
    Status set_config(const FrontMessage& message);
    Result<device::RingState*> ring(std::uint64_t index);
    Result<std::uint16_t> used_index(const device::RingState& ring) const;
    // Tells whoever serves, if it is or was of interest to them.
    Status changed();

    const std::string name_;
    const std::unique_ptr<device::ConfigAccess> config_;
    const HandOver hand_over_;
    device::VmState state_;
    std::uint64_t protocol_features_ = 0;
    std::uint64_t status_ = 0;
    UniqueFd backend_requests_;
    bool features_set_ = false;
    bool handed_active_ = false;  // the state handed over last had an active queue
};

}  // namespace vdmabuf::keeper
