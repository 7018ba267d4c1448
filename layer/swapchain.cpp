// SPDX-License-Identifier: MIT
#include "layer/swapchain.hpp"

#include <algorithm>
#include <new>

#include "layer/fence_wait.hpp"
#include "layer/instance.hpp"
#include "layer/present_modes.hpp"
#include "layer/scaling.hpp"
#include "layer/self_test.hpp"
#include "layer/swapchain_request.hpp"
#include "runtime/common/clock.hpp"
#include "runtime/common/log.hpp"

namespace vdmabuf::layer {
namespace {

// Presents of a shared image that the GPU may be behind.
constexpr std::uint32_t kSharedTurns = 4;

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
    if (const char* what = refusal(info, device_.physical(), surface_->colours_offered())) {
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
        // Offered a moment ago: the first acquire tells the app that it is out of date.
        const stream::ColourSpaces shown = surface_->connection()->colour_spaces();
        if (!(shown & stream::bit_of(request_.colour_space))) {
            formats_version_ = ModifierWatch::kLookAgain;
        }
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
    if (wants_timings(info)) timings_.emplace();
    worker_.emplace(device_, stream_, std::move(targets), static_cast<PresentWorker::Owner&>(*this),
                    *log_, timings(), shares_image_);
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

void Swapchain::wake() noexcept {
    // Taken, so that a waiter that has just looked does not miss it.
    { const std::lock_guard lock(mutex_); }
    image_free_.notify_all();
    if (surface_->lost()) log_->end(VK_ERROR_SURFACE_LOST_KHR);
}

void Swapchain::upkeep() noexcept {
    surface_->upkeep();
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
    if (timings_) timings_->reported(serial, 0, 0);
    if (!shares_image_ && slot < index_of_slot_.size()) free_image(index_of_slot_[slot]);
}

void Swapchain::set_refresh(std::uint64_t ns) noexcept {
    if (timings_) timings_->set_refresh(ns);
}

void Swapchain::on_presented(const stream::Presented& message) {
    log_->shown(message.serial);
    if (!timings_) return;
    // The frame's fence is there until its RELEASE.
    const std::uint32_t slot = timings_->slot_without_gpu_time(message.serial);
    if (slot != TimingQueue::kNoSlot) {
        timings_->gpu_done_of(message.serial, stream_->fence_time_ns(slot, message.serial));
    }
    const bool shown = message.flags & stream::kPresentedShown;
    timings_->reported(message.serial, shown ? message.time_ns : 0, message.refresh_ns);
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
