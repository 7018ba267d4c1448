// SPDX-License-Identifier: MIT
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <sstream>
#include <string>

#include "runtime/tools/config_file.hpp"

namespace vdmabuf::tools {

// --help as people, man pages (docs/man) and shells' completions read it: an option, what it takes,
// and a text that is wrapped. Checks of arguments are to have an empty description: CLI11 shows it
// in the middle of a line, and the text tells it already.
class HelpFormat final : public CLI::Formatter {
  public:
    HelpFormat() { column_width(kTextColumn); }

    std::string make_option_opts(const CLI::Option* option) const override {
        std::string shown;
        if (option->get_type_size() != 0) shown = " " + option->get_type_name();
        if (option->get_required() && !option->get_positional()) shown += " (required)";
        return shown;
    }

    std::string make_option_name(const CLI::Option* option, bool is_positional) const override {
        if (is_positional) return option->get_name(true, false);
        std::string names;
        for (const std::string& name : option->get_snames()) names += ", -" + name;
        for (const std::string& name : option->get_lnames()) names += ", --" + name;
        return names.substr(2);
    }

    std::string make_option(const CLI::Option* option, bool is_positional) const override {
        std::string name = make_option_name(option, is_positional);
        if (!is_positional) name += make_option_opts(option);
        return entry(name, make_option_desc(option));
    }

    std::string make_subcommand(const CLI::App* command) const override {
        return entry(command->get_name(), command->get_description());
    }

  private:
    static constexpr std::size_t kTextColumn = 26;
    static constexpr std::size_t kWidth = 80;

    static std::string entry(const std::string& name, const std::string& text) {
        std::string out = "  " + name;
        const std::string margin(kTextColumn, ' ');
        if (out.size() + 2 > kTextColumn) {
            out += "\n" + margin;
        } else {
            out.resize(kTextColumn, ' ');
        }
        std::size_t column = kTextColumn;
        std::istringstream words(text);
        for (std::string word; words >> word;) {
            if (column > kTextColumn && column + 1 + word.size() > kWidth) {
                out += "\n" + margin;
                column = kTextColumn;
            } else if (column > kTextColumn) {
                out += ' ';
                ++column;
            }
            out += word;
            column += word.size();
        }
        return out + "\n";
    }
};

// What all programs have: --help in this format, --version, and their own name in what they say of
// their usage, however they were called.
inline void set_up_help(CLI::App& app, const std::string& name) {
    app.name(name);
    app.formatter(std::make_shared<HelpFormat>());
    app.set_help_flag("-h,--help", "This text");
    app.failure_message([name](const CLI::App* failed, const CLI::Error& error) {
        return name + ": " + explain(*failed, error) + "\nTry " + name + " --help.\n";
    });
    app.set_version_flag("--version", name + " " VDMABUF_VERSION, "The version");
}

}  // namespace vdmabuf::tools
