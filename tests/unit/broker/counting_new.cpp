// SPDX-License-Identifier: MIT
#include "tests/unit/broker/counting_new.hpp"

#include <cstdlib>
#include <new>

namespace vdmabuf::broker::test {

bool counting = false;
std::size_t allocations = 0;

}  // namespace vdmabuf::broker::test

void* operator new(std::size_t size) {
    if (vdmabuf::broker::test::counting) ++vdmabuf::broker::test::allocations;
    if (void* memory = std::malloc(size ? size : 1)) return memory;
    throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}
