// SPDX-License-Identifier: MIT
// What apps may do with swapchains, and layers have got wrong: by the numbers of README.md.
#include <signal.h>
#include <sys/mman.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "tests/layer/fake/fixture.hpp"
#include "tests/layer/support/x_server.hpp"

namespace vdmabuf::fake {
namespace {

using SwapchainTraps = FakeTest;
using SwapchainTrapsWithHost = FakeHostTest;

// On a device with SYNC_FD.
class SyncFdTraps : public FakeTest {
    Config config() const override {
        Config config;
        config.devices = {intel()};
        return config;
    }
};

VkPresentInfoKHR present_info(const VkSwapchainKHR& swapchain, const std::uint32_t& index,
                              const VkSemaphore& wait) {
    VkPresentInfoKHR info{VK_STRUCTURE_TYPE_PRESENT_INFO_KHR};
    info.waitSemaphoreCount = 1;
    info.pWaitSemaphores = &wait;
    info.swapchainCount = 1;
    info.pSwapchains = &swapchain;
    info.pImageIndices = &index;
    return info;
}

// Every driver call of a swapchain's creation may fail.
TEST_F(SwapchainTraps, Trap17_OldSwapchainIsRetiredThoughCreationFails) {
    for (const char* function : {"CreateImage", "AllocateMemory", "CreateFence",
                                 "CreateCommandPool", "EndCommandBuffer"}) {
        App app;
        ASSERT_EQ(app.created, VK_SUCCESS);
        VkSwapchainCreateInfoKHR info = swapchain_info(app.headless_surface(), kWidth, kHeight);
        Swap old(app, info);
        ASSERT_EQ(old.created, VK_SUCCESS);
        std::uint32_t held = 0;
        FrameObjects frame;
        ASSERT_EQ(old.draw(1, held, frame), VK_SUCCESS);
        info.oldSwapchain = old.handle;
        driver.fail_always(function, VK_ERROR_OUT_OF_DEVICE_MEMORY);
        Swap failed(app, info);
        EXPECT_EQ(failed.created, VK_ERROR_OUT_OF_DEVICE_MEMORY) << function;
        driver.stop_failing();
        std::uint32_t index = 0;
        FrameObjects other;
        EXPECT_EQ(old.draw(2, index, other), VK_ERROR_OUT_OF_DATE_KHR) << function;
        // The image that the app has it may still present.
        EXPECT_EQ(old.present(held, frame), VK_ERROR_OUT_OF_DATE_KHR) << function;
    }
}

TEST_F(SwapchainTraps, Trap17_SeveralRetiredSwapchainsAndOtherSurfaces) {
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    VkSwapchainCreateInfoKHR info = swapchain_info(app.headless_surface(), kWidth, kHeight);
    std::vector<std::unique_ptr<Swap>> swaps;
    for (int i = 0; i < 5; ++i) {
        info.oldSwapchain = swaps.empty() ? VK_NULL_HANDLE : swaps.back()->handle;
        // An app's error: of another surface.
        if (i == 3) info.surface = app.headless_surface();
        swaps.push_back(std::make_unique<Swap>(app, info));
        ASSERT_EQ(swaps.back()->created, VK_SUCCESS);
        ASSERT_EQ(swaps.back()->show(1), VK_SUCCESS);
    }
    for (int i = 0; i < 4; ++i) {
        std::uint32_t index = 0;
        FrameObjects frame;
        EXPECT_EQ(swaps[static_cast<std::size_t>(i)]->draw(1, index, frame),
                  VK_ERROR_OUT_OF_DATE_KHR);
    }
    EXPECT_EQ(swaps.back()->show(2), VK_SUCCESS);
    swaps.erase(swaps.begin() + 1);
    swaps.erase(swaps.begin());
    EXPECT_EQ(swaps.back()->show(3), VK_SUCCESS);
}

// The driver complains of a semaphore that is signalled again before anybody has waited for it.
TEST_F(SwapchainTraps, Trap18_FailedPresentStillWaits) {
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    VkSwapchainCreateInfoKHR info = swapchain_info(app.headless_surface(), kWidth, kHeight);
    Swap old(app, info);
    std::uint32_t index = 0;
    FrameObjects frame;
    ASSERT_EQ(old.draw(1, index, frame), VK_SUCCESS);
    info.oldSwapchain = old.handle;
    Swap next(app, info);
    ASSERT_EQ(next.created, VK_SUCCESS);
    EXPECT_EQ(old.present(index, frame), VK_ERROR_OUT_OF_DATE_KHR);
    EXPECT_EQ(submit_signal(app, frame.rendered), VK_SUCCESS);
    AppFence fence(app);
    EXPECT_EQ(submit_wait(app, frame.rendered, fence.handle), VK_SUCCESS);
    EXPECT_TRUE(fence.wait());
}

TEST_F(SwapchainTrapsWithHost, Trap18_PresentToALostSurfaceStillWaits) {
    test::XServer x;
    ASSERT_TRUE(x.running());
    test::XWindow window(x.display(), kWidth, kHeight);
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    const VkSurfaceKHR surface = app.xcb_surface(window);
    Swap swap(app, swapchain_info(surface, kWidth, kHeight));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    std::uint32_t index = 0;
    FrameObjects frame;
    ASSERT_EQ(swap.draw(1, index, frame), VK_SUCCESS);
    window.destroy();
    VkSurfaceCapabilitiesKHR caps{};
    const auto start = Clock::now();
    while (vkGetPhysicalDeviceSurfaceCapabilitiesKHR(app.physical, surface, &caps) == VK_SUCCESS &&
           seconds_since(start) < 5) {
    }
    EXPECT_EQ(swap.present(index, frame), VK_ERROR_SURFACE_LOST_KHR);
    EXPECT_EQ(submit_signal(app, frame.rendered), VK_SUCCESS);
    AppFence fence(app);
    EXPECT_EQ(submit_wait(app, frame.rendered, fence.handle), VK_SUCCESS);
    EXPECT_TRUE(fence.wait());
}

// Only presents that the engine refuses do so. Where there was no memory nothing has been done, and
// the app may try again with the same semaphore and image.
TEST_F(SwapchainTraps, Trap18_PresentWithoutMemoryCanBeRepeated) {
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    Swap swap(app, swapchain_info(app.headless_surface(), kWidth, kHeight));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    std::uint32_t index = 0;
    FrameObjects frame;
    ASSERT_EQ(swap.draw(1, index, frame), VK_SUCCESS);
    driver.fail("QueueSubmit", 1, VK_ERROR_OUT_OF_DEVICE_MEMORY);
    EXPECT_EQ(swap.present(index, frame), VK_ERROR_OUT_OF_DEVICE_MEMORY);
    EXPECT_EQ(swap.present(index, frame), VK_SUCCESS);
}

TEST_F(SwapchainTraps, Trap19_ManySwapchainsWaitOnceAndEachHasItsResult) {
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    std::vector<std::unique_ptr<Swap>> swaps;
    std::vector<VkSurfaceKHR> surfaces;
    for (int i = 0; i < 4; ++i) {
        surfaces.push_back(app.headless_surface());
        swaps.push_back(std::make_unique<Swap>(app, swapchain_info(surfaces.back(), 20, 10)));
        ASSERT_EQ(swaps.back()->created, VK_SUCCESS);
    }
    std::uint32_t indices[4] = {};
    FrameObjects frames[4];
    VkSwapchainKHR swapchains[4] = {};
    VkSemaphore waits[4] = {};
    for (std::size_t i = 0; i < 4; ++i) {
        ASSERT_EQ(swaps[i]->draw(1, indices[i], frames[i]), VK_SUCCESS);
        swapchains[i] = swaps[i]->handle;
        waits[i] = frames[i].rendered;
    }
    // The first and the third are retired before the call.
    std::vector<std::unique_ptr<Swap>> newer;
    for (const std::size_t i : {std::size_t{0}, std::size_t{2}}) {
        VkSwapchainCreateInfoKHR info = swapchain_info(surfaces[i], 20, 10);
        info.oldSwapchain = swapchains[i];
        newer.push_back(std::make_unique<Swap>(app, info));
    }
    driver.forget_calls();
    VkResult results[4] = {};
    VkPresentInfoKHR info{VK_STRUCTURE_TYPE_PRESENT_INFO_KHR};
    info.waitSemaphoreCount = 4;
    info.pWaitSemaphores = waits;
    info.swapchainCount = 4;
    info.pSwapchains = swapchains;
    info.pImageIndices = indices;
    info.pResults = results;
    EXPECT_EQ(vkQueuePresentKHR(app.queue, &info), VK_ERROR_OUT_OF_DATE_KHR);
    EXPECT_THAT(results, ::testing::ElementsAre(VK_ERROR_OUT_OF_DATE_KHR, VK_SUCCESS,
                                                VK_ERROR_OUT_OF_DATE_KHR, VK_SUCCESS));
    std::uint64_t waited = 0;
    for (const Call& call : calls("QueueSubmit")) {
        if (call.at("count") > 0) waited += call.at("waits");
    }
    EXPECT_EQ(waited, 4u);
}

TEST_F(SwapchainTraps, Trap20_AcquireTimeouts) {
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    Swap swap(app, swapchain_info(app.headless_surface(), kWidth, kHeight, 2));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    std::uint32_t indices[2] = {};
    FrameObjects frames[2];
    ASSERT_EQ(swap.draw(1, indices[0], frames[0]), VK_SUCCESS);
    ASSERT_EQ(swap.draw(2, indices[1], frames[1]), VK_SUCCESS);
    AppFence fence(app);
    AppSemaphore semaphore(app);
    const auto acquire = [&](std::uint64_t timeout) {
        std::uint32_t index = 0;
        return vkAcquireNextImageKHR(app.device, swap.handle, timeout, semaphore.handle,
                                     fence.handle, &index);
    };
    auto start = Clock::now();
    EXPECT_EQ(acquire(0), VK_NOT_READY);
    EXPECT_LT(seconds_since(start), 0.05);
    start = Clock::now();
    EXPECT_EQ(acquire(30'000'000), VK_TIMEOUT);
    EXPECT_GE(seconds_since(start), 0.03);
    // Nothing could end this: the app has every image.
    start = Clock::now();
    EXPECT_EQ(acquire(UINT64_MAX), VK_TIMEOUT);
    EXPECT_LT(seconds_since(start), 1.0);
    EXPECT_FALSE(fence.signalled());
    EXPECT_EQ(swap.present(indices[0], frames[0]), VK_SUCCESS);
    EXPECT_EQ(swap.present(indices[1], frames[1]), VK_SUCCESS);
    // As soon as one is free. Semaphore and fence at once, as Qt 5 does it.
    ASSERT_EQ(acquire(UINT64_MAX), VK_SUCCESS);
    EXPECT_TRUE(fence.wait());
    AppFence waited(app);
    EXPECT_EQ(submit_wait(app, semaphore.handle, waited.handle), VK_SUCCESS);
    EXPECT_TRUE(waited.wait());
}

TEST_F(SwapchainTrapsWithHost, Trap20_AcquireWakesWhenTheHostDies) {
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    Swap swap(app, swapchain_info(app.headless_surface(), kWidth, kHeight, 2));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    ASSERT_EQ(swap.show(0), VK_SUCCESS);
    broker.stop();  // it has the images, and gives none back
    std::thread killer([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        broker.kill();
    });
    const auto start = Clock::now();
    for (std::uint32_t i = 0; i < 20; ++i) ASSERT_EQ(swap.show(i), VK_SUCCESS);
    EXPECT_LT(seconds_since(start), 5.0);
    killer.join();
}

TEST_F(SyncFdTraps, Trap21_AcquireSignalsBySyncFdTemporarily) {
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    Swap swap(app, swapchain_info(app.headless_surface(), kWidth, kHeight));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    AppSemaphore semaphore(app);
    AppFence fence(app);
    driver.forget_calls();
    std::uint32_t index = 0;
    ASSERT_EQ(vkAcquireNextImageKHR(app.device, swap.handle, UINT64_MAX, semaphore.handle,
                                    fence.handle, &index),
              VK_SUCCESS);
    EXPECT_TRUE(fence.wait());
    AppFence waited(app);
    EXPECT_EQ(submit_wait(app, semaphore.handle, waited.handle), VK_SUCCESS);
    EXPECT_TRUE(waited.wait());
    const auto semaphores = calls("ImportSemaphoreFdKHR");
    const auto fences = calls("ImportFenceFdKHR");
    ASSERT_EQ(semaphores.size(), 1u);
    ASSERT_EQ(fences.size(), 1u);
    EXPECT_EQ(semaphores[0].at("handleType"),
              std::uint64_t{VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_SYNC_FD_BIT});
    EXPECT_EQ(semaphores[0].at("flags"), std::uint64_t{VK_SEMAPHORE_IMPORT_TEMPORARY_BIT});
    EXPECT_EQ(fences[0].at("handleType"), std::uint64_t{VK_EXTERNAL_FENCE_HANDLE_TYPE_SYNC_FD_BIT});
    EXPECT_EQ(fences[0].at("flags"), std::uint64_t{VK_FENCE_IMPORT_TEMPORARY_BIT});
    // Where SYNC_FD is, nothing is submitted that the app does not know of.
    EXPECT_EQ(calls("QueueSubmit").size(), 1u);
}

TEST_F(SyncFdTraps, Trap21_AcquireThatCannotSignalGivesTheImageBack) {
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    Swap swap(app, swapchain_info(app.headless_surface(), kWidth, kHeight, 2));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    AppSemaphore semaphore(app);
    for (int i = 0; i < 5; ++i) {
        std::uint32_t index = 0;
        driver.fail("ImportSemaphoreFdKHR", 1, VK_ERROR_INVALID_EXTERNAL_HANDLE);
        EXPECT_EQ(vkAcquireNextImageKHR(app.device, swap.handle, UINT64_MAX, semaphore.handle,
                                        VK_NULL_HANDLE, &index),
                  VK_ERROR_OUT_OF_DEVICE_MEMORY);
    }
    EXPECT_EQ(swap.show(1), VK_SUCCESS);
    EXPECT_EQ(swap.show(2), VK_SUCCESS);
}

// Of both, the fence's import fails after the semaphore's: neither is left signalled.
TEST_F(SyncFdTraps, Trap21_AcquireSignalsBothOrNeither) {
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    Swap swap(app, swapchain_info(app.headless_surface(), kWidth, kHeight, 2));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    AppSemaphore semaphore(app);
    AppFence fence(app);
    std::uint32_t index = 0;
    driver.fail("ImportFenceFdKHR", 1, VK_ERROR_OUT_OF_HOST_MEMORY);
    EXPECT_EQ(vkAcquireNextImageKHR(app.device, swap.handle, UINT64_MAX, semaphore.handle,
                                    fence.handle, &index),
              VK_ERROR_OUT_OF_HOST_MEMORY);
    // Again with the same: the driver complains of a semaphore that is signalled already.
    EXPECT_EQ(vkAcquireNextImageKHR(app.device, swap.handle, UINT64_MAX, semaphore.handle,
                                    fence.handle, &index),
              VK_SUCCESS);
    AppFence waited(app);
    EXPECT_EQ(submit_wait(app, semaphore.handle, waited.handle), VK_SUCCESS);
    EXPECT_TRUE(waited.wait());
}

// Without SYNC_FD the layer submits to the queue that the app is using in another thread. The
// driver's submits take their time, so that any two at once are seen.
TEST_F(SwapchainTraps, Trap22_AcquireDoesNotUseTheQueueBesideTheApp) {
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    VkSwapchainCreateInfoKHR info = swapchain_info(app.headless_surface(), 16, 16);
    info.presentMode = VK_PRESENT_MODE_MAILBOX_KHR;
    Swap swap(app, info);
    ASSERT_EQ(swap.created, VK_SUCCESS);
    driver.delay("QueueSubmit", std::chrono::milliseconds(1));
    driver.delay("QueueWaitIdle", std::chrono::milliseconds(1));
    std::atomic<bool> stop{false};
    std::mutex queue_mutex;  // the app's own; acquire is not under it
    std::thread other([&] {
        for (int i = 0; !stop.load(); ++i) {
            const std::lock_guard lock(queue_mutex);
            VkSubmitInfo submit{VK_STRUCTURE_TYPE_SUBMIT_INFO};
            vkQueueSubmit(app.queue, 1, &submit, VK_NULL_HANDLE);
            if (i % 4 == 0) vkQueueWaitIdle(app.queue);
            if (i % 8 == 0) vkDeviceWaitIdle(app.device);
            const VkBindSparseInfo sparse{VK_STRUCTURE_TYPE_BIND_SPARSE_INFO};
            if (i % 8 == 4) vkQueueBindSparse(app.queue, 1, &sparse, VK_NULL_HANDLE);
        }
    });
    swap.queue_mutex = &queue_mutex;
    for (std::uint32_t i = 0; i < 40; ++i) EXPECT_EQ(swap.show(i), VK_SUCCESS);
    stop.store(true);
    other.join();
}

// A thread that the driver keeps in a present holds up nobody who presents to another window, by
// another queue: while it is in the driver it has no lock that they need.
TEST_F(SwapchainTrapsWithHost, PresentsToOtherWindowsGoOnWhileOneIsHeldUp) {
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    std::vector<const char*> names = {"VK_KHR_swapchain"};
    const float priority = 1.0f;
    VkDeviceQueueCreateInfo queue_info{VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO};
    queue_info.queueCount = 1;
    queue_info.pQueuePriorities = &priority;
    VkDeviceCreateInfo device_info{VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO};
    device_info.queueCreateInfoCount = 1;
    device_info.pQueueCreateInfos = &queue_info;
    device_info.enabledExtensionCount = 1;
    device_info.ppEnabledExtensionNames = names.data();
    VkDevice device = VK_NULL_HANDLE;
    ASSERT_EQ(vkCreateDevice(app.physical, &device_info, nullptr, &device), VK_SUCCESS);
    VkQueue queue = VK_NULL_HANDLE;
    vkGetDeviceQueue(device, 0, 0, &queue);
    auto info = swapchain_info(app.headless_surface(), 16, 16, 4);
    info.presentMode = VK_PRESENT_MODE_MAILBOX_KHR;
    VkSwapchainKHR other = VK_NULL_HANDLE;
    ASSERT_EQ(vkCreateSwapchainKHR(device, &info, nullptr, &other), VK_SUCCESS);
    info.surface = app.headless_surface();
    Swap swap(app, info);
    ASSERT_EQ(swap.created, VK_SUCCESS);
    AppFence fence(app);
    const auto acquire = [](VkDevice of, VkSwapchainKHR from, VkFence acquired) {
        std::uint32_t index = 0;
        EXPECT_EQ(vkAcquireNextImageKHR(of, from, UINT64_MAX, VK_NULL_HANDLE, acquired, &index),
                  VK_SUCCESS);
        EXPECT_EQ(vkWaitForFences(of, 1, &acquired, VK_TRUE, UINT64_MAX), VK_SUCCESS);
        EXPECT_EQ(vkResetFences(of, 1, &acquired), VK_SUCCESS);
        return index;
    };
    const auto present = [](VkQueue by, VkSwapchainKHR to, std::uint32_t index) {
        VkPresentInfoKHR what{VK_STRUCTURE_TYPE_PRESENT_INFO_KHR};
        what.swapchainCount = 1;
        what.pSwapchains = &to;
        what.pImageIndices = &index;
        EXPECT_EQ(vkQueuePresentKHR(by, &what), VK_SUCCESS);
    };
    VkFence others = VK_NULL_HANDLE;
    const VkFenceCreateInfo fence_info{VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    ASSERT_EQ(vkCreateFence(device, &fence_info, nullptr, &others), VK_SUCCESS);
    const std::uint32_t index = acquire(app.device, swap.handle, fence.handle);
    driver.forget_calls();
    driver.delay("QueueSubmit", std::chrono::seconds(3));
    std::atomic<bool> held{true};
    std::thread slow([&] {
        present(app.queue, swap.handle, index);
        held.store(false);
    });
    const auto start = Clock::now();
    while (driver.delayed() == 0 && held.load() && seconds_since(start) < 10) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    EXPECT_EQ(driver.delayed(), 1u) << "it does not get there";
    driver.delay("QueueSubmit", std::chrono::milliseconds(0));
    for (int i = 0; i < 5; ++i) present(queue, other, acquire(device, other, others));
    EXPECT_TRUE(held.load());
    slow.join();
    vkDeviceWaitIdle(device);
    vkDestroyFence(device, others, nullptr);
    vkDestroySwapchainKHR(device, other, nullptr);
    vkDestroyDevice(device, nullptr);
    // Nothing was drawn.
    EXPECT_THAT(driver.errors(), ::testing::Each(::testing::HasSubstr("layout")));
    driver.forget_errors();
}

// The driver follows every image's layout, and gives back what it had under it.
TEST_F(SwapchainTrapsWithHost, Trap23_PresentedImagesKeepLayoutAndContents) {
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    EXPECT_TRUE(calls("CreateDevice")[0].has("VK_KHR_swapchain"))
        << "without it PRESENT_SRC is no layout of the driver's";
    for (const char* strategy : {"host-pointer", "cpu-copy"}) {
        ::setenv("VDMABUF_STRATEGY", strategy, 1);
        Swap swap(app, swapchain_info(app.headless_surface(), kWidth, kHeight, 2));
        ASSERT_EQ(swap.created, VK_SUCCESS);
        for (std::uint32_t i = 0; i < 2; ++i) ASSERT_EQ(swap.show(40 + i), VK_SUCCESS);
        // GTK draws only what has changed: here nothing, so that the images come as they were.
        for (std::uint32_t i = 0; i < 4; ++i) {
            AppFence fence(app);
            std::uint32_t index = 0;
            ASSERT_EQ(vkAcquireNextImageKHR(app.device, swap.handle, UINT64_MAX, VK_NULL_HANDLE,
                                            fence.handle, &index),
                      VK_SUCCESS);
            ASSERT_TRUE(fence.wait());
            VkCommandBufferAllocateInfo allocate{VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO};
            allocate.commandPool = app.pool;
            allocate.commandBufferCount = 1;
            VkCommandBuffer commands = VK_NULL_HANDLE;
            ASSERT_EQ(vkAllocateCommandBuffers(app.device, &allocate, &commands), VK_SUCCESS);
            const VkCommandBufferBeginInfo begin{VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
            vkBeginCommandBuffer(commands, &begin);
            VkImageMemoryBarrier barrier{VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER};
            barrier.oldLayout = VK_IMAGE_LAYOUT_PRESENT_SRC_KHR;
            barrier.newLayout = VK_IMAGE_LAYOUT_PRESENT_SRC_KHR;
            barrier.srcQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED;
            barrier.dstQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED;
            barrier.image = swap.images[index];
            barrier.subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1};
            vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT,
                                 VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, 0, 0, nullptr, 0, nullptr, 1,
                                 &barrier);
            vkEndCommandBuffer(commands);
            VkSubmitInfo submit{VK_STRUCTURE_TYPE_SUBMIT_INFO};
            submit.commandBufferCount = 1;
            submit.pCommandBuffers = &commands;
            ASSERT_EQ(vkQueueSubmit(app.queue, 1, &submit, VK_NULL_HANDLE), VK_SUCCESS);
            VkPresentInfoKHR info{VK_STRUCTURE_TYPE_PRESENT_INFO_KHR};
            info.swapchainCount = 1;
            info.pSwapchains = &swap.handle;
            info.pImageIndices = &index;
            ASSERT_EQ(vkQueuePresentKHR(app.queue, &info), VK_SUCCESS);
            expect_picture(40 + index);
            vkQueueWaitIdle(app.queue);
            vkFreeCommandBuffers(app.device, app.pool, 1, &commands);
        }
    }
}

class SeveralFamilies : public FakeTest {
    Config config() const override {
        Config config;
        config.devices = {intel()};
        config.devices[0].families = {
            {VK_QUEUE_GRAPHICS_BIT | VK_QUEUE_COMPUTE_BIT | VK_QUEUE_TRANSFER_BIT, 1},
            {VK_QUEUE_TRANSFER_BIT, 1},
            {VK_QUEUE_COMPUTE_BIT, 1},
            {VK_QUEUE_VIDEO_DECODE_BIT_KHR, 1},
            {VK_QUEUE_PROTECTED_BIT, 1},
            {0, 1}};
        return config;
    }
};

// The driver complains of command buffers of one family on a queue of another.
TEST_F(SeveralFamilies, Trap24_PresentsOnTheQueueThatTheAppGives) {
    AppOptions options;
    options.families = {0, 1, 2};
    App app(options);
    ASSERT_EQ(app.created, VK_SUCCESS);
    Swap swap(app, swapchain_info(app.headless_surface(), kWidth, kHeight));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    for (std::uint32_t i = 0; i < 6; ++i) {
        std::uint32_t index = 0;
        FrameObjects frame;
        ASSERT_EQ(swap.draw(i, index, frame), VK_SUCCESS);
        driver.forget_calls();
        VkPresentInfoKHR info = present_info(swap.handle, index, frame.rendered);
        ASSERT_EQ(vkQueuePresentKHR(app.queues[i % 3], &info), VK_SUCCESS);
        const auto submits = calls("QueueSubmit");
        ASSERT_EQ(submits.size(), 1u);
        EXPECT_EQ(submits[0].at("queueFamily"), i % 3);
        EXPECT_EQ(submits[0].at("commandBuffers"), 1u);
    }
}

TEST_F(SeveralFamilies, Trap25_QueuesThatCannotWorkDoNotPresent) {
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    const VkSurfaceKHR surface = app.headless_surface();
    for (std::uint32_t family = 0; family < 6; ++family) {
        VkBool32 supported = VK_TRUE;
        ASSERT_EQ(vkGetPhysicalDeviceSurfaceSupportKHR(app.physical, family, surface, &supported),
                  VK_SUCCESS);
        EXPECT_EQ(supported, family < 3 ? VK_TRUE : VK_FALSE) << family;
    }
}

// The GPU has not begun, and neither presenting nor acquiring a free image waits for it.
TEST_F(SyncFdTraps, Trap26_PresentDoesNotWaitForTheGpu) {
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    Swap swap(app, swapchain_info(app.headless_surface(), kWidth, kHeight));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    driver.hold_gpu(true);
    const auto start = Clock::now();
    for (std::uint32_t i = 0; i < 3; ++i) ASSERT_EQ(swap.show(i), VK_SUCCESS);
    EXPECT_LT(seconds_since(start), 0.5);
    std::uint32_t index = 0;
    FrameObjects frame;
    EXPECT_EQ(swap.draw(4, index, frame, 20'000'000), VK_TIMEOUT)
        << "no image is free before the GPU has done the first";
    driver.hold_gpu(false);
    EXPECT_EQ(swap.show(5), VK_SUCCESS);
}

// Swapchains of several threads share no lock: one thread waits for an image that does not come.
TEST_F(SyncFdTraps, Trap27_SwapchainsDoNotWaitForEachOther) {
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    Swap stuck(app, swapchain_info(app.headless_surface(), 16, 16, 2));
    Swap other(app, swapchain_info(app.headless_surface(), 16, 16, 2));
    std::uint32_t indices[2] = {};
    FrameObjects frames[2];
    ASSERT_EQ(stuck.draw(1, indices[0], frames[0]), VK_SUCCESS);
    ASSERT_EQ(stuck.draw(2, indices[1], frames[1]), VK_SUCCESS);
    driver.hold_gpu(true);
    ASSERT_EQ(stuck.present(indices[0], frames[0]), VK_SUCCESS);
    ASSERT_EQ(stuck.present(indices[1], frames[1]), VK_SUCCESS);
    std::atomic<bool> done{false};
    std::thread waiting([&] {
        AppFence fence(app);
        std::uint32_t index = 0;
        EXPECT_EQ(vkAcquireNextImageKHR(app.device, stuck.handle, UINT64_MAX, VK_NULL_HANDLE,
                                        fence.handle, &index),
                  VK_SUCCESS);
        done.store(true);
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    const auto start = Clock::now();
    for (std::uint32_t i = 0; i < 2; ++i) EXPECT_EQ(other.show(i), VK_SUCCESS);
    std::uint32_t count = 0;
    EXPECT_EQ(vkGetSwapchainImagesKHR(app.device, stuck.handle, &count, nullptr), VK_SUCCESS);
    EXPECT_LT(seconds_since(start), 0.5);
    EXPECT_FALSE(done.load());
    driver.hold_gpu(false);
    waiting.join();
}

// A broker that does not move any more while it has the frames.
TEST_F(SwapchainTrapsWithHost, Trap28_DestroyingDoesNotWaitForTheHost) {
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    const VkSurfaceKHR surface = app.headless_surface();
    {
        Swap swap(app, swapchain_info(surface, kWidth, kHeight));
        ASSERT_EQ(swap.created, VK_SUCCESS);
        ASSERT_EQ(swap.show(1), VK_SUCCESS);
        broker.stop();
        ASSERT_EQ(swap.show(2), VK_SUCCESS);
        const auto start = Clock::now();
        swap.destroy();
        EXPECT_LT(seconds_since(start), 1.0);
    }
    const auto start = Clock::now();
    app.destroy(surface);
    app.destroy_device();
    EXPECT_LT(seconds_since(start), 2.0);
}

// A GPU that does not move any more: the app gets on, the driver's objects are left to it.
TEST_F(SwapchainTraps, Trap28_DestroyingDoesNotWaitForEverForTheGpu) {
    auto owned = std::make_unique<App>();
    App& app = *owned;
    ASSERT_EQ(app.created, VK_SUCCESS);
    Swap swap(app, swapchain_info(app.headless_surface(), kWidth, kHeight));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    ASSERT_EQ(swap.show(1), VK_SUCCESS);
    vkDeviceWaitIdle(app.device);
    std::uint32_t index = 0;
    {
        AppFence fence(app);
        ASSERT_EQ(vkAcquireNextImageKHR(app.device, swap.handle, UINT64_MAX, VK_NULL_HANDLE,
                                        fence.handle, &index),
                  VK_SUCCESS);
        vkDeviceWaitIdle(app.device);
    }
    driver.hold_gpu(true);
    VkPresentInfoKHR info{VK_STRUCTURE_TYPE_PRESENT_INFO_KHR};
    info.swapchainCount = 1;
    info.pSwapchains = &swap.handle;
    info.pImageIndices = &index;
    ASSERT_EQ(vkQueuePresentKHR(app.queue, &info), VK_SUCCESS);
    const auto start = Clock::now();
    vkDestroySwapchainKHR(app.device, swap.handle, nullptr);
    EXPECT_LT(seconds_since(start), 8.0);
    swap.handle = VK_NULL_HANDLE;
    driver.hold_gpu(false);
    vkDeviceWaitIdle(app.device);
    EXPECT_EQ(driver.alive()["image"], 3u);
    swap.drop_frames();
    app.destroy_device();
    owned.reset();
    driver.reset(config());  // the objects that were left to it
}

// Structures of the app, on pages that cannot be written to.
class ReadOnly {
  public:
    ReadOnly()
        : page_(
              ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {}
    ~ReadOnly() { ::munmap(page_, kSize); }
    ReadOnly(const ReadOnly&) = delete;
    ReadOnly& operator=(const ReadOnly&) = delete;
    template <typename T>
    T* put(const T& value) {
        auto* at = static_cast<std::byte*>(page_) + used_;
        used_ += (sizeof(T) + 15) / 16 * 16;
        return new (at) T(value);
    }
    void protect() { EXPECT_EQ(::mprotect(page_, kSize, PROT_READ), 0); }

  private:
    static constexpr std::size_t kSize = 4096;
    void* page_;
    std::size_t used_ = 0;
};

TEST_F(SwapchainTrapsWithHost, Trap31_StructuresOfTheAppAreNotWrittenTo) {
    AppOptions options;
    options.device_extensions = {"VK_KHR_incremental_present", "VK_KHR_swapchain_mutable_format"};
    options.api_version = VK_API_VERSION_1_2;
    App app(options);
    ASSERT_EQ(app.created, VK_SUCCESS);
    ReadOnly memory;
    auto* formats = memory.put(std::array{VK_FORMAT_B8G8R8A8_UNORM, VK_FORMAT_B8G8R8A8_SRGB});
    auto* list = memory.put(VkImageFormatListCreateInfo{
        VK_STRUCTURE_TYPE_IMAGE_FORMAT_LIST_CREATE_INFO, nullptr, 2, formats->data()});
    VkSwapchainCreateInfoKHR create = swapchain_info(app.headless_surface(), kWidth, kHeight);
    create.flags = VK_SWAPCHAIN_CREATE_MUTABLE_FORMAT_BIT_KHR;
    create.pNext = list;
    const auto* info = memory.put(create);
    memory.protect();
    Swap swap(app, *info);
    VkSwapchainKHR direct = VK_NULL_HANDLE;
    ASSERT_EQ(vkCreateSwapchainKHR(app.device, info, nullptr, &direct), VK_SUCCESS);
    vkDestroySwapchainKHR(app.device, direct, nullptr);
    ASSERT_EQ(swap.created, VK_SUCCESS);
    std::uint32_t index = 0;
    FrameObjects frame;
    ASSERT_EQ(swap.draw(1, index, frame), VK_SUCCESS);
    ReadOnly present;
    auto* rect = present.put(VkRectLayerKHR{{0, 0}, {5, 5}, 0});
    auto* region = present.put(VkPresentRegionKHR{1, rect});
    auto* regions =
        present.put(VkPresentRegionsKHR{VK_STRUCTURE_TYPE_PRESENT_REGIONS_KHR, nullptr, 1, region});
    VkPresentInfoKHR how =
        present_info(*present.put(swap.handle), *present.put(index), *present.put(frame.rendered));
    how.pNext = regions;
    const auto* presented = present.put(how);
    present.protect();
    EXPECT_EQ(vkQueuePresentKHR(app.queue, presented), VK_SUCCESS);
    expect_picture(1);
}

}  // namespace
}  // namespace vdmabuf::fake
