// SPDX-License-Identifier: MIT
#pragma once

#include <spa/buffer/buffer.h>

#include <cstdint>

namespace vdmabuf::viewer {

// Memory for a buffer of PipeWire's that its peers map as well. On failure `data` has none.
void make_shared_memory(spa_data& data, std::uint32_t size);
void end_shared_memory(spa_data& data);

}  // namespace vdmabuf::viewer
