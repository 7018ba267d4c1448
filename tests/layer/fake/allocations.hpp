// SPDX-License-Identifier: MIT
// Counts what is allocated, and lets an allocation fail: malloc() of the test program is the one
// that every library in it uses. What the fake driver allocates is left out, and so is the
// loader's.
#pragma once

#include <cstdint>

namespace vdmabuf::fake {

// False under sanitizers, which have a malloc() of their own.
bool allocations_are_seen();

// The allocations of this thread while it lives.
class Allocations {
  public:
    // The allocation number `failing` (from 1) fails; 0: none does.
    explicit Allocations(std::uint32_t failing = 0);
    ~Allocations();
    Allocations(const Allocations&) = delete;
    Allocations& operator=(const Allocations&) = delete;

    std::uint32_t count() const;             // of this thread
    std::uint32_t count_of_workers() const;  // of the layer's present workers, since it was made
};

}  // namespace vdmabuf::fake
