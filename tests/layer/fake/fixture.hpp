// SPDX-License-Identifier: MIT
// Tests of the layer on the fake driver, under the real loader.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <memory>

#include "tests/layer/fake/control.hpp"
#include "tests/layer/fake/families.hpp"
#include "tests/layer/support/app.hpp"
#include "tests/layer/support/broker_process.hpp"
#include "tests/layer/support/host_window.hpp"

namespace vdmabuf::fake {

using test::App;
using test::AppOptions;
using test::FrameObjects;
using test::Swap;
using test::swapchain_info;
using Clock = std::chrono::steady_clock;

constexpr std::uint16_t kWidth = 100;  // of lines of 400 bytes: every pitch differs from that
constexpr std::uint16_t kHeight = 61;

inline double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

// The driver's library, loaded for as long as the process lives.
Control& control();
// The loader finds the fake driver and the layer, and nothing else.
void set_environment(const std::string& producer_socket);

// No host: the layer serves headless surfaces that nobody sees.
class FakeTest : public ::testing::Test {
  protected:
    void SetUp() override {
        driver.reset(config());
        set_environment("/nonexistent/producer.sock");
    }
    // Whatever a test does: the driver has nothing to complain of, and nothing is left in it.
    void TearDown() override {
        EXPECT_THAT(driver.errors(), ::testing::IsEmpty());
        EXPECT_THAT(driver.alive(), ::testing::IsEmpty());
    }
    virtual Config config() const {
        Config config;
        config.devices = {lavapipe_old()};
        return config;
    }

    // The calls of one function, in order.
    std::vector<Call> calls(const std::string& name) {
        std::vector<Call> found;
        for (Call& call : driver.calls()) {
            if (call.name == name) found.push_back(std::move(call));
        }
        return found;
    }
    // Until a call of it has come. For what the layer does on threads of its own.
    bool wait_call(const std::string& name, std::size_t count = 1) {
        const auto start = Clock::now();
        while (calls(name).size() < count) {
            if (seconds_since(start) > 5) return false;
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        return true;
    }

    Control& driver = control();
};

// With a broker.
class FakeHostTest : public FakeTest {
  protected:
    void SetUp() override {
        FakeTest::SetUp();
        ASSERT_NO_FATAL_FAILURE(broker.start());
        set_environment(broker.producer_socket());
    }
    // The consumer, made on first use.
    test::HostWindow& host() {
        if (!host_) {
            host_ = std::make_unique<test::HostWindow>(broker.consumer_socket());
            EXPECT_TRUE(host_->wait_connected());
        }
        return *host_;
    }
    std::shared_ptr<const test::SeenFrame> expect_picture(std::uint32_t seed) {
        auto frame = host().wait_frame([&](const test::SeenFrame& seen) {
            return test::wrong_pixels(seen.pixels, seen.image.width, seen.image.height, seed) == 0;
        });
        EXPECT_TRUE(frame) << "picture " << seed << " did not come";
        return frame;
    }

    // The same of a stream that the host hears of at this moment: shown until the host has seen it.
    std::shared_ptr<const test::SeenFrame> show_until_seen(Swap& swap, std::uint32_t seed) {
        std::shared_ptr<const test::SeenFrame> frame;
        const auto start = Clock::now();
        while (!frame && seconds_since(start) < 5) {
            EXPECT_EQ(swap.show(seed), VK_SUCCESS);
            frame = host().wait_frame(
                [&](const test::SeenFrame& seen) {
                    return test::wrong_pixels(seen.pixels, seen.image.width, seen.image.height,
                                              seed) == 0;
                },
                100);
        }
        EXPECT_TRUE(frame) << "picture " << seed << " did not come";
        return frame;
    }

    test::BrokerProcess broker;

  private:
    std::unique_ptr<test::HostWindow> host_;
};

// A fence or semaphore of an app, destroyed at its end.
struct AppFence {
    explicit AppFence(const App& the_app) : app(the_app) {
        VkFenceCreateInfo info{VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
        EXPECT_EQ(vkCreateFence(app.device, &info, nullptr, &handle), VK_SUCCESS);
    }
    ~AppFence() { vkDestroyFence(app.device, handle, nullptr); }
    AppFence(const AppFence&) = delete;
    AppFence& operator=(const AppFence&) = delete;
    bool wait(std::uint64_t ns = 3'000'000'000) const {
        return vkWaitForFences(app.device, 1, &handle, VK_TRUE, ns) == VK_SUCCESS;
    }
    bool signalled() const { return vkGetFenceStatus(app.device, handle) == VK_SUCCESS; }
    const App& app;
    VkFence handle = VK_NULL_HANDLE;
};

struct AppSemaphore {
    explicit AppSemaphore(const App& the_app) : app(the_app) {
        VkSemaphoreCreateInfo info{VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO};
        EXPECT_EQ(vkCreateSemaphore(app.device, &info, nullptr, &handle), VK_SUCCESS);
    }
    ~AppSemaphore() { vkDestroySemaphore(app.device, handle, nullptr); }
    AppSemaphore(const AppSemaphore&) = delete;
    AppSemaphore& operator=(const AppSemaphore&) = delete;
    const App& app;
    VkSemaphore handle = VK_NULL_HANDLE;
};

// Submits a wait for (or signal of) a semaphore alone.
VkResult submit_wait(const App& app, VkSemaphore semaphore, VkFence fence);
VkResult submit_signal(const App& app, VkSemaphore semaphore);

}  // namespace vdmabuf::fake
