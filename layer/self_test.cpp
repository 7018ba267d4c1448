// SPDX-License-Identifier: MIT
#include "layer/self_test.hpp"

#include <linux/dma-buf.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <new>
#include <optional>

#include "layer/fence_wait.hpp"
#include "layer/instance.hpp"
#include "layer/reimported_image.hpp"
#include "layer/test_pattern.hpp"
#include "runtime/common/clock.hpp"
#include "runtime/common/log.hpp"

namespace vdmabuf::layer {
namespace {

constexpr std::uint64_t kGpuLimitNs = 2 * kNsPerSecond;

// What a result depends on: the driver on this kind of GPU, and where pages come from.
struct Key {
    std::array<std::uint8_t, VK_UUID_SIZE> driver{};
    stream::Strategy strategy{};
    producer::Endpoint::Kind pages{};
    bool operator==(const Key&) const = default;
};
struct Verdict {
    Key key;
    bool works = false;
};

// Never destroyed: threads of the app may make swapchains while the process exits.
struct Verdicts {
    std::mutex mutex;
    std::vector<Verdict> list;
};
Verdicts& verdicts() {
    static Verdicts* const all = new Verdicts;
    return *all;
}

Key key_of(const Device& device, const ImageStrategy& strategy, producer::Endpoint::Kind pages) {
    return {device.physical().cache_uuid, strategy.id(), pages};
}

// Everything that the test makes; left to a GPU that does not finish.
struct Objects {
    std::unique_ptr<SharedImage> shared;
    TestPattern pattern;
    std::optional<ReimportedImage> reimported;  // of an image that is tiled
    OwnedCommandPool pool;
    VkCommandBuffer commands = VK_NULL_HANDLE;
    OwnedFence fence;
};

VkResult record(const Device& device, std::uint32_t family, Objects& made) {
    const DeviceDispatch& down = device.down();
    VkCommandPoolCreateInfo pool_info{};
    pool_info.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO;
    pool_info.queueFamilyIndex = family;
    VkCommandPool pool = VK_NULL_HANDLE;
    VkResult result = down.CreateCommandPool(device.handle(), &pool_info, own_allocator(), &pool);
    if (result != VK_SUCCESS) return result;
    made.pool = OwnedCommandPool(device, pool);
    VkCommandBufferAllocateInfo allocate_info{};
    allocate_info.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO;
    allocate_info.commandPool = pool;
    allocate_info.level = VK_COMMAND_BUFFER_LEVEL_PRIMARY;
    allocate_info.commandBufferCount = 1;
    result = down.AllocateCommandBuffers(device.handle(), &allocate_info, &made.commands);
    if (result == VK_SUCCESS) result = device.set_loader_data(made.commands);
    if (result != VK_SUCCESS) return result;
    VkCommandBufferBeginInfo begin{};
    begin.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO;
    begin.flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT;
    result = down.BeginCommandBuffer(made.commands, &begin);
    if (result != VK_SUCCESS) return result;
    made.pattern.record(down, made.commands);
    made.shared->record_present(device, made.commands, family, VK_IMAGE_LAYOUT_PRESENT_SRC_KHR);
    if (made.reimported) made.reimported->record(device, made.commands, family);
    return down.EndCommandBuffer(made.commands);
}

VkResult run(const Device& device, Queue& queue, Objects& made) {
    const DeviceDispatch& down = device.down();
    VkFenceCreateInfo fence_info{};
    fence_info.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO;
    VkFence fence = VK_NULL_HANDLE;
    VkResult result = down.CreateFence(device.handle(), &fence_info, nullptr, &fence);
    if (result != VK_SUCCESS) return result;
    made.fence = OwnedFence(device, fence);
    VkSubmitInfo submit{};
    submit.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO;
    submit.commandBufferCount = 1;
    submit.pCommandBuffers = &made.commands;
    {
        const auto lock = queue.lock();
        result = down.QueueSubmit(queue.handle, 1, &submit, fence);
    }
    if (result != VK_SUCCESS) return result;
    return wait_for_fence(device, fence, kGpuLimitNs);
}

bool arrived(const Objects& made) {
    if (made.reimported) return TestPattern::is_in(made.reimported->pixels(), 0);
    const producer::Buffer& buffer = *made.shared->buffer();
    const stream::Plane& plane = made.shared->layout().planes[0];
    const auto in_pages = [&](const Mapping& pages) {
        if (plane.offset > pages.size()) return false;
        return TestPattern::is_in(
            std::span(pages.bytes(), pages.size()).subspan(static_cast<std::size_t>(plane.offset)),
            plane.pitch);
    };
    if (buffer.mapping) return in_pages(buffer.mapping);
    // The driver's own dmabuf.
    const int fd = buffer.fd.get();
    const auto size = static_cast<std::size_t>(buffer.size);
    void* const address = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
    if (address == MAP_FAILED) return false;
    const Mapping mapping(address, size);
    dma_buf_sync sync{DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ};
    (void)::ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync);
    const bool good = in_pages(mapping);
    sync.flags = DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ;
    (void)::ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync);
    return good;
}

constexpr const char* kNoMemory = "no memory to test with";

// Null: works. Else what does not. The modifiers are those of the swapchain, as far as the driver
// has them for the pattern's format too.
const char* test(const Device& device, const ImageStrategy& strategy,
                 producer::Connection& connection, std::span<const std::uint64_t> modifiers) {
    Queue* queue = device.graphics_queue();
    if (!queue) return "the app has no graphics queue to test with";
    ImageRequest request = TestPattern::request();
    request.modifiers.assign(modifiers.begin(), modifiers.end());
    if (!strategy.supports(device, request)) return "the driver does not support it";
    auto made = std::make_unique<Objects>();
    VkResult result = strategy.create(device, request, &connection, made->shared);
    if (result == VK_ERROR_OUT_OF_HOST_MEMORY) return kNoMemory;
    if (result != VK_SUCCESS) return "no image could be made";
    if (made->shared->layout().modifier != kModifierLinear) {
        made->reimported.emplace();
        result = made->reimported->init(device, request, *made->shared);
        if (result == VK_ERROR_OUT_OF_HOST_MEMORY) return kNoMemory;
        if (result != VK_SUCCESS) return "what the driver exports cannot be imported";
    }
    result = made->pattern.init(device, made->shared->image());
    if (result == VK_SUCCESS) result = record(device, queue->family, *made);
    if (result == VK_ERROR_OUT_OF_HOST_MEMORY) return kNoMemory;
    if (result != VK_SUCCESS) return "no commands could be made";
    result = run(device, *queue, *made);
    if (result == VK_ERROR_OUT_OF_HOST_MEMORY) return kNoMemory;
    if (result == VK_TIMEOUT) {
        (void)made.release();  // the GPU may still use them: a leak, in place of a crash
        return "the GPU does not finish";
    }
    if (result != VK_SUCCESS) return "the GPU does not work";
    return arrived(*made) ? nullptr : "other pixels are in the pages";
}

void remember(const Key& key, bool works) {
    std::vector<Verdict>& list = verdicts().list;
    const auto known = std::find_if(list.begin(), list.end(),
                                    [&](const Verdict& verdict) { return verdict.key == key; });
    if (known == list.end()) {
        list.push_back({key, works});
    } else {
        known->works = works;
    }
}

}  // namespace

bool strategy_works(const Device& device, const ImageStrategy& strategy,
                    producer::Connection& connection, std::span<const std::uint64_t> modifiers) {
    // What the CPU copies by itself needs no proof.
    if (strategy.needs_cpu()) return true;
    const Key key = key_of(device, strategy, connection.endpoint().kind);
    // Held during the test, so that two threads do not make it twice.
    const std::lock_guard lock(verdicts().mutex);
    for (const Verdict& verdict : verdicts().list) {
        if (verdict.key == key) return verdict.works;
    }
    const std::uint64_t start = now_ns();
    const char* failure = test(device, strategy, connection, modifiers);
    // An app that runs out of memory for once has not shown anything.
    if (failure != kNoMemory) remember(key, failure == nullptr);
    if (failure) {
        LOG_WARNING("strategy %s is not used: %s", strategy.name(), failure);
    } else {
        LOG_DEBUG("strategy %s tested in %.1f ms", strategy.name(),
                  static_cast<double>(now_ns() - start) / static_cast<double>(kNsPerMs));
    }
    return failure == nullptr;
}

void strategy_failed(const Device& device, const ImageStrategy& strategy) {
    const std::lock_guard lock(verdicts().mutex);
    for (const auto pages : {producer::Endpoint::Kind::device, producer::Endpoint::Kind::socket}) {
        remember(key_of(device, strategy, pages), false);
    }
}

}  // namespace vdmabuf::layer
