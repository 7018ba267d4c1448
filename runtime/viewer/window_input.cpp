// SPDX-License-Identifier: MIT
#include "runtime/viewer/window_input.hpp"

#include "runtime/viewer/input_map.hpp"

namespace vdmabuf::viewer {

using input::Event;
using input::Kind;

namespace {

// A picture that brings its own way of scaling fills what the app takes for its window, and that
// is as large as ours.
Placement placement_of(const WindowInput::Shown& shown) {
    if (shown.scaling.behaviour == stream::ScalingBehaviour::any) {
        return place(shown.picture_width, shown.picture_height, shown.window_width,
                     shown.window_height, shown.scaling, shown.scale);
    }
    const Box whole{0, 0, shown.window_width, shown.window_height};
    return {whole, whole};
}

}  // namespace

WindowInput::Mapped WindowInput::map(std::span<const Event> events, const Shown& shown) {
    Mapped mapped;
    mapped.width = mapped.height = 1;
    const bool blind = shown.picture_width == 0 || shown.picture_height == 0 ||
                       shown.window_width == 0 || shown.window_height == 0;
    Placement placement;
    if (!blind) {
        placement = placement_of(shown);
        const bool own = shown.scaling.behaviour == stream::ScalingBehaviour::any;
        mapped.width = own ? shown.picture_width : shown.window_width;
        mapped.height = own ? shown.picture_height : shown.window_height;
    }
    for (Event event : events) {
        if (blind && (event.x != 0 || event.y != 0)) continue;
        switch (input::kind_of(event)) {
            case Kind::motion: {
                const PicturePoint point = to_picture(placement, event.x, event.y);
                beside_ = !point.inside;
                event.x = point.x;
                event.y = point.y;
                break;
            }
            case Kind::button: {
                const std::uint32_t bit = 1u << (event.code - input::kButtonFirst);
                if (event.value == 1 && beside_ && buttons_ == 0) continue;
                if (event.value == 0 && !(buttons_ & bit)) continue;
                buttons_ = event.value == 1 ? buttons_ | bit : buttons_ & ~bit;
                break;
            }
            case Kind::wheel:
                if (beside_ && buttons_ == 0) continue;
                break;
            case Kind::touch_down:
            case Kind::touch_motion: {
                const PicturePoint point = to_picture(placement, event.x, event.y);
                const std::uint32_t bit = 1u << event.code;
                if (input::kind_of(event) == Kind::touch_down && point.inside) fingers_ |= bit;
                if (!(fingers_ & bit)) continue;
                event.x = point.x;
                event.y = point.y;
                break;
            }
            case Kind::touch_up: {
                const std::uint32_t bit = 1u << event.code;
                if (!(fingers_ & bit)) continue;
                fingers_ &= ~bit;
                break;
            }
            case Kind::focus:
            case Kind::release_all:
                buttons_ = fingers_ = 0;
                break;
            default:
                break;
        }
        if (mapped.events.empty() || !input::merge(mapped.events.back(), event)) {
            mapped.events.push_back(event);
        }
    }
    return mapped;
}

}  // namespace vdmabuf::viewer
