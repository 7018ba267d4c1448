// SPDX-License-Identifier: MIT
#pragma once

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace vdmabuf::tools {

// $XDG_CONFIG_HOME/vdmabuf/vdmabuf.toml, or that in ~/.config; empty where there is no home.
inline std::string default_config_file() {
    const auto variable = [](const char* name) {
        const char* value = std::getenv(name);
        return std::string(value && value[0] == '/' ? value : "");
    };
    std::string folder = variable("XDG_CONFIG_HOME");
    if (folder.empty() && !variable("HOME").empty()) folder = variable("HOME") + "/.config";
    return folder.empty() ? folder : folder + "/vdmabuf/vdmabuf.toml";
}

// Of a TOML file, what stands in one section. CLI11 would take sections for subcommands.
class ConfigSection final : public CLI::ConfigTOML {
  public:
    explicit ConfigSection(std::string name) : name_(std::move(name)) {}
    std::vector<CLI::ConfigItem> from_config(std::istream& input) const override {
        std::vector<CLI::ConfigItem> ours;
        for (CLI::ConfigItem& item : CLI::ConfigTOML::from_config(input)) {
            // "++" and "--" are marks of where a section begins and ends.
            if (item.parents != std::vector{name_} || item.name == "++" || item.name == "--")
                continue;
            item.parents.clear();
            ours.push_back(std::move(item));
        }
        return ours;
    }

  private:
    std::string name_;
};

// One TOML file for all programs: a section of each program's name, keys as its options. What the
// command line says counts more. The default file may be missing, another one may not; a key that
// is no option is an error.
inline void add_config_file(CLI::App& app, const std::string& section) {
    app.set_config("--config", default_config_file(),
                   "TOML file whose section [" + section +
                       "] has the same names as the options "
                       "[$XDG_CONFIG_HOME/vdmabuf/vdmabuf.toml]")
        ->type_name("FILE");
    app.config_formatter(std::make_shared<ConfigSection>(section));
    app.allow_config_extras(CLI::config_extras_mode::error);
}

}  // namespace vdmabuf::tools
