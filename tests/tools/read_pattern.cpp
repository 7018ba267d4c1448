// SPDX-License-Identifier: MIT
// read_pattern FILE.png WIDTHxHEIGHT: prints the number in a picture of pattern_app. Fails where
// the size is another one, or a single pixel is not as that picture has it.
#include <png.h>

#include <cinttypes>
#include <cstdio>
#include <string>
#include <vector>

#include "tests/runtime/viewer/test_picture.hpp"

namespace {

using vdmabuf::test::Rgb;
using vdmabuf::test::test_picture;

int fail(const std::string& what) {
    std::fprintf(stderr, "read_pattern: %s\n", what.c_str());
    return 1;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fprintf(stderr, "usage: read_pattern FILE.png WIDTHxHEIGHT\n");
        return 2;
    }
    png_image image{};
    image.version = PNG_IMAGE_VERSION;
    if (!png_image_begin_read_from_file(&image, argv[1])) return fail(image.message);
    image.format = PNG_FORMAT_RGB;
    std::vector<std::uint8_t> pixels(PNG_IMAGE_SIZE(image));
    if (!png_image_finish_read(&image, nullptr, pixels.data(), 0, nullptr)) {
        return fail(image.message);
    }
    const std::string size = std::to_string(image.width) + "x" + std::to_string(image.height);
    if (size != argv[2]) return fail("the picture has " + size + " pixels");
    const auto at = [&](std::uint32_t x, std::uint32_t y) {
        const std::uint8_t* pixel = pixels.data() + (std::size_t{y} * image.width + x) * 3;
        return Rgb{pixel[0], pixel[1], pixel[2]};
    };
    std::uint64_t serial = 0;
    for (std::uint32_t x = 0; x < image.width; ++x) {
        const std::uint64_t bit = std::uint64_t{x} * 32 / image.width;
        if (at(x, 0) == Rgb{255, 255, 255}) serial |= std::uint64_t{1} << bit;
    }
    std::size_t wrong = 0;
    for (std::uint32_t y = 0; y < image.height; ++y) {
        for (std::uint32_t x = 0; x < image.width; ++x) {
            if (at(x, y) != test_picture(x, y, image.width, image.height, serial)) ++wrong;
        }
    }
    if (wrong != 0) return fail(std::to_string(wrong) + " wrong pixels");
    std::printf("%" PRIu64 "\n", serial);
    return 0;
}
