// SPDX-License-Identifier: MIT
#include "runtime/tools/doctor/command_line.hpp"

#include <algorithm>
#include <cctype>

namespace vdmabuf::doctor {
namespace {

std::vector<std::string> words_of(const std::string& text) {
    std::vector<std::string> words;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\0', at), text.size());
        words.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    return words;
}

bool is_number(const std::string& text) {
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c); });
}

}  // namespace

std::string value_of(const std::string& list, const std::string& key) {
    for (std::size_t at = 0; at < list.size();) {
        const std::size_t end = std::min(list.find(',', at), list.size());
        const std::string part = list.substr(at, end - at);
        if (part.starts_with(key + "=")) return part.substr(key.size() + 1);
        at = end + 1;
    }
    return {};
}

std::vector<QemuProcess> find_qemus(const Machine& machine) {
    std::vector<QemuProcess> found;
    for (const std::string& pid : machine.list("/proc")) {
        if (!is_number(pid)) continue;
        const auto text = machine.read("/proc/" + pid + "/cmdline");
        if (!text || text->empty()) continue;
        const std::vector<std::string> words = words_of(*text);
        const std::string program = words[0].substr(words[0].rfind('/') + 1);
        if (!program.starts_with("qemu-system-") && program != "qemu-kvm" && program != "kvm") {
            continue;
        }
        QemuProcess qemu{pid, words[0], {}, {}};
        for (std::size_t i = 1; i < words.size(); ++i) {
            if (words[i].empty() || words[i][0] != '-') continue;
            const bool has_value = i + 1 < words.size() && words[i + 1][0] != '-';
            // --option is -option.
            const std::string option = words[i].substr(words[i].starts_with("--") ? 1 : 0);
            qemu.options.push_back(has_value ? option + " " + words[i + 1] : option);
            if (option == "-name" && has_value) {
                const std::string guest = value_of(words[i + 1], "guest");
                qemu.name = guest.empty() ? words[i + 1].substr(0, words[i + 1].find(',')) : guest;
            }
        }
        found.push_back(std::move(qemu));
    }
    return found;
}

}  // namespace vdmabuf::doctor
