// SPDX-License-Identifier: MIT
// VK_EXT_present_timing with a real driver below, and validation there.
#include "layer/vulkan.hpp"

#ifdef VK_EXT_present_timing

#include "runtime/common/clock.hpp"
#include "tests/layer/support/fixture.hpp"
#include "tests/layer/support/timed_presents.hpp"

namespace vdmabuf::test {
namespace {

class PresentTimingTest : public LayerTest {};

// Each image's times lie between its present and now, and nothing is shown before its time.
TEST_F(PresentTimingTest, TimesOfRealFrames) {
    App app(with_present_timing(watched_from_below()));
    ASSERT_EQ(app.created, VK_SUCCESS);
    XWindow window(x.display(), kWidth, kHeight);
    Swap swap(app, timed(swapchain_info(app.xcb_surface(window), kWidth, kHeight)));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    host();
    ASSERT_EQ(swap.show(1), VK_SUCCESS);
    expect_picture(1);
    TimedPresents presents(swap);
    ASSERT_EQ(presents.resize(4), VK_SUCCESS);
    std::uint64_t last_shown = 0;
    for (std::uint64_t id = 2; id < 12; ++id) {
        const std::uint64_t before = now_ns();
        // Every other one is to be shown later.
        const std::uint64_t target = id % 2 ? before + 50 * kNsPerMs : 0;
        ASSERT_EQ(presents.show(id, kGpuDone | kPixelOut, target), VK_SUCCESS);
        const auto results = presents.wait(1);
        ASSERT_EQ(results.size(), 1u);
        const std::uint64_t gpu_done = results[0].times.at(kGpuDone);
        const std::uint64_t shown = results[0].times.at(kPixelOut);
        EXPECT_EQ(results[0].id, id);
        EXPECT_LT(before, gpu_done);
        EXPECT_LE(gpu_done, shown);
        EXPECT_GE(shown, target);
        EXPECT_LT(last_shown, shown);
        EXPECT_LT(shown, now_ns());
        last_shown = shown;
    }
    expect_silence(app);
}

}  // namespace
}  // namespace vdmabuf::test

#endif
