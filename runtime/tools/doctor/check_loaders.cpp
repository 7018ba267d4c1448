// SPDX-License-Identifier: MIT
// Vulkan's loader, for each kind of program: one of 32 bits needs a layer of 32 bits.
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <climits>

#include "runtime/tools/doctor/checks.hpp"

namespace vdmabuf::doctor {
namespace {

constexpr const char* kLayer = "libVkLayer_vdmabuf_wsi.so";
const std::array kFolders64 = {"/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu",
                               "/usr/lib64"};
const std::array kFolders32 = {"/usr/lib/i386-linux-gnu", "/usr/lib32"};

std::string find_in(const Machine& machine, const auto& folders, const std::string& name) {
    for (const char* folder : folders) {
        std::string path = fmt::format("{}/{}", folder, name);
        if (machine.exists(path)) return path;
    }
    return {};
}

// "1.3.239" of libvulkan.so.1 -> libvulkan.so.1.3.239.
std::string version_of(const Machine& machine, const std::string& path) {
    std::array<char, PATH_MAX> target{};
    const ssize_t size = ::readlink(machine.at(path).c_str(), target.data(), target.size() - 1);
    const std::string name(target.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
    const std::size_t at = name.find(".so.");
    return at == std::string::npos ? "of an unknown version" : name.substr(at + 4);
}

}  // namespace

void check_loaders(const Machine& machine, Findings& findings) {
    const std::string loader = find_in(machine, kFolders64, "libvulkan.so.1");
    if (loader.empty()) {
        findings.bad("Vulkan's loader, libvulkan.so.1, is not installed", "apt install libvulkan1");
    } else {
        findings.good("Vulkan's loader: " + version_of(machine, loader));
    }
    const std::string loader32 = find_in(machine, kFolders32, "libvulkan.so.1");
    if (loader32.empty()) {
        findings.hint("no Vulkan for 32-bit programs (many games are)",
                      "if you need it: dpkg --add-architecture i386, apt install "
                      "libvulkan1:i386 mesa-vulkan-drivers:i386");
        return;
    }
    const std::array local = {"/usr/local/lib/i386-linux-gnu", "/usr/local/lib32",
                              "/usr/lib/i386-linux-gnu", "/usr/lib32"};
    const std::string layer32 = find_in(machine, local, kLayer);
    if (layer32.empty()) {
        findings.bad("32-bit programs have Vulkan, but not the layer: their windows stay here",
                     "build it by scripts/build-32.sh and install it into "
                     "/usr/lib/i386-linux-gnu; the manifest serves both");
    } else {
        findings.good(fmt::format("32-bit programs: Vulkan's loader {} and {}",
                                  version_of(machine, loader32), layer32));
    }
}

}  // namespace vdmabuf::doctor
