// SPDX-License-Identifier: MIT
#include "runtime/tools/ctl_config.hpp"

#include <unistd.h>

#include <array>
#include <climits>
#include <cstdio>
#include <set>
#include <vector>

#include "runtime/tools/doctor/run_program.hpp"

namespace vdmabuf::tools {
namespace {

std::string this_directory() {
    std::array<char, PATH_MAX> path{};
    const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size() - 1);
    const std::string self(path.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
    return self.substr(0, self.rfind('/'));
}

}  // namespace

bool show_config(const std::string& file) {
    const std::string directory = this_directory();
    std::set<std::string> said;  // what is wrong with the whole file, each program says
    bool good = true;
    for (const char* program : {"vdmabufd", "vdmabuf-viewer", "vdmabufctl", "vdmabuf-run"}) {
        const std::string path = directory + "/" + program;
        if (::access(path.c_str(), X_OK) != 0) continue;
        std::vector<std::string> words = {path, "--print-config"};
        if (!file.empty()) words.insert(words.end(), {"--config", file});
        const auto output = doctor::run_program(words);
        if (output && output->status == 0) {
            std::printf("%s\n", output->text.c_str());
            continue;
        }
        good = false;
        std::string text =
            output ? output->text.substr(0, output->text.find('\n')) : path + " cannot be started";
        const std::string name = std::string(program) + ": ";
        if (text.starts_with(name)) text.erase(0, name.size());
        if (said.insert(text).second) std::fprintf(stderr, "vdmabufctl: %s\n", text.c_str());
    }
    return good;
}

}  // namespace vdmabuf::tools
