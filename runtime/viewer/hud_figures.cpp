// SPDX-License-Identifier: MIT
#include "runtime/viewer/hud_figures.hpp"

#include <algorithm>
#include <span>

#include "runtime/common/clock.hpp"

namespace vdmabuf::viewer {
namespace {

double ms(std::uint64_t ns) {
    return static_cast<double>(ns) / static_cast<double>(kNsPerMs);
}

double median(std::vector<double>& values) {
    if (values.empty()) return 0;
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

double rate(std::uint64_t count, std::uint64_t from_ns, std::uint64_t to_ns) {
    if (to_ns <= from_ns) return 0;
    return static_cast<double>(count) * static_cast<double>(kNsPerSecond) /
           static_cast<double>(to_ns - from_ns);
}

// When the app presented; producers that tell no times: when the frame came.
std::uint64_t start(const FrameSample& sample) {
    const std::uint64_t called = sample.time(Stage::called);
    return called != 0 ? called : sample.time(Stage::received);
}

// Presents from one frame to the next: more than 1 where we did not get some. A new broker counts
// anew.
std::uint64_t presents(const FrameSample& before, const FrameSample& after) {
    return after.presented_count > before.presented_count
               ? after.presented_count - before.presented_count
               : 1;
}

void fill_stages(HudFigures& figures, std::span<const FrameSample> samples) {
    std::array<std::vector<double>, kStages> durations;
    std::vector<double> totals;
    for (const FrameSample& sample : samples) {
        std::uint64_t before = start(sample);
        for (std::size_t s = 1; s < kStages; ++s) {
            if (sample.at[s] == 0) continue;
            // What is done before its turn (the GPU, before the call) takes no time of its own;
            // guests' clocks are mapped, with an error of some microseconds.
            const std::uint64_t at = std::max(sample.at[s], before);
            durations[s].push_back(ms(at - before));
            before = at;
        }
        totals.push_back(ms(before - start(sample)));
    }
    for (std::size_t s = 1; s < kStages; ++s) {
        figures.known[s] = !durations[s].empty();
        figures.stages[s] = median(durations[s]);
    }
    figures.total = median(totals);
}

}  // namespace

HudFigures hud_figures(const std::vector<FrameSample>& samples, std::uint64_t now_ns) {
    HudFigures figures;
    for (std::size_t i = 1; i < samples.size(); ++i) {
        const FrameSample& before = samples[i - 1];
        const FrameSample& after = samples[i];
        const std::uint64_t took = start(after) > start(before) ? start(after) - start(before) : 0;
        figures.frame_times.push_back(
            static_cast<float>(ms(took) / static_cast<double>(presents(before, after))));
    }
    const auto recent = std::find_if(samples.begin(), samples.end(), [&](const FrameSample& each) {
        return each.time(Stage::shown) + kNsPerSecond > now_ns;
    });
    const std::span<const FrameSample> last_second(recent, samples.end());
    if (last_second.empty()) return figures;
    figures.still = false;
    fill_stages(figures, last_second);
    std::uint64_t presented = 0;
    std::uint64_t copied = 0;
    for (std::size_t i = 0; i < last_second.size(); ++i) {
        copied += last_second[i].copied_bytes;
        if (i > 0) presented += presents(last_second[i - 1], last_second[i]);
    }
    const FrameSample& first = last_second.front();
    const FrameSample& last = last_second.back();
    figures.app_fps = rate(presented, start(first), start(last));
    figures.shown_fps =
        rate(last_second.size() - 1, first.time(Stage::shown), last.time(Stage::shown));
    figures.copied_bytes = static_cast<double>(copied) / static_cast<double>(last_second.size());
    const std::size_t times = std::min(figures.frame_times.size(), last_second.size());
    std::vector<double> newest(figures.frame_times.end() - static_cast<std::ptrdiff_t>(times),
                               figures.frame_times.end());
    if (!newest.empty()) figures.frame_time_max = *std::max_element(newest.begin(), newest.end());
    figures.frame_time = median(newest);
    return figures;
}

}  // namespace vdmabuf::viewer
