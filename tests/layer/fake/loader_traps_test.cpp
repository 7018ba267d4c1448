// SPDX-License-Identifier: MIT
// How the layer lives with the loader and in somebody else's process. The tests are named after the
// traps that layers of this kind have fallen into, by the numbers of README.md.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "tests/layer/fake/fixture.hpp"
#include "tests/layer/support/sanitizers.hpp"
#include "tests/layer/support/x_server.hpp"

extern char** environ;

namespace vdmabuf::fake {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

using LoaderTraps = FakeTest;
using LoaderTrapsWithHost = FakeHostTest;

// The first pointer of a handle is the key, and another object may have the same as soon as the
// driver has freed it.
TEST_F(LoaderTraps, Trap01_KeysAreForgottenBeforeTheObjectsEnd) {
    std::atomic<int> failures{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
        threads.emplace_back([&] {
            for (int round = 0; round < 40; ++round) {
                App app;
                if (app.created != VK_SUCCESS) ++failures;
                std::uint32_t count = 0;
                if (vkEnumerateDeviceExtensionProperties(app.physical, nullptr, &count, nullptr) !=
                        VK_SUCCESS ||
                    !app.device_function<PFN_vkVoidFunction>("vkQueuePresentKHR")) {
                    ++failures;
                }
            }
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(failures.load(), 0);
}

// The driver looks for the loader's pointer in each queue and command buffer that it is given.
TEST_F(LoaderTraps, Trap02_QueuesAndCommandBuffersOfTheLayerHaveTheLoadersData) {
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    driver.forget_calls();
    Swap swap(app, swapchain_info(app.headless_surface(), kWidth, kHeight));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    EXPECT_EQ(calls("BeginCommandBuffer").size(), 3u);
    driver.forget_calls();
    AppFence fence(app);
    std::uint32_t index = 0;
    // On this device an acquire submits, to a queue that the layer asked the driver for.
    ASSERT_EQ(vkAcquireNextImageKHR(app.device, swap.handle, UINT64_MAX, VK_NULL_HANDLE,
                                    fence.handle, &index),
              VK_SUCCESS);
    EXPECT_EQ(calls("QueueSubmit").size(), 1u);
    EXPECT_TRUE(fence.wait());
}

TEST_F(LoaderTrapsWithHost, Trap03_SurfacesThatTheLayerMadeUpStayWithIt) {
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    const VkSurfaceKHR surface = app.headless_surface();
    ASSERT_NE(surface, VK_NULL_HANDLE);
    VkBool32 supported = VK_FALSE;
    EXPECT_EQ(vkGetPhysicalDeviceSurfaceSupportKHR(app.physical, 0, surface, &supported),
              VK_SUCCESS);
    EXPECT_TRUE(supported);
    VkSurfaceCapabilitiesKHR caps{};
    EXPECT_EQ(vkGetPhysicalDeviceSurfaceCapabilitiesKHR(app.physical, surface, &caps), VK_SUCCESS);
    std::uint32_t count = 0;
    EXPECT_EQ(vkGetPhysicalDeviceSurfaceFormatsKHR(app.physical, surface, &count, nullptr),
              VK_SUCCESS);
    EXPECT_EQ(vkGetPhysicalDeviceSurfacePresentModesKHR(app.physical, surface, &count, nullptr),
              VK_SUCCESS);
    VkPhysicalDeviceSurfaceInfo2KHR info{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SURFACE_INFO_2_KHR};
    info.surface = surface;
    VkSurfaceCapabilities2KHR caps2{VK_STRUCTURE_TYPE_SURFACE_CAPABILITIES_2_KHR};
    EXPECT_EQ(app.instance_function<PFN_vkGetPhysicalDeviceSurfaceCapabilities2KHR>(
                  "vkGetPhysicalDeviceSurfaceCapabilities2KHR")(app.physical, &info, &caps2),
              VK_SUCCESS);
    EXPECT_EQ(app.instance_function<PFN_vkGetPhysicalDeviceSurfaceFormats2KHR>(
                  "vkGetPhysicalDeviceSurfaceFormats2KHR")(app.physical, &info, &count, nullptr),
              VK_SUCCESS);
    VkDeviceGroupPresentModeFlagsKHR modes = 0;
    EXPECT_EQ(vkGetDeviceGroupSurfacePresentModesKHR(app.device, surface, &modes), VK_SUCCESS);
    EXPECT_EQ(vkGetPhysicalDevicePresentRectanglesKHR(app.physical, surface, &count, nullptr),
              VK_SUCCESS);
    app.destroy(surface);
    for (const Call& call : driver.calls()) EXPECT_THAT(call.name, Not(HasSubstr("Surface")));
}

TEST_F(LoaderTrapsWithHost, Trap03_SurfacesOfWindowsAreMadeBelowToo) {
    test::XServer x;
    ASSERT_TRUE(x.running());
    test::XWindow window(x.display(), kWidth, kHeight);
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    const VkSurfaceKHR surface = app.xcb_surface(window);
    ASSERT_NE(surface, VK_NULL_HANDLE);
    EXPECT_EQ(calls("CreateXcbSurfaceKHR").size(), 1u);
    app.destroy(surface);
    EXPECT_EQ(calls("DestroySurfaceKHR").size(), 1u);
}

// The driver looks up every swapchain that it is given.
TEST_F(LoaderTrapsWithHost, Trap04_SwapchainsOfTheLayerStayWithIt) {
    test::XServer x;
    ASSERT_TRUE(x.running());
    test::XWindow windows[2] = {{x.display(), kWidth, kHeight}, {x.display(), kWidth, kHeight}};
    broker.kill();
    AppOptions options;
    options.device_extensions = {"VK_KHR_incremental_present"};
    options.api_version = VK_API_VERSION_1_3;
    App app(options);
    ASSERT_EQ(app.created, VK_SUCCESS);
    const VkSurfaceKHR foreign_surface = app.xcb_surface(windows[0]);
    broker.start();
    Swap foreign(app, swapchain_info(foreign_surface, kWidth, kHeight));
    Swap ours(app, swapchain_info(app.xcb_surface(windows[1]), kWidth, kHeight));
    ASSERT_EQ(foreign.created, VK_SUCCESS);
    ASSERT_EQ(ours.created, VK_SUCCESS);
    EXPECT_EQ(calls("CreateSwapchainKHR").size(), 1u);
    std::uint32_t indices[2] = {};
    FrameObjects frames[2];
    ASSERT_EQ(foreign.draw(1, indices[0], frames[0]), VK_SUCCESS);
    ASSERT_EQ(ours.draw(2, indices[1], frames[1]), VK_SUCCESS);
    const VkSemaphore waits[] = {frames[0].rendered, frames[1].rendered};
    const VkSwapchainKHR swapchains[] = {foreign.handle, ours.handle};
    const VkPresentRegionKHR regions[2] = {};
    const VkPresentRegionsKHR all{VK_STRUCTURE_TYPE_PRESENT_REGIONS_KHR, nullptr, 2, regions};
    VkResult results[] = {VK_ERROR_UNKNOWN, VK_ERROR_UNKNOWN};
    VkPresentInfoKHR info{VK_STRUCTURE_TYPE_PRESENT_INFO_KHR};
    info.pNext = &all;
    info.waitSemaphoreCount = 2;
    info.pWaitSemaphores = waits;
    info.swapchainCount = 2;
    info.pSwapchains = swapchains;
    info.pImageIndices = indices;
    info.pResults = results;
    ASSERT_EQ(vkQueuePresentKHR(app.queue, &info), VK_SUCCESS);
    EXPECT_EQ(results[0], VK_SUCCESS);
    EXPECT_EQ(results[1], VK_SUCCESS);
    expect_picture(2);
    const auto presents = calls("QueuePresentKHR");
    ASSERT_EQ(presents.size(), 1u);
    EXPECT_EQ(presents[0].at("swapchains"), 1u);
    EXPECT_EQ(presents[0].at("waits"), 1u) << "for the layer's submit, which did the app's waits";
    // What apps attach to objects.
    EXPECT_EQ(vkSetPrivateData(app.device, VK_OBJECT_TYPE_SWAPCHAIN_KHR, (std::uint64_t)ours.handle,
                               VK_NULL_HANDLE, 7),
              VK_SUCCESS);
}

TEST_F(LoaderTraps, Trap05_ImagesAreTheDriversOwn) {
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    Swap swap(app, swapchain_info(app.headless_surface(), kWidth, kHeight));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    const auto made = calls("CreateImage");
    ASSERT_EQ(made.size(), swap.images.size());
    for (std::size_t i = 0; i < made.size(); ++i) {
        EXPECT_EQ(made[i].at("image"), (std::uint64_t)swap.images[i]);
    }
    VkImageViewCreateInfo info{VK_STRUCTURE_TYPE_IMAGE_VIEW_CREATE_INFO};
    info.image = swap.images[0];
    info.viewType = VK_IMAGE_VIEW_TYPE_2D;
    info.format = VK_FORMAT_B8G8R8A8_UNORM;
    info.subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1};
    VkImageView view = VK_NULL_HANDLE;
    ASSERT_EQ(vkCreateImageView(app.device, &info, nullptr, &view), VK_SUCCESS);
    vkDestroyImageView(app.device, view, nullptr);
}

// Loaders skip implicit layers that are older than the app.
TEST_F(LoaderTraps, Trap06_AppsOfEveryVersionGetTheLayer) {
    for (const std::uint32_t version : {VK_API_VERSION_1_0, VK_API_VERSION_1_1, VK_API_VERSION_1_2,
                                        VK_API_VERSION_1_3, VK_MAKE_API_VERSION(0, 1, 4, 0)}) {
        AppOptions options;
        options.api_version = version;
        App app(options);
        ASSERT_EQ(app.created, VK_SUCCESS);
        // The driver has no headless surfaces: they are the layer's.
        EXPECT_NE(app.headless_surface(), VK_NULL_HANDLE);
        Swap swap(app, swapchain_info(app.headless_surface(), kWidth, kHeight));
        EXPECT_EQ(swap.created, VK_SUCCESS);
        EXPECT_EQ(swap.show(1), VK_SUCCESS);
    }
}

TEST_F(LoaderTraps, Trap06_SwitchedOffByTheEnvironment) {
    for (const bool enabled : {true, false}) {
        ::setenv(enabled ? "DISABLE_VDMABUF" : "ENABLE_VDMABUF", enabled ? "1" : "0", 1);
        std::uint32_t count = 0;
        vkEnumerateInstanceExtensionProperties(nullptr, &count, nullptr);
        std::vector<VkExtensionProperties> extensions(count);
        vkEnumerateInstanceExtensionProperties(nullptr, &count, extensions.data());
        for (const auto& extension : extensions) {
            EXPECT_STRNE(extension.extensionName, "VK_EXT_headless_surface");
        }
        ::unsetenv("DISABLE_VDMABUF");
    }
}

class NoSwapchainDevice : public FakeTest {
    Config config() const override {
        Config config;
        config.devices = {lavapipe_old(), lavapipe_old()};
        auto& extensions = config.devices[1].extensions;
        extensions.erase(std::find(extensions.begin(), extensions.end(), "VK_KHR_swapchain"));
        extensions.push_back("VK_GOOGLE_display_timing");
        return config;
    }
};

TEST_F(NoSwapchainDevice, Trap06_EachGpuIsOfferedWhatItCanDo) {
    for (const std::uint32_t physical : {0u, 1u}) {
        AppOptions options;
        options.physical = physical;
        options.swapchain = physical == 0;
        App app(options);
        ASSERT_EQ(app.created, VK_SUCCESS);
        EXPECT_EQ(app.has_device_extension("VK_KHR_swapchain"), physical == 0);
        // The driver's, which would be given swapchains that are not its own.
        EXPECT_FALSE(app.has_device_extension("VK_GOOGLE_display_timing"));
        VkBool32 supported = VK_TRUE;
        EXPECT_EQ(vkGetPhysicalDeviceSurfaceSupportKHR(app.physical, 0, app.headless_surface(),
                                                       &supported),
                  VK_SUCCESS);
        EXPECT_EQ(supported, physical == 0 ? VK_TRUE : VK_FALSE);
    }
}

std::size_t count_in(const char* directory) {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(directory)) {
        ++count;
    }
    return count;
}

TEST_F(LoaderTrapsWithHost, Trap10_NothingOfTheLayerOutlivesTheInstance) {
    const auto use = [&] {
        App app;
        ASSERT_EQ(app.created, VK_SUCCESS);
        Swap swap(app, swapchain_info(app.headless_surface(), kWidth, kHeight));
        ASSERT_EQ(swap.created, VK_SUCCESS);
        ASSERT_EQ(swap.show(1), VK_SUCCESS);
    };
    use();
    const std::size_t threads = count_in("/proc/self/task");
    const std::size_t files = count_in("/proc/self/fd");
    for (int i = 0; i < 20; ++i) use();
    EXPECT_EQ(count_in("/proc/self/task"), threads);
    EXPECT_EQ(count_in("/proc/self/fd"), files);
}

// An instance that is destroyed with everything alive: an app's error, which must not crash it.
TEST_F(LoaderTrapsWithHost, Trap10_DevicesDestroyedWithSwapchainsAlive) {
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    const VkSurfaceKHR surface = app.headless_surface();
    VkSwapchainKHR swapchain = VK_NULL_HANDLE;
    const VkSwapchainCreateInfoKHR info = swapchain_info(surface, kWidth, kHeight);
    ASSERT_EQ(vkCreateSwapchainKHR(app.device, &info, nullptr, &swapchain), VK_SUCCESS);
    app.destroy_device();
}

// The same with the instance: what the loader and the driver make of it is theirs.
TEST_F(LoaderTrapsWithHost, Trap10_InstanceDestroyedWithSwapchainsAlive) {
    // The device is never destroyed: the app's leak. LeakSanitizer's search (GCC 12) crashes at it,
    // as the loader unloads a driver that has a device.
    test::nobody_looks_for_leaks = true;
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    Swap swap(app, swapchain_info(app.headless_surface(), kWidth, kHeight));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    ASSERT_EQ(swap.show(1), VK_SUCCESS);
    const auto start = Clock::now();
    vkDestroyInstance(app.instance, nullptr);
    EXPECT_LT(seconds_since(start), 2.0);
    // Nothing of it can be used any more, by the app's destructors neither.
    app.instance = VK_NULL_HANDLE;
    app.device = VK_NULL_HANDLE;
    swap.forget();
    driver.reset(config());
}

TEST_F(LoaderTraps, Trap11_FunctionsThatWereNotEnabledAnswer) {
    const char* const extensions[] = {"VK_KHR_surface", "VK_EXT_headless_surface"};
    VkInstanceCreateInfo info{VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO};
    info.enabledExtensionCount = 2;
    info.ppEnabledExtensionNames = extensions;
    VkInstance instance = VK_NULL_HANDLE;
    ASSERT_EQ(vkCreateInstance(&info, nullptr, &instance), VK_SUCCESS);
    EXPECT_EQ(vkGetInstanceProcAddr(instance, "vkCreateXcbSurfaceKHR"), nullptr);
    // The function that the loader's library exports.
    VkXcbSurfaceCreateInfoKHR create{VK_STRUCTURE_TYPE_XCB_SURFACE_CREATE_INFO_KHR};
    VkSurfaceKHR surface = VK_NULL_HANDLE;
    EXPECT_EQ(vkCreateXcbSurfaceKHR(instance, &create, nullptr, &surface),
              VK_ERROR_EXTENSION_NOT_PRESENT);
    vkDestroyInstance(instance, nullptr);
}

// What comes to the standard streams while it lives.
class Captured {
  public:
    Captured() {
        std::fflush(nullptr);
        file_ = ::memfd_create("captured", MFD_CLOEXEC);
        for (int i : {1, 2}) {
            saved_[i] = ::fcntl(i, F_DUPFD_CLOEXEC, 10);
            ::dup2(file_, i);
        }
    }
    std::string end() {
        std::fflush(nullptr);
        for (int i : {1, 2}) {
            ::dup2(saved_[i], i);
            ::close(saved_[i]);
        }
        std::string text(static_cast<std::size_t>(::lseek(file_, 0, SEEK_END)), '\0');
        if (::pread(file_, text.data(), text.size(), 0) < 0) text = "?";
        ::close(file_);
        return text;
    }

  private:
    int file_ = -1;
    int saved_[3] = {};
};

TEST_F(LoaderTrapsWithHost, Trap12_PrintsNothingAndLeavesTheEnvironmentAlone) {
    std::vector<std::string> before;
    for (char** at = environ; *at; ++at) before.emplace_back(*at);
    Captured output;
    {
        App app;
        const VkSurfaceKHR surface = app.headless_surface();
        Swap swap(app, swapchain_info(surface, kWidth, kHeight));
        (void)swap.show(1);
        // Things to complain of: what is refused, what the driver refuses, a host that dies.
        Swap refused(app, swapchain_info(surface, 0, 0));
        driver.fail_always("AllocateMemory", VK_ERROR_OUT_OF_DEVICE_MEMORY);
        Swap failed(app, swapchain_info(surface, kWidth, kHeight));
        driver.stop_failing();
        broker.kill();
    }
    EXPECT_EQ(output.end(), "");
    std::vector<std::string> after;
    for (char** at = environ; *at; ++at) after.emplace_back(*at);
    EXPECT_EQ(after, before);
}

std::set<int> open_files() {
    std::set<int> files;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        files.insert(std::stoi(entry.path().filename()));
    }
    return files;
}

TEST_F(LoaderTrapsWithHost, Trap15_ChildrenInheritNothing) {
    const std::set<int> before = open_files();
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    Swap swap(app, swapchain_info(app.headless_surface(), kWidth, kHeight));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    ASSERT_EQ(swap.show(1), VK_SUCCESS);
    int checked = 0;
    for (const int file : open_files()) {
        const int flags = ::fcntl(file, F_GETFD);
        if (before.count(file) || flags < 0) continue;
        EXPECT_TRUE(flags & FD_CLOEXEC)
            << std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(file));
        ++checked;
    }
    EXPECT_GT(checked, 0);
    // The pages of images are not mapped in a child of fork(2): "dc" is MADV_DONTFORK.
    std::ifstream maps("/proc/self/smaps");
    std::string line;
    bool pages = false;
    int found = 0;
    while (std::getline(maps, line)) {
        // "start-end perms offset dev inode path" begins a mapping.
        if (line.find('-') < line.find(' ')) pages = line.find("memfd:") != std::string::npos;
        if (pages && line.starts_with("VmFlags:")) {
            EXPECT_THAT(line, HasSubstr(" dc"));
            ++found;
        }
    }
    EXPECT_EQ(found, 3) << "one mapping for each image";
}

TEST_F(LoaderTrapsWithHost, Trap15_ForkedChildrenSayNothingToTheHost) {
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    Swap swap(app, swapchain_info(app.headless_surface(), kWidth, kHeight));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    host();
    ASSERT_EQ(swap.show(1), VK_SUCCESS);
    expect_picture(1);
    for (std::uint32_t i = 2; i < 6; ++i) {
        const pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) ::_exit(7);
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        EXPECT_EQ(WEXITSTATUS(status), 7);
        ASSERT_EQ(swap.show(i), VK_SUCCESS);
        expect_picture(i);
    }
}

class SeveralGpus : public FakeHostTest {
    Config config() const override {
        Config config;
        config.devices = {lavapipe_old(), nvidia(), intel()};
        return config;
    }
};

TEST_F(SeveralGpus, Trap16_SeveralInstancesDevicesAndGpus) {
    std::vector<std::unique_ptr<App>> apps;
    std::vector<std::unique_ptr<Swap>> swaps;
    for (std::uint32_t physical = 0; physical < 3; ++physical) {
        for (int i = 0; i < 2; ++i) {
            AppOptions options;
            options.physical = physical;
            apps.push_back(std::make_unique<App>(options));
            ASSERT_EQ(apps.back()->created, VK_SUCCESS);
            swaps.push_back(std::make_unique<Swap>(
                *apps.back(), swapchain_info(apps.back()->headless_surface(), kWidth, kHeight)));
            ASSERT_EQ(swaps.back()->created, VK_SUCCESS);
        }
    }
    host();
    std::uint32_t seed = 10;
    for (auto& swap : swaps) {
        ASSERT_EQ(swap->show(++seed), VK_SUCCESS);
        expect_picture(seed);
    }
    // In no order in particular.
    swaps.erase(swaps.begin() + 2);
    swaps.erase(swaps.begin());
    for (auto& swap : swaps) {
        ASSERT_EQ(swap->show(++seed), VK_SUCCESS);
        expect_picture(seed);
    }
    swaps.clear();
}

TEST_F(SeveralGpus, Trap16_SeveralDevicesOfOneInstance) {
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    const float priority = 1.0f;
    VkDeviceQueueCreateInfo queue_info{VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO};
    queue_info.queueCount = 1;
    queue_info.pQueuePriorities = &priority;
    const char* const swapchain_extension = "VK_KHR_swapchain";
    VkDeviceCreateInfo info{VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO};
    info.queueCreateInfoCount = 1;
    info.pQueueCreateInfos = &queue_info;
    info.enabledExtensionCount = 1;
    info.ppEnabledExtensionNames = &swapchain_extension;
    VkPhysicalDevice physical[3] = {};
    std::uint32_t count = 3;
    ASSERT_EQ(vkEnumeratePhysicalDevices(app.instance, &count, physical), VK_SUCCESS);
    VkDevice devices[3] = {};
    VkSwapchainKHR swapchains[3] = {};
    for (int i = 0; i < 3; ++i) {
        ASSERT_EQ(vkCreateDevice(physical[i], &info, nullptr, &devices[i]), VK_SUCCESS);
        const auto create = swapchain_info(app.headless_surface(), kWidth, kHeight);
        ASSERT_EQ(vkCreateSwapchainKHR(devices[i], &create, nullptr, &swapchains[i]), VK_SUCCESS);
    }
    // The driver complains of objects of one device that another is given.
    for (int i = 0; i < 3; ++i) {
        vkDestroySwapchainKHR(devices[i], swapchains[i], nullptr);
        vkDestroyDevice(devices[i], nullptr);
    }
}

}  // namespace
}  // namespace vdmabuf::fake
