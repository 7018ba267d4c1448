// SPDX-License-Identifier: MIT
// Instances, devices, processes: how things begin and end.
#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vulkan/vk_layer.h>

#include <filesystem>
#include <thread>

#include "tests/layer/support/fixture.hpp"

namespace vdmabuf::test {
namespace {

using LifetimeTest = LayerTest;

std::size_t count_in(const char* directory) {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(directory)) {
        ++count;
    }
    return count;
}

// Trap 10: what the layer started ends with the instance.
TEST_F(LifetimeTest, InstancesLeaveNoThreadAndNoDescriptor) {
    XWindow window(x.display(), kWidth, kHeight);
    const auto use = [&] {
        App app;
        ASSERT_EQ(app.created, VK_SUCCESS);
        Swap swap(app, swapchain_info(app.xcb_surface(window), kWidth, kHeight));
        ASSERT_EQ(swap.created, VK_SUCCESS);
        ASSERT_EQ(swap.show(1), VK_SUCCESS);
    };
    use();
    const std::size_t threads = count_in("/proc/self/task");
    const std::size_t files = count_in("/proc/self/fd");
    for (int i = 0; i < 5; ++i) use();
    EXPECT_EQ(count_in("/proc/self/task"), threads);
    EXPECT_EQ(count_in("/proc/self/fd"), files);
}

TEST_F(LifetimeTest, SeveralInstancesAtOnce) {
    App first;
    App second;
    ASSERT_EQ(first.created, VK_SUCCESS);
    ASSERT_EQ(second.created, VK_SUCCESS);
    host();
    Swap one(first, swapchain_info(first.headless_surface(), kWidth, kHeight));
    Swap two(second, swapchain_info(second.headless_surface(), kWidth, kHeight));
    ASSERT_EQ(one.created, VK_SUCCESS);
    ASSERT_EQ(two.created, VK_SUCCESS);
    ASSERT_EQ(one.show(11), VK_SUCCESS);
    ASSERT_EQ(two.show(12), VK_SUCCESS);
    expect_picture(11);
    expect_picture(12);
}

TEST_F(LifetimeTest, WindowsOfSeveralThreads) {
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    const VkSurfaceKHR surfaces[] = {app.headless_surface(), app.headless_surface(),
                                     app.headless_surface()};
    std::mutex queue_mutex;
    std::vector<std::thread> threads;
    std::atomic<int> shown{0};
    for (const VkSurfaceKHR surface : surfaces) {
        threads.emplace_back([&, surface] {
            VkSwapchainCreateInfoKHR info = swapchain_info(surface, 32, 32, 2);
            for (int round = 0; round < 5; ++round) {
                VkSwapchainKHR swapchain = VK_NULL_HANDLE;
                if (vkCreateSwapchainKHR(app.device, &info, nullptr, &swapchain) != VK_SUCCESS) {
                    return;
                }
                for (int frame = 0; frame < 6; ++frame) {
                    VkFence fence = VK_NULL_HANDLE;
                    VkFenceCreateInfo fence_info{VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
                    vkCreateFence(app.device, &fence_info, nullptr, &fence);
                    std::uint32_t index = 0;
                    if (vkAcquireNextImageKHR(app.device, swapchain, UINT64_MAX, VK_NULL_HANDLE,
                                              fence, &index) == VK_SUCCESS) {
                        vkWaitForFences(app.device, 1, &fence, VK_TRUE, UINT64_MAX);
                        const std::lock_guard lock(queue_mutex);
                        VkPresentInfoKHR present{VK_STRUCTURE_TYPE_PRESENT_INFO_KHR};
                        present.swapchainCount = 1;
                        present.pSwapchains = &swapchain;
                        present.pImageIndices = &index;
                        if (vkQueuePresentKHR(app.queue, &present) == VK_SUCCESS) ++shown;
                    }
                    vkDestroyFence(app.device, fence, nullptr);
                }
                vkDestroySwapchainKHR(app.device, swapchain, nullptr);
            }
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(shown.load(), 3 * 5 * 6);
}

// Trap 15: children of fork(2) say nothing on the parent's connection, however they end.
TEST_F(LifetimeTest, ForkedChildrenDisturbNobody) {
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    Swap swap(app, swapchain_info(app.headless_surface(), kWidth, kHeight));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    host();
    ASSERT_EQ(swap.show(21), VK_SUCCESS);
    expect_picture(21);
    for (int i = 0; i < 4; ++i) {
        const pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
#ifndef __SANITIZE_THREAD__           // whose pthread_join hangs in the driver's own handlers
            if (i % 2) std::exit(7);  // runs what is registered to run at exit
#endif
            ::_exit(7);
        }
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        EXPECT_TRUE(WIFEXITED(status));
        EXPECT_EQ(WEXITSTATUS(status), 7);
        const std::uint32_t seed = 22u + static_cast<std::uint32_t>(i);
        ASSERT_EQ(swap.show(seed), VK_SUCCESS);
        expect_picture(seed);
    }
}

TEST_F(LifetimeTest, NamesAndPrivateDataOfOurObjects) {
    AppOptions options;
    options.layers = {"VK_LAYER_KHRONOS_validation"};
    options.validation = true;  // enables VK_EXT_debug_utils
    options.api_version = VK_API_VERSION_1_3;
    App app(options);
    ASSERT_EQ(app.created, VK_SUCCESS);
    const VkSurfaceKHR surface = app.headless_surface();
    Swap swap(app, swapchain_info(surface, kWidth, kHeight));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    const auto name =
        app.device_function<PFN_vkSetDebugUtilsObjectNameEXT>("vkSetDebugUtilsObjectNameEXT");
    ASSERT_TRUE(name);
    VkDebugUtilsObjectNameInfoEXT info{VK_STRUCTURE_TYPE_DEBUG_UTILS_OBJECT_NAME_INFO_EXT};
    info.pObjectName = "name";
    info.objectType = VK_OBJECT_TYPE_SWAPCHAIN_KHR;
    info.objectHandle = (std::uint64_t)swap.handle;
    EXPECT_EQ(name(app.device, &info), VK_SUCCESS);
    info.objectType = VK_OBJECT_TYPE_SURFACE_KHR;
    info.objectHandle = (std::uint64_t)surface;
    EXPECT_EQ(name(app.device, &info), VK_SUCCESS);
    info.objectType = VK_OBJECT_TYPE_IMAGE;
    info.objectHandle = (std::uint64_t)swap.images[0];
    EXPECT_EQ(name(app.device, &info), VK_SUCCESS);
}

// Drivers give a new slot the handle of one that has gone.
TEST_F(LifetimeTest, PrivateDataEndsWithItsSlot) {
    VkPhysicalDevicePrivateDataFeatures feature{
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PRIVATE_DATA_FEATURES, nullptr, VK_TRUE};
    AppOptions options;
    options.api_version = VK_API_VERSION_1_3;
    options.device_next = &feature;
    App app(options);
    ASSERT_EQ(app.created, VK_SUCCESS);
    Swap swap(app, swapchain_info(app.headless_surface(), kWidth, kHeight));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    const auto create = app.device_function<PFN_vkCreatePrivateDataSlot>("vkCreatePrivateDataSlot");
    const auto destroy =
        app.device_function<PFN_vkDestroyPrivateDataSlot>("vkDestroyPrivateDataSlot");
    const auto set = app.device_function<PFN_vkSetPrivateData>("vkSetPrivateData");
    const auto get = app.device_function<PFN_vkGetPrivateData>("vkGetPrivateData");
    const VkPrivateDataSlotCreateInfo info{VK_STRUCTURE_TYPE_PRIVATE_DATA_SLOT_CREATE_INFO};
    const auto object = (std::uint64_t)swap.handle;
    VkPrivateDataSlot old = VK_NULL_HANDLE;
    bool came_again = false;
    for (int i = 0; i < 100 && !came_again; ++i) {
        VkPrivateDataSlot slot = VK_NULL_HANDLE;
        ASSERT_EQ(create(app.device, &info, nullptr, &slot), VK_SUCCESS);
        came_again = slot == old;
        old = slot;
        std::uint64_t data = 99;
        get(app.device, VK_OBJECT_TYPE_SWAPCHAIN_KHR, object, slot, &data);
        EXPECT_EQ(data, 0u) << i;
        EXPECT_EQ(set(app.device, VK_OBJECT_TYPE_SWAPCHAIN_KHR, object, slot, 7), VK_SUCCESS);
        get(app.device, VK_OBJECT_TYPE_SWAPCHAIN_KHR, object, slot, &data);
        EXPECT_EQ(data, 7u);
        destroy(app.device, slot, nullptr);
    }
#ifndef __SANITIZE_ADDRESS__  // keeps memory that was freed from being used again
    EXPECT_TRUE(came_again);
#endif
}

// The library is as the loader wants it: three names, and found by no other.
TEST(LibraryTest, ExportsThreeFunctions) {
    void* library = ::dlopen(VDMABUF_TEST_LAYER, RTLD_NOW | RTLD_LOCAL);
    ASSERT_TRUE(library) << ::dlerror();
    EXPECT_TRUE(::dlsym(library, "vkNegotiateLoaderLayerInterfaceVersion"));
    EXPECT_TRUE(::dlsym(library, "vkGetInstanceProcAddr"));
    EXPECT_TRUE(::dlsym(library, "vkGetDeviceProcAddr"));
    Process symbols({"nm", "-D", "--defined-only", VDMABUF_TEST_LAYER});
    const std::string text = symbols.read_all();
    ASSERT_EQ(symbols.wait(), 0);
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3) << text;
    ::dlclose(library);
}

// Layers above ask the next one for vkCreateDevice without an instance (MangoHud, vkBasalt).
TEST(LibraryTest, CreateDeviceIsFoundWithoutAnInstance) {
    void* library = ::dlopen(VDMABUF_TEST_LAYER, RTLD_NOW | RTLD_LOCAL);
    ASSERT_TRUE(library) << ::dlerror();
    VkNegotiateLayerInterface negotiation{};
    negotiation.sType = LAYER_NEGOTIATE_INTERFACE_STRUCT;
    negotiation.loaderLayerInterfaceVersion = 2;
    const auto negotiate = reinterpret_cast<PFN_vkNegotiateLoaderLayerInterfaceVersion>(
        ::dlsym(library, "vkNegotiateLoaderLayerInterfaceVersion"));
    ASSERT_TRUE(negotiate);
    ASSERT_EQ(negotiate(&negotiation), VK_SUCCESS);
    EXPECT_TRUE(negotiation.pfnGetInstanceProcAddr(VK_NULL_HANDLE, "vkCreateDevice"));
    EXPECT_FALSE(negotiation.pfnGetInstanceProcAddr(VK_NULL_HANDLE, "vkQueuePresentKHR"));
    ::dlclose(library);
}

}  // namespace
}  // namespace vdmabuf::test
