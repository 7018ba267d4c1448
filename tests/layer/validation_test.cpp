// SPDX-License-Identifier: MIT
// The Khronos validation layer, with synchronization validation, has nothing to say: neither below
// us about what the layer does, nor above us about what an app gets.
#include <gmock/gmock.h>

#include "tests/layer/support/fixture.hpp"
#include "tests/layer/support/strategies.hpp"

namespace vdmabuf::test {
namespace {

using ::testing::HasSubstr;

enum class Place { below, above };

void PrintTo(Place place, std::ostream* out) {
    *out << (place == Place::below ? "below" : "above");
}

class ValidationTest : public LayerTest,
                       public ::testing::WithParamInterface<std::tuple<Place, Way>> {
  protected:
    Place place() const { return std::get<0>(GetParam()); }
    const Way& way() const { return std::get<1>(GetParam()); }

    AppOptions options() {
        AppOptions options;
        options.validation = true;
        options.layers = {"VK_LAYER_KHRONOS_validation"};
        if (place() == Place::above) {
            // Loaders order implicit layers above explicit ones: ours becomes explicit, below.
            set_environment(Layer::off, broker.producer_socket());
            ::setenv("VK_LAYER_PATH",
                     VDMABUF_TEST_MANIFESTS
                     "/vulkan/explicit_layer.d:/usr/share/vulkan/explicit_layer.d",
                     1);
            options.layers.push_back("VK_LAYER_VDMABUF_wsi");
        }
        ::setenv("VDMABUF_STRATEGY", way().name, 1);
        return options;
    }
};

TEST_P(ValidationTest, LifeOfSwapchains) {
    XWindow window(x.display(), kWidth, kHeight);
    App app(options());
    ASSERT_EQ(app.created, VK_SUCCESS);
    if (!has_what_it_takes(app, way())) GTEST_SKIP() << "not on this machine";
    host();
    // Not headless above us: validation of 1.3.239 knows the driver's surfaces only by their
    // queries, which is all the same to xcb.
    const VkSurfaceKHR surface = app.xcb_surface(window);
    VkBool32 supported = VK_FALSE;
    vkGetPhysicalDeviceSurfaceSupportKHR(app.physical, 0, surface, &supported);
    VkSwapchainCreateInfoKHR info = swapchain_info(surface, kWidth, kHeight);
    auto swap = std::make_unique<Swap>(app, info);
    ASSERT_EQ(swap->created, VK_SUCCESS);
    for (std::uint32_t i = 1; i <= 10; ++i) {
        ASSERT_EQ(swap->show(i), VK_SUCCESS);
        const auto seen = expect_picture(i);
        ASSERT_TRUE(seen);
        EXPECT_EQ(seen->image.strategy, static_cast<std::uint32_t>(way().announced));
    }
    info.oldSwapchain = swap->handle;
    for (const auto mode : {VK_PRESENT_MODE_MAILBOX_KHR, VK_PRESENT_MODE_IMMEDIATE_KHR}) {
        info.presentMode = mode;
        auto next = std::make_unique<Swap>(app, info);
        ASSERT_EQ(next->created, VK_SUCCESS);
        swap = std::move(next);
        for (std::uint32_t i = 0; i < 20; ++i) ASSERT_EQ(swap->show(20 + i), VK_SUCCESS);
        info.oldSwapchain = swap->handle;
    }
    swap.reset();
    expect_clean_end(app);
}

// The controls: the counter can fire, and the validation layer is where the test thinks it is.
// Presenting an image that was not acquired is seen above us only; we keep it from what is below.
TEST_P(ValidationTest, PositiveControls) {
    XWindow window(x.display(), kWidth, kHeight);
    App app(options());
    ASSERT_EQ(app.created, VK_SUCCESS);
    if (!has_what_it_takes(app, way())) GTEST_SKIP() << "not on this machine";
    const VkSurfaceKHR surface = app.xcb_surface(window);
    VkBool32 supported = VK_FALSE;
    vkGetPhysicalDeviceSurfaceSupportKHR(app.physical, 0, surface, &supported);
    Swap swap(app, swapchain_info(surface, kWidth, kHeight));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    expect_silence(app);

    VkBufferCreateInfo nothing{VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO};
    nothing.usage = VK_BUFFER_USAGE_TRANSFER_SRC_BIT;
    VkBuffer buffer = VK_NULL_HANDLE;
    vkCreateBuffer(app.device, &nothing, nullptr, &buffer);
    vkDestroyBuffer(app.device, buffer, nullptr);
    EXPECT_THAT(app.messages(), ::testing::Contains(HasSubstr("VUID-VkBufferCreateInfo-size")));

    app.forget_messages();
    const std::uint32_t index = 1;
    VkPresentInfoKHR present{VK_STRUCTURE_TYPE_PRESENT_INFO_KHR};
    present.swapchainCount = 1;
    present.pSwapchains = &swap.handle;
    present.pImageIndices = &index;
    EXPECT_EQ(vkQueuePresentKHR(app.queue, &present), VK_ERROR_OUT_OF_DATE_KHR);
    if (place() == Place::above) {
        EXPECT_THAT(app.messages(), ::testing::Contains(HasSubstr("VkPresentInfoKHR")));
    } else {
        EXPECT_THAT(app.messages(), ::testing::IsEmpty());
    }
}

std::string name_of(const ::testing::TestParamInfo<std::tuple<Place, Way>>& info) {
    const auto& [place, way] = info.param;
    return std::string(place == Place::below ? "Below" : "Above") + way.test_name;
}

INSTANTIATE_TEST_SUITE_P(, ValidationTest,
                         ::testing::Combine(::testing::Values(Place::below, Place::above),
                                            ::testing::ValuesIn(kWays)),
                         name_of);

}  // namespace
}  // namespace vdmabuf::test
