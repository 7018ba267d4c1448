// SPDX-License-Identifier: MIT
// What colours should become, by the standards and in double precision: nothing of the viewer's.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>

namespace vdmabuf::test {

using Triple = std::array<double, 3>;

// SMPTE ST 2084: cd/m2 to a signal of 0 .. 1, and back.
inline double pq_of(double nits) {
    const double y = std::pow(nits / 10000, 0.1593017578125);
    return std::pow((0.8359375 + 18.8515625 * y) / (1 + 18.6875 * y), 78.84375);
}
inline double nits_of_pq(double signal) {
    const double x = std::pow(signal, 1 / 78.84375);
    return 10000 *
           std::pow(std::max(x - 0.8359375, 0.0) / (18.8515625 - 18.6875 * x), 1 / 0.1593017578125);
}

inline double srgb_of(double light) {
    if (light <= 0) return 0;
    if (light >= 1) return 1;
    return light <= 0.0031308 ? light * 12.92 : 1.055 * std::pow(light, 1 / 2.4) - 0.055;
}
inline double light_of_srgb(double signal) {
    return signal <= 0.04045 ? signal / 12.92 : std::pow((signal + 0.055) / 1.055, 2.4);
}

// BT.2390-10, 5.4.1: from black and a peak of `peak` cd/m2 to black and 203 cd/m2.
inline double mapped_nits(double nits, double peak) {
    if (peak <= 203) return nits;
    const double top = pq_of(peak);
    const double most = pq_of(203) / top;
    const double start = 1.5 * most - 0.5;
    const double e = std::min(pq_of(nits) / top, 1.0);
    if (e < start) return nits;
    const double t = (e - start) / (1 - start);
    const double out = (2 * std::pow(t, 3) - 3 * std::pow(t, 2) + 1) * start +
                       (std::pow(t, 3) - 2 * std::pow(t, 2) + t) * (1 - start) +
                       (-2 * std::pow(t, 3) + 3 * std::pow(t, 2)) * most;
    return nits_of_pq(out * top);
}

// ---- primaries, from their chromaticities (red, green, blue) and the white point D65

struct Primaries {
    std::array<std::array<double, 2>, 3> xy;
};
constexpr Primaries kBt709{{{{0.64, 0.33}, {0.30, 0.60}, {0.15, 0.06}}}};
constexpr Primaries kBt2020{{{{0.708, 0.292}, {0.170, 0.797}, {0.131, 0.046}}}};
constexpr Primaries kP3{{{{0.680, 0.320}, {0.265, 0.690}, {0.150, 0.060}}}};

using Matrix = std::array<Triple, 3>;  // rows

inline Triple times(const Matrix& m, const Triple& v) {
    Triple out{};
    for (std::size_t i = 0; i < 3; ++i) out[i] = m[i][0] * v[0] + m[i][1] * v[1] + m[i][2] * v[2];
    return out;
}
inline Matrix inverse(const Matrix& m) {
    const auto minor = [&](std::size_t r, std::size_t c) {
        const std::size_t r1 = (r + 1) % 3, r2 = (r + 2) % 3, c1 = (c + 1) % 3, c2 = (c + 2) % 3;
        return m[r1][c1] * m[r2][c2] - m[r1][c2] * m[r2][c1];
    };
    const double determinant =
        m[0][0] * minor(0, 0) + m[0][1] * minor(0, 1) + m[0][2] * minor(0, 2);
    Matrix out{};
    for (std::size_t r = 0; r < 3; ++r) {
        for (std::size_t c = 0; c < 3; ++c) out[r][c] = minor(c, r) / determinant;
    }
    return out;
}
inline Matrix to_xyz(const Primaries& primaries) {
    Matrix columns{};
    for (std::size_t i = 0; i < 3; ++i) {
        const double x = primaries.xy[i][0], y = primaries.xy[i][1];
        columns[0][i] = x / y;
        columns[1][i] = 1;
        columns[2][i] = (1 - x - y) / y;
    }
    const double wx = 0.3127, wy = 0.3290;
    const Triple scale = times(inverse(columns), {wx / wy, 1, (1 - wx - wy) / wy});
    for (auto& row : columns) {
        for (std::size_t i = 0; i < 3; ++i) row[i] *= scale[i];
    }
    return columns;
}
inline Triple converted(const Primaries& from, const Primaries& to, const Triple& light) {
    return times(inverse(to_xyz(to)), times(to_xyz(from), light));
}

// ---- what a picture's bar should look like in sRGB, 0 .. 255

inline Triple bytes_of(const Triple& light) {
    return {srgb_of(light[0]) * 255, srgb_of(light[1]) * 255, srgb_of(light[2]) * 255};
}

// Light of BT.2020 in cd/m2, graded for `peak`.
inline Triple bytes_of_nits(const Triple& nits, double peak) {
    const double most = std::max({nits[0], nits[1], nits[2]});
    const double scale = most > 0 ? mapped_nits(most, peak) / most / 203 : 0;
    return bytes_of(
        converted(kBt2020, kBt709, {nits[0] * scale, nits[1] * scale, nits[2] * scale}));
}

// BT.2100's HLG on a display of 1000 cd/m2.
inline Triple nits_of_hlg(const Triple& signal) {
    const double a = 0.17883277, b = 0.28466892, c = 0.55991073;
    Triple scene{};
    for (std::size_t i = 0; i < 3; ++i) {
        scene[i] =
            signal[i] <= 0.5 ? signal[i] * signal[i] / 3 : (std::exp((signal[i] - c) / a) + b) / 12;
    }
    const double luma = 0.2627 * scene[0] + 0.6780 * scene[1] + 0.0593 * scene[2];
    const double gain = luma > 0 ? 1000 * std::pow(luma, 0.2) : 0;
    return {scene[0] * gain, scene[1] * gain, scene[2] * gain};
}

}  // namespace vdmabuf::test
