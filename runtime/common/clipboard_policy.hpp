// SPDX-License-Identifier: MIT
#pragma once

namespace vdmabuf::clipboard {

// Which ways text of clipboards may go. Both, unless somebody forbids it: windows of guests stand
// among the host's own, between which one copies and pastes, and only the window that has the focus
// takes part.
enum class Policy : int { off = 0, to_guest = 1, from_guest = 2, both = 3 };

constexpr bool to_guest(Policy policy) {
    return policy == Policy::to_guest || policy == Policy::both;
}
constexpr bool from_guest(Policy policy) {
    return policy == Policy::from_guest || policy == Policy::both;
}

}  // namespace vdmabuf::clipboard
