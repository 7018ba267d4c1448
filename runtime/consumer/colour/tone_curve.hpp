// SPDX-License-Identifier: MIT
#pragma once

#include "runtime/common/stream_messages.hpp"

namespace vdmabuf::consumer {

// How bright parts of a picture come into the range of an sRGB display: the curve of BT.2390, whose
// numbers are parts of `peak`.
struct ToneCurve {
    float peak = 1;   // brightest of the picture, PQ encoded
    float white = 1;  // the display's white; 1 or more: nothing is to be mapped
    float knee = 1;   // up to here nothing changes

    bool operator==(const ToneCurve&) const = default;
};

// The light of the display's white, cd/m2 (BT.2408: of graphics in HDR pictures).
constexpr float kDisplayWhite = 203;

// The peak is what the metadata says of the brightest pixel, else of the display that the picture
// was graded on; where nothing is known, 1000 cd/m2, of scRGB its 1.
ToneCurve tone_curve(stream::ColourSpace space, const stream::HdrMetadata& metadata);

}  // namespace vdmabuf::consumer
