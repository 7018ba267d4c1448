// SPDX-License-Identifier: MIT
#include "runtime/producer/fork_guard.hpp"

namespace vdmabuf::producer {

Result<ForkGuard> ForkGuard::create() {
    constexpr std::size_t kPage = 4096;
    void* page = ::mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return system_error("mmap");
    ForkGuard guard;
    guard.page_ = Mapping(page, kPage);
    if (::madvise(page, kPage, MADV_WIPEONFORK) != 0) return system_error("MADV_WIPEONFORK");
    *static_cast<unsigned char*>(page) = 1;
    return guard;
}

}  // namespace vdmabuf::producer
