// SPDX-License-Identifier: MIT
#include "runtime/common/clipboard_messages.hpp"

#include <algorithm>
#include <utility>

namespace vdmabuf::clipboard {
namespace {

bool is_continuation(char c) {
    return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

// The character that `text` begins with, and how many bytes it has; 0: it is no UTF-8 (RFC 3629:
// neither surrogates nor more bytes than needed).
std::size_t take_character(std::string_view text, char32_t& character) {
    const auto lead = static_cast<unsigned char>(text.front());
    if (lead < 0x80) {
        character = lead;
        return 1;
    }
    const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return 0;
    character = lead & (0xFFU >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) {
        if (!is_continuation(text[i])) return 0;
        character = character << 6 | (static_cast<unsigned char>(text[i]) & 0x3FU);
    }
    constexpr char32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
    const bool surrogate = character >= 0xD800 && character <= 0xDFFF;
    return character < kLeast[length] || character > 0x10FFFF || surrogate ? 0 : length;
}

bool is_control(char32_t c) {
    if (c == '\t' || c == '\n' || c == '\r') return false;
    return c < 0x20 || (c >= 0x7F && c < 0xA0);
}

// Gives each character to `each`. False: this is no UTF-8.
template <typename Each>
bool for_each_character(std::string_view text, Each each) {
    while (!text.empty()) {
        char32_t character = 0;
        const std::size_t length = take_character(text, character);
        if (length == 0 || !each(character, text.substr(0, length))) return false;
        text.remove_prefix(length);
    }
    return true;
}

template <typename Part>
const char* check_part(const Part& m) {
    if (m.total < 1 || m.total > kMaxText) return "CLIPBOARD total";
    if (m.count < 1 || m.count > kPartBytes) return "CLIPBOARD count";
    if (std::uint64_t{m.first} + m.count > m.total) return "CLIPBOARD first";
    return is_plain({m.text, m.count}) ? nullptr : "CLIPBOARD text";
}

template <Type kMessage>
const char* check_message(const ProducersPart<kMessage>& m) {
    return check_part(m);
}
template <Type kMessage>
const char* check_message(const ConsumersPart<kMessage>& m) {
    return m.reserved ? "CLIPBOARD reserved" : check_part(m);
}
const char* check_message(const TakenByProducer& m) {
    return m.count < 1 || m.count > kWindow ? "CLIPBOARD_TAKEN count" : nullptr;
}
const char* check_message(const TakenToConsumer& m) {
    return m.count < 1 || m.count > kWindow || m.reserved ? "CLIPBOARD_TAKEN count" : nullptr;
}

}  // namespace

template <typename Message>
Result<Message> decode(std::span<const std::byte> bytes) {
    return wire::decode<Message>(bytes, [](const Message& m) { return check_message(m); });
}
template Result<PartOfProducer> decode(std::span<const std::byte>);
template Result<PartToProducer> decode(std::span<const std::byte>);
template Result<PartOfConsumer> decode(std::span<const std::byte>);
template Result<PartToConsumer> decode(std::span<const std::byte>);
template Result<TakenByProducer> decode(std::span<const std::byte>);
template Result<TakenToConsumer> decode(std::span<const std::byte>);

bool is_plain(std::string_view text) {
    return for_each_character(text, [](char32_t c, std::string_view) { return !is_control(c); });
}

std::optional<std::string> plain_text(std::string_view text) {
    std::string plain;
    plain.reserve(std::min<std::size_t>(text.size(), kMaxText));
    const bool sound = for_each_character(text, [&](char32_t c, std::string_view bytes) {
        if (!is_control(c)) plain.append(bytes);
        return plain.size() <= kMaxText;
    });
    if (!sound || plain.empty()) return std::nullopt;
    return plain;
}

std::size_t part_size(std::string_view text, std::size_t first) {
    std::size_t end = first + std::min<std::size_t>(text.size() - first, kPartBytes);
    while (end < text.size() && is_continuation(text[end])) --end;
    return end - first;
}

std::optional<std::string> Assembly::add(std::uint32_t first, std::uint32_t total,
                                         std::string_view part) {
    if (first == 0) {
        total_ = total;
        text_.clear();
    }
    if (total != total_ || first != text_.size()) {
        total_ = 0;
        text_ = {};
        return std::nullopt;
    }
    text_.append(part);
    if (text_.size() < total_) return std::nullopt;
    total_ = 0;
    return std::exchange(text_, {});
}

}  // namespace vdmabuf::clipboard
