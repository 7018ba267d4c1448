// SPDX-License-Identifier: MIT
#include "layer/swapchain.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <new>
#include <system_error>

#include "layer/fence_wait.hpp"
#include "layer/instance.hpp"
#include "layer/present_modes.hpp"
#include "layer/scaling.hpp"
#include "layer/self_test.hpp"
#include "runtime/common/clock.hpp"
#include "runtime/common/log.hpp"

namespace vdmabuf::layer {
namespace {

constexpr std::uint64_t kGpuSliceNs = 50 * kNsPerMs;
// Presents of a shared image that the GPU may be behind.
constexpr std::uint32_t kSharedTurns = 4;

constexpr VkSwapchainCreateFlagsKHR kKnownFlags =
    VK_SWAPCHAIN_CREATE_MUTABLE_FORMAT_BIT_KHR |
    // What "may" be deferred is not.
    VK_SWAPCHAIN_CREATE_DEFERRED_MEMORY_ALLOCATION_BIT_EXT
#if defined(VK_KHR_present_id2) && defined(VK_KHR_present_wait2)
    | VK_SWAPCHAIN_CREATE_PRESENT_ID_2_BIT_KHR | VK_SWAPCHAIN_CREATE_PRESENT_WAIT_2_BIT_KHR
#endif
    ;

// The modes that the app wants to change to (VkSwapchainPresentModesCreateInfoEXT) are all
// possible.
bool modes_are_compatible(const VkSwapchainCreateInfoKHR& info, const PhysicalDevice& physical) {
    const auto* wanted = find_in_chain<VkSwapchainPresentModesCreateInfoEXT>(
        info.pNext, VK_STRUCTURE_TYPE_SWAPCHAIN_PRESENT_MODES_CREATE_INFO_EXT);
    if (!wanted) return true;
    const auto possible = compatible_modes(physical, info.presentMode);
    return std::all_of(wanted->pPresentModes, wanted->pPresentModes + wanted->presentModeCount,
                       [&](VkPresentModeKHR mode) {
                           return std::find(possible.begin(), possible.end(), mode) !=
                                  possible.end();
                       });
}

// Why this cannot be a swapchain, as a driver would refuse it; or nullptr.
const char* refusal(const VkSwapchainCreateInfoKHR& info, const PhysicalDevice& physical) {
    const VkExtent2D extent = info.imageExtent;
    const std::uint32_t largest = std::min(physical.limits.maxImageDimension2D, stream::kMaxExtent);
    if (extent.width == 0 || extent.height == 0 || extent.width > largest ||
        extent.height > largest) {
        return "image extent";
    }
    const bool format = std::any_of(
        physical.formats.begin(), physical.formats.end(), [&](const VkSurfaceFormatKHR& known) {
            return known.format == info.imageFormat && known.colorSpace == info.imageColorSpace;
        });
    if (!format) return "image format";
    if (info.minImageCount > kMaxImages) return "number of images";
    if (info.imageArrayLayers != 1) return "array layers";
    if (info.imageUsage == 0) return "image usage";
    if (!is_present_mode(physical, info.presentMode)) return "present mode";
    if (!modes_are_compatible(info, physical)) return "present modes to change to";
    if (info.preTransform != VK_SURFACE_TRANSFORM_IDENTITY_BIT_KHR) return "transform";
    if ((info.flags & ~kKnownFlags) != 0) return "flags";
    return nullptr;
}

ImageRequest request_of(const VkSwapchainCreateInfoKHR& info) {
    ImageRequest request;
    request.format = *find_format(info.imageFormat);
    request.extent = info.imageExtent;
    request.usage = info.imageUsage;
    request.sharing = info.imageSharingMode;
    if (info.imageSharingMode == VK_SHARING_MODE_CONCURRENT) {
        request.families.assign(info.pQueueFamilyIndices,
                                info.pQueueFamilyIndices + info.queueFamilyIndexCount);
    }
    if (info.flags & VK_SWAPCHAIN_CREATE_MUTABLE_FORMAT_BIT_KHR) {
        // What the flag of the swapchain means for its images (VK_KHR_swapchain_mutable_format).
        request.flags = VK_IMAGE_CREATE_MUTABLE_FORMAT_BIT | VK_IMAGE_CREATE_EXTENDED_USAGE_BIT;
        const auto* list = find_in_chain<VkImageFormatListCreateInfo>(
            info.pNext, VK_STRUCTURE_TYPE_IMAGE_FORMAT_LIST_CREATE_INFO);
        if (list) {
            request.view_formats.assign(list->pViewFormats,
                                        list->pViewFormats + list->viewFormatCount);
        }
    }
    return request;
}

}  // namespace

Swapchain::Swapchain(Device& device, std::shared_ptr<Surface> surface)
    : device_(device), surface_(std::move(surface)) {}

VkResult Swapchain::create(Device& device, std::shared_ptr<Surface> surface,
                           const VkSwapchainCreateInfoKHR& info, std::unique_ptr<Swapchain>& out) {
    std::unique_ptr<Swapchain> swapchain(new Swapchain(device, std::move(surface)));
    const VkResult result = swapchain->init(info);
    if (result == VK_SUCCESS) out = std::move(swapchain);
    return result;
}

VkResult Swapchain::init(const VkSwapchainCreateInfoKHR& info) {
    if (const char* what = refusal(info, device_.physical())) {
        LOG_WARNING("swapchain refused: %s", what);
        return VK_ERROR_INITIALIZATION_FAILED;
    }
    if (!scaling_of(info, scaling_)) {
        LOG_WARNING("swapchain refused: scaling");
        return VK_ERROR_INITIALIZATION_FAILED;
    }
    if (surface_->lost()) return VK_ERROR_SURFACE_LOST_KHR;
    extent_ = info.imageExtent;
    mode_ = info.presentMode;
    shares_image_ = is_shared_mode(mode_);
    request_ = request_of(info);
    if (surface_->connection()) {
        // Scaled to the window: its size is the stream's.
        const std::optional<VkExtent2D> window = scaling_.behaviour == stream::ScalingBehaviour::any
                                                     ? std::nullopt
                                                     : surface_->known_extent();
        stream_ = surface_->stream(window.value_or(extent_));
        if (!stream_) return VK_ERROR_INITIALIZATION_FAILED;
        // The version first: a change in between is noticed later.
        formats_version_ = surface_->connection()->formats_version();
        // What is compressed is resolved by taking it from the app, which keeps a shared image.
        if (!shares_image_) {
            request_.modifiers =
                modifiers_of(request_.format.fourcc, surface_->connection()->formats());
        }
        stream_->set_hdr({});  // what an older swapchain had was its own
    }
    const std::uint32_t count =
        shares_image_ ? kSharedTurns : std::max(info.minImageCount, kMinImages);
    const VkResult result = choose_strategy(count);
    if (result != VK_SUCCESS) return result;
    free_ = Ring<std::uint32_t>(count);
    for (std::uint32_t i = 0; i < count; ++i) free_.push(i);
    std::vector<PresentWorker::Target> targets;
    for (const Image& image : images_) {
        targets.push_back({image.shared.get(), image.fence.get(), image.slot});
    }
    log_.emplace(count);
    worker_.emplace(device_, stream_, std::move(targets), static_cast<PresentWorker::Owner&>(*this),
                    *log_, shares_image_);
    if (sync_ == PresentSync::worker || surface_->has_upkeep()) start_worker();
    surface_->add(this);
    LOG_INFO("swapchain: %zu images of %ux%u, strategy %s, %s", handles_.size(), extent_.width,
             extent_.height, strategy_->name(), sync_ == PresentSync::fence ? "fences" : "worker");
    return VK_SUCCESS;
}

// The first strategy that works for these images. VK_ERROR_INVALID_EXTERNAL_HANDLE: the host does
// not take what it makes.
VkResult Swapchain::choose_strategy(std::uint32_t count) {
    producer::Connection* connection = surface_->connection().get();
    VkResult result = VK_ERROR_INITIALIZATION_FAILED;
    for (const ImageStrategy* strategy : strategies_for(device_, request_, stream_ != nullptr)) {
        if (stream_ && !strategy_works(device_, *strategy, *connection, request_.modifiers)) {
            continue;
        }
        strategy_ = strategy;
        result = create_images(count);
        if (result == VK_SUCCESS) result = record_commands();
        if (result == VK_SUCCESS) {
            result = announce();
            if (result == VK_ERROR_INVALID_EXTERNAL_HANDLE) strategy_failed(device_, *strategy);
            // Out of something that every strategy needs.
            if (result == VK_ERROR_OUT_OF_DEVICE_MEMORY) break;
        }
        // Another way would need as much, and drivers that are out of it do not take commands well.
        if (result == VK_SUCCESS || result == VK_ERROR_OUT_OF_HOST_MEMORY) return result;
        LOG_INFO("strategy %s failed: VkResult %d", strategy->name(), result);
        forget_images();
    }
    // Nothing that an import may say reaches the app.
    return result == VK_ERROR_INVALID_EXTERNAL_HANDLE ? VK_ERROR_INITIALIZATION_FAILED : result;
}

VkResult Swapchain::create_images(std::uint32_t count) {
    sync_ = present_sync({device_.physical().type, device_.abilities().exports_sync_fd,
                          stream_ != nullptr, strategy_->needs_cpu()},
                         std::getenv("VDMABUF_SYNC"));
    // Whether a shared image may be shown is told by the worker alone.
    if (shares_image_) sync_ = PresentSync::worker;
    images_.resize(count);
    handles_.resize(shares_image_ ? 1 : count);
    for (std::uint32_t i = 0; i < count; ++i) {
        VkResult result = VK_SUCCESS;
        if (i < handles_.size()) {
            std::unique_ptr<SharedImage> made;
            result = strategy_->create(device_, request_, surface_->connection().get(), made);
            if (result == VK_SUCCESS) handles_[i] = made->image();
            images_[i].shared = std::move(made);
        } else {
            images_[i].shared = images_.front().shared;
        }
        if (result == VK_SUCCESS) result = create_sync(images_[i]);
        if (result != VK_SUCCESS) return result;
    }
    modifier_ = ModifierWatch(request_.format.fourcc, images_.front().shared->layout().modifier,
                              formats_version_);
    return VK_SUCCESS;
}

VkResult Swapchain::create_sync(Image& image) {
    VkFenceCreateInfo fence_info{};
    fence_info.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO;
    VkFence fence = VK_NULL_HANDLE;
    VkResult result = device_.down().CreateFence(device_.handle(), &fence_info, nullptr, &fence);
    if (result != VK_SUCCESS) return result;
    image.fence = OwnedFence(device_, fence);
    if (sync_ != PresentSync::fence) return VK_SUCCESS;
    const VkExportSemaphoreCreateInfo exported{VK_STRUCTURE_TYPE_EXPORT_SEMAPHORE_CREATE_INFO,
                                               nullptr,
                                               VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_SYNC_FD_BIT};
    const VkSemaphoreCreateInfo info{VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO, &exported, 0};
    VkSemaphore semaphore = VK_NULL_HANDLE;
    result = device_.down().CreateSemaphore(device_.handle(), &info, nullptr, &semaphore);
    if (result == VK_SUCCESS) image.done = OwnedSemaphore(device_, semaphore);
    return result;
}

void Swapchain::withdraw_images() {
    for (std::size_t i = 0; announced_ && i < handles_.size(); ++i) {
        stream_->remove_image(images_[i].slot);
    }
    announced_ = false;
}

void Swapchain::forget_images() {
    withdraw_images();
    images_.clear();
    pools_.clear();
}

// One command buffer for each image and family, recorded once: presenting only submits.
VkResult Swapchain::record_commands() {
    const DeviceDispatch& down = device_.down();
    const auto count = static_cast<std::uint32_t>(images_.size());
    for (const std::uint32_t family : device_.present_families()) {
        VkCommandPoolCreateInfo pool_info{};
        pool_info.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO;
        pool_info.queueFamilyIndex = family;
        VkCommandPool pool = VK_NULL_HANDLE;
        VkResult result =
            down.CreateCommandPool(device_.handle(), &pool_info, own_allocator(), &pool);
        if (result != VK_SUCCESS) return result;
        OwnedCommandPool owned(device_, pool);  // also if there is no room for it
        pools_.push_back(std::move(owned));
        std::vector<VkCommandBuffer> commands(count);
        VkCommandBufferAllocateInfo allocate_info{};
        allocate_info.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO;
        allocate_info.commandPool = pool;
        allocate_info.level = VK_COMMAND_BUFFER_LEVEL_PRIMARY;
        allocate_info.commandBufferCount = count;
        result = down.AllocateCommandBuffers(device_.handle(), &allocate_info, commands.data());
        if (result != VK_SUCCESS) return result;
        for (std::uint32_t i = 0; i < count; ++i) {
            result = device_.set_loader_data(commands[i]);
            if (result != VK_SUCCESS) return result;
            VkCommandBufferBeginInfo begin{};
            begin.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO;
            result = down.BeginCommandBuffer(commands[i], &begin);
            if (result != VK_SUCCESS) return result;
            images_[i].shared->record_present(device_, commands[i], family,
                                              shares_image_ ? VK_IMAGE_LAYOUT_SHARED_PRESENT_KHR
                                                            : VK_IMAGE_LAYOUT_PRESENT_SRC_KHR);
            result = down.EndCommandBuffer(commands[i]);
            if (result != VK_SUCCESS) return result;
            images_[i].commands.push_back(commands[i]);
        }
    }
    return VK_SUCCESS;
}

VkResult Swapchain::announce() {
    if (!stream_) return VK_SUCCESS;
    auto slots = stream_->reserve_slots(static_cast<std::uint32_t>(handles_.size()));
    if (!slots) {
        LOG_WARNING("swapchain refused: %s", slots.error().text.c_str());
        return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    }
    for (std::size_t i = 0; i < images_.size(); ++i) {
        images_[i].slot = (*slots)[shares_image_ ? 0 : i];
        index_of_slot_[images_[i].slot] = static_cast<std::uint8_t>(i);
    }
    announced_ = true;
    for (std::size_t i = 0; i < handles_.size(); ++i) {
        const Image& image = images_[i];
        producer::ImageInfo layout = image.shared->layout();
        layout.scaling = scaling_;
        const Status status = stream_->set_image(image.slot, layout, image.shared->buffer(), this);
        if (!status) {
            LOG_WARNING("an image could not be shared: %s", status.error().text.c_str());
            // SHARE's answer to memory that is not the guest's own (virtio_vdmabuf.h).
            return status.error().code == EOPNOTSUPP ? VK_ERROR_INVALID_EXTERNAL_HANDLE
                                                     : VK_ERROR_OUT_OF_DEVICE_MEMORY;
        }
    }
    return VK_SUCCESS;
}

Swapchain::~Swapchain() {
    const bool worker_done = !worker_ || worker_->stop();
    const bool gpu_done = wait_for_all(now_ns() + kGpuStopNs) && worker_done;
    surface_->remove(this);
    if (!gpu_done) {
        // Objects that the GPU may still use are left to it: a leak, in place of a crash.
        LOG_ERROR("the GPU did not finish a present within %llu s",
                  static_cast<unsigned long long>(kGpuStopNs / kNsPerSecond));
        withdraw_images();
        (void)new (std::nothrow) std::vector<Image>(std::move(images_));
        (void)new (std::nothrow) std::vector<OwnedCommandPool>(std::move(pools_));
        return;
    }
    forget_images();
}

VkResult Swapchain::create_alias(const VkAllocationCallbacks* allocator, VkImage* image) const {
    return images_.front().shared->create_alias(device_, request_, allocator, image);
}

VkResult Swapchain::bind_alias(VkImage image, std::uint32_t index) const {
    if (index >= handles_.size()) return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    return images_[index].shared->bind(device_, image);
}

void Swapchain::retire() {
    {
        const std::lock_guard lock(mutex_);
        retired_ = true;
    }
    image_free_.notify_all();
    log_->end(VK_ERROR_OUT_OF_DATE_KHR);
}

void Swapchain::set_hdr(const stream::HdrMetadata& metadata) {
    if (stream_) stream_->set_hdr(metadata);
}

VkResult Swapchain::release(std::span<const std::uint32_t> indices) {
    {
        const std::lock_guard lock(mutex_);
        for (const std::uint32_t index : indices) {
            if (index >= images_.size() || images_[index].state != State::acquired) continue;
            --acquired_;
            images_[index].state = State::free;
            free_.push(index);
        }
    }
    image_free_.notify_all();
    return surface_->lost() ? VK_ERROR_SURFACE_LOST_KHR : VK_SUCCESS;
}

void Swapchain::wake() noexcept {
    // Taken, so that a waiter that has just looked does not miss it.
    { const std::lock_guard lock(mutex_); }
    image_free_.notify_all();
    if (surface_->lost()) log_->end(VK_ERROR_SURFACE_LOST_KHR);
}

// A size that differs from the window's: reported only when the capabilities, which ask the server,
// show the new size too; otherwise apps recreate their swapchain without end.
// Nor when the app has asked for it: it is to be scaled.
bool Swapchain::suboptimal() const noexcept {
    if (scaling_.behaviour != stream::ScalingBehaviour::any) return false;
    const std::optional<VkExtent2D> extent = surface_->known_extent();
    return extent && (extent->width != extent_.width || extent->height != extent_.height);
}

VkResult Swapchain::state() const noexcept {
    if (surface_->lost()) return VK_ERROR_SURFACE_LOST_KHR;
    if (failure_ != VK_SUCCESS) return failure_;
    return retired_ ? VK_ERROR_OUT_OF_DATE_KHR : VK_SUCCESS;
}

VkResult Swapchain::status() {
    if (stream_ && modifier_.gone(*surface_->connection())) return VK_ERROR_OUT_OF_DATE_KHR;
    const bool changed = suboptimal();
    const std::lock_guard lock(mutex_);
    const VkResult bad = state();
    return bad != VK_SUCCESS ? bad : changed ? VK_SUBOPTIMAL_KHR : VK_SUCCESS;
}

VkResult Swapchain::take(std::uint64_t timeout_ns, std::uint32_t& index) {
    using Clock = std::chrono::steady_clock;
    if (stream_ && modifier_.gone(*surface_->connection())) return VK_ERROR_OUT_OF_DATE_KHR;
    const bool changed = suboptimal();
    std::unique_lock lock(mutex_);
    if (shares_image_) {
        // The app's from the first time on, beside the host's: asking again changes nothing.
        index = 0;
        const VkResult bad = state();
        return bad != VK_SUCCESS ? bad : changed ? VK_SUBOPTIMAL_KHR : VK_SUCCESS;
    }
    // Beyond ten years it is for ever: the sum must not overflow.
    const bool for_ever = timeout_ns > 10ull * 365 * 24 * 3600 * kNsPerSecond;
    const auto deadline = Clock::now() + std::chrono::nanoseconds(for_ever ? 0 : timeout_ns);
    const VkResult too_late = timeout_ns == 0 ? VK_NOT_READY : VK_TIMEOUT;
    bool late = timeout_ns == 0;
    for (;;) {
        if (const VkResult bad = state(); bad != VK_SUCCESS) return bad;
        if (free_.count() > 0) break;
        if (late) return too_late;
        // The app has them all: nobody could ever end this wait.
        if (for_ever && acquired_ == images_.size()) return VK_TIMEOUT;
        if (for_ever) {
            image_free_.wait(lock);
        } else {
            late = image_free_.wait_until(lock, deadline) == std::cv_status::timeout;
        }
    }
    index = free_.pop();
    images_[index].state = State::acquired;
    ++acquired_;
    lock.unlock();
    const VkResult done =
        wait_for_gpu(images_[index], for_ever ? UINT64_MAX : now_ns() + timeout_ns);
    if (done != VK_SUCCESS) {
        give_back(index);
        return done == VK_TIMEOUT ? too_late : done;
    }
    return changed ? VK_SUBOPTIMAL_KHR : VK_SUCCESS;
}

// A frame that went to the host with its fence comes back when the GPU is done with it, except when
// the host is away: then only we know of the fence.
VkResult Swapchain::wait_for_gpu(Image& image, std::uint64_t deadline_ns) {
    if (!image.pending) return VK_SUCCESS;
    const VkFence fence = image.fence.get();
    for (;;) {
        const std::uint64_t now = now_ns();
        const std::uint64_t left = deadline_ns > now ? deadline_ns - now : 0;
        const VkResult result = wait_for_fence(device_, fence, std::min(left, kGpuSliceNs));
        if (result == VK_SUCCESS) break;
        if (result != VK_TIMEOUT) {
            device_lost();
            return result;
        }
        if (surface_->lost()) return VK_ERROR_SURFACE_LOST_KHR;
        if (left <= kGpuSliceNs) return VK_TIMEOUT;
    }
    image.pending = false;
    return device_.down().ResetFences(device_.handle(), 1, &fence);
}

void Swapchain::give_back(std::uint32_t index) {
    if (shares_image_) return;
    const std::lock_guard lock(mutex_);
    --acquired_;
    images_[index].state = State::free;
    free_.push(index);
}

VkCommandBuffer Swapchain::commands_for(const Image& image, std::uint32_t family) const {
    const auto families = device_.present_families();
    for (std::size_t i = 0; i < families.size(); ++i) {
        if (families[i] == family) return image.commands[i];
    }
    return VK_NULL_HANDLE;
}

VkResult Swapchain::present(Queue& queue, const Present& what, PresentWaits& waits) {
    const std::uint32_t index = what.index;
    if (index >= handles_.size()) return VK_ERROR_OUT_OF_DATE_KHR;  // an app's error
    if (what.mode && is_present_mode(device_.physical(), *what.mode) &&
        is_shared_mode(*what.mode) == shares_image_) {
        mode_ = *what.mode;
    }
    if (shares_image_) return present_shared(queue, what, waits);
    Image& image = images_[index];
    const bool with_fence = sync_.load(std::memory_order_relaxed) == PresentSync::fence;
    const PresentJob job{index,       now_ns(), wire_mode(mode_), what.id,
                         what.damage, false,    with_fence};
    {
        const std::lock_guard lock(mutex_);
        if (image.state != State::acquired) return VK_ERROR_OUT_OF_DATE_KHR;
        const VkResult bad = state();
        if (bad != VK_SUCCESS) {
            // The image is no longer the app's, whatever comes of the present.
            --acquired_;
            image.state = State::free;
            free_.push(index);
            return bad;
        }
    }
    const VkCommandBuffer commands = commands_for(image, queue.family);
    const VkSemaphore done = with_fence ? image.done.get() : VK_NULL_HANDLE;
    const VkResult result = submit(device_, queue, {commands, image.fence.get(), done}, waits);
    if (result != VK_SUCCESS) return result;
    {
        const std::lock_guard lock(mutex_);
        --acquired_;
        image.state = State::presented;
    }
    log_->presented(what.id);
    surface_->presented(extent_);
    send(job);
    if (stream_ && modifier_.gone(*surface_->connection())) return VK_ERROR_OUT_OF_DATE_KHR;
    return suboptimal() ? VK_SUBOPTIMAL_KHR : VK_SUCCESS;
}

// The image stays with the app and with the host: all that goes is word that it has changed. What
// the host shows may be torn by what the app draws meanwhile, as the extension has it.
VkResult Swapchain::present_shared(Queue& queue, const Present& what, PresentWaits& waits) {
    std::uint32_t turn = 0;
    {
        std::unique_lock lock(mutex_);
        VkResult bad = state();
        if (bad == VK_SUCCESS && free_.count() == 0) {
            // So far is the GPU behind: that must not grow without end.
            (void)image_free_.wait_for(lock, std::chrono::nanoseconds(kGpuStopNs), [&] {
                bad = state();
                return bad != VK_SUCCESS || free_.count() > 0;
            });
        }
        if (bad != VK_SUCCESS) return bad;
        if (free_.count() == 0) return VK_ERROR_DEVICE_LOST;
        turn = free_.pop();
        images_[turn].state = State::presented;
    }
    const bool again = mode_ == VK_PRESENT_MODE_SHARED_CONTINUOUS_REFRESH_KHR;
    refresh_queue_.store(again ? &queue : nullptr, std::memory_order_release);
    const PresentJob job{turn, now_ns(), wire_mode(mode_), what.id, {}, again};
    surface_->presented(extent_);
    const VkResult result = send_shared(queue, job, waits);
    return result == VK_SUCCESS ? status() : result;
}

VkResult Swapchain::send_shared(Queue& queue, const PresentJob& job, PresentWaits& waits) {
    const Image& image = images_[job.index];
    const VkResult result =
        submit(device_, queue,
               {commands_for(image, queue.family), image.fence.get(), VK_NULL_HANDLE}, waits);
    if (result != VK_SUCCESS) {
        free_image(job.index);
        return result;
    }
    log_->presented(job.id);
    worker_->push(job);
    return VK_SUCCESS;
}

// From the worker, with VK_PRESENT_MODE_SHARED_CONTINUOUS_REFRESH_KHR: what the app has drawn
// since. False: not any more.
bool Swapchain::refresh() noexcept {
    Queue* queue = refresh_queue_.load(std::memory_order_acquire);
    if (!queue || !stream_) return false;
    std::uint32_t turn = 0;
    {
        const std::lock_guard lock(mutex_);
        if (state() != VK_SUCCESS) return false;
        if (free_.count() == 0) return true;
        turn = free_.pop();
        images_[turn].state = State::presented;
    }
    PresentWaits none;
    const PresentJob job{turn, now_ns(), stream::PresentMode::mailbox, 0, {}, true};
    return send_shared(*queue, job, none) == VK_SUCCESS;
}

void Swapchain::start_worker() {
    worker_->start();
    has_worker_ = true;
}

// With a fence and nothing to do afterwards, from this thread: the host has the frame at once.
void Swapchain::send(const PresentJob& job) {
    if (!has_worker_) {
        if (send_with_fence(job)) return;
        try {
            start_worker();
        } catch (const std::system_error&) {
            images_[job.index].pending = true;
            device_lost();  // nobody is left to hand frames over
            free_image(job.index);
            return;
        }
    }
    worker_->push(job);
}

void Swapchain::upkeep() noexcept {
    surface_->upkeep();
}

bool Swapchain::send_with_fence(const PresentJob& job) noexcept {
    if (sync_.load(std::memory_order_relaxed) != PresentSync::fence) return false;
    Image& image = images_[job.index];
    const VkSemaphoreGetFdInfoKHR info{VK_STRUCTURE_TYPE_SEMAPHORE_GET_FD_INFO_KHR, nullptr,
                                       image.done.get(),
                                       VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_SYNC_FD_BIT};
    int fd = -1;
    const VkResult result = device_.down().GetSemaphoreFdKHR(device_.handle(), &info, &fd);
    if (result != VK_SUCCESS) {
        // Out of descriptors, most likely. The semaphore stays as it is, never to be used again.
        LOG_WARNING("no SYNC_FD of a present: VkResult %d; the worker waits from now on", result);
        sync_.store(PresentSync::worker, std::memory_order_relaxed);
        return false;
    }
    image.pending = true;
    producer::FrameInfo frame;
    frame.slot = image.slot;
    frame.mode = job.mode;
    frame.called_ns = job.called_ns;
    frame.damage = std::span(job.damage.rects.data(), job.damage.count);
    // No descriptor: the GPU is done already.
    log_->handed_over(job.id, stream_->present(frame, UniqueFd(fd)));
    return true;
}

// Whether the GPU has done every present that went with a fence.
bool Swapchain::wait_for_all(std::uint64_t deadline_ns) {
    bool all = true;
    for (Image& image : images_) {
        if (!image.pending) continue;
        const VkFence fence = image.fence.get();
        const std::uint64_t now = now_ns();
        const VkResult result =
            wait_for_fence(device_, fence, deadline_ns > now ? deadline_ns - now : 0);
        all &= result != VK_TIMEOUT;
    }
    return all;
}

VkSemaphore Swapchain::relay(std::uint32_t index) {
    if (index >= images_.size()) return VK_NULL_HANDLE;
    OwnedSemaphore& relay = images_[index].relay;
    if (!relay) {
        VkSemaphoreCreateInfo info{};
        info.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO;
        VkSemaphore handle = VK_NULL_HANDLE;
        if (device_.down().CreateSemaphore(device_.handle(), &info, nullptr, &handle) ==
            VK_SUCCESS) {
            relay = OwnedSemaphore(device_, handle);
        }
    }
    return relay.get();
}

void Swapchain::free_image(std::uint32_t index) noexcept {
    {
        const std::lock_guard lock(mutex_);
        if (images_[index].state != State::presented) return;
        images_[index].state = State::free;
        free_.push(index);
    }
    image_free_.notify_one();
}

// A host that has gone tells nothing but this, of what it was to show.
void Swapchain::on_release(std::uint32_t slot, std::uint64_t serial) {
    log_->shown(serial);
    if (!shares_image_ && slot < index_of_slot_.size()) free_image(index_of_slot_[slot]);
}

void Swapchain::on_presented(const stream::Presented& message) {
    log_->shown(message.serial);
}

void Swapchain::device_lost() noexcept {
    log_->end(VK_ERROR_DEVICE_LOST);
    {
        const std::lock_guard lock(mutex_);
        failure_ = VK_ERROR_DEVICE_LOST;
    }
    image_free_.notify_all();
}

void Swapchain::set_private_data(std::uint64_t slot, std::uint64_t data) {
    const std::lock_guard lock(private_mutex_);
    private_data_[slot] = data;
}

std::uint64_t Swapchain::private_data(std::uint64_t slot) {
    const std::lock_guard lock(private_mutex_);
    const auto found = private_data_.find(slot);
    return found == private_data_.end() ? 0 : found->second;
}

void Swapchain::forget_private_data(std::uint64_t slot) {
    const std::lock_guard lock(private_mutex_);
    private_data_.erase(slot);
}

}  // namespace vdmabuf::layer
