// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/common/consumer_messages.hpp"
#include "runtime/common/raw_messages.hpp"
#include "runtime/common/result.hpp"

namespace vdmabuf::tools {

// What a broker says of itself and of its streams.
struct BrokerState {
    struct Stream {
        consumer::StreamStatus status;
        std::vector<consumer::ImageStatus> images;
    };
    std::string version;
    std::uint32_t pid = 0;
    std::vector<Stream> streams;  // those that this user may see
    std::vector<raw::Status> raw_buffers;
};

// Asks the broker at `socket_path`. ECONNREFUSED or ENOENT when none runs, ETIMEDOUT when it does
// not answer within two seconds.
Result<BrokerState> query_broker(const std::string& socket_path);

// ESRCH when there is no such stream; the text names those that there are.
Status find_stream(const std::string& socket_path, std::uint64_t stream);

// Asks the app of a stream to close its window. ESRCH when there is no such stream.
Status close_stream(const std::string& socket_path, std::uint64_t stream);

}  // namespace vdmabuf::tools
