// SPDX-License-Identifier: MIT
#include "runtime/common/colour_space.hpp"

#include "runtime/common/drm_format.hpp"

namespace vdmabuf::stream {
namespace {

bool is_float(std::uint32_t fourcc) {
    return fourcc == fourcc_of("AB4H") || fourcc == fourcc_of("XB4H");
}

bool is_ten_bits(std::uint32_t fourcc) {
    return fourcc == fourcc_of("AR30") || fourcc == fourcc_of("XR30") ||
           fourcc == fourcc_of("AB30") || fourcc == fourcc_of("XB30");
}

}  // namespace

bool can_hold(std::uint32_t fourcc, std::uint32_t space) {
    switch (static_cast<ColourSpace>(space)) {
        case ColourSpace::srgb_nonlinear:
            return true;
        case ColourSpace::extended_srgb_linear:
            return is_float(fourcc);
        case ColourSpace::hdr10_st2084:
        case ColourSpace::hdr10_hlg:
            return is_ten_bits(fourcc) || is_float(fourcc);
        case ColourSpace::display_p3_nonlinear:
            return fourcc != fourcc_of("RG16");
    }
    return false;
}

const char* colour_space_name(std::uint32_t space) {
    switch (static_cast<ColourSpace>(space)) {
        case ColourSpace::srgb_nonlinear:
            return "sRGB";
        case ColourSpace::extended_srgb_linear:
            return "scRGB";
        case ColourSpace::hdr10_st2084:
            return "HDR10";
        case ColourSpace::hdr10_hlg:
            return "HLG";
        case ColourSpace::display_p3_nonlinear:
            return "Display P3";
    }
    return "?";
}

const char* colour_shown_name(std::uint32_t shown) {
    switch (static_cast<ColourShown>(shown)) {
        case ColourShown::native:
            return "native";
        case ColourShown::converted:
            return "converted";
        case ColourShown::unknown:
            break;
    }
    return "";
}

}  // namespace vdmabuf::stream
