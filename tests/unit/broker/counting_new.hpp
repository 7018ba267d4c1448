// SPDX-License-Identifier: MIT
// Replaces operator new of the test program by one that counts. In a file of its own, as the
// compiler takes an inlined replacement for a mistake.
#pragma once

#include <cstddef>

namespace vdmabuf::broker::test {

extern bool counting;
extern std::size_t allocations;

}  // namespace vdmabuf::broker::test
