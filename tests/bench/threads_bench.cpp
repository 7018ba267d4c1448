// SPDX-License-Identifier: MIT
// threads_bench [--rounds N] [--frames N] [--threads N]: one swapchain presented from one thread,
// and one for each of several threads, of one instance and so of one connection to the host. Each
// thread has a device and a queue of its own, as a queue is the app's to lock. Beside the frames
// a second, the processor time that a frame costs its thread: whoever waits for a lock of others
// calls the system for it, and is switched away from. One JSON object on standard output.
//
// Run it through vdmabuf-run with a consumer attached.
#include <sys/resource.h>
#include <time.h>

#include <algorithm>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "runtime/common/clock.hpp"
#include "tests/bench/frame_loop.hpp"

namespace vdmabuf::bench {
namespace {

constexpr std::uint32_t kWarmUp = 10;

std::uint64_t thread_time_ns() {
    timespec time{};
    (void)::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<std::uint64_t>(time.tv_sec) * kNsPerSecond +
           static_cast<std::uint64_t>(time.tv_nsec);
}

// A device with a queue and a swapchain, used by one thread.
class Window {
  public:
    Window(App& app, const Extensions& extensions) {
        const float priority = 1;
        VkDeviceQueueCreateInfo queue_info{VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO};
        queue_info.queueCount = 1;
        queue_info.pQueuePriorities = &priority;
        std::vector<const char*> names = extensions.names();
        names.push_back(VK_KHR_SWAPCHAIN_EXTENSION_NAME);
        VkDeviceCreateInfo info{VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO};
        info.pNext = extensions.features();
        info.queueCreateInfoCount = 1;
        info.pQueueCreateInfos = &queue_info;
        info.enabledExtensionCount = static_cast<std::uint32_t>(names.size());
        info.ppEnabledExtensionNames = names.data();
        CHECK(vkCreateDevice(app.physical, &info, nullptr, &device_));
        VkQueue queue = VK_NULL_HANDLE;
        vkGetDeviceQueue(device_, 0, 0, &queue);
        loop_ = std::make_unique<FrameLoop>(device_, queue, 0, app.headless_surface(),
                                            VkExtent2D{256, 256});
    }
    ~Window() {
        loop_.reset();
        vkDestroyDevice(device_, nullptr);
    }
    Window(const Window&) = delete;
    Window& operator=(const Window&) = delete;

    FrameLoop& loop() { return *loop_; }

  private:
    VkDevice device_ = VK_NULL_HANDLE;
    std::unique_ptr<FrameLoop> loop_;
};

struct Result {
    std::vector<std::uint64_t> call_ns;  // acquire and present
    double frames_per_second = 0;
    double thread_us = 0;  // of processor time, a frame
};

// `frames` of each of `count` windows, at the same time.
Result run(std::vector<std::unique_ptr<Window>>& windows, std::size_t count, std::uint32_t frames) {
    std::vector<Result> results(count);
    std::atomic<std::size_t> ready{0};
    std::vector<std::thread> threads;
    std::atomic<std::uint64_t> start{0};
    for (std::size_t i = 0; i < count; ++i) {
        threads.emplace_back([&, i] {
            FrameLoop& loop = windows[i]->loop();
            for (std::uint32_t frame = 0; frame < kWarmUp; ++frame) (void)loop.frame(false);
            if (++ready == count) {
                start = now_ns();
                ready.notify_all();
            }
            for (std::size_t seen = ready; seen < count; seen = ready) ready.wait(seen);
            const std::uint64_t before = thread_time_ns();
            for (std::uint32_t frame = 0; frame < frames; ++frame) {
                results[i].call_ns.push_back(loop.frame(false));
            }
            results[i].thread_us = static_cast<double>(thread_time_ns() - before) / 1000.0 / frames;
        });
    }
    for (std::thread& thread : threads) thread.join();
    Result all;
    all.frames_per_second = static_cast<double>(count) * frames *
                            static_cast<double>(kNsPerSecond) /
                            static_cast<double>(now_ns() - start);
    for (const Result& result : results) {
        all.call_ns.insert(all.call_ns.end(), result.call_ns.begin(), result.call_ns.end());
        all.thread_us += result.thread_us / static_cast<double>(count);
    }
    return all;
}

template <typename Get>
double middle(const std::vector<Result>& results, Get get) {
    std::vector<double> values;
    for (const Result& result : results) values.push_back(get(result));
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

void print(const char* name, const std::vector<Result>& results) {
    std::printf("\"%s\": {\"frames_per_second\": %.1f, \"thread_us\": %.2f, \"call_us\": %.2f}",
                name, middle(results, [](const Result& r) { return r.frames_per_second; }),
                middle(results, [](const Result& r) { return r.thread_us; }),
                middle(results, [](const Result& r) {
                    return static_cast<double>(median(r.call_ns)) / 1000.0;
                }));
}

}  // namespace
}  // namespace vdmabuf::bench

int main(int argc, char** argv) {
    using namespace vdmabuf::bench;
    std::uint32_t rounds = 9;
    std::uint32_t frames = 500;
    std::uint32_t threads = 4;
    for (int i = 1; i < argc; ++i) {
        std::uint32_t* value = std::strcmp(argv[i], "--rounds") == 0    ? &rounds
                               : std::strcmp(argv[i], "--frames") == 0  ? &frames
                               : std::strcmp(argv[i], "--threads") == 0 ? &threads
                                                                        : nullptr;
        if (!value || i + 1 == argc) {
            std::fprintf(stderr, "usage: threads_bench [--rounds N] [--frames N] [--threads N]\n");
            return 2;
        }
        *value = static_cast<std::uint32_t>(std::strtoul(argv[++i], nullptr, 10));
    }
    const Extensions extensions;
    vdmabuf::test::AppOptions options;
    options.instance_extensions = {VK_EXT_SURFACE_MAINTENANCE_1_EXTENSION_NAME};
    App app(options);
    CHECK(app.created);
    std::vector<std::unique_ptr<Window>> windows;
    for (std::uint32_t i = 0; i < threads; ++i) {
        windows.push_back(std::make_unique<Window>(app, extensions));
    }
    std::vector<Result> one;
    std::vector<Result> all;
    std::vector<double> ratios;
    std::vector<double> time_ratios;
    for (std::uint32_t round = 0; round < rounds; ++round) {
        one.push_back(run(windows, 1, frames));
        all.push_back(run(windows, threads, frames));
        ratios.push_back(all.back().frames_per_second / one.back().frames_per_second);
        time_ratios.push_back(all.back().thread_us / one.back().thread_us);
    }
    std::sort(ratios.begin(), ratios.end());
    std::sort(time_ratios.begin(), time_ratios.end());
    std::printf("{\"threads\": %u, \"throughput_ratio\": %.3f, \"thread_time_ratio\": %.3f, ",
                threads, ratios[ratios.size() / 2], time_ratios[time_ratios.size() / 2]);
    print("one", one);
    std::printf(", ");
    print("all", all);
    std::printf("}\n");
    return 0;
}
