// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

namespace vdmabuf::test {

// The pixels of the cursor that the X server shows where its pointer is, if that has such sides and
// points with the pixel 2,1; else none.
std::vector<std::uint32_t> cursor_of_host(std::uint32_t side);

}  // namespace vdmabuf::test
