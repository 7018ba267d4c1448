// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace vdmabuf::flip {

// What all of the producers and consumers take; each uses what concerns it.
struct Options {
    std::uint32_t width = 3840;
    std::uint32_t height = 2160;
    double seconds = 2;         // of measuring
    double rate = 0;            // frames a second; 0: as many as there can be
    std::uint32_t images = 4;   // of a stream
    std::uint32_t streams = 1;  // that show frames
    std::uint32_t idle = 0;     // that show one frame only
    std::string mode = "fifo";  // fifo, mailbox, immediate
    bool copy = false;          // pictures are copied into the buffers, so that these change
    std::string path;           // a socket, a display's framebuffer
    double patience = 5;        // seconds without a frame until a consumer gives up
};

// --size WxH --seconds S --rate HZ --images N --streams N --idle N --mode M --path P --copy 1
// --patience S, and --ahead US: how far the clock of who looks at the stamps is ahead of this
// one's. Ends the program where something is wrong.
Options parse(int argc, char** argv);

// What --copy copies from: none without it.
using Rendered = std::vector<std::vector<std::uint32_t>>;
Rendered rendered_pictures(const Options& options);

[[noreturn]] void fail(const std::string& text);

}  // namespace vdmabuf::flip
