// SPDX-License-Identifier: MIT
#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <string>
#include <vector>

namespace vdmabuf::tools {

// $XDG_CONFIG_HOME/vdmabuf/vdmabuf.toml, or that in ~/.config; empty where there is no home.
std::string default_config_file();

// Of a TOML file, what stands in the section of one program, with the line of each key. Sections of
// the other programs are theirs; anything else is an error, with its line. `app` outlives it.
class ConfigSection final : public CLI::ConfigTOML {
  public:
    ConfigSection(const CLI::App& app, std::string name) : app_(app), name_(std::move(name)) {}
    std::vector<CLI::ConfigItem> from_config(std::istream& input) const override;

    // "FILE:LINE" of an option that has its value from the file; empty: it has not.
    std::string place_of(const std::string& option) const;
    // What is wrong with an option's value, and where that came from.
    std::string explain(const std::string& error) const;

  private:
    std::string at(int line) const;

    const CLI::App& app_;
    const std::string name_;
    mutable std::map<std::string, int> lines_;  // by option; CLI11's reader is const
};

// One TOML file for all programs: a section of each program's name, keys as its options. What the
// command line says counts more. The default file may be missing, another one may not; a key that
// is no option is an error.
void add_config_file(CLI::App& app, const std::string& section);

// With --print-config, after parsing: prints what each option is and where that comes from, as the
// section of such a file. False: that was not asked for.
bool print_config(const CLI::App& app);

// The text of an error of parsing, as ConfigSection::explain().
std::string explain(const CLI::App& app, const CLI::Error& error);

}  // namespace vdmabuf::tools
