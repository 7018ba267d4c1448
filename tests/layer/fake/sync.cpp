// SPDX-License-Identifier: MIT
// Semaphores, fences, submits, and the thread that stands for a device's GPU.
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>

#include "tests/layer/fake/driver.hpp"

namespace vdmabuf::fake {
namespace {

constexpr auto kSemaphoreSyncFd = VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_SYNC_FD_BIT;
constexpr auto kFenceSyncFd = VK_EXTERNAL_FENCE_HANDLE_TYPE_SYNC_FD_BIT;

// The GPU's thread. Queues take turns; a submit waits until its semaphores have signalled.
void run(Device& device) {
    const Served::Inside inside;
    std::unique_lock lock(driver().mutex);
    for (;;) {
        Queue* ready = nullptr;
        for (const auto& queue : device.queues) {
            if (driver().gpu_held || queue->submits.empty()) continue;
            auto& waits = queue->submits.front().waits;
            if (std::all_of(waits.begin(), waits.end(),
                            [](const auto& payload) { return has_signalled(*payload); })) {
                ready = queue.get();
                break;
            }
        }
        if (!ready) {
            if (device.stop) return;
            // Descriptors of others are looked at again and again.
            driver().changed.wait_for(lock, std::chrono::milliseconds(2));
            continue;
        }
        Submit work = std::move(ready->submits.front());
        ready->submits.pop_front();
        ready->busy = true;
        if (driver().gpu_time.count() > 0) {
            const auto time = driver().gpu_time;
            lock.unlock();
            std::this_thread::sleep_for(time);
            lock.lock();
        }
        for (const Command& command : work.commands) {
            if (device.lost) break;
            if (const std::string wrong = command(*ready); !wrong.empty()) error(wrong);
        }
        ready->busy = false;
        done(work);
    }
}

void use(Submit& work, Object& object) {
    ++object.pending;
    work.used.push_back(&object);
}

void add_commands(Queue& queue, VkCommandBuffer handle, Submit& work) {
    auto& buffer = *dispatched<CommandBuffer>(handle, "command buffer");
    if (buffer.pool->parent != queue.parent) error("a command buffer of another device");
    if (buffer.pool->family != queue.family) error("a command buffer of another queue family");
    if (buffer.state != CommandBuffer::State::executable) error("a command buffer not recorded");
    if (buffer.pending > 0 && !(buffer.usage & VK_COMMAND_BUFFER_USAGE_SIMULTANEOUS_USE_BIT)) {
        error("a command buffer is submitted while it is in use");
    }
    use(work, buffer);
    for (Object* object : buffer.used) {
        if (object->dead) {
            error(std::string("work with a ") + object->kind + " that was destroyed");
            continue;
        }
        use(work, *object);
    }
    work.commands.insert(work.commands.end(), buffer.commands.begin(), buffer.commands.end());
}

void add_fence(Queue& queue, VkFence fence, Submit& work) {
    if (fence != VK_NULL_HANDLE) promise_signal(queue, fence, work);
}

VkResult QueueSubmit(VkQueue handle, std::uint32_t count, const VkSubmitInfo* infos,
                     VkFence fence) {
    Queue& queue = queue_of(handle);
    if (static_cast<const Device*>(queue.parent)->lost) return VK_ERROR_DEVICE_LOST;
    note("count", count);
    note("fence", handle_bits(fence));
    note("queueFamily", queue.family);
    if (queue.handle.loader_data.loaderMagic == ICD_LOADER_MAGIC) {
        error("a queue without the loader's data (vkSetDeviceLoaderData)");
    }
    for (std::uint32_t i = 0; i < count; ++i) {
        Submit work;
        note("waits", infos[i].waitSemaphoreCount);
        note("signals", infos[i].signalSemaphoreCount);
        note("commandBuffers", infos[i].commandBufferCount);
        for (std::uint32_t j = 0; j < infos[i].waitSemaphoreCount; ++j) {
            if (infos[i].pWaitDstStageMask[j] == 0) error("waits at no stage");
            consume_wait(queue, infos[i].pWaitSemaphores[j], work);
        }
        for (std::uint32_t j = 0; j < infos[i].commandBufferCount; ++j) {
            add_commands(queue, infos[i].pCommandBuffers[j], work);
        }
        for (std::uint32_t j = 0; j < infos[i].signalSemaphoreCount; ++j) {
            promise_signal(queue, infos[i].pSignalSemaphores[j], work);
        }
        if (i + 1 == count) add_fence(queue, fence, work);
        submit(queue, std::move(work));
    }
    if (count == 0) {
        Submit work;
        add_fence(queue, fence, work);
        submit(queue, std::move(work));
    }
    return VK_SUCCESS;
}

VkResult QueueSubmit2(VkQueue handle, std::uint32_t count, const VkSubmitInfo2* infos,
                      VkFence fence) {
    Queue& queue = queue_of(handle);
    if (static_cast<const Device*>(queue.parent)->lost) return VK_ERROR_DEVICE_LOST;
    note("count", count);
    for (std::uint32_t i = 0; i < count; ++i) {
        Submit work;
        for (std::uint32_t j = 0; j < infos[i].waitSemaphoreInfoCount; ++j) {
            consume_wait(queue, infos[i].pWaitSemaphoreInfos[j].semaphore, work);
        }
        for (std::uint32_t j = 0; j < infos[i].commandBufferInfoCount; ++j) {
            add_commands(queue, infos[i].pCommandBufferInfos[j].commandBuffer, work);
        }
        for (std::uint32_t j = 0; j < infos[i].signalSemaphoreInfoCount; ++j) {
            promise_signal(queue, infos[i].pSignalSemaphoreInfos[j].semaphore, work);
        }
        if (i + 1 == count) add_fence(queue, fence, work);
        submit(queue, std::move(work));
    }
    if (count == 0) {
        Submit work;
        add_fence(queue, fence, work);
        submit(queue, std::move(work));
    }
    return VK_SUCCESS;
}

VkResult QueueBindSparse(VkQueue handle, std::uint32_t count, const VkBindSparseInfo* infos,
                         VkFence fence) {
    Queue& queue = queue_of(handle);
    if (static_cast<const Device*>(queue.parent)->lost) return VK_ERROR_DEVICE_LOST;
    Submit work;
    for (std::uint32_t i = 0; i < count; ++i) {
        for (std::uint32_t j = 0; j < infos[i].waitSemaphoreCount; ++j) {
            consume_wait(queue, infos[i].pWaitSemaphores[j], work);
        }
        for (std::uint32_t j = 0; j < infos[i].signalSemaphoreCount; ++j) {
            promise_signal(queue, infos[i].pSignalSemaphores[j], work);
        }
    }
    add_fence(queue, fence, work);
    submit(queue, std::move(work));
    return VK_SUCCESS;
}

VkResult QueueWaitIdle(VkQueue handle) {
    const Queue& queue = queue_of(handle);
    driver().changed.wait(Served::current().lock(),
                          [&] { return queue.submits.empty() && !queue.busy; });
    return VK_SUCCESS;
}

VkResult CreateSemaphore(VkDevice handle, const VkSemaphoreCreateInfo* info,
                         const VkAllocationCallbacks* allocator, VkSemaphore* out) {
    Device& device = device_of(handle);
    note_chain(info->pNext, &device);
    auto* semaphore = driver().make<Semaphore>("semaphore", &device, allocator);
    if (!semaphore) return VK_ERROR_OUT_OF_HOST_MEMORY;
    const auto* exports = find_in_chain<VkExportSemaphoreCreateInfo>(
        info->pNext, VK_STRUCTURE_TYPE_EXPORT_SEMAPHORE_CREATE_INFO);
    semaphore->exportable = exports && (exports->handleTypes & kSemaphoreSyncFd);
    if (semaphore->exportable && !device.physical->config.exports_sync_fd) {
        error("a semaphore to be exported, which the device cannot");
    }
    *out = handle_of<VkSemaphore>(semaphore->id);
    return VK_SUCCESS;
}

void DestroySemaphore(VkDevice handle, VkSemaphore semaphore,
                      const VkAllocationCallbacks* allocator) {
    if (semaphore == VK_NULL_HANDLE) return;
    auto* found = driver().find<Semaphore>(semaphore, "semaphore", &device_of(handle));
    if (found) driver().end(*found, allocator);
}

VkResult CreateFence(VkDevice handle, const VkFenceCreateInfo* info,
                     const VkAllocationCallbacks* allocator, VkFence* out) {
    Device& device = device_of(handle);
    note_chain(info->pNext, &device);
    auto* fence = driver().make<Fence>("fence", &device, allocator);
    if (!fence) return VK_ERROR_OUT_OF_HOST_MEMORY;
    const bool signalled = info->flags & VK_FENCE_CREATE_SIGNALED_BIT;
    fence->permanent->promised = signalled;
    fence->permanent->signalled = signalled;
    *out = handle_of<VkFence>(fence->id);
    return VK_SUCCESS;
}

void DestroyFence(VkDevice handle, VkFence fence, const VkAllocationCallbacks* allocator) {
    if (fence == VK_NULL_HANDLE) return;
    auto* found = driver().find<Fence>(fence, "fence", &device_of(handle));
    if (found) driver().end(*found, allocator);
}

VkResult ResetFences(VkDevice handle, std::uint32_t count, const VkFence* fences) {
    Device& device = device_of(handle);
    for (std::uint32_t i = 0; i < count; ++i) {
        auto* fence = driver().find<Fence>(fences[i], "fence", &device);
        if (!fence) continue;
        if (fence->pending > 0) error("a fence in use is reset");
        fence->temporary.reset();
        fence->permanent = std::make_shared<Payload>();
    }
    return VK_SUCCESS;
}

VkResult GetFenceStatus(VkDevice handle, VkFence fence) {
    auto* found = driver().find<Fence>(fence, "fence", &device_of(handle));
    return found && has_signalled(*found->payload()) ? VK_SUCCESS : VK_NOT_READY;
}

VkResult WaitForFences(VkDevice handle, std::uint32_t count, const VkFence* handles, VkBool32 all,
                       std::uint64_t timeout) {
    using Clock = std::chrono::steady_clock;
    Device& device = device_of(handle);
    std::vector<Fence*> fences;
    for (std::uint32_t i = 0; i < count; ++i) {
        auto* fence = driver().find<Fence>(handles[i], "fence", &device);
        if (!fence) return VK_ERROR_DEVICE_LOST;
        fences.push_back(fence);
    }
    const bool for_ever = timeout > 1'000'000'000ull * 3600 * 24 * 365;
    const auto deadline = Clock::now() + std::chrono::nanoseconds(for_ever ? 0 : timeout);
    for (;;) {
        const auto ready = [](Fence* fence) { return has_signalled(*fence->payload()); };
        if (all ? std::all_of(fences.begin(), fences.end(), ready)
                : std::any_of(fences.begin(), fences.end(), ready)) {
            return VK_SUCCESS;
        }
        if (device.lost) return VK_ERROR_DEVICE_LOST;
        if (!for_ever && Clock::now() >= deadline) return VK_TIMEOUT;
        driver().changed.wait_for(Served::current().lock(), std::chrono::milliseconds(2));
    }
}

void import(std::shared_ptr<Payload>& payload, int fd) {
    payload = std::make_shared<Payload>();
    payload->promised = true;
    payload->signalled = fd < 0;
    payload->imported.reset(fd);
}

VkResult ImportSemaphoreFdKHR(VkDevice handle, const VkImportSemaphoreFdInfoKHR* info) {
    Device& device = device_of(handle);
    auto* semaphore = driver().find<Semaphore>(info->semaphore, "semaphore", &device);
    note("semaphore", handle_bits(info->semaphore));
    note("handleType", info->handleType);
    note("flags", info->flags);
    note("fd", static_cast<std::uint64_t>(static_cast<std::int64_t>(info->fd)));
    if (!semaphore || info->handleType != kSemaphoreSyncFd) return VK_ERROR_INVALID_EXTERNAL_HANDLE;
    if (!device.physical->config.imports_sync_fd) error("SYNC_FD is not imported by this device");
    if (!(info->flags & VK_SEMAPHORE_IMPORT_TEMPORARY_BIT)) error("a SYNC_FD for good");
    if (semaphore->pending > 0) error("an import to a semaphore in use");
    if (semaphore->payload()->promised) error("an import to a semaphore that is signalled");
    import(semaphore->temporary, info->fd);
    return VK_SUCCESS;
}

VkResult ImportFenceFdKHR(VkDevice handle, const VkImportFenceFdInfoKHR* info) {
    Device& device = device_of(handle);
    auto* fence = driver().find<Fence>(info->fence, "fence", &device);
    note("fence", handle_bits(info->fence));
    note("handleType", info->handleType);
    note("flags", info->flags);
    note("fd", static_cast<std::uint64_t>(static_cast<std::int64_t>(info->fd)));
    if (!fence || info->handleType != kFenceSyncFd) return VK_ERROR_INVALID_EXTERNAL_HANDLE;
    if (!device.physical->config.imports_sync_fd) error("SYNC_FD is not imported by this device");
    if (!(info->flags & VK_FENCE_IMPORT_TEMPORARY_BIT)) error("a SYNC_FD for good");
    if (fence->pending > 0) error("an import to a fence in use");
    if (fence->payload()->promised) error("an import to a fence that is signalled");
    import(fence->temporary, info->fd);
    driver().changed.notify_all();
    return VK_SUCCESS;
}

// -1 is the SYNC_FD of what has signalled already.
VkResult export_payload(const Device& device, const std::shared_ptr<Payload>& payload, int& out) {
    out = -1;
    if (device.physical->config.exports_when_done) {
        driver().changed.wait(Served::current().lock(), [&] { return has_signalled(*payload); });
    }
    if (has_signalled(*payload)) return VK_SUCCESS;
    const int fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0) return VK_ERROR_TOO_MANY_OBJECTS;
    payload->exported.emplace_back(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
    out = fd;
    return VK_SUCCESS;
}

VkResult GetSemaphoreFdKHR(VkDevice handle, const VkSemaphoreGetFdInfoKHR* info, int* out) {
    auto* semaphore = driver().find<Semaphore>(info->semaphore, "semaphore", &device_of(handle));
    if (!semaphore || info->handleType != kSemaphoreSyncFd) return VK_ERROR_OUT_OF_HOST_MEMORY;
    if (!semaphore->exportable) error("a semaphore that was not made to be exported");
    if (!semaphore->payload()->promised) error("the SYNC_FD of what nothing signals");
    const auto payload = semaphore->payload();
    semaphore->temporary.reset();
    if (payload == semaphore->permanent) semaphore->permanent = std::make_shared<Payload>();
    return export_payload(device_of(handle), payload, *out);
}

VkResult GetFenceFdKHR(VkDevice handle, const VkFenceGetFdInfoKHR* info, int* out) {
    auto* fence = driver().find<Fence>(info->fence, "fence", &device_of(handle));
    if (!fence || info->handleType != kFenceSyncFd) return VK_ERROR_OUT_OF_HOST_MEMORY;
    if (!fence->payload()->promised) error("the SYNC_FD of what nothing signals");
    const auto payload = fence->payload();
    fence->temporary.reset();
    if (payload == fence->permanent) fence->permanent = std::make_shared<Payload>();
    return export_payload(device_of(handle), payload, *out);
}

}  // namespace

void done(Submit& work) {
    for (const auto& payload : work.signals) signal(*payload);
    for (Object* object : work.used) --object->pending;
    driver().changed.notify_all();
}

bool has_signalled(Payload& payload) {
    if (payload.signalled || payload.imported.get() < 0) return payload.signalled;
    pollfd ready{payload.imported.get(), POLLIN, 0};
    payload.signalled = ::poll(&ready, 1, 0) == 1;
    return payload.signalled;
}

void signal(Payload& payload) {
    payload.signalled = true;
    for (const UniqueFd& fd : payload.exported) {
        const std::uint64_t one = 1;
        (void)!::write(fd.get(), &one, sizeof(one));
    }
    payload.exported.clear();
}

void consume_wait(Queue& queue, VkSemaphore handle, Submit& work) {
    auto* semaphore = driver().find<Semaphore>(handle, "semaphore", queue.parent);
    if (!semaphore) return;
    if (!semaphore->payload()->promised) {
        error("waits for a semaphore that nothing signals");
        return;
    }
    work.waits.push_back(semaphore->payload());
    use(work, *semaphore);
    if (semaphore->temporary) {
        semaphore->temporary.reset();
    } else {
        semaphore->permanent = std::make_shared<Payload>();
    }
}

void promise_signal(Queue& queue, VkSemaphore handle, Submit& work) {
    auto* semaphore = driver().find<Semaphore>(handle, "semaphore", queue.parent);
    if (!semaphore) return;
    if (semaphore->payload()->promised) error("a semaphore is signalled twice");
    semaphore->payload()->promised = true;
    work.signals.push_back(semaphore->payload());
    use(work, *semaphore);
}

void promise_signal(Queue& queue, VkFence handle, Submit& work) {
    auto* fence = driver().find<Fence>(handle, "fence", queue.parent);
    if (!fence) return;
    if (fence->payload()->promised) error("a fence that is signalled, or will be");
    fence->payload()->promised = true;
    work.signals.push_back(fence->payload());
    use(work, *fence);
}

void submit(Queue& queue, Submit&& work) {
    queue.submits.push_back(std::move(work));
    driver().changed.notify_all();
}

void start_gpu(Device& device) {
    device.gpu = std::thread([&device] { run(device); });
}

void stop_gpu(Device& device) {
    device.stop = true;
    driver().changed.notify_all();
    auto& lock = Served::current().lock();
    lock.unlock();
    device.gpu.join();
    lock.lock();
}

std::vector<Function> sync_functions() {
    const char* const semaphore_fd = "VK_KHR_external_semaphore_fd";
    const char* const fence_fd = "VK_KHR_external_fence_fd";
    return {
        FAKE(QueueSubmit),
        FAKE_IN(QueueSubmit2, "", VK_API_VERSION_1_3),
        FAKE(QueueBindSparse),
        FAKE(QueueWaitIdle),
        FAKE(CreateSemaphore),
        FAKE(DestroySemaphore),
        FAKE(CreateFence),
        FAKE(DestroyFence),
        FAKE(ResetFences),
        FAKE(GetFenceStatus),
        FAKE(WaitForFences),
        FAKE_IN(ImportSemaphoreFdKHR, semaphore_fd, 0),
        FAKE_IN(GetSemaphoreFdKHR, semaphore_fd, 0),
        FAKE_IN(ImportFenceFdKHR, fence_fd, 0),
        FAKE_IN(GetFenceFdKHR, fence_fd, 0),
    };
}

}  // namespace vdmabuf::fake
