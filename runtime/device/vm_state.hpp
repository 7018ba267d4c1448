// SPDX-License-Identifier: MIT
// What a VMM has told over vhost-user: the memory of the guest and the virtqueues in it. The keeper
// holds it over restarts of the broker and hands it over; the device is built from it. Everything
// in it comes from the VMM, nothing from the guest.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runtime/common/unique_fd.hpp"

namespace vdmabuf::device {

constexpr std::size_t kRingCount = 2;    // VIRTIO_VDMABUF_VQ_COUNT
constexpr std::size_t kMaxRegions = 32;  // memory regions of a VM

// A device of a VM: 0 is the vdmabuf device, those from 1 on are for input (input_config.hpp).
struct DeviceName {
    std::string vm;
    std::uint32_t number = 0;
};

using SharedFd = std::shared_ptr<const UniqueFd>;

inline SharedFd share_fd(UniqueFd fd) {
    return std::make_shared<const UniqueFd>(std::move(fd));
}

// A part of the guest's memory. All in bytes.
struct RegionState {
    std::uint64_t gpa = 0;     // guest-physical address
    std::uint64_t size = 0;    // never 0
    std::uint64_t uva = 0;     // the VMM's own address: virtqueues are given in these
    std::uint64_t offset = 0;  // of the region in `file`
    SharedFd file;
};

// A split virtqueue. Addresses are the VMM's (RegionState::uva).
struct RingState {
    std::uint32_t size = 0;  // descriptors
    std::uint64_t descriptors = 0;
    std::uint64_t available = 0;
    std::uint64_t used = 0;
    bool addressed = false;  // the three above are set
    bool enabled = false;
    SharedFd kick;  // readable when the guest made buffers available
    SharedFd call;  // takes 8 bytes to interrupt the guest; empty: it polls

    // The device may serve it.
    bool active() const { return size != 0 && addressed && enabled && kick; }
    // Whether they are the same queue in guest memory.
    bool same_place(const RingState& other) const {
        return size == other.size && descriptors == other.descriptors &&
               available == other.available && used == other.used;
    }
};

struct VmState {
    std::uint64_t features = 0;  // virtio feature bits that the driver took
    std::vector<RegionState> regions;
    std::array<RingState, kRingCount> rings;
    // An earlier process has served these rings, and what it knew of the guest is lost.
    bool resumed = false;

    bool active() const {
        for (const RingState& ring : rings) {
            if (ring.active()) return true;
        }
        return false;
    }
};

}  // namespace vdmabuf::device
