// SPDX-License-Identifier: MIT
#pragma once

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <string>
#include <utility>
#include <vector>

#include "runtime/common/clipboard_policy.hpp"

namespace vdmabuf::tools {

// Checks of arguments that say in words what would do. Their description is empty, see HelpFormat.

// One of some words, each of which stands for a value of an enum.
template <typename Enum>
CLI::Validator one_of(std::vector<std::pair<std::string, Enum>> words) {
    return {[words = std::move(words)](std::string& text) {
                std::string all;
                for (const auto& [word, value] : words) {
                    if (text == word) {
                        text = std::to_string(static_cast<int>(value));
                        return std::string();
                    }
                    if (!all.empty()) all += word == words.back().first ? " or " : ", ";
                    all += word;
                }
                return fmt::format("must be {}, not '{}'", all, text);
            },
            ""};
}

inline CLI::Validator clipboard_policy() {
    using clipboard::Policy;
    return one_of<Policy>({{"both", Policy::both},
                           {"to-guest", Policy::to_guest},
                           {"from-guest", Policy::from_guest},
                           {"off", Policy::off}});
}

// A number in a range, both ends included.
inline CLI::Validator number_in(double least, double most) {
    return {[least, most](std::string& text) {
                double value = 0;
                const char* end = text.data() + text.size();
                const auto [stop, error] = std::from_chars(text.data(), end, value);
                // Not a number compares as false.
                if (error == std::errc() && stop == end && value >= least && value <= most) {
                    return std::string();
                }
                return fmt::format("must be a number from {} to {}, not '{}'", least, most, text);
            },
            ""};
}

}  // namespace vdmabuf::tools
