// SPDX-License-Identifier: MIT
#include "runtime/device/input_config.hpp"

#include <linux/input.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "runtime/common/input_messages.hpp"

namespace vdmabuf::device {
namespace {

static_assert(sizeof(virtio_input_config) == 136);

}  // namespace

const char* name_of(InputRole role) {
    switch (role) {
        case InputRole::pointer:
            return "vdmabuf keyboard and pointer";
        case InputRole::mouse:
            return "vdmabuf mouse";
        case InputRole::touch:
            return "vdmabuf touch screen";
    }
    return "vdmabuf input";
}

InputConfig::InputConfig(InputRole role, std::string serial)
    : role_(role), serial_(std::move(serial)) {}

bool InputConfig::write(std::uint32_t offset, std::span<const std::byte> bytes) {
    if (offset == 0 && !bytes.empty()) config_.select = std::to_integer<__u8>(bytes[0]);
    if (offset <= 1 && bytes.size() > 1 - offset) {
        config_.subsel = std::to_integer<__u8>(bytes[1 - offset]);
    }
    return true;
}

std::span<const std::byte> InputConfig::bytes() {
    answer();
    return std::as_bytes(std::span(&config_, 1));
}

void InputConfig::bits(std::uint32_t code) {
    config_.u.bitmap[code / 8] = static_cast<__u8>(config_.u.bitmap[code / 8] | 1u << code % 8);
    config_.size = std::max(config_.size, static_cast<__u8>(code / 8 + 1));
}

void InputConfig::range(std::int32_t most) {
    config_.u.abs.max = static_cast<std::uint32_t>(most);
    config_.size = sizeof config_.u.abs;
}

void InputConfig::answer() {
    const __u8 select = config_.select;
    const __u8 subsel = config_.subsel;
    config_ = {};  // size 0: there is no such thing (virtio 1.2, 5.8.5)
    config_.select = select;
    config_.subsel = subsel;
    const auto text = [this](const std::string& what) {
        config_.size = static_cast<__u8>(what.copy(config_.u.string, sizeof config_.u.string));
    };
    const auto codes = [this](std::uint32_t first, std::uint32_t last) {
        for (std::uint32_t code = first; code <= last; ++code) bits(code);
    };
    const bool touch = role_ == InputRole::touch;
    switch (select) {
        case VIRTIO_INPUT_CFG_ID_NAME:
            if (subsel == 0) text(name_of(role_));
            break;
        case VIRTIO_INPUT_CFG_ID_SERIAL:
            if (subsel == 0) text(serial_);
            break;
        case VIRTIO_INPUT_CFG_ID_DEVIDS:
            if (subsel != 0) break;
            config_.u.ids.bustype = BUS_VIRTUAL;
            config_.u.ids.product = static_cast<std::uint16_t>(role_);
            config_.u.ids.version = 1;
            config_.size = sizeof config_.u.ids;
            break;
        case VIRTIO_INPUT_CFG_PROP_BITS:
            if (subsel == 0 && touch) bits(INPUT_PROP_DIRECT);
            break;
        case VIRTIO_INPUT_CFG_EV_BITS:
            if (subsel == EV_KEY && touch) bits(BTN_TOUCH);
            if (subsel == EV_KEY && !touch) codes(input::kButtonFirst, input::kButtonLast);
            if (subsel == EV_KEY && role_ == InputRole::pointer) codes(1, input::kKeyMax);
            if (subsel == EV_REL && role_ == InputRole::mouse) codes(REL_X, REL_Y);
            if (subsel == EV_REL && !touch) {
                for (const int code :
                     {REL_WHEEL, REL_HWHEEL, REL_WHEEL_HI_RES, REL_HWHEEL_HI_RES}) {
                    bits(static_cast<std::uint32_t>(code));
                }
            }
            if (subsel == EV_ABS && role_ != InputRole::mouse) codes(ABS_X, ABS_Y);
            if (subsel == EV_ABS && touch) {
                for (const int code :
                     {ABS_MT_SLOT, ABS_MT_POSITION_X, ABS_MT_POSITION_Y, ABS_MT_TRACKING_ID}) {
                    bits(static_cast<std::uint32_t>(code));
                }
            }
            // Keys repeat in the guest, as a virtual terminal wants it.
            if (subsel == EV_REP && role_ == InputRole::pointer) codes(REP_DELAY, REP_PERIOD);
            if (subsel == EV_LED && role_ == InputRole::pointer) codes(LED_NUML, LED_SCROLLL);
            break;
        case VIRTIO_INPUT_CFG_ABS_INFO:
            if (role_ != InputRole::mouse && (subsel == ABS_X || subsel == ABS_Y)) {
                range(kInputRange - 1);
            }
            if (!touch) break;
            if (subsel == ABS_MT_POSITION_X || subsel == ABS_MT_POSITION_Y) range(kInputRange - 1);
            if (subsel == ABS_MT_SLOT) range(input::kMaxTouches - 1);
            if (subsel == ABS_MT_TRACKING_ID) range(UINT16_MAX);
            break;
        default:
            break;
    }
}

}  // namespace vdmabuf::device
