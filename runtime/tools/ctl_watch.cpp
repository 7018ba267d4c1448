// SPDX-License-Identifier: MIT
#include "runtime/tools/ctl_watch.hpp"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <thread>

#include "runtime/common/clock.hpp"
#include "runtime/tools/ctl_query.hpp"
#include "runtime/tools/ctl_rates.hpp"

namespace vdmabuf::tools {

Status watch(const std::string& socket_path, const WatchSettings& settings) {
    auto before = query_broker(socket_path);
    if (!before) return before.error();
    std::uint64_t then = now_ns();
    const bool screen = !settings.json && settings.count != 1 && ::isatty(STDOUT_FILENO);
    for (unsigned look = 0; settings.count == 0 || look < settings.count; ++look) {
        std::this_thread::sleep_for(std::chrono::duration<double>(settings.interval_s));
        auto after = query_broker(socket_path);
        if (!after) return after.error();
        const std::uint64_t now = now_ns();
        const double seconds = static_cast<double>(now - then) / static_cast<double>(kNsPerSecond);
        const auto rates = rates_between(*before, *after, seconds);
        const std::string text = settings.json ? rates_json(rates, seconds) : rates_text(rates);
        if (screen) std::fputs("\033[H\033[2J", stdout);
        std::fwrite(text.data(), 1, text.size(), stdout);
        if (std::fflush(stdout) != 0) return system_error("standard output");
        before = std::move(after);
        then = now;
    }
    return {};
}

}  // namespace vdmabuf::tools
