// SPDX-License-Identifier: MIT
#include "runtime/consumer/colour/tone_curve.hpp"

#include <algorithm>
#include <cmath>

namespace vdmabuf::consumer {
namespace {

constexpr float kUsualPeak = 1000;  // cd/m2
constexpr float kBrightest = 10000;
constexpr float kScrgbUnit = 80;  // cd/m2 of scRGB's 1, as metadata count (IEC 61966-2-2)

// SMPTE ST 2084.
float pq(float nits) {
    const float y = std::pow(nits / kBrightest, 2610.0F / 16384);
    return std::pow((3424.0F / 4096 + 2413.0F / 128 * y) / (1 + 2392.0F / 128 * y), 2523.0F / 32);
}

// cd/m2; 0: not known.
float peak_of(const stream::HdrMetadata& metadata) {
    if (metadata.max_content_light != 0) return static_cast<float>(metadata.max_content_light);
    return static_cast<float>(metadata.max_luminance) / 10000;
}

}  // namespace

ToneCurve tone_curve(stream::ColourSpace space, const stream::HdrMetadata& metadata) {
    using stream::ColourSpace;
    float nits = peak_of(metadata);
    switch (space) {
        case ColourSpace::srgb_nonlinear:
        case ColourSpace::display_p3_nonlinear:
            return {};
        case ColourSpace::extended_srgb_linear:
            nits *= kDisplayWhite / kScrgbUnit;  // its 1 is the display's white
            break;
        case ColourSpace::hdr10_hlg:
            nits = kUsualPeak;  // by definition, as the shader decodes it
            break;
        case ColourSpace::hdr10_st2084:
            if (nits == 0) nits = kUsualPeak;
            break;
    }
    if (nits <= kDisplayWhite) return {};
    ToneCurve curve;
    curve.peak = pq(std::min(nits, kBrightest));
    curve.white = pq(kDisplayWhite) / curve.peak;
    curve.knee = 1.5F * curve.white - 0.5F;
    return curve;
}

}  // namespace vdmabuf::consumer
