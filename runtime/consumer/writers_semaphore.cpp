// SPDX-License-Identifier: MIT
#include "runtime/consumer/writers_semaphore.hpp"

#include "runtime/consumer/gpu/result.hpp"
#include "runtime/consumer/implicit_fence.hpp"

namespace vdmabuf::consumer {

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
