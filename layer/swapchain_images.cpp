// SPDX-License-Identifier: MIT
// A swapchain's images: made by its strategy, with what presenting them needs, and told to the
// host.
#include <cerrno>
#include <cstdlib>

#include "layer/physical_device.hpp"
#include "layer/swapchain.hpp"
#include "runtime/common/log.hpp"

namespace vdmabuf::layer {

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
                              request_.colour_space, formats_version_);
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

VkResult Swapchain::create_alias(const VkAllocationCallbacks* allocator, VkImage* image) const {
    return images_.front().shared->create_alias(device_, request_, allocator, image);
}

VkResult Swapchain::bind_alias(VkImage image, std::uint32_t index) const {
    if (index >= handles_.size()) return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    return images_[index].shared->bind(device_, image);
}

}  // namespace vdmabuf::layer
