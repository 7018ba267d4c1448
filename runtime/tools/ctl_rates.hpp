// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/tools/ctl_query.hpp"

namespace vdmabuf::tools {

// What a stream did between two looks at it.
struct StreamRates {
    std::uint64_t stream = 0;
    std::string vm;
    std::string app;
    std::string title;
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    double presented = 0;     // frames a second
    double shown = 0;         // likewise
    double skipped = 0;       // likewise
    double copied_bytes = 0;  // a second, by CPUs of all sides
    double latency_p50_us = 0;
    double latency_p99_us = 0;
};

// Of the streams that are in both, by number.
std::vector<StreamRates> rates_between(const BrokerState& before, const BrokerState& after,
                                       double seconds);

std::string rates_json(const std::vector<StreamRates>& rates, double seconds);
// A table; one line where there is no stream.
std::string rates_text(const std::vector<StreamRates>& rates);

}  // namespace vdmabuf::tools
