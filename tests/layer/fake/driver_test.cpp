// SPDX-License-Identifier: MIT
// The fake driver itself: what it is there to notice, it notices.
#include "tests/layer/fake/fixture.hpp"

namespace vdmabuf::fake {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Without the layer: the app alone with the driver.
class DriverTest : public FakeTest {
  protected:
    void SetUp() override {
        FakeTest::SetUp();
        ::unsetenv("ENABLE_VDMABUF");
    }
    AppOptions plain() const {
        AppOptions options;
        options.surfaces = false;
        options.swapchain = false;
        return options;
    }
    void expect_error(const std::string& text) {
        EXPECT_THAT(driver.errors(), Contains(HasSubstr(text)));
        driver.forget_errors();
    }
};

TEST_F(DriverTest, DoesNothingWrongByItself) {
    App app(plain());
    ASSERT_EQ(app.created, VK_SUCCESS);
    AppFence fence(app);
    AppSemaphore semaphore(app);
    ASSERT_EQ(submit_signal(app, semaphore.handle), VK_SUCCESS);
    ASSERT_EQ(submit_wait(app, semaphore.handle, fence.handle), VK_SUCCESS);
    EXPECT_TRUE(fence.wait());
    EXPECT_EQ(vkDeviceWaitIdle(app.device), VK_SUCCESS);
}

TEST_F(DriverTest, NoticesDoubleDestroysUseAfterDestroyAndStrangers) {
    App app(plain());
    ASSERT_EQ(app.created, VK_SUCCESS);
    VkFence fence = VK_NULL_HANDLE;
    const VkFenceCreateInfo info{VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    ASSERT_EQ(vkCreateFence(app.device, &info, nullptr, &fence), VK_SUCCESS);
    {
        App other(plain());
        EXPECT_EQ(vkGetFenceStatus(other.device, fence), VK_NOT_READY);
        expect_error("a fence of another device");
    }
    vkDestroyFence(app.device, fence, nullptr);
    vkDestroyFence(app.device, fence, nullptr);
    expect_error("use of a fence that was destroyed");
    EXPECT_EQ(vkGetFenceStatus(app.device, fence), VK_NOT_READY);
    expect_error("use of a fence that was destroyed");
}

TEST_F(DriverTest, NoticesLeaks) {
    {
        App app(plain());
        VkFence fence = VK_NULL_HANDLE;
        const VkFenceCreateInfo info{VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
        ASSERT_EQ(vkCreateFence(app.device, &info, nullptr, &fence), VK_SUCCESS);
    }
    expect_error("a fence outlives its device");
    EXPECT_EQ(driver.alive()["fence"], 1u);
    driver.reset(config());
    EXPECT_THAT(driver.alive(), IsEmpty());
}

TEST_F(DriverTest, NoticesHangsAndDoubleSignals) {
    App app(plain());
    ASSERT_EQ(app.created, VK_SUCCESS);
    AppSemaphore semaphore(app);
    AppFence fence(app);
    ASSERT_EQ(submit_wait(app, semaphore.handle, VK_NULL_HANDLE), VK_SUCCESS);
    expect_error("waits for a semaphore that nothing signals");
    ASSERT_EQ(submit_signal(app, semaphore.handle), VK_SUCCESS);
    ASSERT_EQ(submit_signal(app, semaphore.handle), VK_SUCCESS);
    expect_error("a semaphore is signalled twice");
    driver.hold_gpu(true);
    ASSERT_EQ(vkQueueSubmit(app.queue, 0, nullptr, fence.handle), VK_SUCCESS);
    EXPECT_EQ(vkResetFences(app.device, 1, &fence.handle), VK_SUCCESS);
    expect_error("a fence in use is reset");
    driver.hold_gpu(false);
    vkDeviceWaitIdle(app.device);
}

TEST_F(DriverTest, NoticesWhatIsNotEnabledOrNotThere) {
    AppOptions options = plain();
    options.device_extensions = {"VK_KHR_swapchain"};
    App app(options);
    ASSERT_EQ(app.created, VK_SUCCESS);
    EXPECT_FALSE(app.device_function<PFN_vkVoidFunction>("vkGetMemoryHostPointerPropertiesEXT"));
    int pixel = 0;
    VkImportMemoryHostPointerInfoEXT import{VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT};
    import.handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT;
    import.pHostPointer = &pixel;
    const VkMemoryAllocateInfo info{VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO, &import, 4096, 0};
    VkDeviceMemory memory = VK_NULL_HANDLE;
    ASSERT_EQ(vkAllocateMemory(app.device, &info, nullptr, &memory), VK_SUCCESS);
    vkFreeMemory(app.device, memory, nullptr);
    expect_error("which is not enabled");
}

TEST_F(DriverTest, FailsAndDelaysAsOrdered) {
    App app(plain());
    ASSERT_EQ(app.created, VK_SUCCESS);
    driver.fail("CreateFence", 2, VK_ERROR_OUT_OF_DEVICE_MEMORY);
    const VkFenceCreateInfo info{VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    AppFence first(app);
    VkFence second = VK_NULL_HANDLE;
    EXPECT_EQ(vkCreateFence(app.device, &info, nullptr, &second), VK_ERROR_OUT_OF_DEVICE_MEMORY);
    AppFence third(app);
    driver.delay("GetFenceStatus", std::chrono::milliseconds(30));
    const auto start = Clock::now();
    EXPECT_FALSE(first.signalled());
    EXPECT_GE(seconds_since(start), 0.03);
    const auto all = calls("CreateFence");
    ASSERT_EQ(all.size(), 3u);
    EXPECT_TRUE(all[1].injected);
}

TEST_F(DriverTest, NoticesAQueueInTwoThreads) {
    App app(plain());
    ASSERT_EQ(app.created, VK_SUCCESS);
    driver.delay("QueueSubmit", std::chrono::milliseconds(50));
    std::thread other([&] { vkQueueSubmit(app.queue, 0, nullptr, VK_NULL_HANDLE); });
    vkQueueSubmit(app.queue, 0, nullptr, VK_NULL_HANDLE);
    other.join();
    expect_error("the queue is in use by another thread");
    vkDeviceWaitIdle(app.device);
}

}  // namespace
}  // namespace vdmabuf::fake
