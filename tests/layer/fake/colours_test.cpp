// SPDX-License-Identifier: MIT
// VK_EXT_swapchain_colorspace: surfaces offer what the host's consumers show, and nothing else.
#include <set>

#include "runtime/common/drm_format.hpp"
#include "tests/layer/fake/fixture.hpp"

namespace vdmabuf::fake {
namespace {

using stream::bit_of;
using stream::ColourSpace;
using Pair = std::pair<VkFormat, VkColorSpaceKHR>;

constexpr VkColorSpaceKHR kSrgb = VK_COLOR_SPACE_SRGB_NONLINEAR_KHR;
constexpr VkColorSpaceKHR kHdr10 = VK_COLOR_SPACE_HDR10_ST2084_EXT;
constexpr VkColorSpaceKHR kScrgb = VK_COLOR_SPACE_EXTENDED_SRGB_LINEAR_EXT;
constexpr stream::ColourSpaces kShowsHdr10 = bit_of(ColourSpace::hdr10_st2084);

class ColoursTest : public FakeHostTest {
  protected:
    static AppOptions knowing() {
        AppOptions options;
        options.instance_extensions = {"VK_EXT_swapchain_colorspace"};
        return options;
    }
    static std::vector<Pair> pairs(const App& app, VkSurfaceKHR surface) {
        std::vector<Pair> found;
        std::uint32_t count = 0;
        EXPECT_EQ(vkGetPhysicalDeviceSurfaceFormatsKHR(app.physical, surface, &count, nullptr),
                  VK_SUCCESS);
        std::vector<VkSurfaceFormatKHR> formats(count);
        EXPECT_EQ(
            vkGetPhysicalDeviceSurfaceFormatsKHR(app.physical, surface, &count, formats.data()),
            VK_SUCCESS);
        for (const auto& each : formats) found.emplace_back(each.format, each.colorSpace);
        // The other function says the same.
        const VkPhysicalDeviceSurfaceInfo2KHR info{
            VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SURFACE_INFO_2_KHR, nullptr, surface};
        const auto get = app.instance_function<PFN_vkGetPhysicalDeviceSurfaceFormats2KHR>(
            "vkGetPhysicalDeviceSurfaceFormats2KHR");
        std::vector<VkSurfaceFormat2KHR> formats2(count, {VK_STRUCTURE_TYPE_SURFACE_FORMAT_2_KHR});
        EXPECT_EQ(get(app.physical, &info, &count, formats2.data()), VK_SUCCESS);
        EXPECT_EQ(count, found.size());
        for (std::size_t i = 0; i < std::min<std::size_t>(count, found.size()); ++i) {
            const VkSurfaceFormatKHR& same = formats2[i].surfaceFormat;
            EXPECT_EQ(Pair(same.format, same.colorSpace), found[i]);
        }
        return found;
    }
    static std::set<VkColorSpaceKHR> spaces(const App& app, VkSurfaceKHR surface) {
        std::set<VkColorSpaceKHR> found;
        for (const Pair& each : pairs(app, surface)) found.insert(each.second);
        return found;
    }
    // The change of what consumers show has come to the app.
    static bool wait_spaces(const App& app, VkSurfaceKHR surface,
                            const std::set<VkColorSpaceKHR>& expected) {
        const auto start = Clock::now();
        while (spaces(app, surface) != expected) {
            if (seconds_since(start) > 5) return false;
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
        }
        return true;
    }
    std::unique_ptr<test::HostWindow> window(stream::ColourSpaces spaces) {
        auto made = std::make_unique<test::HostWindow>(broker.consumer_socket(), spaces);
        EXPECT_TRUE(made->wait_connected());
        return made;
    }
    static VkSwapchainCreateInfoKHR hdr10_info(VkSurfaceKHR surface) {
        VkSwapchainCreateInfoKHR info = swapchain_info(surface, kWidth, kHeight);
        info.imageFormat = VK_FORMAT_A2B10G10R10_UNORM_PACK32;
        info.imageColorSpace = kHdr10;
        return info;
    }
};

TEST_F(ColoursTest, WithoutTheExtensionThereIsSrgbAlone) {
    const auto viewer = window(stream::kAllColourSpaces);
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    const VkSurfaceKHR surface = app.headless_surface();
    App other(knowing());
    ASSERT_TRUE(wait_spaces(other, other.headless_surface(),
                            {kSrgb, kHdr10, kScrgb, VK_COLOR_SPACE_HDR10_HLG_EXT,
                             VK_COLOR_SPACE_DISPLAY_P3_NONLINEAR_EXT}));
    EXPECT_EQ(spaces(app, surface), std::set{kSrgb});
    Swap refused(app, hdr10_info(surface));
    EXPECT_EQ(refused.created, VK_ERROR_INITIALIZATION_FAILED);
}

TEST_F(ColoursTest, WithoutAConsumerThatShowsMoreThereIsSrgbAlone) {
    App app(knowing());
    ASSERT_EQ(app.created, VK_SUCCESS);
    const VkSurfaceKHR surface = app.headless_surface();
    EXPECT_EQ(spaces(app, surface), std::set{kSrgb});
    host();  // attaches, and says nothing of colours
    Swap plain(app, swapchain_info(surface, kWidth, kHeight));
    ASSERT_TRUE(show_until_seen(plain, 1));
    EXPECT_EQ(spaces(app, surface), std::set{kSrgb});
    Swap refused(app, hdr10_info(surface));
    EXPECT_EQ(refused.created, VK_ERROR_INITIALIZATION_FAILED);
}

TEST_F(ColoursTest, EachSpaceWithTheFormatsThatCanHoldIt) {
    const auto viewer = window(stream::kAllColourSpaces);
    App app(knowing());
    ASSERT_EQ(app.created, VK_SUCCESS);
    const VkSurfaceKHR surface = app.headless_surface();
    ASSERT_TRUE(wait_spaces(app, surface,
                            {kSrgb, kHdr10, kScrgb, VK_COLOR_SPACE_HDR10_HLG_EXT,
                             VK_COLOR_SPACE_DISPLAY_P3_NONLINEAR_EXT}));
    const auto offered = pairs(app, surface);
    EXPECT_EQ(offered.front(), Pair(VK_FORMAT_B8G8R8A8_UNORM, kSrgb));
    const auto has = [&](VkFormat format, VkColorSpaceKHR space) {
        return std::count(offered.begin(), offered.end(), Pair(format, space)) == 1;
    };
    EXPECT_TRUE(has(VK_FORMAT_A2B10G10R10_UNORM_PACK32, kHdr10));
    EXPECT_TRUE(has(VK_FORMAT_R16G16B16A16_SFLOAT, kHdr10));
    EXPECT_TRUE(has(VK_FORMAT_R16G16B16A16_SFLOAT, kScrgb));
    EXPECT_TRUE(has(VK_FORMAT_A2B10G10R10_UNORM_PACK32, VK_COLOR_SPACE_HDR10_HLG_EXT));
    EXPECT_TRUE(has(VK_FORMAT_B8G8R8A8_SRGB, VK_COLOR_SPACE_DISPLAY_P3_NONLINEAR_EXT));
    EXPECT_FALSE(has(VK_FORMAT_B8G8R8A8_UNORM, kHdr10));
    EXPECT_FALSE(has(VK_FORMAT_A2B10G10R10_UNORM_PACK32, kScrgb));
    EXPECT_FALSE(has(VK_FORMAT_R5G6B5_UNORM_PACK16, VK_COLOR_SPACE_DISPLAY_P3_NONLINEAR_EXT));
    // Once each, and nothing is offered that has no sRGB: the same formats.
    EXPECT_EQ(std::set<Pair>(offered.begin(), offered.end()).size(), offered.size());
    // A pair of things that are both there.
    auto info = hdr10_info(surface);
    info.imageFormat = VK_FORMAT_B8G8R8A8_UNORM;
    Swap refused(app, info);
    EXPECT_EQ(refused.created, VK_ERROR_INITIALIZATION_FAILED);
}

TEST_F(ColoursTest, TheSpaceAndTheMetadataGoWithTheImages) {
    const auto viewer = window(kShowsHdr10);
    AppOptions options = knowing();
    options.device_extensions = {"VK_EXT_hdr_metadata"};
    App app(options);
    ASSERT_EQ(app.created, VK_SUCCESS);
    const VkSurfaceKHR surface = app.headless_surface();
    ASSERT_TRUE(wait_spaces(app, surface, {kSrgb, kHdr10}));
    Swap swap(app, hdr10_info(surface));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    VkHdrMetadataEXT metadata{VK_STRUCTURE_TYPE_HDR_METADATA_EXT};
    metadata.maxContentLightLevel = 600;
    app.device_function<PFN_vkSetHdrMetadataEXT>("vkSetHdrMetadataEXT")(app.device, 1, &swap.handle,
                                                                        &metadata);
    ASSERT_EQ(swap.show(3), VK_SUCCESS);
    const auto seen = viewer->wait_frame([](const test::SeenFrame&) { return true; });
    ASSERT_TRUE(seen);
    EXPECT_EQ(seen->image.colour_space, static_cast<std::uint32_t>(ColourSpace::hdr10_st2084));
    EXPECT_EQ(seen->image.fourcc, fourcc_of("AB30"));
    EXPECT_EQ(test::wrong_pixels(seen->pixels, seen->image.width, seen->image.height, 3), 0U);
    stream::HdrMetadata expected;
    expected.max_content_light = 600;
    EXPECT_TRUE(viewer->wait_hdr(expected));
}

TEST_F(ColoursTest, OutOfDateWhenTheConsumersStop) {
    const auto viewer = window(kShowsHdr10);
    App app(knowing());
    ASSERT_EQ(app.created, VK_SUCCESS);
    const VkSurfaceKHR surface = app.headless_surface();
    ASSERT_TRUE(wait_spaces(app, surface, {kSrgb, kHdr10}));
    auto swap = std::make_unique<Swap>(app, hdr10_info(surface));
    Swap plain(app, swapchain_info(app.headless_surface(), kWidth, kHeight));
    ASSERT_EQ(swap->show(1), VK_SUCCESS);
    // One more that attaches and shows sRGB alone.
    host();
    VkResult result = VK_SUCCESS;
    const auto start = Clock::now();
    while (result == VK_SUCCESS && seconds_since(start) < 5) result = swap->show(2);
    EXPECT_EQ(result, VK_ERROR_OUT_OF_DATE_KHR);
    EXPECT_EQ(spaces(app, surface), std::set{kSrgb});
    EXPECT_EQ(plain.show(1), VK_SUCCESS);  // to those of sRGB nothing has happened
    // Made once more by one who has not asked again: it is told so at once, and only then.
    auto info = hdr10_info(surface);
    info.oldSwapchain = swap->handle;
    auto again = std::make_unique<Swap>(app, info);
    ASSERT_EQ(again->created, VK_SUCCESS);
    EXPECT_EQ(again->show(3), VK_ERROR_OUT_OF_DATE_KHR);
    EXPECT_EQ(again->show(3), VK_SUCCESS);
    swap.reset();
    again.reset();
    // The app takes what there is, and everybody sees it.
    Swap srgb(app, swapchain_info(surface, kWidth, kHeight));
    ASSERT_TRUE(show_until_seen(srgb, 4));
}

}  // namespace
}  // namespace vdmabuf::fake
