// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

namespace vdmabuf::egl {

// Encodes the first three of each pixel's four bytes as sRGB, which were linear. The fourth is
// alpha, which has no encoding.
void encode_srgb(std::byte* pixels, std::size_t pitch, std::uint32_t width,
                 std::uint32_t rows) noexcept;

}  // namespace vdmabuf::egl
