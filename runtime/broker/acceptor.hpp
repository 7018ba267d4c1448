// SPDX-License-Identifier: MIT
#pragma once

#include "runtime/common/result.hpp"
#include "runtime/common/seqpacket.hpp"
#include "runtime/common/unique_fd.hpp"

namespace vdmabuf::broker {

struct AcceptedPeer {
    UniqueFd socket;
    PeerCredentials peer;
};

// One connection of a listening socket, without waiting. EAGAIN when there is none (any more).
// When this process is out of descriptors, the connection is dropped: left in the backlog, it would
// wake the loop for ever.
Result<AcceptedPeer> accept_peer(int listener);

}  // namespace vdmabuf::broker
