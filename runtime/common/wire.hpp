// SPDX-License-Identifier: MIT
// What the stream protocol and the consumer protocol have in common: every message is a structure
// of fixed size, little-endian, without holes, and starts with a Header.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "runtime/common/result.hpp"

namespace vdmabuf::wire {

static_assert(std::endian::native == std::endian::little, "the wire format is little-endian");

struct Header {
    std::uint32_t type = 0;
    std::uint32_t size = 0;  // bytes of the message, this header included
};

// A message with its header filled in.
template <typename Message>
Message make() {
    Message message{};
    message.header.type = static_cast<std::uint32_t>(Message::kType);
    message.header.size = sizeof(Message);
    return message;
}

template <typename Message>
std::span<const std::byte> bytes_of(const Message& message) {
    return std::as_bytes(std::span<const Message, 1>(&message, 1));
}

inline Error malformed(const char* what) {
    return Error{EBADMSG, std::string("malformed message: ") + what};
}

// Type of a message whose header is sound (size matches the bytes), else EBADMSG.
Result<std::uint32_t> type_of(std::span<const std::byte> bytes);

// Copies a message out of `bytes`, then asks `check` for the name of a field that is wrong
// (nullptr: none is). EBADMSG.
template <typename Message, typename Check>
Result<Message> decode(std::span<const std::byte> bytes, Check check) {
    if (bytes.size() != sizeof(Message)) return malformed("wrong size for its type");
    Message message{};
    std::memcpy(&message, bytes.data(), sizeof message);
    if (message.header.type != static_cast<std::uint32_t>(Message::kType)) {
        return malformed("wrong type");
    }
    if (message.header.size != sizeof(Message)) return malformed("size field does not match");
    if (const char* field = check(message)) return malformed(field);
    return message;
}

// Whether a text field has its NUL.
inline bool terminated(std::span<const char> field) {
    return std::find(field.begin(), field.end(), '\0') != field.end();
}

// Copies `text` into a fixed field: cut at a UTF-8 boundary, NUL-terminated, zero-filled.
void put_text(std::span<char> field, std::string_view text);
// The text of a field that a decoder has checked, with what is not printable replaced.
std::string get_text(std::span<const char> field);

}  // namespace vdmabuf::wire
