// SPDX-License-Identifier: MIT
#include "runtime/common/udmabuf.hpp"

#include <fcntl.h>
#include <linux/udmabuf.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <new>
#include <string_view>
#include <system_error>

namespace vdmabuf {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

void read_number(const std::string& path, std::uint64_t& value) {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    char text[32];
    const ssize_t got = fd ? ::read(fd.get(), text, sizeof text) : -1;
    if (got <= 0) return;
    std::uint64_t number = 0;
    const auto parsed = std::from_chars(text, text + got, number);
    if (parsed.ec == std::errc{}) value = number;
}

std::string raise(const char* parameter, std::uint64_t value) {
    return " (echo " + std::to_string(value) + " >/sys/module/udmabuf/parameters/" + parameter +
           ")";
}

}  // namespace

UdmabufLimits UdmabufLimits::read(const std::string& folder) {
    UdmabufLimits limits;
    read_number(folder + "/list_limit", limits.list_limit);
    read_number(folder + "/size_limit_mb", limits.size_limit_mb);
    return limits;
}

std::vector<MemoryRun> merged_runs(const BufferMemory& memory) {
    std::vector<MemoryRun> merged;
    for (const MemoryRun& run : memory.runs) {
        MemoryRun* last = merged.empty() ? nullptr : &merged.back();
        if (last && last->file == run.file && last->offset + last->length == run.offset) {
            last->length += run.length;
        } else {
            merged.push_back(run);
        }
    }
    return merged;
}

Status check_udmabuf_size(std::size_t runs, std::uint64_t bytes, const UdmabufLimits& limits) {
    if (runs > limits.list_limit) {
        return Error{E2BIG, std::to_string(runs) + " runs of memory, udmabuf's list_limit is " +
                                std::to_string(limits.list_limit) +
                                raise("list_limit", (runs + 1023) / 1024 * 1024)};
    }
    // In whole MiB: the product with the limit must not overflow.
    const std::uint64_t mib = bytes / kMiB + (bytes % kMiB ? 1 : 0);
    if (mib > limits.size_limit_mb) {
        return Error{E2BIG, std::to_string(mib) + " MiB, udmabuf's size_limit_mb is " +
                                std::to_string(limits.size_limit_mb) + raise("size_limit_mb", mib)};
    }
    return {};
}

Status check_udmabuf_file(int fd) {
    const int seals = ::fcntl(fd, F_GET_SEALS);
    if (seals < 0) return Error{EINVAL, "the memory is no memfd (QEMU: memory-backend-memfd)"};
    if (!(seals & F_SEAL_SHRINK)) {
        return Error{EINVAL, "the memory is not sealed (QEMU: memory-backend-memfd with seal=on)"};
    }
    if (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) {
        return Error{EINVAL, "the memory is sealed against writing"};
    }
    return {};
}

Status Udmabuf::open() {
    if (device_) return {};
    device_.reset(::open(path_.c_str(), O_RDWR | O_CLOEXEC));
    if (device_) return {};
    const int code = errno;
    if (code == ENOENT || code == ENXIO || code == ENODEV) {
        return Error{code, "no " + path_ + " on this host (CONFIG_UDMABUF)"};
    }
    if (code == EACCES || code == EPERM) {
        return Error{code, path_ + " is not for this user (join its group, often kvm)"};
    }
    return system_error(path_, code);
}

bool Udmabuf::usable() {
    return static_cast<bool>(open());
}

Result<UniqueFd> Udmabuf::create(const BufferMemory& memory) {
    if (const auto opened = open(); !opened) return opened.error();
    for (const auto& file : memory.files) {
        if (const auto checked = check_udmabuf_file(file->get()); !checked) return checked.error();
    }
    const auto runs = merged_runs(memory);
    // Read each time: who raises a limit need not start anything anew.
    if (const auto sized = check_udmabuf_size(runs.size(), memory.size, UdmabufLimits::read());
        !sized) {
        return sized.error();
    }
    // A header, then the items: C's flexible array.
    static_assert(sizeof(udmabuf_create_list) == 8 && sizeof(udmabuf_create_item) == 24);
    std::vector<std::uint64_t> request(1 + 3 * runs.size());
    auto* list = new (request.data()) udmabuf_create_list;
    list->flags = UDMABUF_FLAGS_CLOEXEC;
    list->count = static_cast<std::uint32_t>(runs.size());
    for (std::size_t i = 0; i < runs.size(); ++i) {
        udmabuf_create_item& item = list->list[i];
        item.memfd = static_cast<std::uint32_t>(memory.files[runs[i].file]->get());
        item.__pad = 0;
        item.offset = runs[i].offset;
        item.size = runs[i].length;
    }
    const int fd = ::ioctl(device_.get(), UDMABUF_CREATE_LIST, list);
    if (fd < 0) return system_error("udmabuf refuses the pages");
    return UniqueFd(fd);
}

}  // namespace vdmabuf
