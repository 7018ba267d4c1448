// SPDX-License-Identifier: MIT
// Which strategy the layer chooses for each GPU and format: by having it choose.
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <map>

#include "runtime/producer/endpoint.hpp"
#include "runtime/tools/doctor/checks.hpp"
#include "runtime/tools/doctor/run_program.hpp"

namespace vdmabuf::doctor {
namespace {

std::string this_program() {
    std::array<char, PATH_MAX> path{};
    const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size() - 1);
    return {path.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
}

// The formats of each GPU and strategy.
using Chosen = std::map<std::pair<std::string, std::string>, std::string>;

Chosen read_output(const std::string& text) {
    Chosen chosen;
    std::string gpu;
    std::string format;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        const std::string line = text.substr(at, end - at);
        at = end + 1;
        constexpr std::string_view kProbe = "probe ";
        constexpr std::string_view kStrategy = ", strategy ";
        if (line.starts_with(kProbe)) {
            const std::size_t tab = line.find('\t');
            gpu = line.substr(kProbe.size(), tab - kProbe.size());
            format = tab == std::string::npos ? "" : line.substr(tab + 1);
        } else if (const std::size_t found = line.find(kStrategy); found != std::string::npos) {
            const std::size_t name = found + kStrategy.size();
            std::string& formats = chosen[{gpu, line.substr(name, line.find(',', name) - name)}];
            formats += (formats.empty() ? "" : ", ") + format;
        }
    }
    return chosen;
}

}  // namespace

void check_strategies(const Machine& machine, Findings& findings) {
    if (!machine.is_this_one()) return;
    if (const auto endpoint = producer::find_endpoint(); !endpoint) {
        findings.hint("apps of this side have nobody to show their windows: " +
                      endpoint.error().text);
        return;
    }
    const std::string self = this_program();
    const std::string run = self.substr(0, self.rfind('/')) + "/vdmabuf-run";
    const auto output =
        run_program({run, "--no-window-system", self, "probe-swapchains"}, {"VDMABUF_LOG=info"});
    if (!output) {
        findings.bad(run + " cannot be started, or does not end", "install the tools again");
        return;
    }
    const Chosen chosen = read_output(output->text);
    if (chosen.empty()) {
        findings.bad(
            "the layer does not come into apps: " + output->text.substr(0, output->text.find('\n')),
            "VDMABUF_LOG=debug VK_LOADER_DEBUG=layer vdmabuf-run vkcube says why");
    }
    for (const auto& [key, formats] : chosen) {
        const auto& [gpu, strategy] = key;
        const std::string text = fmt::format("{}: {} for {}", gpu, strategy, formats);
        if (strategy == "cpu-copy") {
            findings.bad(text + ": each frame is copied by a CPU",
                         "VDMABUF_LOG=debug vdmabuf-run vkcube says why not another strategy; a "
                         "newer driver may help");
        } else {
            findings.good(text);
        }
    }
}

}  // namespace vdmabuf::doctor
