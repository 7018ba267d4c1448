// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "runtime/common/result.hpp"

namespace vdmabuf::keeper {

// Starts vdmabufd in the background, out of this process's session, for as long as anybody uses it
// (--exit-when-idle), and waits until its consumer socket takes connections: 5 s at most. The
// program is the one beside this process's own, else the one in PATH. `arguments` go before
// --exit-when-idle; `consumer_socket` is where to wait, and is not added to the arguments. When
// somebody else serves that socket already, this succeeds. Thread-safe.
Result<void> spawn_detached(const std::vector<std::string>& arguments,
                            const std::string& consumer_socket);

// The consumers' socket of vdmabufd where nothing else is asked for.
Result<std::string> default_consumer_socket(bool create_directory);
Result<std::string> default_producer_socket(bool create_directory);

}  // namespace vdmabuf::keeper
