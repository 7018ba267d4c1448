// SPDX-License-Identifier: MIT
// What a frame costs the app's thread when all is set up: no allocation, at most one system call.
#include <sys/syscall.h>

#include <algorithm>

#include "tests/layer/fake/allocations.hpp"
#include "tests/layer/fake/fixture.hpp"
#include "tests/layer/fake/ready_app.hpp"
#include "tests/layer/fake/system_calls.hpp"
#include "tests/layer/support/wayland_server.hpp"

namespace vdmabuf::fake {
namespace {

struct Gpu {
    const char* name;
    DeviceConfig (*config)();
    const char* strategy;
    bool wayland = false;     // the window, else headless
    bool with_fence = false;  // frames go with a SYNC_FD
    bool timed = false;       // VK_EXT_present_timing
};
void PrintTo(const Gpu& gpu, std::ostream* out) {
    *out << gpu.name;
}

class SteadyStateTest : public FakeHostTest, public ::testing::WithParamInterface<Gpu> {
  protected:
    Config config() const override {
        Config config;
        config.devices = {GetParam().config()};
        // The broker would see that those of the fake driver are no sync_files.
        config.devices.front().exports_when_done = GetParam().with_fence;
        if (GetParam().timed) add(config.devices.front(), {"VK_EXT_calibrated_timestamps"});
        config.instance_extensions.push_back("VK_KHR_wayland_surface");
        return config;
    }
    void SetUp() override {
        FakeHostTest::SetUp();
        if (GetParam().strategy) ::setenv("VDMABUF_STRATEGY", GetParam().strategy, 1);
        if (GetParam().with_fence) ::setenv("VDMABUF_SYNC", "fence", 1);
        if (!GetParam().wayland) return;
        server = std::make_unique<test::WaylandServer>();
        ASSERT_TRUE(server->running()) << "weston does not start";
        window = std::make_unique<test::WaylandWindow>(server->socket());
        ASSERT_TRUE(window->configured());
    }

    std::unique_ptr<test::WaylandServer> server;
    std::unique_ptr<test::WaylandWindow> window;
};

TEST_P(SteadyStateTest, NoAllocation) {
    if (!allocations_are_seen()) GTEST_SKIP() << "the sanitizer has the allocator";
    ReadyApp app(window.get(), VK_PRESENT_MODE_MAILBOX_KHR, GetParam().timed);
    ASSERT_EQ(app.created, VK_SUCCESS);
    std::uint32_t workers = 0;
    for (int frame = 0; frame < 60; ++frame) {
        const Allocations allocations;
        ASSERT_EQ(app.acquire(), VK_SUCCESS);
        ASSERT_EQ(app.draw(), VK_SUCCESS);
        ASSERT_EQ(app.present(), VK_SUCCESS);
        app.wait();
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        if (frame < 10) continue;  // the first ones may set things up
        EXPECT_EQ(allocations.count(), 0u) << frame;
        workers += allocations.count_of_workers();
    }
    EXPECT_EQ(workers, 0u);
    EXPECT_EQ(app.times_taken > 0, GetParam().timed);
}

TEST_P(SteadyStateTest, OneSystemCall) {
    // No frame waits for one before it.
    ReadyApp app(window.get(), VK_PRESENT_MODE_FIFO_KHR, GetParam().timed);
    ASSERT_EQ(app.created, VK_SUCCESS);
    std::vector<std::size_t> counts;
    std::vector<std::size_t> but_locks;  // without those of locks
    std::map<long, int> numbers;
    const bool seen = SystemCalls::watch([&](SystemCalls& watch) {
        for (int frame = 0; frame < 60; ++frame) {
            watch.begin();
            ASSERT_EQ(app.acquire(), VK_SUCCESS);
            std::vector<long> calls = watch.end();
            ASSERT_EQ(app.draw(), VK_SUCCESS);
            watch.begin();
            ASSERT_EQ(app.present(), VK_SUCCESS);
            const std::vector<long> more = watch.end();
            calls.insert(calls.end(), more.begin(), more.end());
            app.wait();
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
            if (frame < 10) continue;
            counts.push_back(calls.size());
            for (const long number : calls) ++numbers[number];
            std::erase(calls, SYS_futex);
            but_locks.push_back(calls.size());
        }
    });
    if (!seen) GTEST_SKIP() << "this machine does not show them";
    ASSERT_FALSE(HasFailure());
    // On a busy machine two threads meet at a lock: the reader has a release for the thread that
    // was interrupted while it sent. So a frame without it is what counts, and of the others the
    // rest.
    std::sort(counts.begin(), counts.end());
    std::sort(but_locks.begin(), but_locks.end());
    EXPECT_LE(counts[counts.size() / 4], 1u) << ::testing::PrintToString(numbers);
    EXPECT_LE(but_locks[counts.size() * 9 / 10], 1u) << ::testing::PrintToString(numbers);
    EXPECT_GE(counts.back(), 1u) << "none at all: nothing was seen";
}

#ifdef VK_EXT_present_timing
constexpr bool kTimed = true;
#else
constexpr bool kTimed = false;
#endif

INSTANTIATE_TEST_SUITE_P(
    , SteadyStateTest,
    ::testing::Values(Gpu{"LavapipeOld", lavapipe_old, nullptr},
                      Gpu{"LavapipeCpuCopy", lavapipe_old, "cpu-copy"},
                      Gpu{"Intel", intel, nullptr}, Gpu{"Nvidia", nvidia, nullptr},
                      Gpu{"LavapipeOldWayland", lavapipe_old, nullptr, true},
                      Gpu{"IntelFence", intel, nullptr, false, true},
                      Gpu{"IntelFenceWayland", intel, nullptr, true, true},
                      Gpu{"LavapipeOldTimed", lavapipe_old, nullptr, false, false, kTimed},
                      Gpu{"IntelFenceTimed", intel, nullptr, false, true, kTimed}),
    [](const auto& parameter) { return parameter.param.name; });

}  // namespace
}  // namespace vdmabuf::fake
