// SPDX-License-Identifier: MIT
#include "runtime/tools/doctor/doctor.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "runtime/consumer/gpu/instance.hpp"
#include "runtime/tools/doctor/checks.hpp"

namespace vdmabuf::doctor {
namespace {

struct Check {
    const char* subject;
    bool on_host;
    bool in_guest;
    void (*look)(const Machine&, Findings&);
};

constexpr Check kChecks[] = {
    {"module", false, true, check_module},  // first what the others need
    {"device", false, true, check_device},
    {"input", false, true, check_input},
    {"udmabuf", true, false, check_udmabuf},
    {"qemu", true, false, check_qemu},
    {"vm", true, false, check_vms},
    {"broker", true, false, check_broker},
    {"import", true, false, check_import},
    {"loader", true, true, check_loaders},
    {"manifest", true, true, check_manifests},
    {"strategy", true, true, check_strategies},
    {"flatpak", true, true, check_flatpak},
    {"steam", true, true, check_steam},
};

const char* word(Verdict verdict) {
    switch (verdict) {
        case Verdict::good:
            return "ok";
        case Verdict::hint:
            return "note";
        case Verdict::bad:
            break;
    }
    return "problem";
}

const char* colour(Verdict verdict) {
    if (!::isatty(STDOUT_FILENO)) return "";
    return verdict == Verdict::good   ? "\033[32m"
           : verdict == Verdict::hint ? "\033[33m"
                                      : "\033[31m";
}

std::string as_json(Side side, const Findings& findings) {
    nlohmann::ordered_json json;
    json["side"] = side == Side::guest ? "guest" : "host";
    json["version"] = VDMABUF_VERSION;
    json["findings"] = nlohmann::ordered_json::array();
    for (const Finding& finding : findings.all()) {
        json["findings"].push_back({{"verdict", word(finding.verdict)},
                                    {"subject", finding.subject},
                                    {"text", finding.text},
                                    {"advice", finding.advice}});
    }
    return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string as_text(Side side, const Findings& findings) {
    std::string text = fmt::format("vdmabuf " VDMABUF_VERSION ", this is a {}\n",
                                   side == Side::guest ? "guest" : "host");
    for (const Finding& finding : findings.all()) {
        text +=
            fmt::format("{}{:>8}{}  {}: {}\n", colour(finding.verdict), word(finding.verdict),
                        ::isatty(STDOUT_FILENO) ? "\033[0m" : "", finding.subject, finding.text);
        if (!finding.advice.empty()) text += fmt::format("          -> {}\n", finding.advice);
    }
    return text;
}

}  // namespace

bool examine(const Settings& settings) {
    // The GPU is asked for what it can do, not for what our layer makes of it.
    gpu::leave_layer_out();
    const Machine machine(settings.root);
    const Side side = settings.side.value_or(which_side(machine));
    Findings findings;
    for (const Check& check : kChecks) {
        if (!(side == Side::guest ? check.in_guest : check.on_host)) continue;
        findings.begin(check.subject);
        check.look(machine, findings);
    }
    const std::string text = settings.json ? as_json(side, findings) : as_text(side, findings);
    std::fwrite(text.data(), 1, text.size(), stdout);
    const auto& all = findings.all();
    const auto bad = std::count_if(all.begin(), all.end(), [](const Finding& finding) {
        return finding.verdict == Verdict::bad;
    });
    if (!settings.json) {
        const std::string sum =
            bad == 0 ? "Nothing is broken.\n" : fmt::format("Problems: {}.\n", bad);
        std::fputs(sum.c_str(), stdout);
    }
    return bad == 0;
}

}  // namespace vdmabuf::doctor
