// SPDX-License-Identifier: MIT
// Brings a picture's colours to sRGB. docs/architecture.md (Colours) has the reasons; every curve
// has the name that its standard gives it.
#version 450
#extension GL_EXT_samplerless_texture_functions : require

layout(local_size_x = 8, local_size_y = 8) in;
layout(binding = 0) uniform texture2D picture;
layout(binding = 1, RESULT) uniform writeonly image2D result;

// struct Parameters of colour_converter.cpp.
layout(push_constant) uniform Parameters {
    int width;
    int height;
    uint space;     // stream::ColourSpace
    float peak;     // brightest of the picture, PQ encoded
    float white;    // that of the display as a part of `peak`; 1 or more: nothing to map
    float knee;     // where the curve leaves the straight line, as a part of `peak`
    float step;     // between two values of the target
} p;

const uint kScrgb = 1, kHdr10 = 2, kHlg = 3, kDisplayP3 = 4;
const float kWhite = 203;  // cd/m2 of the display's white: BT.2408's reference

// SMPTE ST 2084.
const float kM1 = 2610.0 / 16384, kM2 = 2523.0 / 4096 * 128;
const float kC1 = 3424.0 / 4096, kC2 = 2413.0 / 4096 * 32, kC3 = 2392.0 / 4096 * 32;
vec3 pq_to_nits(vec3 e) {
    vec3 x = pow(clamp(e, vec3(0), vec3(1)), vec3(1 / kM2));
    return 10000 * pow(max(x - kC1, vec3(0)) / (kC2 - kC3 * x), vec3(1 / kM1));
}
float nits_to_pq(float nits) {
    float y = pow(max(nits, 0.0) / 10000, kM1);
    return pow((kC1 + kC2 * y) / (1 + kC3 * y), kM2);
}
float pq_to_nits(float e) {
    return pq_to_nits(vec3(e)).r;
}

// ARIB STD-B67 / BT.2100: inverse OETF, then the OOTF of a display of 1000 cd/m2.
float hlg_to_scene(float e) {
    const float a = 0.17883277, b = 1 - 4 * a, c = 0.5 - a * log(4 * a);
    return e <= 0.5 ? e * e / 3 : (exp((e - c) / a) + b) / 12;
}
vec3 hlg_to_nits(vec3 e) {
    e = clamp(e, vec3(0), vec3(1));
    vec3 scene = vec3(hlg_to_scene(e.r), hlg_to_scene(e.g), hlg_to_scene(e.b));
    float luma = dot(scene, vec3(0.2627, 0.6780, 0.0593));
    return 1000 * pow(max(luma, 1e-6), 0.2) * scene;
}

vec3 srgb_to_linear(vec3 e) {
    return mix(e / 12.92, pow((max(e, vec3(0)) + 0.055) / 1.055, vec3(2.4)),
               greaterThan(e, vec3(0.04045)));
}
vec3 linear_to_srgb(vec3 l) {
    return mix(l * 12.92, 1.055 * pow(max(l, vec3(0)), vec3(1 / 2.4)) - 0.055,
               greaterThan(l, vec3(0.0031308)));
}

// BT.2390's EETF, with black at 0, of the largest component; the others follow, so that hues stay.
vec3 map_tones(vec3 nits) {
    if (p.white >= 1) return nits;
    float largest = max(nits.r, max(nits.g, nits.b));
    if (largest <= 0) return nits;
    float e = min(nits_to_pq(largest) / p.peak, 1.0);
    if (e > p.knee) {
        float t = (e - p.knee) / (1 - p.knee);
        float t2 = t * t, t3 = t2 * t;
        e = (2 * t3 - 3 * t2 + 1) * p.knee + (t3 - 2 * t2 + t) * (1 - p.knee) +
            (3 * t2 - 2 * t3) * p.white;
    }
    return nits * (pq_to_nits(e * p.peak) / largest);
}

// Columns of GLSL's matrices are what the standards write as such.
const mat3 kBt2020ToBt709 = mat3(1.660491, -0.124550, -0.018151,   //
                                 -0.587641, 1.132900, -0.100579,  //
                                 -0.072850, -0.008349, 1.118730);
const mat3 kP3ToBt709 = mat3(1.224940, -0.042057, -0.019638,   //
                             -0.224940, 1.042057, -0.078636,  //
                             0, 0, 1.098274);

// A Bayer matrix of 8 x 8, -0.5 .. 0.5: what is rounded away in one pixel is there in its neighbours.
float dither(uvec2 at) {
    uint x = at.x ^ at.y, y = at.y;
    uint value = (x & 1) << 5 | (y & 1) << 4 | (x & 2) << 2 | (y & 2) << 1 | (x & 4) >> 1 |
                 (y & 4) >> 2;
    return (float(value) + 0.5) / 64 - 0.5;
}

void main() {
    ivec2 at = ivec2(gl_GlobalInvocationID.xy);
    if (at.x >= p.width || at.y >= p.height) return;
    vec4 pixel = texelFetch(picture, at, 0);
    vec3 light = vec3(0);  // linear, 1: the display's white
    if (p.space == kHdr10) {
        light = kBt2020ToBt709 * map_tones(pq_to_nits(pixel.rgb)) / kWhite;
    } else if (p.space == kHlg) {
        light = kBt2020ToBt709 * map_tones(hlg_to_nits(pixel.rgb)) / kWhite;
    } else if (p.space == kScrgb) {
        light = map_tones(pixel.rgb * kWhite) / kWhite;  // its 1 is the display's white
    } else if (p.space == kDisplayP3) {
        light = kP3ToBt709 * srgb_to_linear(pixel.rgb);
    }
    // Colours that the display does not have are clipped.
    vec3 encoded = linear_to_srgb(clamp(light, vec3(0), vec3(1)));
    encoded += dither(uvec2(at)) * p.step;
    imageStore(result, at, vec4(clamp(encoded, vec3(0), vec3(1)), pixel.a));
}
