// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace vdmabuf::window {

struct Extent {
    std::uint32_t width = 0;  // pixels
    std::uint32_t height = 0;
    bool operator==(const Extent&) const = default;
};

}  // namespace vdmabuf::window
