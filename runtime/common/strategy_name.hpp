// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "runtime/common/stream_messages.hpp"

namespace vdmabuf {

// How people call a producer's strategy (stream::Strategy).
inline const char* strategy_name(std::uint32_t strategy) {
    static constexpr const char* kNames[] = {"unknown",       "host-pointer", "dmabuf-import",
                                             "dmabuf-export", "gpu-copy",     "cpu-copy"};
    static_assert(sizeof kNames / sizeof *kNames == stream::kStrategyCount);
    return strategy < stream::kStrategyCount ? kNames[strategy] : kNames[0];
}

}  // namespace vdmabuf
