// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>

#include "runtime/common/stream_messages.hpp"

namespace vdmabuf::broker {

// Versions of a protocol that a program speaks.
struct VersionRange {
    std::uint16_t min = 0;
    std::uint16_t max = 0;
};

// The versions that a HELLO names, whatever else it has: they are at the same place in a HELLO of
// every version and of both protocols, so that a program of a version to come gets an answer that
// its user understands. Nothing when the bytes are too few.
inline std::optional<VersionRange> versions_of_hello(std::span<const std::byte> bytes) {
    VersionRange range;
    constexpr std::size_t kOffset = sizeof(stream::Header);
    if (bytes.size() < kOffset + sizeof range) return std::nullopt;
    std::memcpy(&range, bytes.data() + kOffset, sizeof range);
    return range;
}

// The highest that both speak.
inline std::optional<std::uint16_t> common_version(VersionRange a, VersionRange b) {
    const std::uint16_t highest = std::min(a.max, b.max);
    if (highest < std::max(a.min, b.min)) return std::nullopt;
    return highest;
}

// A range that makes no sense is malformed, not of another version.
inline bool sound(VersionRange range) {
    return range.min != 0 && range.min <= range.max;
}

inline std::string version_mismatch(const char* protocol, const char* peer, VersionRange theirs,
                                    VersionRange ours) {
    const auto text = [](VersionRange range) {
        std::string from = std::to_string(range.min);
        return range.min == range.max ? from : from + " to " + std::to_string(range.max);
    };
    return std::string("this ") + peer + " speaks version " + text(theirs) + " of the " + protocol +
           ", this broker (vdmabuf " VDMABUF_VERSION ") version " + text(ours) +
           ": install the same release of vdmabuf on both sides";
}

}  // namespace vdmabuf::broker
