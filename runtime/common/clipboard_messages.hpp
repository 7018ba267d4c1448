// SPDX-License-Identifier: MIT
// Text of clipboards, on its way between an app's X server and the host. Part of the stream
// protocol (types 0x41, 0x42 and 0xc1) and of the consumer protocol (0x141, 0x1c1 and 0x1c2); the
// rules are in docs/protocol.md.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "runtime/common/result.hpp"
#include "runtime/common/wire.hpp"

namespace vdmabuf::clipboard {

using wire::bytes_of;
using wire::Header;
using wire::make;

// WELCOME.features, of both protocols: this broker forwards text. HELLO.features of a consumer: it
// takes text.
constexpr std::uint32_t kFeatureClipboard = 1u << 4;

constexpr std::uint32_t kMaxText = 1u << 20;  // bytes of UTF-8
constexpr std::uint32_t kPartBytes = 4000;    // of one message
// Parts to a producer that it has not taken up; a consumer sends no more.
constexpr std::uint32_t kWindow = 8;

enum class Type : std::uint32_t {
    of_producer = 0x41,
    taken_by_producer = 0x42,
    to_producer = 0xc1,
    of_consumer = 0x141,
    to_consumer = 0x1c1,
    taken_to_consumer = 0x1c2,
};
constexpr bool of_producer(std::uint32_t type) {
    return type == 0x41 || type == 0x42;
}
constexpr bool to_producer(std::uint32_t type) {
    return type == 0xc1;
}
constexpr bool of_consumer(std::uint32_t type) {
    return type == 0x141;
}
constexpr bool to_consumer(std::uint32_t type) {
    return type == 0x1c1 || type == 0x1c2;
}

// Bytes of the text from `first` on. Parts come in order; one with `first` 0 begins a new text.
// Each is sound by itself: no character is cut in two.
template <Type kMessage>
struct ProducersPart {
    static constexpr Type kType = kMessage;
    Header header{};
    std::uint32_t stream = 0;
    std::uint32_t first = 0;
    std::uint32_t total = 0;  // of the whole text, 1 .. kMaxText
    std::uint32_t count = 0;  // 1 .. kPartBytes; the bytes from there on are not looked at
    char text[kPartBytes] = {};
};
using PartOfProducer = ProducersPart<Type::of_producer>;
using PartToProducer = ProducersPart<Type::to_producer>;

// Only of, or to, the consumer with the focus.
template <Type kMessage>
struct ConsumersPart {
    static constexpr Type kType = kMessage;
    Header header{};
    std::uint64_t stream = 0;
    std::uint32_t first = 0;
    std::uint32_t total = 0;
    std::uint32_t count = 0;
    std::uint32_t reserved = 0;
    char text[kPartBytes] = {};
};
using PartOfConsumer = ConsumersPart<Type::of_consumer>;
using PartToConsumer = ConsumersPart<Type::to_consumer>;

// So many further parts have been taken up, or dropped by the broker.
struct TakenByProducer {
    static constexpr Type kType = Type::taken_by_producer;
    Header header{};
    std::uint32_t stream = 0;
    std::uint32_t count = 0;  // 1 .. kWindow
};

struct TakenToConsumer {
    static constexpr Type kType = Type::taken_to_consumer;
    Header header{};
    std::uint64_t stream = 0;
    std::uint32_t count = 0;
    std::uint32_t reserved = 0;
};

static_assert(sizeof(PartOfProducer) == 4024 && sizeof(PartToProducer) == 4024);
static_assert(sizeof(PartOfConsumer) == 4032 && sizeof(PartToConsumer) == 4032);
static_assert(sizeof(TakenByProducer) == 16 && sizeof(TakenToConsumer) == 24);

template <typename Message>
Result<Message> decode(std::span<const std::byte> bytes);

// Well-formed UTF-8 whose only control characters are tab, newline and carriage return: what is
// pasted into a terminal must not be able to take it over.
bool is_plain(std::string_view text);
// The text as it can be sent, without other control characters. Nothing: it is empty then, too
// long, or no UTF-8.
std::optional<std::string> plain_text(std::string_view text);
// Bytes of a plain text from `first` on that make the next part.
std::size_t part_size(std::string_view text, std::size_t first);

template <typename Message>
void put_part(Message& message, std::string_view text, std::size_t first) {
    const std::size_t count = part_size(text, first);
    message.first = static_cast<std::uint32_t>(first);
    message.total = static_cast<std::uint32_t>(text.size());
    message.count = static_cast<std::uint32_t>(count);
    text.copy(message.text, count, first);
}

// A part on its way from one protocol to the other, as a message about `stream`.
template <typename To, typename From>
To passed_on(const From& part, decltype(To::stream) stream) {
    auto message = make<To>();
    message.stream = stream;
    message.first = part.first;
    message.total = part.total;
    message.count = part.count;
    std::copy_n(part.text, part.count, message.text);
    return message;
}

// Puts parts together.
class Assembly {
  public:
    // The text, if this was its last part. What is not complete when another one begins, or has
    // lost a part on the way, is forgotten.
    template <typename Part>
    std::optional<std::string> add(const Part& part) {
        return add(part.first, part.total, {part.text, part.count});
    }

  private:
    std::optional<std::string> add(std::uint32_t first, std::uint32_t total, std::string_view part);

    std::uint32_t total_ = 0;  // 0: of no text
    std::string text_;
};

}  // namespace vdmabuf::clipboard
