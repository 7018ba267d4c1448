// SPDX-License-Identifier: MIT
#include "runtime/producer/buffer_dmabuf.hpp"

#include <fcntl.h>
#include <linux/udmabuf.h>
#include <sys/ioctl.h>

namespace vdmabuf::producer {

Result<UniqueFd> dmabuf_of(const Buffer& buffer) {
    if (buffer.is_dmabuf) {
        UniqueFd copy(::fcntl(buffer.fd.get(), F_DUPFD_CLOEXEC, 0));
        if (!copy) return system_error("dup");
        return copy;
    }
    const UniqueFd device(::open("/dev/udmabuf", O_RDWR | O_CLOEXEC));
    if (!device) return system_error("/dev/udmabuf");
    udmabuf_create request{};
    request.memfd = static_cast<__u32>(buffer.fd.get());
    request.flags = UDMABUF_FLAGS_CLOEXEC;
    request.size = buffer.size;
    UniqueFd made(::ioctl(device.get(), UDMABUF_CREATE, &request));
    if (!made) return system_error("UDMABUF_CREATE of " + std::to_string(buffer.size) + " bytes");
    return made;
}

}  // namespace vdmabuf::producer
