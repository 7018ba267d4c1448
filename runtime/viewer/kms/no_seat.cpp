// SPDX-License-Identifier: MIT
#include <cerrno>

#include "runtime/viewer/kms/seat.hpp"

namespace vdmabuf::viewer {

Result<std::unique_ptr<Seat>> Seat::open(EventLoop&, std::uint32_t, std::uint32_t, Handlers) {
    return Error{ENOTSUP, "this viewer was built without libinput"};
}

}  // namespace vdmabuf::viewer
