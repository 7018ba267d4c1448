// SPDX-License-Identifier: MIT
#include "runtime/common/wire.hpp"

namespace vdmabuf::wire {

Result<std::uint32_t> type_of(std::span<const std::byte> bytes) {
    Header header{};
    if (bytes.size() < sizeof header) return malformed("shorter than a header");
    std::memcpy(&header, bytes.data(), sizeof header);
    if (header.size != bytes.size()) return malformed("size field does not match");
    return header.type;
}

void put_text(std::span<char> field, std::string_view text) {
    std::size_t length = std::min(text.find('\0'), std::min(text.size(), field.size() - 1));
    // Not in the middle of a UTF-8 sequence: its continuation bytes are 10xxxxxx.
    if (length < text.size()) {
        while (length > 0 && (static_cast<unsigned char>(text[length]) & 0xC0) == 0x80) --length;
    }
    std::memset(field.data(), 0, field.size());
    std::memcpy(field.data(), text.data(), length);
}

std::string get_text(std::span<const char> field) {
    std::string text(field.begin(), std::find(field.begin(), field.end(), '\0'));
    for (char& c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7F) c = '?';  // no terminal escapes out of a guest
    }
    return text;
}

}  // namespace vdmabuf::wire
