// SPDX-License-Identifier: MIT
#include "runtime/viewer/pipewire/shared_memory.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/common/mapping.hpp"
#include "runtime/common/unique_fd.hpp"

namespace vdmabuf::viewer {

void make_shared_memory(spa_data& data, std::uint32_t size) {
    data.type = SPA_DATA_MemFd;
    data.flags = SPA_DATA_FLAG_READWRITE;
    data.fd = -1;
    data.mapoffset = 0;
    data.maxsize = 0;
    data.data = nullptr;
    UniqueFd file(::memfd_create("vdmabuf frame", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!file || ::ftruncate(file.get(), size) != 0) return;
    // Who maps it must not lose it.
    if (::fcntl(file.get(), F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0) return;
    void* at = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
    if (at == MAP_FAILED) return;
    data.data = at;
    data.maxsize = size;
    data.fd = file.release();
}

void end_shared_memory(spa_data& data) {
    if (data.data) Mapping(data.data, data.maxsize).reset();
    if (data.fd >= 0) ::close(static_cast<int>(data.fd));
    data.data = nullptr;
    data.fd = -1;
}

}  // namespace vdmabuf::viewer
