// SPDX-License-Identifier: MIT
// compare_png A.png B.png [--mean M | --changed MIN MAX]: exits with 0 when both have the same
// size, neither is blank, and they differ by at most M (default 0.5) of 255 levels per channel in
// the mean. Drivers of different CPUs round differently, so that a picture need not be the same bit
// for bit.
// --changed: instead, between MIN and MAX percent of the pixels differ in a way that can be seen.
#include <png.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

constexpr int kSeen = 16;  // levels

struct Picture {
    unsigned width = 0;
    unsigned height = 0;
    std::vector<unsigned char> rgb;
};

bool load(const char* path, Picture& picture) {
    png_image image{};
    image.version = PNG_IMAGE_VERSION;
    if (!png_image_begin_read_from_file(&image, path)) {
        std::fprintf(stderr, "compare_png: %s: %s\n", path, image.message);
        return false;
    }
    image.format = PNG_FORMAT_RGB;
    picture.width = image.width;
    picture.height = image.height;
    picture.rgb.resize(PNG_IMAGE_SIZE(image));
    if (!png_image_finish_read(&image, nullptr, picture.rgb.data(), 0, nullptr)) {
        std::fprintf(stderr, "compare_png: %s: %s\n", path, image.message);
        return false;
    }
    return true;
}

bool blank(const Picture& picture) {
    for (std::size_t i = 3; i < picture.rgb.size(); ++i) {
        if (picture.rgb[i] != picture.rgb[i % 3]) return false;
    }
    return true;
}

}  // namespace

int main(int argc, char** argv) {
    double limit = 0.5;
    double least_changed = 0;
    double most_changed = 0;
    const bool changed = argc == 6 && std::strcmp(argv[3], "--changed") == 0;
    if (changed) {
        least_changed = std::strtod(argv[4], nullptr);
        most_changed = std::strtod(argv[5], nullptr);
    } else if (argc == 5 && std::strcmp(argv[3], "--mean") == 0) {
        limit = std::strtod(argv[4], nullptr);
    } else if (argc != 3) {
        std::fprintf(stderr, "usage: compare_png A.png B.png [--mean M | --changed MIN MAX]\n");
        return 2;
    }
    Picture a;
    Picture b;
    if (!load(argv[1], a) || !load(argv[2], b)) return 2;
    if (blank(a) || blank(b)) {
        std::fprintf(stderr, "compare_png: %s is blank\n", blank(a) ? argv[1] : argv[2]);
        return 1;
    }
    if (a.width != b.width || a.height != b.height) {
        std::fprintf(stderr, "compare_png: %ux%u and %ux%u\n", a.width, a.height, b.width,
                     b.height);
        return 1;
    }
    double sum = 0;
    int worst = 0;
    std::size_t different = 0;
    std::size_t pixels = 0;
    bool seen = false;  // in this pixel
    for (std::size_t i = 0; i < a.rgb.size(); ++i) {
        const int difference = std::abs(int{a.rgb[i]} - int{b.rgb[i]});
        sum += difference;
        if (i % 3 == 0) seen = false;
        if (difference > kSeen && !seen) {
            seen = true;
            ++pixels;
        }
        worst = difference > worst ? difference : worst;
        different += difference != 0;
    }
    if (changed) {
        const double part =
            100.0 * static_cast<double>(pixels) / static_cast<double>(a.rgb.size() / 3);
        std::printf("%.2f%% of the pixels changed (%.2f%% to %.2f%%)\n", part, least_changed,
                    most_changed);
        return part >= least_changed && part <= most_changed ? 0 : 1;
    }
    const double mean = sum / static_cast<double>(a.rgb.size());
    std::printf("mean %.4f, worst %d, different %.3f%% (limit of the mean: %.4f)\n", mean, worst,
                100.0 * static_cast<double>(different) / static_cast<double>(a.rgb.size()), limit);
    return mean <= limit ? 0 : 1;
}
