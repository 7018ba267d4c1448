// SPDX-License-Identifier: MIT
#include "runtime/common/sync_file.hpp"

#include <linux/dma-buf.h>
#include <linux/sync_file.h>
#include <poll.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "runtime/common/clock.hpp"

namespace vdmabuf {

bool is_sync_file(int fd) {
    sync_file_info info{};  // no room for the fences: only the header is wanted
    int rc = 0;
    do {
        rc = ::ioctl(fd, SYNC_IOC_FILE_INFO, &info);
    } while (rc != 0 && errno == EINTR);
    return rc == 0;
}

bool has_signalled(int fd) {
    pollfd wait{fd, POLLIN, 0};
    return ::poll(&wait, 1, 0) != 0;
}

std::uint64_t signal_time_ns(int fd) {
    std::array<sync_fence_info, 8> fences{};
    sync_file_info info{};
    info.num_fences = static_cast<std::uint32_t>(fences.size());
    info.sync_fence_info = reinterpret_cast<std::uintptr_t>(fences.data());
    std::uint64_t last = 0;
    const std::uint64_t now = now_ns();
    if (::ioctl(fd, SYNC_IOC_FILE_INFO, &info) != 0) return now;  // or there are more of them
    for (std::size_t i = 0; i < std::min<std::size_t>(info.num_fences, fences.size()); ++i) {
        last = std::max<std::uint64_t>(last, fences[i].timestamp_ns);
    }
    return last == 0 || last > now ? now : last;
}

Result<UniqueFd> merged_fence(int first, int second) {
    sync_merge_data request{};
    request.fd2 = second;
    int rc = 0;
    do {
        rc = ::ioctl(first, SYNC_IOC_MERGE, &request);
    } while (rc != 0 && errno == EINTR);
    if (rc != 0) return system_error("SYNC_IOC_MERGE");
    return UniqueFd(request.fence);
}

namespace {

// `use`: what the fences would hold up.
Result<UniqueFd> fence_before(int dmabuf, std::uint32_t use) {
    dma_buf_export_sync_file request{};
    request.flags = use;
    request.fd = -1;
    int rc = 0;
    do {
        rc = ::ioctl(dmabuf, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &request);
    } while (rc != 0 && errno == EINTR);
    if (rc == 0) return UniqueFd(request.fd);
    if (errno == ENOTTY || errno == ENOSYS) {
        return Error{ENOTSUP, "the kernel does not tell the fences of a dmabuf (before Linux 6.0)"};
    }
    return system_error("DMA_BUF_IOCTL_EXPORT_SYNC_FILE");
}

}  // namespace

Result<UniqueFd> implicit_fence(int dmabuf) {
    return fence_before(dmabuf, DMA_BUF_SYNC_READ);
}

Result<UniqueFd> fence_of_all(int dmabuf) {
    return fence_before(dmabuf, DMA_BUF_SYNC_WRITE);
}

}  // namespace vdmabuf
