/* SPDX-License-Identifier: MIT */
/* Writes a picture of 32-bit pixels as a PPM file. */
#ifndef PPM_H
#define PPM_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* `red` and `blue` are the bytes of a pixel that have them; `flip`: row 0 is the lowest. */
static inline int write_ppm(const char* path, const unsigned char* pixels, uint32_t width,
                            uint32_t height, uint64_t pitch, int red, int blue, int flip) {
    const size_t row_bytes = (size_t)width * 3;
    unsigned char* row = malloc(row_bytes);
    FILE* file = row ? fopen(path, "wb") : NULL;
    int ok = file && fprintf(file, "P6\n%u %u\n255\n", width, height) > 0;
    uint32_t x, y;

    for (y = 0; ok && y < height; y++) {
        const unsigned char* from = pixels + pitch * (flip ? height - 1 - y : y);

        for (x = 0; x < width; x++) {
            row[3 * x] = from[4 * x + (size_t)red];
            row[3 * x + 1] = from[4 * x + 1];
            row[3 * x + 2] = from[4 * x + (size_t)blue];
        }
        ok = fwrite(row, 1, row_bytes, file) == row_bytes;
    }
    if (file && fclose(file) != 0) ok = 0;
    free(row);
    return ok ? 0 : -1;
}

#endif /* PPM_H */
