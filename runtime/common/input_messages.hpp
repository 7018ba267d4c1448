// SPDX-License-Identifier: MIT
// Input: what a user does in a window on the host, on its way to the app. These messages are part
// of the stream protocol (types 0x30 .. 0x3f and 0xb0 .. 0xbf) and of the consumer protocol (0x130
// .. 0x13f and 0x1b0 .. 0x1bf); the rules are in docs/protocol.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/common/result.hpp"
#include "runtime/common/wire.hpp"

namespace vdmabuf::input {

using wire::bytes_of;
using wire::Header;
using wire::make;

// WELCOME.features, of both protocols: this broker forwards input. HELLO.features of a consumer:
// it wants to know which streams take it.
constexpr std::uint32_t kFeatureInput = 1u << 1;

constexpr std::uint32_t kMaxEvents = 16;  // of one message
// INPUTs that a producer has not acknowledged; the broker sends no more.
constexpr std::uint32_t kWindow = 8;

constexpr std::int32_t kFraction = 256;        // of a pixel, in coordinates
constexpr std::int32_t kWheelStep = 120;       // of a wheel that clicks, as in REL_WHEEL_HI_RES
constexpr std::uint32_t kMaxTouches = 16;      // fingers: 0 .. 15
constexpr std::uint16_t kKeyMax = 0xff;        // KEY_*, those that X11 can name included
constexpr std::uint16_t kButtonFirst = 0x110;  // BTN_LEFT
constexpr std::uint16_t kButtonLast = 0x117;   // BTN_TASK

enum class Type : std::uint32_t {
    // producer to broker
    ack = 0x30,
    cursor_of_producer = 0x31,
    // broker to producer
    to_producer = 0xb0,
    // consumer to broker
    from_consumer = 0x130,
    // broker to consumer
    cursor_to_consumer = 0x1b0,
};

// Whether the type is one of those above, in the ranges that are kept for input.
constexpr bool of_producer(std::uint32_t type) {
    return (type & ~0xFu) == 0x30;
}
constexpr bool to_producer(std::uint32_t type) {
    return (type & ~0xFu) == 0xb0;
}
constexpr bool of_consumer(std::uint32_t type) {
    return (type & ~0xFu) == 0x130;
}
constexpr bool to_consumer(std::uint32_t type) {
    return (type & ~0xFu) == 0x1b0;
}

enum class Kind : std::uint16_t {
    focus = 1,          // value 1: the window has it from now on; 0: not any more
    release_all = 2,    // nothing is pressed, nothing touches
    key = 3,            // code: KEY_*; value 1 pressed, 0 released
    button = 4,         // code: BTN_LEFT .. BTN_TASK; value likewise
    motion = 5,         // the pointer is at x, y
    relative = 6,       // the pointer moved by x, y
    wheel = 7,          // x to the right, y up (away from the user), in 1/120 of a click
    touch_down = 8,     // code: the finger; x, y
    touch_motion = 9,   // likewise
    touch_up = 10,      // code: the finger
    touch_cancel = 11,  // no finger has ever been there
};

// Fields that a kind does not name are 0.
struct Event {
    std::uint16_t kind = 0;
    std::uint16_t code = 0;
    std::int32_t value = 0;
    std::int32_t x = 0;
    std::int32_t y = 0;
    bool operator==(const Event&) const = default;
};

constexpr Event make_event(Kind kind, std::uint16_t code = 0, std::int32_t value = 0,
                           std::int32_t x = 0, std::int32_t y = 0) {
    return Event{static_cast<std::uint16_t>(kind), code, value, x, y};
}
constexpr Kind kind_of(const Event& event) {
    return static_cast<Kind>(event.kind);
}

// What happened together. Coordinates are those of a window of `width` by `height` pixels, of which
// the app's window may be a newer or older size.
struct FromConsumer {
    static constexpr Type kType = Type::from_consumer;
    Header header{};
    std::uint64_t stream = 0;  // one that the consumer is attached to
    std::uint32_t width = 0;   // pixels, 1 .. stream::kMaxExtent
    std::uint32_t height = 0;
    std::uint32_t count = 0;  // 1 .. kMaxEvents; the others are not looked at
    std::uint32_t reserved = 0;
    Event events[kMaxEvents] = {};
};

struct ToProducer {
    static constexpr Type kType = Type::to_producer;
    Header header{};
    std::uint32_t stream = 0;
    std::uint32_t sequence = 0;  // counts the INPUTs of the stream, from 1, and over
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    std::uint32_t count = 0;
    std::uint32_t reserved = 0;
    Event events[kMaxEvents] = {};
};

// The producer has taken up this INPUT and all before it.
struct Ack {
    static constexpr Type kType = Type::ack;
    Header header{};
    std::uint32_t stream = 0;
    std::uint32_t sequence = 0;
};

constexpr std::uint32_t kCursorHidden = 1u << 0;

// What becomes of the cursor in the window that has the focus.
struct CursorOfProducer {
    static constexpr Type kType = Type::cursor_of_producer;
    Header header{};
    std::uint32_t stream = 0;
    std::uint32_t flags = 0;  // kCursor*
};

// Only to the consumer with the focus, and where its HELLO has kFeatureInput.
struct CursorToConsumer {
    static constexpr Type kType = Type::cursor_to_consumer;
    Header header{};
    std::uint64_t stream = 0;
    std::uint32_t flags = 0;
    std::uint32_t reserved = 0;
};

static_assert(sizeof(CursorOfProducer) == 16 && sizeof(CursorToConsumer) == 24);
static_assert(sizeof(Event) == 16 && sizeof(FromConsumer) == 288 && sizeof(ToProducer) == 288);
static_assert(sizeof(Ack) == 16);

// Puts `next` into `last` where that is the same way, going on: nothing but its end counts. False:
// they stay two.
bool merge(Event& last, const Event& next);

// Null, or what is wrong with an event of a window of this size.
const char* check(const Event& event, std::uint32_t width, std::uint32_t height);

Result<Type> type_of(std::span<const std::byte> bytes);

// As stream::decode().
template <typename Message>
Result<Message> decode(std::span<const std::byte> bytes);

}  // namespace vdmabuf::input
