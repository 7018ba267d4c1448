// SPDX-License-Identifier: MIT
// Trap 29: there is no memory, for the app's allocator or for the layer itself; at every step.
#include <functional>
#include <set>

#include "tests/layer/fake/allocations.hpp"
#include "tests/layer/fake/bare_chain.hpp"
#include "tests/layer/fake/fixture.hpp"

namespace vdmabuf::fake {
namespace {

// An app's allocator, whose allocation number `failing` fails.
class AppMemory {
  public:
    explicit AppMemory(std::uint32_t failing) : failing_(failing) {
        callbacks_.pUserData = this;
        callbacks_.pfnAllocation = [](void* self, std::size_t size, std::size_t alignment,
                                      VkSystemAllocationScope) {
            return static_cast<AppMemory*>(self)->allocate(size, alignment);
        };
        callbacks_.pfnReallocation = [](void* self, void* old, std::size_t size,
                                        std::size_t alignment, VkSystemAllocationScope) {
            return static_cast<AppMemory*>(self)->reallocate(old, size, alignment);
        };
        callbacks_.pfnFree = [](void* self, void* memory) {
            static_cast<AppMemory*>(self)->free(memory);
        };
    }
    const VkAllocationCallbacks* get() const { return &callbacks_; }
    bool failed() const { return failing_ != 0 && count_ >= failing_; }
    std::size_t left() const { return blocks_.size(); }

  private:
    void* allocate(std::size_t size, std::size_t alignment) {
        if (++count_ == failing_) return nullptr;
        const std::size_t unit = std::max(alignment, sizeof(void*));
        void* memory = std::aligned_alloc(unit, (size + unit - 1) / unit * unit);
        blocks_[memory] = size;
        return memory;
    }
    void* reallocate(void* old, std::size_t size, std::size_t alignment) {
        if (!old) return allocate(size, alignment);
        void* memory = allocate(size, alignment);
        if (!memory) return nullptr;
        std::memcpy(memory, old, std::min(size, blocks_[old]));
        free(old);
        return memory;
    }
    void free(void* memory) {
        if (!memory) return;
        EXPECT_EQ(blocks_.erase(memory), 1u) << "memory of another allocator";
        std::free(memory);
    }
    VkAllocationCallbacks callbacks_{};
    const std::uint32_t failing_;
    std::uint32_t count_ = 0;
    std::map<void*, std::size_t> blocks_;
};

class MemoryFaultTest : public FakeHostTest {
  protected:
    Config config() const override {
        Config config;
        config.devices = {intel()};
        return config;
    }
    void fail_allocations(std::uint32_t first, std::uint32_t last);
};

struct Handles {
    VkInstance instance = VK_NULL_HANDLE;
    VkDevice device = VK_NULL_HANDLE;
    VkSurfaceKHR surface = VK_NULL_HANDLE;
    VkSwapchainKHR swapchain = VK_NULL_HANDLE;
    VkImage alias = VK_NULL_HANDLE;
};

// What a call that failed has left for a handle is none.
template <typename Handle>
VkResult failed(Handle& handle, VkResult result) {
    handle = VK_NULL_HANDLE;
    return result;
}

// All that takes an allocator, made in order until something fails. Around each call of ours
// `step` does what it wants.
VkResult make(Handles& made, const VkAllocationCallbacks* memory,
              const std::function<VkResult(const std::function<VkResult()>&)>& step) {
    const char* const instance_extensions[] = {"VK_KHR_surface", "VK_EXT_headless_surface"};
    VkApplicationInfo application{VK_STRUCTURE_TYPE_APPLICATION_INFO};
    application.apiVersion = VK_API_VERSION_1_1;
    VkInstanceCreateInfo instance_info{VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO};
    instance_info.pApplicationInfo = &application;
    instance_info.enabledExtensionCount = 2;
    instance_info.ppEnabledExtensionNames = instance_extensions;
    VkResult result =
        step([&] { return vkCreateInstance(&instance_info, memory, &made.instance); });
    if (result != VK_SUCCESS) return failed(made.instance, result);
    VkPhysicalDevice physical = VK_NULL_HANDLE;
    std::uint32_t count = 1;
    result = vkEnumeratePhysicalDevices(made.instance, &count, &physical);
    if (result < 0 || count == 0) return VK_ERROR_OUT_OF_HOST_MEMORY;
    const float priority = 1.0f;
    VkDeviceQueueCreateInfo queue_info{VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO};
    queue_info.queueCount = 1;
    queue_info.pQueuePriorities = &priority;
    const char* const device_extension = "VK_KHR_swapchain";
    VkDeviceCreateInfo device_info{VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO};
    device_info.queueCreateInfoCount = 1;
    device_info.pQueueCreateInfos = &queue_info;
    device_info.enabledExtensionCount = 1;
    device_info.ppEnabledExtensionNames = &device_extension;
    result = step([&] { return vkCreateDevice(physical, &device_info, memory, &made.device); });
    if (result != VK_SUCCESS) return failed(made.device, result);
    const auto create_surface = reinterpret_cast<PFN_vkCreateHeadlessSurfaceEXT>(
        vkGetInstanceProcAddr(made.instance, "vkCreateHeadlessSurfaceEXT"));
    const VkHeadlessSurfaceCreateInfoEXT surface_info{
        VK_STRUCTURE_TYPE_HEADLESS_SURFACE_CREATE_INFO_EXT};
    result =
        step([&] { return create_surface(made.instance, &surface_info, memory, &made.surface); });
    if (result != VK_SUCCESS) return failed(made.surface, result);
    const auto swapchain_create = swapchain_info(made.surface, kWidth, kHeight, 2);
    result = step([&] {
        return vkCreateSwapchainKHR(made.device, &swapchain_create, memory, &made.swapchain);
    });
    if (result != VK_SUCCESS) return failed(made.swapchain, result);
    VkImageSwapchainCreateInfoKHR of{VK_STRUCTURE_TYPE_IMAGE_SWAPCHAIN_CREATE_INFO_KHR};
    of.swapchain = made.swapchain;
    VkImageCreateInfo image_info{VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO};
    image_info.pNext = &of;
    image_info.imageType = VK_IMAGE_TYPE_2D;
    image_info.format = swapchain_create.imageFormat;
    image_info.extent = {kWidth, kHeight, 1};
    image_info.mipLevels = 1;
    image_info.arrayLayers = 1;
    image_info.samples = VK_SAMPLE_COUNT_1_BIT;
    image_info.usage = swapchain_create.imageUsage;
    result = step([&] { return vkCreateImage(made.device, &image_info, memory, &made.alias); });
    return result == VK_SUCCESS ? result : failed(made.alias, result);
}

void destroy(const Handles& made, const VkAllocationCallbacks* memory) {
    if (made.device) {
        vkDestroyImage(made.device, made.alias, memory);
        if (made.swapchain) vkDestroySwapchainKHR(made.device, made.swapchain, memory);
        vkDestroyDevice(made.device, memory);
    }
    if (!made.instance) return;
    if (made.surface) vkDestroySurfaceKHR(made.instance, made.surface, memory);
    vkDestroyInstance(made.instance, memory);
}

TEST_F(MemoryFaultTest, Trap29_EachAllocationOfTheAppsAllocatorFails) {
    std::uint32_t n = 0;
    for (;;) {
        AppMemory memory(++n);
        Handles made;
        const VkResult result = make(made, memory.get(), [](const auto& call) { return call(); });
        const bool failed = memory.failed();
        // The loader does without some of what it cannot have.
        if (!failed) {
            EXPECT_EQ(result, VK_SUCCESS) << n;
        } else if (result != VK_SUCCESS) {
            EXPECT_TRUE(
                result == VK_ERROR_OUT_OF_HOST_MEMORY || result == VK_ERROR_INITIALIZATION_FAILED ||
                result == VK_ERROR_INCOMPATIBLE_DRIVER || result == VK_ERROR_EXTENSION_NOT_PRESENT)
                << n << ": " << result;
        }
        destroy(made, memory.get());
        EXPECT_EQ(memory.left(), 0u) << n;
        EXPECT_THAT(driver.errors(), ::testing::IsEmpty()) << n;
        EXPECT_THAT(driver.alive(), ::testing::IsEmpty()) << n;
        if (HasFailure() || !failed) break;
    }
    EXPECT_GT(n, 5u);
}

// In the calls from `first` to `last` of make(), every allocation of the layer fails once.
void MemoryFaultTest::fail_allocations(std::uint32_t first, std::uint32_t last) {
    std::uint32_t allocations = 0;
    for (std::uint32_t which = first; which <= last; ++which) {
        for (std::uint32_t n = 1;; ++n) {
            driver.reset(config());  // the layer tests each strategy anew
            Handles made;
            std::uint32_t at = 0;
            std::uint32_t count = 0;
            VkResult of_call = VK_SUCCESS;
            make(made, nullptr, [&](const auto& call) {
                if (at++ != which) return call();
                const Allocations watched(n);
                const VkResult result = call();
                count = watched.count();
                of_call = result;
                return result;
            });
            EXPECT_TRUE(of_call == VK_SUCCESS || of_call == VK_ERROR_OUT_OF_HOST_MEMORY ||
                        of_call == VK_ERROR_OUT_OF_DEVICE_MEMORY ||
                        of_call == VK_ERROR_INITIALIZATION_FAILED)
                << of_call;
            destroy(made, nullptr);
            EXPECT_THAT(driver.errors(), ::testing::IsEmpty()) << which << ", " << n;
            EXPECT_THAT(driver.alive(), ::testing::IsEmpty()) << which << ", " << n;
            if (HasFailure()) return;
            if (count < n) break;
            ++allocations;
        }
    }
    EXPECT_GT(allocations, 3u);
}

TEST_F(MemoryFaultTest, Trap29_EachAllocationForASurfaceFails) {
    if (!allocations_are_seen()) GTEST_SKIP() << "the sanitizer has the allocator";
    fail_allocations(2, 2);
}

TEST_F(MemoryFaultTest, Trap29_EachAllocationForASwapchainFails) {
    if (!allocations_are_seen()) GTEST_SKIP() << "the sanitizer has the allocator";
    fail_allocations(3, 4);
}

// Every allocation of the layer fails once while it makes an instance and a device. Without the
// loader, which (1.3.239) frees twice what it has when a layer fails; so the layer does nothing
// that can fail after the call down has been successful, as it would have to destroy what the
// loader then destroys again.
TEST_F(MemoryFaultTest, Trap29_EachAllocationForInstanceAndDeviceFails) {
    if (!allocations_are_seen()) GTEST_SKIP() << "the sanitizer has the allocator";
    const char* const instance_extensions[] = {"VK_KHR_surface", "VK_EXT_headless_surface"};
    VkInstanceCreateInfo instance_info{VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO};
    instance_info.enabledExtensionCount = 2;
    instance_info.ppEnabledExtensionNames = instance_extensions;
    const float priority = 1.0f;
    VkDeviceQueueCreateInfo queue_info{VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO};
    queue_info.queueCount = 1;
    queue_info.pQueuePriorities = &priority;
    const char* const device_extension = "VK_KHR_swapchain";
    VkDeviceCreateInfo device_info{VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO};
    device_info.queueCreateInfoCount = 1;
    device_info.pQueueCreateInfos = &queue_info;
    device_info.enabledExtensionCount = 1;
    device_info.ppEnabledExtensionNames = &device_extension;

    BareChain chain;
    std::uint32_t allocations = 0;
    for (const bool of_device : {false, true}) {
        for (std::uint32_t n = 1;; ++n) {
            SCOPED_TRACE(::testing::Message() << (of_device ? "device " : "instance ") << n);
            driver.reset(config());
            driver.forget_calls();
            const auto watched = [&](const std::function<VkResult()>& call, std::uint32_t& count) {
                const Allocations failing(n);
                const VkResult result = call();
                count = failing.count();
                return result;
            };
            std::uint32_t count = 0;
            VkInstance instance = VK_NULL_HANDLE;
            const auto make_instance = [&] {
                return chain.create_instance(instance_info, &instance);
            };
            VkResult result = of_device ? make_instance() : watched(make_instance, count);
            VkDevice device = VK_NULL_HANDLE;
            if (of_device) {
                ASSERT_EQ(result, VK_SUCCESS);
                const VkPhysicalDevice physical = chain.first_physical(instance);
                ASSERT_TRUE(physical);
                result = watched(
                    [&] { return chain.create_device(physical, device_info, &device); }, count);
            }
            if (count < n) {
                EXPECT_EQ(result, VK_SUCCESS);
            } else {
                EXPECT_TRUE(result == VK_SUCCESS || result == VK_ERROR_OUT_OF_HOST_MEMORY)
                    << result;
                // By the layer, after a failure.
                EXPECT_THAT(calls(of_device ? "DestroyDevice" : "DestroyInstance"),
                            ::testing::SizeIs(0));
            }
            if (device != VK_NULL_HANDLE && (!of_device || result == VK_SUCCESS)) {
                chain.device_function<PFN_vkDestroyDevice>(device, "vkDestroyDevice")(device,
                                                                                      nullptr);
            }
            if (instance != VK_NULL_HANDLE && (of_device || result == VK_SUCCESS)) {
                chain.function<PFN_vkDestroyInstance>(instance, "vkDestroyInstance")(instance,
                                                                                     nullptr);
            }
            EXPECT_THAT(driver.errors(), ::testing::IsEmpty());
            EXPECT_THAT(driver.alive(), ::testing::IsEmpty());
            if (HasFailure()) return;
            if (count < n) break;
            ++allocations;
        }
    }
    EXPECT_GT(allocations, 10u);
}

}  // namespace
}  // namespace vdmabuf::fake
