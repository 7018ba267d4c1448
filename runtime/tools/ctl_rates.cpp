// SPDX-License-Identifier: MIT
#include "runtime/tools/ctl_rates.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "runtime/consumer/client.hpp"

namespace vdmabuf::tools {
namespace {

using consumer::get_text;

std::uint64_t copied(const consumer::StreamStatus& status) {
    return status.producer_copied_bytes + status.broker_copied_bytes + status.consumer_copied_bytes;
}

}  // namespace

std::vector<StreamRates> rates_between(const BrokerState& before, const BrokerState& after,
                                       double seconds) {
    std::vector<StreamRates> all;
    for (const BrokerState::Stream& stream : after.streams) {
        const consumer::StreamStatus& now = stream.status;
        const auto found = std::find_if(
            before.streams.begin(), before.streams.end(),
            [&](const BrokerState::Stream& other) { return other.status.stream == now.stream; });
        if (found == before.streams.end()) continue;
        const consumer::StreamStatus& then = found->status;
        const auto rate = [&](std::uint64_t from, std::uint64_t to) {
            return seconds > 0 && to > from ? static_cast<double>(to - from) / seconds : 0.0;
        };
        StreamRates rates;
        rates.stream = now.stream;
        rates.vm = get_text(now.vm);
        rates.app = get_text(now.app);
        rates.title = get_text(now.title);
        rates.width = now.width;
        rates.height = now.height;
        rates.presented = rate(then.frames_presented, now.frames_presented);
        rates.shown = rate(then.frames_shown, now.frames_shown);
        rates.skipped = rate(then.frames_skipped, now.frames_skipped);
        rates.copied_bytes = rate(copied(then), copied(now));
        rates.latency_p50_us = static_cast<double>(now.latency_p50_ns) / 1000.0;
        rates.latency_p99_us = static_cast<double>(now.latency_p99_ns) / 1000.0;
        all.push_back(std::move(rates));
    }
    return all;
}

std::string rates_json(const std::vector<StreamRates>& rates, double seconds) {
    nlohmann::ordered_json json;
    json["seconds"] = seconds;
    json["streams"] = nlohmann::ordered_json::array();
    for (const StreamRates& each : rates) {
        json["streams"].push_back({{"stream", each.stream},
                                   {"vm", each.vm},
                                   {"app", each.app},
                                   {"title", each.title},
                                   {"width", each.width},
                                   {"height", each.height},
                                   {"presented_per_s", each.presented},
                                   {"shown_per_s", each.shown},
                                   {"skipped_per_s", each.skipped},
                                   {"cpu_copied_bytes_per_s", each.copied_bytes},
                                   {"present_to_received_us",
                                    {{"p50", each.latency_p50_us}, {"p99", each.latency_p99_us}}}});
    }
    return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string rates_text(const std::vector<StreamRates>& rates) {
    if (rates.empty()) return "no streams\n";
    std::string text =
        fmt::format("{:>6} {:<24} {:>11} {:>9} {:>9} {:>9} {:>10} {:>16}\n", "stream", "app",
                    "size", "present/s", "shown/s", "skip/s", "copy MB/s", "latency p50/p99");
    for (const StreamRates& each : rates) {
        const std::string name = each.vm.empty() ? each.app : each.vm + "/" + each.app;
        text +=
            fmt::format("{:>6} {:<24.24} {:>11} {:>9.1f} {:>9.1f} {:>9.1f} {:>10.1f} {:>13}us\n",
                        each.stream, name, fmt::format("{}x{}", each.width, each.height),
                        each.presented, each.shown, each.skipped, each.copied_bytes / 1e6,
                        fmt::format("{:.0f}/{:.0f}", each.latency_p50_us, each.latency_p99_us));
    }
    return text;
}

}  // namespace vdmabuf::tools
