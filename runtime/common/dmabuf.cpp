// SPDX-License-Identifier: MIT
#include "runtime/common/dmabuf.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <system_error>

#include "runtime/common/unique_fd.hpp"

namespace vdmabuf {

bool is_dmabuf(int fd) {
    // All dmabufs are files of one pseudo file system (Linux 5.3), and no other file is.
    struct statfs fs {};
    return ::fstatfs(fd, &fs) == 0 && static_cast<unsigned long>(fs.f_type) == DMA_BUF_MAGIC;
}

Result<std::uint64_t> dmabuf_size(int fd) {
    if (!is_dmabuf(fd)) return Error{EINVAL, "the descriptor is not a dmabuf"};
    const off_t end = ::lseek(fd, 0, SEEK_END);
    if (end < 0) return system_error("the size of a dmabuf");
    ::lseek(fd, 0, SEEK_SET);
    return static_cast<std::uint64_t>(end);
}

std::optional<std::uint64_t> dmabuf_references(int fd) {
    char path[40];
    std::snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
    const UniqueFd info(::open(path, O_RDONLY | O_CLOEXEC));
    char text[1024];
    const ssize_t got = info ? ::read(info.get(), text, sizeof text) : -1;
    if (got <= 0) return std::nullopt;
    return references_in_fdinfo({text, static_cast<std::size_t>(got)});
}

std::optional<std::uint64_t> references_in_fdinfo(std::string_view text) {
    constexpr std::string_view kKey = "count:";
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        std::string_view line = text.substr(0, end);
        text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
        if (!line.starts_with(kKey)) continue;
        line.remove_prefix(kKey.size());
        line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
        std::uint64_t count = 0;
        const auto parsed = std::from_chars(line.data(), line.data() + line.size(), count);
        if (parsed.ec != std::errc{} || parsed.ptr != line.data() + line.size()) break;
        return count;
    }
    return std::nullopt;
}

}  // namespace vdmabuf
