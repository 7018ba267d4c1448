// SPDX-License-Identifier: MIT
#include "runtime/consumer/rungs.hpp"

namespace vdmabuf::consumer {

Rung import_dmabuf(const std::shared_ptr<gpu::Device>&, const ImageLayout&,
                   const BufferFiles& files) {
    if (files.kind != MemoryKind::dmabuf) return Error{ENOTSUP, "not offered by the broker"};
    return Error{ENOTSUP, "this version does not import dmabufs"};
}

}  // namespace vdmabuf::consumer
