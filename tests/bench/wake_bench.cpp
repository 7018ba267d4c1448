// SPDX-License-Identifier: MIT
// wake_bench COUNT RATE: how long a thread that sleeps at a condition variable takes to run once
// another one has woken it, COUNT times, RATE times a second: what a viewer that hands its frames
// from thread to thread cannot be faster than. One JSON object.
#include <time.h>

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <vector>

#include "runtime/common/clock.hpp"
#include "tests/bench/need.hpp"

int main(int argc, char** argv) {
    using vdmabuf::now_ns;
    const long count = argc == 3 ? std::strtol(argv[1], nullptr, 10) : 0;
    const double rate = argc == 3 ? std::strtod(argv[2], nullptr) : 0;
    if (count < 1 || rate <= 0) vdmabuf::bench::fail("COUNT and RATE are needed");
    std::mutex mutex;
    std::condition_variable changed;
    std::uint64_t woken_at = 0;  // 0: nobody is to wake
    std::vector<double> took_us;
    std::thread sleeper([&] {
        std::unique_lock lock(mutex);
        while (took_us.size() < static_cast<std::size_t>(count)) {
            changed.wait(lock, [&] { return woken_at != 0; });
            took_us.push_back(static_cast<double>(now_ns() - woken_at) / 1000.0);
            woken_at = 0;
        }
    });
    const auto step = static_cast<std::uint64_t>(1e9 / rate);
    const std::uint64_t start = now_ns();
    for (long i = 1; i <= count; ++i) {
        const std::uint64_t due = start + static_cast<std::uint64_t>(i) * step;
        const timespec until{static_cast<time_t>(due / vdmabuf::kNsPerSecond),
                             static_cast<long>(due % vdmabuf::kNsPerSecond)};
        ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
        const std::lock_guard lock(mutex);
        // One that has not run since the last time: it is asked again.
        if (woken_at != 0) {
            --i;
            continue;
        }
        woken_at = now_ns();
        changed.notify_one();
    }
    sleeper.join();
    std::sort(took_us.begin(), took_us.end());
    const auto at = [&](std::size_t percent) {
        return took_us[std::max<std::size_t>((took_us.size() * percent + 99) / 100, 1) - 1];
    };
    std::printf("{\"p50\": %.1f, \"p99\": %.1f, \"max\": %.1f}\n", at(50), at(99), at(100));
    return 0;
}
