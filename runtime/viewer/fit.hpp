// SPDX-License-Identifier: MIT
// Where a picture comes to lie in a window of another size.
#pragma once

#include <algorithm>
#include <cstdint>

#include "runtime/common/stream_messages.hpp"

namespace vdmabuf::viewer {

struct Box {
    std::uint32_t x = 0;
    std::uint32_t y = 0;
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    bool operator==(const Box&) const = default;
};

struct Placement {
    Box from;  // of the picture
    Box to;    // of the window
};

// How far a thing lies from the start of a longer one.
inline std::uint32_t shift(std::uint32_t shorter, std::uint32_t longer, stream::Gravity gravity) {
    switch (gravity) {
        case stream::Gravity::min:
            return 0;
        case stream::Gravity::max:
            return longer - shorter;
        default:
            return (longer - shorter) / 2;
    }
}

// The largest box of the picture's shape, by default in the middle of the window. No side is 0
// unless the window has none.
inline Box fit(std::uint32_t picture_width, std::uint32_t picture_height,
               std::uint32_t window_width, std::uint32_t window_height,
               stream::Gravity gravity_x = stream::Gravity::centre,
               stream::Gravity gravity_y = stream::Gravity::centre) {
    const std::uint64_t by_width = std::uint64_t{window_width} * picture_height;
    const std::uint64_t by_height = std::uint64_t{window_height} * picture_width;
    Box box{0, 0, window_width, window_height};
    if (by_width < by_height) {
        box.height = static_cast<std::uint32_t>((by_width + picture_width / 2) / picture_width);
        box.height = std::clamp(box.height, std::min(1U, window_height), window_height);
    } else {
        box.width = static_cast<std::uint32_t>((by_height + picture_height / 2) / picture_height);
        box.width = std::clamp(box.width, std::min(1U, window_width), window_width);
    }
    box.x = shift(box.width, window_width, gravity_x);
    box.y = shift(box.height, window_height, gravity_y);
    return box;
}

// Along one axis, pixel by pixel: a picture that is too long is cut.
inline void place_axis(std::uint32_t picture, std::uint32_t window, stream::Gravity gravity,
                       std::uint32_t& from, std::uint32_t& to, std::uint32_t& length) {
    length = std::min(picture, window);
    from = shift(length, picture, gravity);
    to = shift(length, window, gravity);
}

// How the user wants pictures in windows of another size. What an app says of its own picture
// comes first.
enum class Scale { fit, integer, stretch, one_to_one };

// The largest whole multiple of the picture, in the middle; one that is too large is fitted.
inline Box fit_whole(std::uint32_t picture_width, std::uint32_t picture_height,
                     std::uint32_t window_width, std::uint32_t window_height) {
    const std::uint32_t times =
        std::min(window_width / picture_width, window_height / picture_height);
    if (times == 0) return fit(picture_width, picture_height, window_width, window_height);
    Box box{0, 0, picture_width * times, picture_height * times};
    box.x = (window_width - box.width) / 2;
    box.y = (window_height - box.height) / 2;
    return box;
}

inline Placement place(std::uint32_t picture_width, std::uint32_t picture_height,
                       std::uint32_t window_width, std::uint32_t window_height,
                       const stream::Scaling& scaling) {
    Placement placement{{0, 0, picture_width, picture_height}, {0, 0, window_width, window_height}};
    switch (scaling.behaviour) {
        case stream::ScalingBehaviour::stretch:
            break;
        case stream::ScalingBehaviour::one_to_one: {
            Box& from = placement.from;
            Box& to = placement.to;
            place_axis(picture_width, window_width, scaling.gravity_x, from.x, to.x, to.width);
            place_axis(picture_height, window_height, scaling.gravity_y, from.y, to.y, to.height);
            from.width = to.width;
            from.height = to.height;
            break;
        }
        default:
            placement.to = fit(picture_width, picture_height, window_width, window_height,
                               scaling.gravity_x, scaling.gravity_y);
            break;
    }
    return placement;
}

inline Placement place(std::uint32_t picture_width, std::uint32_t picture_height,
                       std::uint32_t window_width, std::uint32_t window_height,
                       stream::Scaling scaling, Scale wanted) {
    if (scaling.behaviour == stream::ScalingBehaviour::any) {
        if (wanted == Scale::integer) {
            return {{0, 0, picture_width, picture_height},
                    fit_whole(picture_width, picture_height, window_width, window_height)};
        }
        if (wanted == Scale::stretch) scaling.behaviour = stream::ScalingBehaviour::stretch;
        if (wanted == Scale::one_to_one) {
            scaling.behaviour = stream::ScalingBehaviour::one_to_one;
            scaling.gravity_x = scaling.gravity_y = stream::Gravity::centre;
        }
    }
    return place(picture_width, picture_height, window_width, window_height, scaling);
}

}  // namespace vdmabuf::viewer
