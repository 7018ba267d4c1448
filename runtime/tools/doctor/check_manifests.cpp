// SPDX-License-Identifier: MIT
// The files by which loaders find the layer, and the EGL vendor library: where they are, and
// whether the library that each names is there.
#include <fmt/format.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "runtime/tools/doctor/checks.hpp"

namespace vdmabuf::doctor {
namespace {

constexpr const char* kVulkanLayers = "vulkan/implicit_layer.d";
constexpr const char* kEglVendors = "glvnd/egl_vendor.d";

void add_list(std::vector<std::string>& folders, const char* variable, const char* otherwise) {
    const char* value = std::getenv(variable);
    const std::string list = value && *value ? value : otherwise;
    for (std::size_t at = 0; at <= list.size();) {
        const std::size_t end = std::min(list.find(':', at), list.size());
        if (end > at) folders.push_back(list.substr(at, end - at));
        at = end + 1;
    }
}

// Where Vulkan's loader looks, in its order. Of another machine only what holds for every user.
std::vector<std::string> data_folders(const Machine& machine) {
    if (!machine.is_this_one()) return {"/etc/xdg", "/etc", "/usr/local/share", "/usr/share"};
    const char* home = std::getenv("HOME");
    const std::string at_home = home && *home ? home : "/nonexistent";
    std::vector<std::string> folders;
    add_list(folders, "XDG_CONFIG_HOME", (at_home + "/.config").c_str());
    add_list(folders, "XDG_CONFIG_DIRS", "/etc/xdg");
    folders.emplace_back("/etc");
    add_list(folders, "XDG_DATA_HOME", (at_home + "/.local/share").c_str());
    add_list(folders, "XDG_DATA_DIRS", "/usr/local/share:/usr/share");
    return folders;
}

// The member that names the library: of a layer's manifest or of a vendor's.
std::string library_of(const std::string& text, const char* member) {
    const auto json = nlohmann::json::parse(text, nullptr, false);
    if (!json.is_object() || !json.contains(member) || !json[member].is_object()) return {};
    const auto& part = json[member];
    if (!part.contains("library_path") || !part["library_path"].is_string()) return {};
    return part["library_path"].get<std::string>();
}

// As a 64-bit loader resolves it: a path, one beside the manifest, or a name for the linker.
bool library_exists(const Machine& machine, const std::string& folder, const std::string& library) {
    if (library[0] == '/') return machine.exists(library);
    if (library.find('/') != std::string::npos) return machine.exists(folder + "/" + library);
    for (const char* place : {"/usr/local/lib", "/usr/local/lib/x86_64-linux-gnu",
                              "/usr/lib/x86_64-linux-gnu", "/usr/local/lib/aarch64-linux-gnu",
                              "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib", "/lib64"}) {
        if (machine.exists(fmt::format("{}/{}", place, library))) return true;
    }
    return false;
}

// Returns how many there are.
int check_kind(const Machine& machine, const char* kind, const char* word, const char* member,
               const char* loader, Findings& findings) {
    int count = 0;
    for (const std::string& data : data_folders(machine)) {
        const std::string folder = fmt::format("{}/{}", data, kind);
        for (const std::string& name : machine.list(folder)) {
            if (!name.ends_with(".json") || name.find("vdmabuf") == std::string::npos) continue;
            const std::string path = fmt::format("{}/{}", folder, name);
            const auto text = machine.read(path);
            const std::string library = text ? library_of(*text, member) : std::string();
            if (library.empty()) {
                findings.bad(path + " is no manifest that " + loader + " understands",
                             "install it again");
            } else if (!library_exists(machine, folder, library)) {
                findings.bad(fmt::format("{} names {}, which is not there", path, library),
                             "install the library again, or remove the manifest; after an "
                             "installation into a new directory: ldconfig");
            } else {
                findings.good(fmt::format("{}: found by {}, with {}", path, loader, library));
                ++count;
            }
        }
    }
    if (count > 1) {
        findings.hint(
            fmt::format("there are {} manifests of the {}: the first one counts", count, word),
            "remove those of older installations");
    }
    return count;
}

}  // namespace

void check_manifests(const Machine& machine, Findings& findings) {
    const int layers =
        check_kind(machine, kVulkanLayers, "layer", "layer", "Vulkan's loader", findings);
    if (layers == 0) {
        findings.hint("no manifest of the layer where Vulkan's loader looks by itself",
                      "vdmabuf-run finds the one beside it; `cmake --install` puts one there for "
                      "all programs");
    }
    check_kind(machine, kEglVendors, "EGL vendor library", "ICD", "EGL's loader (glvnd)", findings);
}

}  // namespace vdmabuf::doctor
