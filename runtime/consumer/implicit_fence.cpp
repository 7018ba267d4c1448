// SPDX-License-Identifier: MIT
#include "runtime/consumer/implicit_fence.hpp"

#include <poll.h>

#include <utility>

#include "runtime/common/clock.hpp"
#include "runtime/common/sync_file.hpp"

namespace vdmabuf::consumer {

UniqueFd writers_of(int dmabuf) {
    auto sync_file = implicit_fence(dmabuf);
    if (!sync_file || has_signalled(sync_file->get())) return {};
    return std::move(*sync_file);
}

Status wait_for(const UniqueFd& sync_file, std::uint64_t timeout_ns) {
    if (!sync_file) return {};
    const std::uint64_t end = now_ns() + timeout_ns;
    for (;;) {
        const std::uint64_t now = now_ns();
        if (has_signalled(sync_file.get())) return {};
        if (now >= end) return Error{ETIMEDOUT, "the producer's driver does not finish"};
        pollfd asked{sync_file.get(), POLLIN, 0};
        const int ms = static_cast<int>((end - now) / kNsPerMs) + 1;
        if (::poll(&asked, 1, ms) < 0 && errno != EINTR) return system_error("poll of a sync_file");
    }
}

}  // namespace vdmabuf::consumer
