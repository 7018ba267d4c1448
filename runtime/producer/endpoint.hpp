// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "runtime/common/result.hpp"

namespace vdmabuf::producer {

// Where a producer reaches a broker: the guest driver's character device, or a Unix socket.
struct Endpoint {
    enum class Kind { device, socket } kind = Kind::socket;
    std::string path;
};

// VDMABUF_ENDPOINT ("/dev/vdmabuf0" or "unix:PATH") where set, else the first /dev/vdmabufN that
// this user may open, else the socket "producer.sock" in runtime_directory(). ENOENT, with a
// sentence that says what was looked for, when there is none. Does not connect.
Result<Endpoint> find_endpoint();

}  // namespace vdmabuf::producer
