// SPDX-License-Identifier: MIT
#include "runtime/common/input_messages.hpp"

#include <algorithm>

#include "runtime/common/stream_messages.hpp"

namespace vdmabuf::input {
namespace {

constexpr std::int32_t kMaxMove = static_cast<std::int32_t>(stream::kMaxExtent) * kFraction;
constexpr std::int32_t kMaxWheel = 1000 * kWheelStep;

bool inside(std::int32_t at, std::uint32_t pixels) {
    return at >= 0 && at < static_cast<std::int32_t>(pixels) * kFraction;
}
bool within(std::int32_t value, std::int32_t most) {
    return value >= -most && value <= most;
}

template <typename Batch>
const char* check_batch(const Batch& m) {
    if (m.reserved) return "INPUT reserved";
    if (m.count < 1 || m.count > kMaxEvents) return "INPUT count";
    if (m.width < 1 || m.width > stream::kMaxExtent) return "INPUT width";
    if (m.height < 1 || m.height > stream::kMaxExtent) return "INPUT height";
    for (std::uint32_t i = 0; i < m.count; ++i) {
        if (const char* wrong = check(m.events[i], m.width, m.height)) return wrong;
    }
    return nullptr;
}

const char* check_message(const FromConsumer& m) {
    return check_batch(m);
}
const char* check_message(const ToProducer& m) {
    return check_batch(m);
}
const char* check_message(const Ack&) {
    return nullptr;
}

const char* check_message(const CursorOfProducer& m) {
    return m.flags & ~kCursorHidden ? "CURSOR flags" : nullptr;
}
const char* check_message(const CursorToConsumer& m) {
    return m.flags & ~kCursorHidden || m.reserved ? "CURSOR flags" : nullptr;
}

}  // namespace

const char* check(const Event& event, std::uint32_t width, std::uint32_t height) {
    const bool flag = event.value == 0 || event.value == 1;
    const bool still = event.x == 0 && event.y == 0;
    const bool no_code = event.code == 0;
    const bool finger = event.code < kMaxTouches && event.value == 0;
    const bool at_window = inside(event.x, width) && inside(event.y, height);
    bool good = false;
    switch (kind_of(event)) {
        case Kind::focus:
            good = no_code && flag && still;
            break;
        case Kind::release_all:
        case Kind::touch_cancel:
            good = no_code && event.value == 0 && still;
            break;
        case Kind::key:
            good = event.code >= 1 && event.code <= kKeyMax && flag && still;
            break;
        case Kind::button:
            good = event.code >= kButtonFirst && event.code <= kButtonLast && flag && still;
            break;
        case Kind::motion:
            good = no_code && event.value == 0 && at_window;
            break;
        case Kind::relative:
            good = no_code && event.value == 0 && within(event.x, kMaxMove) &&
                   within(event.y, kMaxMove);
            break;
        case Kind::wheel:
            good = no_code && event.value == 0 && within(event.x, kMaxWheel) &&
                   within(event.y, kMaxWheel);
            break;
        case Kind::touch_down:
        case Kind::touch_motion:
            good = finger && at_window;
            break;
        case Kind::touch_up:
            good = finger && still;
            break;
        default:
            break;
    }
    return good ? nullptr : "INPUT event";
}

bool merge(Event& last, const Event& next) {
    if (last.kind != next.kind || last.code != next.code) return false;
    switch (kind_of(next)) {
        case Kind::motion:
        case Kind::touch_motion:
            last = next;
            return true;
        case Kind::relative:
        case Kind::wheel: {
            Event sum = next;
            sum.x += last.x;
            sum.y += last.y;
            if (check(sum, 1, 1)) return false;  // more than a message may say
            last = sum;
            return true;
        }
        default:
            return false;
    }
}

Result<Type> type_of(std::span<const std::byte> bytes) {
    auto type = wire::type_of(bytes);
    if (!type) return type.error();
    return static_cast<Type>(*type);
}

template <typename Message>
Result<Message> decode(std::span<const std::byte> bytes) {
    return wire::decode<Message>(bytes, [](const Message& m) { return check_message(m); });
}

template Result<FromConsumer> decode(std::span<const std::byte>);
template Result<ToProducer> decode(std::span<const std::byte>);
template Result<Ack> decode(std::span<const std::byte>);
template Result<CursorOfProducer> decode(std::span<const std::byte>);
template Result<CursorToConsumer> decode(std::span<const std::byte>);

}  // namespace vdmabuf::input
