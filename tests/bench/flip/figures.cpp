// SPDX-License-Identifier: MIT
#include "tests/bench/flip/figures.hpp"

#include <time.h>

#include <algorithm>
#include <cstdio>

namespace vdmabuf::flip {
namespace {

constexpr std::uint64_t kWarmUpUs = 250'000;

}  // namespace

std::uint64_t cpu_us() {
    timespec time{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000 +
           static_cast<std::uint64_t>(time.tv_nsec) / 1000;
}

void Figures::see(const volatile std::uint32_t* pixels) {
    Stamp stamp;
    if (!read_stamp(pixels, stamp) || (first_us_ != 0 && stamp.number == number_)) return;
    const std::uint64_t now = now_us();
    const auto step = static_cast<std::uint16_t>(stamp.number - number_);
    number_ = stamp.number;
    if (first_us_ == 0) first_us_ = now;
    if (now - first_us_ < kWarmUpUs) return;
    if (start_us_ == 0) {
        start_us_ = last_us_ = now;
        start_cpu_us_ = last_cpu_us_ = cpu_us();
        ages_us_.reserve(1 << 20);
        std::fputs("measuring\n", stderr);
        return;
    }
    ++frames_;
    skipped_ += step - 1u;
    last_us_ = now;
    last_cpu_us_ = cpu_us();
    // Torn reads of a stamp that is being written are no ages.
    if (now >= stamp.time_us && now - stamp.time_us < 10'000'000) {
        ages_us_.push_back(static_cast<std::uint32_t>(now - stamp.time_us));
    }
}

bool Figures::done() const {
    return start_us_ != 0 && static_cast<double>(now_us() - start_us_) > seconds_ * 1e6;
}

bool Figures::stalled() const {
    const std::uint64_t last = std::max(last_us_, std::max(first_us_, began_us_));
    return static_cast<double>(now_us() - last) > patience_us_;
}

void Figures::print() const {
    // What is in between may end with this program, and its CPU time could not be asked for then.
    std::fputs("measured\n", stderr);
    const timespec time_to_ask{0, 150'000'000};
    ::nanosleep(&time_to_ask, nullptr);
    auto ages = ages_us_;
    std::sort(ages.begin(), ages.end());
    const auto part = [&](double at) {
        return ages.empty()
                   ? 0u
                   : ages[static_cast<std::size_t>(at * static_cast<double>(ages.size() - 1))];
    };
    const double seconds = static_cast<double>(last_us_ - start_us_) / 1e6;
    std::printf(
        "{\"frames\": %llu, \"skipped\": %llu, \"seconds\": %.4f, \"fps\": %.2f, "
        "\"cpu_us_per_frame\": %.2f, \"latency_us\": {\"p10\": %u, \"p50\": %u, \"p90\": %u, "
        "\"p99\": %u, \"max\": %u}, \"histogram\": {",
        static_cast<unsigned long long>(frames_), static_cast<unsigned long long>(skipped_),
        seconds, seconds > 0 ? static_cast<double>(frames_) / seconds : 0,
        frames_ ? static_cast<double>(last_cpu_us_ - start_cpu_us_) / static_cast<double>(frames_)
                : 0,
        part(0.1), part(0.5), part(0.9), part(0.99), part(1));
    // Counts by upper bound, four to a doubling.
    double bound = 8;
    std::size_t index = 0;
    const char* comma = "";
    while (index < ages.size()) {
        bound *= 1.189207115;
        std::size_t count = 0;
        for (; index < ages.size() && ages[index] <= bound; ++index) ++count;
        if (count > 0) {
            std::printf("%s\"%.0f\": %zu", comma, bound, count);
            comma = ", ";
        }
    }
    std::printf("}}\n");
}

}  // namespace vdmabuf::flip
