// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

#include "runtime/common/result.hpp"

namespace vdmabuf::tools {

// Writes the next frame of a stream to a PNG file, as this side's GPU sees it. ESRCH when there is
// no such stream, ETIMEDOUT when no frame comes for `seconds`.
Status screenshot(const std::string& socket_path, std::uint64_t stream, const std::string& file,
                  double seconds);

}  // namespace vdmabuf::tools
