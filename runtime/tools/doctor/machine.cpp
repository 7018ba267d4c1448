// SPDX-License-Identifier: MIT
#include "runtime/tools/doctor/machine.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "runtime/common/unique_fd.hpp"

namespace vdmabuf::doctor {

bool Machine::exists(const std::string& path) const {
    return ::access(at(path).c_str(), F_OK) == 0;
}

bool Machine::may_open(const std::string& path) const {
    return ::faccessat(AT_FDCWD, at(path).c_str(), R_OK | W_OK, AT_EACCESS) == 0;
}

std::optional<std::string> Machine::read(const std::string& path, std::size_t limit) const {
    const UniqueFd fd(::open(at(path).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd) return std::nullopt;
    std::string text(limit, '\0');
    std::size_t size = 0;
    while (size < limit) {
        const ssize_t got = ::read(fd.get(), text.data() + size, limit - size);
        if (got < 0) return std::nullopt;
        if (got == 0) break;
        size += static_cast<std::size_t>(got);
    }
    text.resize(size);
    text.resize(text.find_last_not_of(" \t\n") + 1);
    return text;
}

std::vector<std::string> Machine::list(const std::string& path) const {
    std::vector<std::string> names;
    std::error_code error;
    std::filesystem::directory_iterator entry(at(path), error);
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
        names.push_back(entry->path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
}

std::string Machine::group(const std::string& path) const {
    struct stat status {};
    if (::stat(at(path).c_str(), &status) != 0) return {};
    const struct group* entry = ::getgrgid(status.st_gid);
    return entry ? entry->gr_name : std::to_string(status.st_gid);
}

std::string Machine::owner(const std::string& path) const {
    struct stat status {};
    if (::stat(at(path).c_str(), &status) != 0) return {};
    const passwd* user = ::getpwuid(status.st_uid);
    return fmt::format("{}:{} {:04o}", user ? user->pw_name : std::to_string(status.st_uid),
                       group(path), status.st_mode & 07777);
}

std::string find_virtio_device(const Machine& machine) {
    constexpr const char* kVirtio = "/sys/bus/virtio/devices";
    for (const std::string& name : machine.list(kVirtio)) {
        if (machine.read(fmt::format("{}/{}/device", kVirtio, name)) == "0x0025") return name;
    }
    // Where virtio_pci has not taken it (yet). Modern virtio over PCI: 1af4, 0x1040 + the ID.
    constexpr const char* kPci = "/sys/bus/pci/devices";
    for (const std::string& name : machine.list(kPci)) {
        if (machine.read(fmt::format("{}/{}/vendor", kPci, name)) == "0x1af4" &&
            machine.read(fmt::format("{}/{}/device", kPci, name)) == "0x1065") {
            return name;
        }
    }
    return {};
}

Side which_side(const Machine& machine) {
    const bool guest = !find_virtio_device(machine).empty() ||
                       machine.exists("/sys/module/virtio_vdmabuf") ||
                       machine.exists("/dev/vdmabuf0");
    return guest ? Side::guest : Side::host;
}

}  // namespace vdmabuf::doctor
