// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "runtime/common/result.hpp"

namespace vdmabuf::tools {

struct WatchSettings {
    double interval_s = 1;
    unsigned count = 0;  // looks; 0: until a signal
    bool json = false;   // one object a look
};

// Prints what each stream does, again and again. An error: the broker does not answer any more.
Status watch(const std::string& socket_path, const WatchSettings& settings);

}  // namespace vdmabuf::tools
