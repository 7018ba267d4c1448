// SPDX-License-Identifier: MIT
#include "runtime/consumer/implicit_fence.hpp"

#include <poll.h>

#include <utility>

#include "runtime/common/clock.hpp"
#include "runtime/common/sync_file.hpp"
#include "runtime/consumer/gpu/result.hpp"

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

Result<gpu::Semaphore> semaphore_of_writers(const gpu::Device& device, int dmabuf) {
    UniqueFd sync_file = writers_of(dmabuf);
    if (!sync_file) return gpu::Semaphore();
    if (!device.abilities().sync_file) {
        if (auto done = wait_for(sync_file); !done) return done.error();
        return gpu::Semaphore();
    }
    VkSemaphoreCreateInfo info{};
    info.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO;
    VkSemaphore made = VK_NULL_HANDLE;
    VkResult done = vkCreateSemaphore(device.get(), &info, nullptr, &made);
    if (done != VK_SUCCESS) return gpu::vulkan_error("vkCreateSemaphore", done);
    gpu::Semaphore semaphore(device.get(), made);
    done = device.import_sync_file(made, sync_file.get());
    if (done != VK_SUCCESS) return gpu::vulkan_error("vkImportSemaphoreFdKHR", done);
    static_cast<void>(sync_file.release());  // the driver's from now on
    return semaphore;
}

}  // namespace vdmabuf::consumer
