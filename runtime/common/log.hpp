// SPDX-License-Identifier: MIT
// One log for programs and for libraries inside other people's processes. Silent unless asked:
// libraries follow VDMABUF_LOG, programs call set_level().
#pragma once

namespace vdmabuf::log {

enum class Level { off = 0, error = 1, warning = 2, info = 3, debug = 4 };

// VDMABUF_LOG=error|warning|info|debug, with ",FILE" to append to a file instead of stderr.
// Read once, at the first call of this library that may log. Thread-safe.
void set_level(Level level);
Level level();
inline bool enabled(Level wanted);

// printf-like; one line, no newline at its end. Never fails, never throws, preserves errno.
void write(Level level, const char* format, ...) __attribute__((format(printf, 2, 3)));

inline bool enabled(Level wanted) {
    return static_cast<int>(wanted) <= static_cast<int>(level());
}

}  // namespace vdmabuf::log

#define VDMABUF_LOG_AT(lvl, ...)                                                   \
    do {                                                                           \
        if (::vdmabuf::log::enabled(lvl)) ::vdmabuf::log::write(lvl, __VA_ARGS__); \
    } while (0)
#define LOG_ERROR(...) VDMABUF_LOG_AT(::vdmabuf::log::Level::error, __VA_ARGS__)
#define LOG_WARNING(...) VDMABUF_LOG_AT(::vdmabuf::log::Level::warning, __VA_ARGS__)
#define LOG_INFO(...) VDMABUF_LOG_AT(::vdmabuf::log::Level::info, __VA_ARGS__)
#define LOG_DEBUG(...) VDMABUF_LOG_AT(::vdmabuf::log::Level::debug, __VA_ARGS__)
