// SPDX-License-Identifier: MIT
#include "runtime/common/log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include "runtime/common/clock.hpp"

namespace vdmabuf::log {
namespace {

std::once_flag g_once;
std::atomic<int> g_level{0};
std::atomic<int> g_fd{STDERR_FILENO};

int parse_level(const char* text, std::size_t length) {
    static constexpr const char* kNames[] = {"off", "error", "warning", "info", "debug"};
    for (int i = 0; i < 5; ++i) {
        if (std::strlen(kNames[i]) == length && std::strncmp(kNames[i], text, length) == 0)
            return i;
    }
    return static_cast<int>(Level::info);  // asked for, if not clearly: say something
}

void read_environment() {
    const char* value = std::getenv("VDMABUF_LOG");
    if (!value || !*value) return;
    const char* comma = std::strchr(value, ',');
    const std::size_t length = comma ? static_cast<std::size_t>(comma - value) : std::strlen(value);
    if (comma && comma[1]) {
        const int fd = ::open(comma + 1, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (fd >= 0) g_fd = fd;
    }
    g_level = parse_level(value, length);
}

}  // namespace

Level level() {
    std::call_once(g_once, read_environment);
    return static_cast<Level>(g_level.load(std::memory_order_relaxed));
}

void set_level(Level level) {
    std::call_once(g_once, read_environment);
    g_level = static_cast<int>(level);
}

void write(Level level, const char* format, ...) {
    static constexpr const char* kTags[] = {"", "error", "warning", "info", "debug"};
    const int saved = errno;
    char line[1024];
    const std::uint64_t now = now_ns();
    const int head = std::snprintf(line, sizeof line, "vdmabuf %s [%d %llu.%06llu] ",
                                   kTags[static_cast<int>(level)], static_cast<int>(::getpid()),
                                   static_cast<unsigned long long>(now / kNsPerSecond),
                                   static_cast<unsigned long long>(now % kNsPerSecond / 1000));
    std::size_t used = static_cast<std::size_t>(head);
    va_list args;
    va_start(args, format);
    // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): va_start() is two lines above
    const int body = std::vsnprintf(line + used, sizeof line - used - 1, format, args);
    va_end(args);
    if (body > 0) used += static_cast<std::size_t>(body);
    if (used > sizeof line - 2) used = sizeof line - 2;
    line[used++] = '\n';
    // One write: lines of several threads and processes do not mix.
    [[maybe_unused]] const ssize_t written = ::write(g_fd.load(), line, used);
    errno = saved;
}

}  // namespace vdmabuf::log
