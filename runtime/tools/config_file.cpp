// SPDX-License-Identifier: MIT
#include "runtime/tools/config_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

namespace vdmabuf::tools {
namespace {

constexpr std::array<std::string_view, 4> kPrograms = {"vdmabufd", "vdmabuf-viewer", "vdmabufctl",
                                                       "vdmabuf-run"};
constexpr const char* kPrintConfig = "--print-config";

std::string variable(const char* name) {
    const char* value = std::getenv(name);
    return value && value[0] == '/' ? value : "";
}

std::string trimmed(const std::string& text) {
    const std::size_t first = text.find_first_not_of(" \t\r");
    if (first == std::string::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

struct Key {
    std::string section;
    std::string name;
    std::string value;  // as it is written, without comments
    int line = 0;
};

// A line without its comment. `depth`: of arrays, where it begins and then where it ends. Brackets
// and marks in strings are none.
std::string without_comment(const std::string& line, int& depth) {
    char quote = 0;
    for (std::size_t i = 0; i < line.size(); ++i) {
        const char c = line[i];
        if (quote != 0) {
            if (quote == '"' && c == '\\') {
                ++i;
            } else if (c == quote) {
                quote = 0;
            }
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == '#') {
            return trimmed(line.substr(0, i));
        } else if (c == '[') {
            ++depth;
        } else if (c == ']') {
            --depth;
        }
    }
    return line;
}

// The value at the beginning of `text`, which it is taken from: a string in either kind of quotes,
// or a word (a number, true, false). Nothing: there is none.
std::optional<std::string> take_value(std::string& text) {
    std::string value;
    if (text.starts_with('"') || text.starts_with('\'')) {
        const char quote = text[0];
        std::size_t i = 1;
        for (; i < text.size() && text[i] != quote; ++i) {
            if (quote == '"' && text[i] == '\\' && i + 1 < text.size()) ++i;
            value += text[i];
        }
        if (i >= text.size()) return std::nullopt;
        text = trimmed(text.substr(i + 1));
        return value;
    }
    const std::size_t end = std::min(text.find_first_of(" \t,[]\"'"), text.size());
    if (end == 0) return std::nullopt;
    value = text.substr(0, end);
    text = trimmed(text.substr(end));
    return value;
}

// One value, or those of an array.
std::optional<std::vector<std::string>> values_of(std::string text) {
    std::vector<std::string> values;
    const bool array = text.starts_with('[');
    if (array) text = trimmed(text.substr(1));
    while (!array || !text.starts_with(']')) {
        auto value = take_value(text);
        if (!value) return std::nullopt;
        values.push_back(*std::move(value));
        if (!array) break;
        if (text.starts_with(',')) {
            text = trimmed(text.substr(1));
        } else if (!text.starts_with(']')) {
            return std::nullopt;
        }
    }
    if (array) text = trimmed(text.substr(1));
    if (!text.empty()) return std::nullopt;
    return values;
}

// What a file has, with the lines, which CLI11's reader does not tell.
template <typename Fail>
std::vector<Key> keys_of(std::istream& input, const Fail& fail) {
    std::vector<Key> keys;
    std::string section;
    std::string raw;
    int depth = 0;
    for (int number = 1; std::getline(input, raw); ++number) {
        const bool inside = depth > 0;
        const std::string line = without_comment(trimmed(raw), depth);
        if (line.empty()) continue;
        if (inside) {
            keys.back().value += " " + line;
            continue;
        }
        if (line[0] == '[') {
            if (depth != 0 || line.back() != ']' || line.starts_with("[[")) {
                fail(number, fmt::format("'{}' is no [section]", line));
            }
            section = trimmed(line.substr(1, line.size() - 2));
            const std::string program = section.substr(0, section.find('.'));
            if (std::find(kPrograms.begin(), kPrograms.end(), program) == kPrograms.end()) {
                fail(number, fmt::format("there is no section [{}]; there are [vdmabufd], "
                                         "[vdmabuf-viewer], [vdmabufctl] and [vdmabuf-run]",
                                         section));
            }
            continue;
        }
        const std::size_t equals = line.find('=');
        if (equals == std::string::npos) fail(number, fmt::format("'{}' is no key = value", line));
        const std::string name = trimmed(line.substr(0, equals));
        if (section.empty()) fail(number, fmt::format("'{}' stands in no [section]", name));
        for (const Key& other : keys) {
            if (other.section == section && other.name == name) {
                fail(number, fmt::format("'{}' stands here already, in line {}", name, other.line));
            }
        }
        keys.push_back({section, name, trimmed(line.substr(equals + 1)), number});
    }
    if (depth != 0 && !keys.empty()) fail(keys.back().line, "an array that does not end");
    return keys;
}

const ConfigSection* section_of(const CLI::App& app) {
    return dynamic_cast<const ConfigSection*>(app.get_config_formatter().get());
}

// What --help says of the value that an option has by itself: in brackets at the end of the text.
std::string default_of(const CLI::Option& option) {
    const std::string& text = option.get_description();
    const std::size_t open = text.rfind('[');
    if (open == std::string::npos || !text.ends_with("]")) return {};
    return text.substr(open + 1, text.size() - open - 2);
}

std::string toml(const CLI::Option& option) {
    if (option.get_expected_min() == 0) return "true";  // a flag that is given
    const auto quoted = [](const std::string& text) {
        std::string out = "\"";
        for (const char c : text) {
            if (c == '"' || c == '\\') out += '\\';
            out += c;
        }
        return out + "\"";
    };
    const auto& values = option.results();
    if (option.get_expected_max() == 1) return quoted(values.empty() ? "" : values.back());
    std::string list;
    for (const std::string& value : values) list += (list.empty() ? "" : ", ") + quoted(value);
    return "[" + list + "]";
}

}  // namespace

std::string default_config_file() {
    std::string folder = variable("XDG_CONFIG_HOME");
    if (folder.empty() && !variable("HOME").empty()) folder = variable("HOME") + "/.config";
    return folder.empty() ? folder : folder + "/vdmabuf/vdmabuf.toml";
}

std::string ConfigSection::at(int line) const {
    return fmt::format("{}:{}", app_.get_config_ptr()->as<std::string>(), line);
}

std::vector<CLI::ConfigItem> ConfigSection::from_config(std::istream& input) const {
    const auto fail = [this](int line, const std::string& what) {
        throw CLI::ConfigError(at(line) + ": " + what);
    };
    std::vector<CLI::ConfigItem> ours;
    for (const Key& key : keys_of(input, fail)) {
        auto values = values_of(key.value);
        if (!values) fail(key.line, fmt::format("'{}' is no value", key.value));
        const std::size_t dot = key.section.find('.');
        if (key.section.substr(0, dot) != name_) continue;
        CLI::ConfigItem item;
        const CLI::App* app = &app_;
        if (dot != std::string::npos) {
            const std::string command = key.section.substr(dot + 1);
            const auto commands = app_.get_subcommands(
                [&](const CLI::App* each) { return each->get_name() == command; });
            if (commands.empty()) {
                fail(key.line, fmt::format("there is no section [{}]", key.section));
            }
            app = commands[0];
            item.parents.push_back(command);
        }
        const CLI::Option* option = app->get_option_no_throw("--" + key.name);
        if (!option || !option->get_configurable()) {
            fail(key.line, fmt::format("[{}] has no option '{}'", key.section, key.name));
        }
        if (values->size() != 1 && option->get_expected_max() == 1) {
            fail(key.line, fmt::format("'{}' takes one value", key.name));
        }
        // The command line counts more.
        if (option->empty()) lines_[key.name] = key.line;
        item.name = key.name;
        item.inputs = *std::move(values);
        ours.push_back(std::move(item));
    }
    return ours;
}

std::string ConfigSection::place_of(const std::string& option) const {
    const auto found = lines_.find(option);
    return found == lines_.end() ? std::string() : at(found->second);
}

std::string ConfigSection::explain(const std::string& error) const {
    for (const auto& [name, line] : lines_) {
        const std::string option = "--" + name;
        const std::size_t found = error.find(option);
        if (found == std::string::npos) continue;
        const std::size_t end = found + option.size();
        const bool longer = end < error.size() && (error[end] == '-' || std::isalnum(error[end]));
        if (!longer) return at(line) + ": " + error;
    }
    return error;
}

void add_config_file(CLI::App& app, const std::string& section) {
    app.set_config("--config", default_config_file(),
                   "TOML file whose section [" + section +
                       "] has the same names as the options "
                       "[$XDG_CONFIG_HOME/vdmabuf/vdmabuf.toml]")
        ->type_name("FILE");
    app.add_flag_function(
           kPrintConfig, [](std::int64_t) {},
           "Print what each option is, by command line and file, and do nothing else")
        ->configurable(false);
    app.config_formatter(std::make_shared<ConfigSection>(app, section));
    app.allow_config_extras(CLI::config_extras_mode::error);
}

bool print_config(const CLI::App& app) {
    const CLI::Option* asked = app.get_option_no_throw(kPrintConfig);
    const ConfigSection* section = section_of(app);
    if (!asked || asked->empty() || !section) return false;
    std::string text = fmt::format("[{}]\n", app.get_name());
    for (const CLI::Option* option : app.get_options()) {
        const std::string name = option->get_lnames().empty() ? "" : option->get_lnames()[0];
        const bool ours = name != "config" && name != "help" && name != "version";
        if (name.empty() || !ours || !option->get_configurable() || option->get_group().empty()) {
            continue;
        }
        if (option->empty()) {
            const std::string by_itself = default_of(*option);
            text += fmt::format("# {}{}\n", name, by_itself.empty() ? "" : ": " + by_itself);
            continue;
        }
        const std::string place = section->place_of(name);
        text += fmt::format("{} = {}  # {}\n", name, toml(*option),
                            place.empty() ? "command line" : place);
    }
    std::fputs(text.c_str(), stdout);
    return true;
}

std::string explain(const CLI::App& app, const CLI::Error& error) {
    const ConfigSection* section = section_of(app);
    return section ? section->explain(error.what()) : error.what();
}

}  // namespace vdmabuf::tools
