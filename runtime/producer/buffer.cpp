// SPDX-License-Identifier: MIT
#include "runtime/producer/buffer.hpp"

#include <sys/mman.h>

namespace vdmabuf::producer {

Status map_buffer(Buffer& buffer) {
    const auto size = static_cast<std::size_t>(buffer.size);
    // More than a 32-bit program can address.
    if (size != buffer.size)
        return Error{ENOMEM, "a buffer of " + std::to_string(buffer.size) + " bytes"};
    void* address = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, buffer.fd.get(), 0);
    if (address == MAP_FAILED) return system_error("mmap of a buffer");
    buffer.mapping = Mapping(address, size);
    ::madvise(address, size, MADV_DONTFORK);
    return {};
}

}  // namespace vdmabuf::producer
