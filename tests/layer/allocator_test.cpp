// SPDX-License-Identifier: MIT
// An app's allocator that has no more memory while a swapchain is made, with a real driver.
#include <malloc.h>
#include <cstring>

#include "tests/layer/support/fixture.hpp"

namespace vdmabuf::test {
namespace {

// Gives what it is asked for until `left` allocations are through.
class FailingAllocator {
  public:
    FailingAllocator() {
        callbacks_.pUserData = this;
        callbacks_.pfnAllocation = [](void* self, std::size_t size, std::size_t alignment,
                                      VkSystemAllocationScope) {
            return static_cast<FailingAllocator*>(self)->allocate(size, alignment);
        };
        callbacks_.pfnReallocation = [](void* self, void* old, std::size_t size,
                                        std::size_t alignment, VkSystemAllocationScope) {
            void* memory = static_cast<FailingAllocator*>(self)->allocate(size, alignment);
            if (memory && old) {
                std::memcpy(memory, old, std::min(size, ::malloc_usable_size(old)));
                std::free(old);
            }
            return memory;
        };
        callbacks_.pfnFree = [](void*, void* memory) { std::free(memory); };
    }
    const VkAllocationCallbacks* callbacks() const { return &callbacks_; }
    void fail_after(int left) {
        failed_ = false;
        left_ = left;
    }
    void stop_failing() { left_ = -1; }
    bool failed() const { return failed_; }

  private:
    void* allocate(std::size_t size, std::size_t alignment) {
        if (left_ == 0) {
            failed_ = true;
            return nullptr;
        }
        if (left_ > 0) --left_;
        void* memory = nullptr;
        return ::posix_memalign(&memory, std::max(alignment, sizeof(void*)), size) == 0 ? memory
                                                                                        : nullptr;
    }
    VkAllocationCallbacks callbacks_{};
    int left_ = -1;  // negative: no end
    bool failed_ = false;
};

using AllocatorTest = LayerTest;

// Lavapipe (22.3.6) follows the null pointer when there is no memory for a command: what the layer
// records must not come out of the app's allocator.
TEST_F(AllocatorTest, NoMemoryForASwapchainIsAResult) {
    for (const auto& [strategy, name] :
         {std::pair(stream::Strategy::gpu_copy, "gpu-copy"),
          std::pair(stream::Strategy::host_pointer, "host-pointer")}) {
        SCOPED_TRACE(name);
        ::setenv("VDMABUF_STRATEGY", name, 1);
        const auto seed = static_cast<std::uint32_t>(strategy);
        FailingAllocator allocator;
        AppOptions options;
        options.allocator = allocator.callbacks();
        App app(options);
        ASSERT_EQ(app.created, VK_SUCCESS);
        const VkSurfaceKHR surface = app.headless_surface();
        const VkSwapchainCreateInfoKHR info = swapchain_info(surface, kWidth, kHeight);
        int allocations = 0;
        for (;; ++allocations) {
            ASSERT_LT(allocations, 1000);
            VkSwapchainKHR swapchain = VK_NULL_HANDLE;
            allocator.fail_after(allocations);
            const VkResult result =
                vkCreateSwapchainKHR(app.device, &info, allocator.callbacks(), &swapchain);
            const bool failed = allocator.failed();
            allocator.stop_failing();
            vkDestroySwapchainKHR(app.device, swapchain, allocator.callbacks());
            if (!failed) {
                EXPECT_EQ(result, VK_SUCCESS);
                break;
            }
            EXPECT_TRUE(result == VK_SUCCESS || result == VK_ERROR_OUT_OF_HOST_MEMORY ||
                        result == VK_ERROR_OUT_OF_DEVICE_MEMORY)
                << allocations << ": " << result;
        }
        EXPECT_GT(allocations, 5) << "the driver's objects are the app's to give memory for";
        Swap swap(app, info);
        ASSERT_EQ(swap.created, VK_SUCCESS);
        EXPECT_EQ(swap.show(seed), VK_SUCCESS);
        // What failed for want of memory is not held against the strategy.
        const auto seen = expect_picture(seed);
        ASSERT_TRUE(seen);
        EXPECT_EQ(seen->image.strategy, static_cast<std::uint32_t>(strategy));
    }
    ::unsetenv("VDMABUF_STRATEGY");
}

}  // namespace
}  // namespace vdmabuf::test
