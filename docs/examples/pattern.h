/* SPDX-License-Identifier: MIT */
/* The picture that raw_producer draws and raw_consumer expects: it moves with every frame. */
#ifndef PATTERN_H
#define PATTERN_H

#include <stdint.h>

/* A pixel of DRM_FORMAT_XRGB8888. */
static inline uint32_t pattern(uint32_t x, uint32_t y, uint32_t frame) {
    const uint32_t red = (x + frame) & 0xFF;
    const uint32_t green = (y + 2 * frame) & 0xFF;
    const uint32_t blue = ((x ^ y) + 3 * frame) & 0xFF;

    return 0xFF000000u | red << 16 | green << 8 | blue;
}

#endif /* PATTERN_H */
