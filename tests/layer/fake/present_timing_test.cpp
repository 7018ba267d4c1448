// SPDX-License-Identifier: MIT
// VK_EXT_present_timing: when images were shown, and that they are not shown too early.
#include "layer/vulkan.hpp"

#ifdef VK_EXT_present_timing

#include "runtime/common/clock.hpp"
#include "tests/layer/fake/fixture.hpp"
#include "tests/layer/support/timed_presents.hpp"

namespace vdmabuf::fake {
namespace {

using test::kGpuDone;
using test::kPixelOut;
using test::PastTiming;
using test::timed;
using test::TimedPresents;

AppOptions timing_app() {
    return test::with_present_timing({});
}

DeviceConfig with_clocks(DeviceConfig device) {
    add(device, {"VK_EXT_calibrated_timestamps"});
    return device;
}

template <typename Base>
class Timed : public Base {
  protected:
    Config config() const override {
        Config config;
        config.devices = {with_clocks(lavapipe_old())};
        return config;
    }
    static VkSwapchainCreateInfoKHR info_of(App& app,
                                            VkPresentModeKHR mode = VK_PRESENT_MODE_FIFO_KHR) {
        auto info = timed(swapchain_info(app.headless_surface(), kWidth, kHeight, 4));
        info.presentMode = mode;
        return info;
    }
    static VkPresentTimingSurfaceCapabilitiesEXT capabilities(App& app, VkSurfaceKHR surface) {
        VkPresentTimingSurfaceCapabilitiesEXT timing{
            VK_STRUCTURE_TYPE_PRESENT_TIMING_SURFACE_CAPABILITIES_EXT};
        const VkPhysicalDeviceSurfaceInfo2KHR info{
            VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SURFACE_INFO_2_KHR, nullptr, surface};
        VkSurfaceCapabilities2KHR all{VK_STRUCTURE_TYPE_SURFACE_CAPABILITIES_2_KHR, &timing, {}};
        const auto get = app.instance_function<PFN_vkGetPhysicalDeviceSurfaceCapabilities2KHR>(
            "vkGetPhysicalDeviceSurfaceCapabilities2KHR");
        EXPECT_EQ(get(app.physical, &info, &all), VK_SUCCESS);
        return timing;
    }
};
using PresentTiming = Timed<FakeHostTest>;
using PresentTimingUnseen = Timed<FakeTest>;

class PresentTimingWithFences : public PresentTiming {
  protected:
    Config config() const override {
        Config config;
        config.devices = {with_clocks(intel())};
        // The broker would see that those of the fake driver are no sync_files.
        config.devices.front().exports_when_done = true;
        return config;
    }
    void SetUp() override {
        PresentTiming::SetUp();
        ::setenv("VDMABUF_SYNC", "fence", 1);
    }
};

class PresentTimingWithoutClocks : public FakeTest {};

TEST_F(PresentTimingWithoutClocks, IsNotOffered) {
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    EXPECT_FALSE(app.has_device_extension("VK_EXT_present_timing"));
    EXPECT_FALSE(app.has_device_extension("VK_KHR_calibrated_timestamps"));
    VkPhysicalDevicePresentTimingFeaturesEXT timing{
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PRESENT_TIMING_FEATURES_EXT, nullptr, VK_TRUE, VK_TRUE,
        VK_TRUE};
    VkPhysicalDeviceFeatures2 features{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, &timing, {}};
    vkGetPhysicalDeviceFeatures2(app.physical, &features);
    EXPECT_FALSE(timing.presentTiming || timing.presentAtAbsoluteTime ||
                 timing.presentAtRelativeTime);
}

TEST_F(PresentTiming, IsOfferedWhereTheDriverHasClocks) {
    App app(timing_app());
    ASSERT_EQ(app.created, VK_SUCCESS);
    EXPECT_TRUE(app.has_device_extension("VK_EXT_present_timing"));
    EXPECT_TRUE(app.has_device_extension("VK_KHR_calibrated_timestamps"));
    EXPECT_TRUE(calls("CreateDevice").back().has("VK_EXT_calibrated_timestamps"));
    VkPhysicalDevicePresentTimingFeaturesEXT timing{
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PRESENT_TIMING_FEATURES_EXT};
    VkPhysicalDeviceFeatures2 features{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, &timing, {}};
    vkGetPhysicalDeviceFeatures2(app.physical, &features);
    EXPECT_TRUE(timing.presentTiming && timing.presentAtAbsoluteTime &&
                timing.presentAtRelativeTime);
    const auto seen = capabilities(app, app.headless_surface());
    EXPECT_TRUE(seen.presentTimingSupported);
    EXPECT_TRUE(seen.presentAtAbsoluteTimeSupported && seen.presentAtRelativeTimeSupported);
    EXPECT_EQ(seen.presentStageQueries, kGpuDone | kPixelOut);
}

void expect_real_times(TimedPresents& presents) {
    ASSERT_EQ(presents.resize(8), VK_SUCCESS);
    std::uint64_t last_shown = 0;
    for (std::uint64_t id = 10; id < 20; ++id) {
        const std::uint64_t before = now_ns();
        ASSERT_EQ(presents.show(id), VK_SUCCESS);
        const auto results = presents.wait(1);
        const std::uint64_t after = now_ns();
        ASSERT_EQ(results.size(), 1u);
        const PastTiming& result = results.front();
        EXPECT_EQ(result.id, id);
        EXPECT_TRUE(result.complete);
        EXPECT_EQ(result.domain, VK_TIME_DOMAIN_PRESENT_STAGE_LOCAL_EXT);
        ASSERT_EQ(result.times.size(), 2u);
        const std::uint64_t gpu_done = result.times.at(kGpuDone);
        const std::uint64_t shown = result.times.at(kPixelOut);
        EXPECT_LT(before, gpu_done);
        EXPECT_LE(gpu_done, shown);
        EXPECT_LT(shown, after);
        EXPECT_LT(last_shown, shown);
        last_shown = shown;
    }
}

TEST_F(PresentTiming, TimesAreThoseOfTheConsumer) {
    App app(timing_app());
    Swap swap(app, info_of(app));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    host();
    show_until_seen(swap, 1);
    TimedPresents presents(swap);
    expect_real_times(presents);
}

TEST_F(PresentTimingWithFences, TimesAreThoseOfTheConsumer) {
    App app(timing_app());
    Swap swap(app, info_of(app));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    host();
    show_until_seen(swap, 1);
    TimedPresents presents(swap);
    expect_real_times(presents);
}

// The stages that nobody knows come with the time 0.
TEST_F(PresentTiming, AllStagesThatAreAskedForAreAnswered) {
    App app(timing_app());
    Swap swap(app, info_of(app));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    host();
    show_until_seen(swap, 1);
    TimedPresents presents(swap);
    ASSERT_EQ(presents.resize(1), VK_SUCCESS);
    ASSERT_EQ(presents.show(2, 0xf), VK_SUCCESS);
    const auto results = presents.wait(1);
    ASSERT_EQ(results.size(), 1u);
    EXPECT_EQ(results[0].times.size(), 4u);
    EXPECT_NE(results[0].times.at(kPixelOut), 0u);
    EXPECT_EQ(results[0].times.at(VK_PRESENT_STAGE_REQUEST_DEQUEUED_BIT_EXT), 0u);
    EXPECT_EQ(results[0].times.at(VK_PRESENT_STAGE_IMAGE_FIRST_PIXEL_VISIBLE_BIT_EXT), 0u);
}

// The driver complains of semaphores that are waited for twice or never.
TEST_F(PresentTiming, AFullQueueLeavesTheImageToTheApp) {
    App app(timing_app());
    Swap swap(app, info_of(app));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    host();
    TimedPresents presents(swap);
    EXPECT_EQ(presents.show(1), VK_ERROR_PRESENT_TIMING_QUEUE_FULL_EXT) << "no room at first";
    ASSERT_EQ(presents.present(1, 0, 0, 0, false), VK_SUCCESS) << "its times are not wanted";
    ASSERT_EQ(presents.resize(2), VK_SUCCESS);
    ASSERT_EQ(presents.show(2), VK_SUCCESS);
    ASSERT_EQ(presents.show(3), VK_SUCCESS);
    EXPECT_EQ(presents.show(4), VK_ERROR_PRESENT_TIMING_QUEUE_FULL_EXT);
    EXPECT_EQ(presents.resize(1), VK_NOT_READY);
    EXPECT_EQ(presents.wait(2).size(), 2u);
    // It was waited for all the same.
    ASSERT_EQ(submit_signal(app, presents.frame.rendered), VK_SUCCESS);
    ASSERT_EQ(presents.present(4, kGpuDone, 0, 0, true), VK_SUCCESS) << "the same image";
    const auto results = presents.wait(1);
    ASSERT_EQ(results.size(), 1u);
    EXPECT_EQ(results[0].id, 4u);
    EXPECT_EQ(presents.resize(0), VK_SUCCESS);
}

TEST_F(PresentTiming, ResultsForWhichThereIsNoRoomStay) {
    App app(timing_app());
    Swap swap(app, info_of(app));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    host();
    show_until_seen(swap, 1);
    TimedPresents presents(swap);
    ASSERT_EQ(presents.resize(4), VK_SUCCESS);
    for (std::uint64_t id = 2; id < 5; ++id) ASSERT_EQ(presents.show(id), VK_SUCCESS);
    const VkPastPresentationTimingInfoEXT info{VK_STRUCTURE_TYPE_PAST_PRESENTATION_TIMING_INFO_EXT,
                                               nullptr, 0, swap.handle};
    VkPastPresentationTimingPropertiesEXT count{
        VK_STRUCTURE_TYPE_PAST_PRESENTATION_TIMING_PROPERTIES_EXT};
    const auto get =
        presents.get<PFN_vkGetPastPresentationTimingEXT>("vkGetPastPresentationTimingEXT");
    const auto start = Clock::now();
    while (count.presentationTimingCount < 3 && seconds_since(start) < 5) {
        count.presentationTimingCount = 0;
        ASSERT_EQ(get(app.device, &info, &count), VK_SUCCESS);
    }
    ASSERT_EQ(count.presentationTimingCount, 3u) << "counting takes none away";
    VkResult result = VK_SUCCESS;
    const auto first = presents.past(result, 2);
    EXPECT_EQ(result, VK_INCOMPLETE);
    ASSERT_EQ(first.size(), 2u);
    EXPECT_EQ(first[0].id, 2u);
    EXPECT_EQ(first[1].id, 3u);
    const auto rest = presents.past(result, 2);
    EXPECT_EQ(result, VK_SUCCESS);
    ASSERT_EQ(rest.size(), 1u);
    EXPECT_EQ(rest[0].id, 4u);
}

// Times to come: absolute, and from the image before.
void expect_not_before(TimedPresents& presents) {
    ASSERT_EQ(presents.resize(8), VK_SUCCESS);
    const std::uint64_t start = now_ns();
    const std::uint64_t first = start + 600 * kNsPerMs;
    const std::uint64_t apart = 120 * kNsPerMs;
    ASSERT_EQ(presents.show(10, kPixelOut, first), VK_SUCCESS);
    ASSERT_EQ(presents.show(11, kPixelOut, apart,
                            VK_PRESENT_TIMING_INFO_PRESENT_AT_RELATIVE_TIME_BIT_EXT),
              VK_SUCCESS);
    ASSERT_EQ(presents.show(12, kPixelOut), VK_SUCCESS);
    EXPECT_LT(now_ns(), first) << "present waits";
    const auto results = presents.wait(3);
    ASSERT_EQ(results.size(), 3u);
    EXPECT_EQ(results[0].target, first);
    EXPECT_EQ(results[1].target, apart);
    const std::uint64_t shown[] = {results[0].times.at(kPixelOut), results[1].times.at(kPixelOut),
                                   results[2].times.at(kPixelOut)};
    EXPECT_GE(shown[0], first);
    EXPECT_GE(shown[1], shown[0] + apart);
    EXPECT_GT(shown[2], shown[1]);
    EXPECT_LT(shown[2], start + 3 * kNsPerSecond);
}

TEST_F(PresentTiming, ImagesAreNotShownBeforeTheirTime) {
    App app(timing_app());
    Swap swap(app, info_of(app));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    host();
    show_until_seen(swap, 1);
    TimedPresents presents(swap);
    expect_not_before(presents);
}

TEST_F(PresentTimingWithFences, ImagesAreNotShownBeforeTheirTime) {
    App app(timing_app());
    Swap swap(app, info_of(app));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    host();
    show_until_seen(swap, 1);
    TimedPresents presents(swap);
    expect_not_before(presents);
}

// A frame that waits for its time is not replaced by one for later.
TEST_F(PresentTiming, TheLatestReadyImageIsOneWhoseTimeHasCome) {
    AppOptions options = timing_app();
    options.device_extensions.push_back("VK_EXT_present_mode_fifo_latest_ready");
    App app(options);
    ASSERT_EQ(app.created, VK_SUCCESS);
    Swap swap(app, info_of(app, VK_PRESENT_MODE_FIFO_LATEST_READY_EXT));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    host();
    show_until_seen(swap, 1);
    TimedPresents presents(swap);
    ASSERT_EQ(presents.resize(8), VK_SUCCESS);
    const std::uint64_t first = now_ns() + 100 * kNsPerMs;
    const std::uint64_t second = first + 100 * kNsPerMs;
    ASSERT_EQ(presents.show(10, kPixelOut, first), VK_SUCCESS);
    ASSERT_EQ(presents.show(11, kPixelOut, second), VK_SUCCESS);
    const auto results = presents.wait(2);
    ASSERT_EQ(results.size(), 2u);
    EXPECT_GE(results[0].times.at(kPixelOut), first) << "shown too early, or never";
    EXPECT_GE(results[1].times.at(kPixelOut), second);
}

TEST_F(PresentTiming, ASwapchainDoesNotLiveOnForItsImagesTimes) {
    App app(timing_app());
    Swap swap(app, info_of(app));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    host();
    TimedPresents presents(swap);
    ASSERT_EQ(presents.show(1, 0, UINT64_MAX), VK_SUCCESS);
    ASSERT_EQ(
        presents.show(2, 0, UINT64_MAX, VK_PRESENT_TIMING_INFO_PRESENT_AT_RELATIVE_TIME_BIT_EXT),
        VK_SUCCESS);
    const auto start = Clock::now();
    swap.destroy();
    EXPECT_LT(seconds_since(start), 3.0);
}

TEST_F(PresentTiming, AHostThatIsAwayShowsNothing) {
    App app(timing_app());
    Swap swap(app, info_of(app));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    show_until_seen(swap, 1);
    broker.kill();
    TimedPresents presents(swap);
    ASSERT_EQ(presents.resize(8), VK_SUCCESS);
    ASSERT_EQ(presents.show(2), VK_SUCCESS);
    ASSERT_EQ(presents.show(3), VK_SUCCESS);
    const auto results = presents.wait(2);
    ASSERT_EQ(results.size(), 2u) << "nobody is waited for for ever";
    for (const PastTiming& result : results) {
        EXPECT_TRUE(result.complete);
        EXPECT_NE(result.times.at(kGpuDone), 0u);
        EXPECT_EQ(result.times.at(kPixelOut), 0u);
    }
}

TEST_F(PresentTimingUnseen, OnlyTheGpuHasTimes) {
    App app(timing_app());
    ASSERT_EQ(app.created, VK_SUCCESS);
    const auto info = info_of(app);
    const auto unseen = capabilities(app, info.surface);
    EXPECT_TRUE(unseen.presentTimingSupported);
    EXPECT_FALSE(unseen.presentAtAbsoluteTimeSupported || unseen.presentAtRelativeTimeSupported);
    EXPECT_EQ(unseen.presentStageQueries, kGpuDone);
    Swap swap(app, info);
    ASSERT_EQ(swap.created, VK_SUCCESS);
    TimedPresents presents(swap);
    ASSERT_EQ(presents.resize(8), VK_SUCCESS);
    const std::uint64_t before = now_ns();
    ASSERT_EQ(presents.show(1, kGpuDone | kPixelOut), VK_SUCCESS);
    const auto results = presents.wait(1);
    ASSERT_EQ(results.size(), 1u);
    EXPECT_GT(results[0].times.at(kGpuDone), before);
    EXPECT_EQ(results[0].times.at(kPixelOut), 0u);
}

TEST_F(PresentTiming, OutOfOrderAndInPart) {
    App app(timing_app());
    Swap swap(app, info_of(app));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    host();
    show_until_seen(swap, 1);
    TimedPresents presents(swap);
    ASSERT_EQ(presents.resize(8), VK_SUCCESS);
    // The first one waits for its time; of the second the GPU is all that matters.
    ASSERT_EQ(presents.show(10, kGpuDone | kPixelOut, now_ns() + 2 * kNsPerSecond), VK_SUCCESS);
    ASSERT_EQ(presents.show(11, kGpuDone), VK_SUCCESS);
    constexpr VkPastPresentationTimingFlagsEXT kPartial =
        VK_PAST_PRESENTATION_TIMING_ALLOW_PARTIAL_RESULTS_BIT_EXT;
    constexpr VkPastPresentationTimingFlagsEXT kAnyOrder =
        VK_PAST_PRESENTATION_TIMING_ALLOW_OUT_OF_ORDER_RESULTS_BIT_EXT;
    VkResult result = VK_SUCCESS;
    EXPECT_TRUE(presents.past(result).empty()) << "in their order, and whole";
    std::vector<PastTiming> early;
    const auto start = Clock::now();
    while (early.empty() && seconds_since(start) < 5) {
        early = presents.past(result, 1, kAnyOrder | kPartial);
    }
    ASSERT_EQ(early.size(), 1u);
    EXPECT_EQ(early[0].id, 10u);
    EXPECT_FALSE(early[0].complete);
    EXPECT_NE(early[0].times.at(kGpuDone), 0u);
    EXPECT_EQ(early[0].times.at(kPixelOut), 0u);
    // With the second's GPU time behind the first one's wait: whichever comes, each once.
    std::vector<PastTiming> rest;
    while (rest.size() < 2 && seconds_since(start) < 5) {
        for (auto& each : presents.past(result, 4, kAnyOrder)) rest.push_back(std::move(each));
    }
    ASSERT_EQ(rest.size(), 2u);
    for (const PastTiming& each : rest) EXPECT_TRUE(each.complete);
}

TEST_F(PresentTiming, ClocksOfTheSwapchainAreCalibrated) {
    App app(timing_app());
    Swap swap(app, info_of(app));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    TimedPresents presents(swap);
    VkSwapchainTimeDomainPropertiesEXT domains{
        VK_STRUCTURE_TYPE_SWAPCHAIN_TIME_DOMAIN_PROPERTIES_EXT};
    const auto get = presents.get<PFN_vkGetSwapchainTimeDomainPropertiesEXT>(
        "vkGetSwapchainTimeDomainPropertiesEXT");
    std::uint64_t counter = 0;
    ASSERT_EQ(get(app.device, swap.handle, &domains, &counter), VK_SUCCESS);
    ASSERT_EQ(domains.timeDomainCount, 3u);
    EXPECT_NE(counter, 0u);
    VkTimeDomainKHR names[3]{};
    std::uint64_t ids[3]{};
    domains.pTimeDomains = names;
    domains.pTimeDomainIds = ids;
    domains.timeDomainCount = 2;
    EXPECT_EQ(get(app.device, swap.handle, &domains, nullptr), VK_INCOMPLETE);
    EXPECT_EQ(domains.timeDomainCount, 2u);
    domains.timeDomainCount = 3;
    ASSERT_EQ(get(app.device, swap.handle, &domains, nullptr), VK_SUCCESS);
    EXPECT_THAT(names, ::testing::UnorderedElementsAre(VK_TIME_DOMAIN_PRESENT_STAGE_LOCAL_EXT,
                                                       VK_TIME_DOMAIN_SWAPCHAIN_LOCAL_EXT,
                                                       VK_TIME_DOMAIN_CLOCK_MONOTONIC_KHR));

    const auto list = app.instance_function<PFN_vkGetPhysicalDeviceCalibrateableTimeDomainsKHR>(
        "vkGetPhysicalDeviceCalibrateableTimeDomainsKHR");
    ASSERT_TRUE(list);
    std::uint32_t count = 8;
    VkTimeDomainKHR all[8]{};
    ASSERT_EQ(list(app.physical, &count, all), VK_SUCCESS);
    EXPECT_THAT(std::vector(all, all + count),
                ::testing::UnorderedElementsAre(
                    VK_TIME_DOMAIN_DEVICE_KHR, VK_TIME_DOMAIN_CLOCK_MONOTONIC_KHR,
                    VK_TIME_DOMAIN_PRESENT_STAGE_LOCAL_EXT, VK_TIME_DOMAIN_SWAPCHAIN_LOCAL_EXT));

    // The driver complains of domains that it does not have.
    const VkSwapchainCalibratedTimestampInfoEXT of{
        VK_STRUCTURE_TYPE_SWAPCHAIN_CALIBRATED_TIMESTAMP_INFO_EXT, nullptr, swap.handle, kPixelOut,
        ids[0]};
    const VkCalibratedTimestampInfoKHR infos[] = {
        {VK_STRUCTURE_TYPE_CALIBRATED_TIMESTAMP_INFO_KHR, nullptr, VK_TIME_DOMAIN_DEVICE_KHR},
        {VK_STRUCTURE_TYPE_CALIBRATED_TIMESTAMP_INFO_KHR, &of,
         VK_TIME_DOMAIN_PRESENT_STAGE_LOCAL_EXT},
        {VK_STRUCTURE_TYPE_CALIBRATED_TIMESTAMP_INFO_KHR, nullptr,
         VK_TIME_DOMAIN_CLOCK_MONOTONIC_KHR}};
    const auto read =
        presents.get<PFN_vkGetCalibratedTimestampsKHR>("vkGetCalibratedTimestampsKHR");
    ASSERT_TRUE(read);
    std::uint64_t times[3]{};
    std::uint64_t deviation = 0;
    const std::uint64_t before = now_ns();
    ASSERT_EQ(read(app.device, 3, infos, times, &deviation), VK_SUCCESS);
    const std::uint64_t after = now_ns();
    EXPECT_LE(before + kNsPerSecond, times[0]) << "the device's clock is ahead";
    EXPECT_LE(times[0], after + kNsPerSecond);
    for (const std::size_t i : {1u, 2u}) {
        EXPECT_LE(before, times[i]);
        EXPECT_LE(times[i], after);
    }
    const std::uint64_t apart = times[1] > times[2] ? times[1] - times[2] : times[2] - times[1];
    EXPECT_LE(apart, deviation);
    EXPECT_LE(deviation, after - before + 1);
}

// The refresh of the host's display, as soon as it has said it.
TEST_F(PresentTiming, TheRefreshIsTheHosts) {
    App app(timing_app());
    Swap swap(app, info_of(app));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    TimedPresents presents(swap);
    const auto get =
        presents.get<PFN_vkGetSwapchainTimingPropertiesEXT>("vkGetSwapchainTimingPropertiesEXT");
    VkSwapchainTimingPropertiesEXT properties{VK_STRUCTURE_TYPE_SWAPCHAIN_TIMING_PROPERTIES_EXT};
    std::uint64_t before = 0;
    EXPECT_EQ(get(app.device, swap.handle, &properties, &before), VK_NOT_READY);
    EXPECT_EQ(properties.refreshDuration, 0u);
    // With what it says of its window, before any frame.
    host().set_refresh(16'666'667);
    ASSERT_TRUE(host().wait_streams(1));
    host().resize_streams(kWidth, kHeight);
    const auto start = Clock::now();
    while (get(app.device, swap.handle, &properties, &before) == VK_NOT_READY &&
           seconds_since(start) < 5) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    EXPECT_EQ(properties.refreshDuration, 16'666'667u);
    // And with each frame.
    host().set_refresh(8'333'333);
    std::uint64_t counter = before;
    for (std::uint32_t id = 1; counter == before && seconds_since(start) < 5; ++id) {
        ASSERT_EQ(swap.show(id), VK_SUCCESS);
        (void)get(app.device, swap.handle, &properties, &counter);
    }
    EXPECT_GT(counter, before);
    EXPECT_EQ(get(app.device, swap.handle, &properties, &counter), VK_SUCCESS);
    EXPECT_EQ(properties.refreshDuration, 8'333'333u);
}

}  // namespace
}  // namespace vdmabuf::fake

#endif
