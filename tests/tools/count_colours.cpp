// SPDX-License-Identifier: MIT
// count_colours FILE.png: prints the number of colours that a picture has, and the most frequent
// one in hexadecimal.
#include <png.h>

#include <cstdio>
#include <map>
#include <vector>

int main(int argc, char** argv) {
    png_image image{};
    image.version = PNG_IMAGE_VERSION;
    if (argc != 2 || !png_image_begin_read_from_file(&image, argv[1])) {
        std::fprintf(stderr, "usage: count_colours FILE.png %s\n", image.message);
        return 2;
    }
    image.format = PNG_FORMAT_RGB;
    std::vector<unsigned char> rgb(PNG_IMAGE_SIZE(image));
    if (!png_image_finish_read(&image, nullptr, rgb.data(), 0, nullptr)) {
        std::fprintf(stderr, "count_colours: %s: %s\n", argv[1], image.message);
        return 2;
    }
    std::map<unsigned, std::size_t> colours;
    for (std::size_t i = 0; i + 2 < rgb.size(); i += 3) {
        ++colours[static_cast<unsigned>(rgb[i] << 16 | rgb[i + 1] << 8 | rgb[i + 2])];
    }
    unsigned most = 0;
    std::size_t pixels = 0;
    for (const auto& [colour, count] : colours) {
        if (count <= pixels) continue;
        most = colour;
        pixels = count;
    }
    std::printf("%zu %06x\n", colours.size(), most);
}
