// SPDX-License-Identifier: MIT
#include "runtime/consumer/udmabuf.hpp"

#include <fcntl.h>
#include <linux/udmabuf.h>
#include <sys/ioctl.h>

#include <cstddef>
#include <vector>

namespace vdmabuf::consumer {

Result<UniqueFd> make_udmabuf(int memfd, std::span<const Run> runs) {
    const UniqueFd device(::open("/dev/udmabuf", O_RDWR | O_CLOEXEC));
    if (!device) return system_error("/dev/udmabuf");
    std::vector<std::byte> bytes(sizeof(udmabuf_create_list) +
                                 runs.size() * sizeof(udmabuf_create_item));
    udmabuf_create_list head{};
    head.flags = UDMABUF_FLAGS_CLOEXEC;
    head.count = static_cast<__u32>(runs.size());
    std::memcpy(bytes.data(), &head, sizeof head);
    std::byte* at = bytes.data() + sizeof head;
    for (const Run& run : runs) {
        udmabuf_create_item item{};
        item.memfd = static_cast<__u32>(memfd);
        item.offset = run.offset;
        item.size = run.length;
        std::memcpy(at, &item, sizeof item);
        at += sizeof item;
    }
    UniqueFd dmabuf(::ioctl(device.get(), UDMABUF_CREATE_LIST, bytes.data()));
    if (!dmabuf) return system_error("UDMABUF_CREATE_LIST");
    return dmabuf;
}

}  // namespace vdmabuf::consumer
