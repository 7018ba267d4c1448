// SPDX-License-Identifier: MIT
#include "tests/bench/flip/options.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tests/bench/flip/pixels.hpp"

namespace vdmabuf::flip {

void fail(const std::string& text) {
    std::fprintf(stderr, "flip: %s\n", text.c_str());
    std::exit(1);
}

Options parse(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; i += 2) {
        const std::string name = argv[i];
        if (i + 1 >= argc) fail(name + " needs a value");
        const char* const value = argv[i + 1];
        const auto number = [&] {
            return static_cast<std::uint32_t>(std::strtoul(value, nullptr, 10));
        };
        if (name == "--size") {
            if (std::sscanf(value, "%ux%u", &options.width, &options.height) != 2) {
                fail("--size must be like 1920x1080");
            }
        } else if (name == "--seconds") {
            options.seconds = std::strtod(value, nullptr);
        } else if (name == "--rate") {
            options.rate = std::strtod(value, nullptr);
        } else if (name == "--images") {
            options.images = number();
        } else if (name == "--streams") {
            options.streams = number();
        } else if (name == "--idle") {
            options.idle = number();
        } else if (name == "--mode") {
            options.mode = value;
        } else if (name == "--copy") {
            options.copy = number() != 0;
        } else if (name == "--patience") {
            options.patience = std::strtod(value, nullptr);
        } else if (name == "--ahead") {
            stamps_ahead_us = std::strtoll(value, nullptr, 10);
        } else if (name == "--path") {
            options.path = value;
        } else {
            fail("unknown option " + name);
        }
    }
    return options;
}

Rendered rendered_pictures(const Options& options) {
    Rendered pictures(options.copy ? 5 : 0);  // more than images, so that none gets its own again
    for (std::size_t i = 0; i < pictures.size(); ++i) {
        pictures[i].resize(std::size_t{options.width} * options.height);
        fill(pictures[i].data(), pictures[i].size(), static_cast<std::uint32_t>(i));
    }
    return pictures;
}

}  // namespace vdmabuf::flip
