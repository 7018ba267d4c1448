// SPDX-License-Identifier: MIT
// The border between the C++ of this project and other programs: nothing is thrown across it.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <new>
#include <string>
#include <utility>

#include "runtime/common/result.hpp"

namespace vdmabuf::api {

// The text of the last failure; never throws.
class LastError {
  public:
    // Notes the error and returns what the C function does: a negative errno value.
    int set(const Error& error) noexcept {
        try {
            text_ = error.text;
        } catch (...) {
            text_.clear();
        }
        return error.code > 0 ? -error.code : -EIO;
    }
    int set(int code, const char* text) noexcept {
        try {
            text_ = text;
        } catch (...) {
            text_.clear();
        }
        return -code;
    }
    const char* text() const noexcept { return text_.c_str(); }

  private:
    std::string text_;
};

// Of calls that have no handle.
inline LastError& thread_error() noexcept {
    static thread_local LastError error;
    return error;
}

// Runs the body of a C function.
template <typename Body>
int enter(LastError& error, Body&& body) noexcept {
    try {
        return body();
    } catch (const std::bad_alloc&) {
        return error.set(ENOMEM, "no memory");
    } catch (...) {
        return error.set(EIO, "a failure inside of the library");
    }
}

// Copies a structure out to a caller who knows only the first `size` bytes of it, or more than
// there are; `size` itself says how many were filled in. False: not even that fits.
template <typename Struct>
bool hand_out(const Struct& from, Struct* to) noexcept {
    const std::uint32_t theirs = to->size;
    if (theirs < 2 * sizeof(std::uint32_t)) return false;
    const auto size = std::min(theirs, static_cast<std::uint32_t>(sizeof(Struct)));
    std::memcpy(to, &from, size);
    to->size = size;
    return true;
}

// Copies in what a caller of an older header has filled in; the rest is zero. False: the caller
// uses what this library does not know.
template <typename Struct>
bool take_in(const Struct* from, Struct& to) noexcept {
    if (from->size < sizeof(std::uint32_t)) return false;
    std::memcpy(&to, from, std::min<std::size_t>(from->size, sizeof(Struct)));
    const auto* bytes = reinterpret_cast<const unsigned char*>(from);
    for (std::size_t i = sizeof(Struct); i < from->size; ++i) {
        if (bytes[i] != 0) return false;
    }
    return true;
}

// The name that people know this process by.
inline std::string process_name() {
    std::ifstream file("/proc/self/comm");
    std::string name;
    std::getline(file, name);
    return name;
}

}  // namespace vdmabuf::api
