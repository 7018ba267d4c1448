// SPDX-License-Identifier: MIT
#include "runtime/producer/buffer_dmabuf.hpp"

#include <fcntl.h>

#include <memory>
#include <utility>

#include "runtime/common/udmabuf.hpp"

namespace vdmabuf::producer {

Result<UniqueFd> dmabuf_of(const Buffer& buffer) {
    UniqueFd copy(::fcntl(buffer.fd.get(), F_DUPFD_CLOEXEC, 0));
    if (!copy) return system_error("dup");
    if (buffer.is_dmabuf) return copy;
    BufferMemory memory;
    memory.files.push_back(std::make_shared<const UniqueFd>(std::move(copy)));
    memory.runs.push_back({0, 0, buffer.size});
    memory.size = buffer.size;
    return Udmabuf().create(memory);
}

}  // namespace vdmabuf::producer
