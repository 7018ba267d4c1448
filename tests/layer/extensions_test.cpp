// SPDX-License-Identifier: MIT
// The extensions that the layer brings: what apps are told, and what drivers are not.
#include <algorithm>
#include <cstring>

#include "tests/layer/support/fixture.hpp"

namespace vdmabuf::test {
namespace {

using ExtensionsTest = LayerTest;

// Whatever the driver has.
constexpr const char* kAlways[] = {
    "VK_KHR_incremental_present",
    "VK_EXT_swapchain_maintenance1",
    "VK_KHR_present_id",
    "VK_KHR_present_wait",
    "VK_EXT_hdr_metadata",
    "VK_KHR_shared_presentable_image",  // lavapipe knows the layout
#ifdef VK_EXT_present_mode_fifo_latest_ready
    "VK_EXT_present_mode_fifo_latest_ready",
#endif
#ifdef VK_KHR_present_mode_fifo_latest_ready
    "VK_KHR_present_mode_fifo_latest_ready",
#endif
#ifdef VDMABUF_KHR_SURFACE_MAINTENANCE1
    "VK_KHR_swapchain_maintenance1",
#endif
#ifdef VK_KHR_present_id2
    "VK_KHR_present_id2",
    "VK_KHR_present_wait2",
#endif
#ifdef VK_EXT_present_timing
    "VK_EXT_present_timing",  // lavapipe has calibrated timestamps, under one of the names
    "VK_KHR_calibrated_timestamps",
#endif
};

TEST_F(ExtensionsTest, OfferedOnceEach) {
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    std::uint32_t count = 0;
    vkEnumerateDeviceExtensionProperties(app.physical, nullptr, &count, nullptr);
    std::vector<VkExtensionProperties> all(count);
    vkEnumerateDeviceExtensionProperties(app.physical, nullptr, &count, all.data());
    const auto occurrences = [&](const char* name) {
        return std::count_if(all.begin(), all.end(), [&](const VkExtensionProperties& each) {
            return std::strcmp(each.extensionName, name) == 0;
        });
    };
    for (const char* name : kAlways) EXPECT_EQ(occurrences(name), 1) << name;
    EXPECT_EQ(occurrences("VK_KHR_swapchain_mutable_format"), 1);
    EXPECT_EQ(occurrences("VK_KHR_swapchain"), 1);
    // Of the layer alone: the same ones, without the driver's.
    const VkResult result =
        vkEnumerateDeviceExtensionProperties(app.physical, "VK_LAYER_VDMABUF_wsi", &count, nullptr);
    EXPECT_EQ(result, VK_SUCCESS);
}

TEST_F(ExtensionsTest, InstanceExtensionsAreOffered) {
    std::uint32_t count = 0;
    vkEnumerateInstanceExtensionProperties(nullptr, &count, nullptr);
    std::vector<VkExtensionProperties> all(count);
    vkEnumerateInstanceExtensionProperties(nullptr, &count, all.data());
    for (const char* name : {"VK_KHR_get_surface_capabilities2", "VK_EXT_surface_maintenance1",
#ifdef VDMABUF_KHR_SURFACE_MAINTENANCE1
                             "VK_KHR_surface_maintenance1",
#endif
                             "VK_KHR_surface_protected_capabilities", "VK_EXT_swapchain_colorspace",
                             "VK_GOOGLE_surfaceless_query", "VK_EXT_headless_surface",
                             "VK_EXT_display_surface_counter"}) {
        EXPECT_TRUE(std::any_of(all.begin(), all.end(), [&](const auto& each) {
            return std::strcmp(each.extensionName, name) == 0;
        })) << name;
    }
}

// Loaders refuse extensions that they do not know, though they offer what a manifest names.
TEST_F(ExtensionsTest, AnInstanceWithAllThatIsOfferedCanBeMade) {
    std::uint32_t count = 0;
    vkEnumerateInstanceExtensionProperties(nullptr, &count, nullptr);
    std::vector<VkExtensionProperties> all(count);
    vkEnumerateInstanceExtensionProperties(nullptr, &count, all.data());
    std::vector<const char*> names;
    for (const VkExtensionProperties& each : all) {
        // Wants a list of drivers in pNext.
        if (std::strcmp(each.extensionName, "VK_LUNARG_direct_driver_loading") == 0) continue;
        names.push_back(each.extensionName);
    }
    const VkInstanceCreateInfo info{
        .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
        .enabledExtensionCount = static_cast<std::uint32_t>(names.size()),
        .ppEnabledExtensionNames = names.data()};
    VkInstance instance = VK_NULL_HANDLE;
    ASSERT_EQ(vkCreateInstance(&info, nullptr, &instance), VK_SUCCESS);
    vkDestroyInstance(instance, nullptr);
}

// Structures of ours between others': all answered, and the chain is as the app made it.
TEST_F(ExtensionsTest, FeaturesAreTold) {
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    VkPhysicalDevicePresentWaitFeaturesKHR wait{
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PRESENT_WAIT_FEATURES_KHR};
    VkPhysicalDevice16BitStorageFeatures theirs{
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES, &wait};
    VkPhysicalDevicePresentIdFeaturesKHR id{
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PRESENT_ID_FEATURES_KHR, &theirs};
    VkPhysicalDeviceSwapchainMaintenance1FeaturesEXT maintenance{
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SWAPCHAIN_MAINTENANCE_1_FEATURES_EXT, &id};
    VkPhysicalDeviceFeatures2 features{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, &maintenance};
    vkGetPhysicalDeviceFeatures2(app.physical, &features);
    EXPECT_TRUE(wait.presentWait);
    EXPECT_TRUE(id.presentId);
    EXPECT_TRUE(maintenance.swapchainMaintenance1);
    EXPECT_EQ(features.pNext, &maintenance);
    EXPECT_EQ(maintenance.pNext, &id);
    EXPECT_EQ(id.pNext, &theirs);
    EXPECT_EQ(theirs.pNext, &wait);
    EXPECT_TRUE(features.features.robustBufferAccess);
}

// The driver refuses features that it does not know as its own: it must not see them. The app's
// structures may lie in memory that cannot be written to.
TEST_F(ExtensionsTest, DriversDoNotSeeThem) {
    static const VkPhysicalDevicePresentWaitFeaturesKHR wait{
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PRESENT_WAIT_FEATURES_KHR, nullptr, VK_TRUE};
    static const VkPhysicalDevice16BitStorageFeatures theirs{
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES,
        const_cast<VkPhysicalDevicePresentWaitFeaturesKHR*>(&wait)};
    static const VkPhysicalDevicePresentIdFeaturesKHR id{
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PRESENT_ID_FEATURES_KHR,
        const_cast<VkPhysicalDevice16BitStorageFeatures*>(&theirs), VK_TRUE};
    static const VkPhysicalDeviceFeatures2 features{
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
        const_cast<VkPhysicalDevicePresentIdFeaturesKHR*>(&id)};
    AppOptions options = watched_from_below();
    options.device_extensions = {"VK_KHR_present_id", "VK_KHR_present_wait"};
    options.device_next = &features;
    App app(options);
    ASSERT_EQ(app.created, VK_SUCCESS);
    EXPECT_NE(app.device_function<PFN_vkVoidFunction>("vkWaitForPresentKHR"), nullptr);
    EXPECT_EQ(app.device_function<PFN_vkVoidFunction>("vkReleaseSwapchainImagesEXT"), nullptr)
        << "not enabled";
    expect_clean_end(app);
}

TEST_F(ExtensionsTest, WithoutASurface) {
    AppOptions options;
    options.instance_extensions = {"VK_GOOGLE_surfaceless_query"};
    App app(options);
    ASSERT_EQ(app.created, VK_SUCCESS);
    VkSurfaceFormatKHR formats[32];
    std::uint32_t count = 32;
    ASSERT_EQ(vkGetPhysicalDeviceSurfaceFormatsKHR(app.physical, VK_NULL_HANDLE, &count, formats),
              VK_SUCCESS);
    EXPECT_GE(count, 4u);
    EXPECT_EQ(formats[0].format, VK_FORMAT_B8G8R8A8_UNORM);
    VkPresentModeKHR modes[16];
    count = 16;
    ASSERT_EQ(
        vkGetPhysicalDeviceSurfacePresentModesKHR(app.physical, VK_NULL_HANDLE, &count, modes),
        VK_SUCCESS);
    // The extension lets no other be told but those of shared images.
    for (std::uint32_t i = 0; i < count; ++i) {
        EXPECT_TRUE(modes[i] == VK_PRESENT_MODE_FIFO_KHR ||
                    modes[i] == VK_PRESENT_MODE_SHARED_DEMAND_REFRESH_KHR ||
                    modes[i] == VK_PRESENT_MODE_SHARED_CONTINUOUS_REFRESH_KHR)
            << modes[i];
    }
    EXPECT_EQ(modes[0], VK_PRESENT_MODE_FIFO_KHR);
}

TEST_F(ExtensionsTest, ProtectedSwapchainsAreNotSupported) {
    AppOptions options;
    options.instance_extensions = {"VK_KHR_surface_protected_capabilities"};
    App app(options);
    ASSERT_EQ(app.created, VK_SUCCESS);
    VkPhysicalDeviceSurfaceInfo2KHR info{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SURFACE_INFO_2_KHR};
    info.surface = app.headless_surface();
    VkSurfaceProtectedCapabilitiesKHR of_protected{
        VK_STRUCTURE_TYPE_SURFACE_PROTECTED_CAPABILITIES_KHR, nullptr, VK_TRUE};
    VkSurfaceCapabilities2KHR capabilities{VK_STRUCTURE_TYPE_SURFACE_CAPABILITIES_2_KHR,
                                           &of_protected};
    const auto query = app.instance_function<PFN_vkGetPhysicalDeviceSurfaceCapabilities2KHR>(
        "vkGetPhysicalDeviceSurfaceCapabilities2KHR");
    ASSERT_EQ(query(app.physical, &info, &capabilities), VK_SUCCESS);
    EXPECT_FALSE(of_protected.supportsProtected);
}

// What a picture was graded for comes to the consumers, to those that come later as well; and with
// another swapchain it is over. The colour space stays sRGB.
TEST_F(ExtensionsTest, HdrMetadataReachesTheHost) {
    AppOptions options = watched_from_below();
    options.device_extensions = {"VK_EXT_hdr_metadata"};
    App app(options);
    ASSERT_EQ(app.created, VK_SUCCESS);
    const VkSwapchainCreateInfoKHR info = swapchain_info(app.headless_surface(), kWidth, kHeight);
    {
        Swap swap(app, info);
        ASSERT_EQ(swap.created, VK_SUCCESS);
        const auto set = app.device_function<PFN_vkSetHdrMetadataEXT>("vkSetHdrMetadataEXT");
        ASSERT_TRUE(set);
        VkHdrMetadataEXT metadata{VK_STRUCTURE_TYPE_HDR_METADATA_EXT};
        metadata.displayPrimaryRed = {0.708f, 0.292f};
        metadata.whitePoint = {0.3127f, 0.329f};
        metadata.maxLuminance = 1000;
        metadata.minLuminance = 0.005f;
        metadata.maxContentLightLevel = 800;
        metadata.maxFrameAverageLightLevel = -1;  // nonsense of an app
        set(app.device, 1, &swap.handle, &metadata);
        stream::HdrMetadata expected;
        expected.red_x = 35400;
        expected.red_y = 14600;
        expected.white_x = 15635;
        expected.white_y = 16450;
        expected.max_luminance = 10'000'000;
        expected.min_luminance = 50;
        expected.max_content_light = 800;
        EXPECT_TRUE(host().wait_hdr(expected));
        metadata.maxLuminance = 500;
        expected.max_luminance = 5'000'000;
        set(app.device, 1, &swap.handle, &metadata);
        EXPECT_TRUE(host().wait_hdr(expected));
    }
    Swap next(app, info);
    ASSERT_EQ(next.created, VK_SUCCESS);
    EXPECT_TRUE(host().wait_hdr({}));
    expect_silence(app);
}

TEST_F(ExtensionsTest, DeviceGroups) {
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    const auto query = app.device_function<PFN_vkGetDeviceGroupPresentCapabilitiesKHR>(
        "vkGetDeviceGroupPresentCapabilitiesKHR");
    ASSERT_TRUE(query);
    VkDeviceGroupPresentCapabilitiesKHR capabilities{
        VK_STRUCTURE_TYPE_DEVICE_GROUP_PRESENT_CAPABILITIES_KHR};
    capabilities.presentMask[1] = 77;
    ASSERT_EQ(query(app.device, &capabilities), VK_SUCCESS);
    EXPECT_EQ(capabilities.presentMask[0], 1u);
    EXPECT_EQ(capabilities.presentMask[1], 0u);
    EXPECT_EQ(capabilities.modes, VkFlags{VK_DEVICE_GROUP_PRESENT_MODE_LOCAL_BIT_KHR});

    Swap swap(app, swapchain_info(app.headless_surface(), kWidth, kHeight));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    const auto acquire = app.device_function<PFN_vkAcquireNextImage2KHR>("vkAcquireNextImage2KHR");
    ASSERT_TRUE(acquire);
    VkFence fence = VK_NULL_HANDLE;
    VkFenceCreateInfo fence_info{VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    vkCreateFence(app.device, &fence_info, nullptr, &fence);
    VkAcquireNextImageInfoKHR info{VK_STRUCTURE_TYPE_ACQUIRE_NEXT_IMAGE_INFO_KHR};
    info.swapchain = swap.handle;
    info.timeout = UINT64_MAX;
    info.fence = fence;
    info.deviceMask = 1;
    std::uint32_t index = 99;
    EXPECT_EQ(acquire(app.device, &info, &index), VK_SUCCESS);
    EXPECT_LT(index, 3u);
    EXPECT_EQ(vkWaitForFences(app.device, 1, &fence, VK_TRUE, 5'000'000'000), VK_SUCCESS);
    vkDestroyFence(app.device, fence, nullptr);
}

}  // namespace
}  // namespace vdmabuf::test
