// SPDX-License-Identifier: MIT
#include "tests/bench/flip/pace.hpp"

#include <signal.h>
#include <time.h>

#include <algorithm>
#include <cstdio>

#include "tests/bench/flip/figures.hpp"

namespace vdmabuf::flip {
namespace {

volatile sig_atomic_t ended = 0;

}  // namespace

Pace::Pace(const Options& options)
    : rate_(options.rate),
      start_us_(now_us()),
      start_cpu_us_(cpu_us()),
      end_us_(start_us_ + static_cast<std::uint64_t>(options.seconds * 1e6)) {
    struct sigaction action {};
    action.sa_handler = [](int) { ended = 1; };
    ::sigaction(SIGTERM, &action, nullptr);
}

bool Pace::lasts() const {
    return now_us() < end_us_ && !ended;
}

std::uint64_t Pace::due_us() const {
    if (rate_ <= 0) return 0;
    return start_us_ + static_cast<std::uint64_t>(static_cast<double>(frames_) * 1e6 / rate_);
}

void Pace::wait() const {
    const std::uint64_t due = due_us();
    if (due == 0) return;
    const timespec until{static_cast<time_t>(due / 1'000'000),
                         static_cast<long>(due % 1'000'000) * 1000};
    ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
}

void Pace::print() const {
    const std::uint64_t cpu = cpu_us() - start_cpu_us_;
    const double seconds = static_cast<double>(now_us() - start_us_) / 1e6;
    const auto frames = static_cast<double>(std::max<std::uint64_t>(frames_, 1));
    std::printf(
        "{\"frames\": %llu, \"seconds\": %.3f, \"fps\": %.2f, \"cpu_us_per_frame\": %.2f, "
        "\"cpu_us\": %llu}\n",
        static_cast<unsigned long long>(frames_), seconds, static_cast<double>(frames_) / seconds,
        static_cast<double>(cpu) / frames, static_cast<unsigned long long>(cpu));
}

}  // namespace vdmabuf::flip
