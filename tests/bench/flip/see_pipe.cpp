// SPDX-License-Identifier: MIT
// see_pipe --size WxH: reads frames of four bytes a pixel from standard input, as a screen grabber
// writes them, and looks at three pixels of each. Prints a JSON object.
#include <fcntl.h>
#include <unistd.h>

#include <vector>

#include "tests/bench/flip/figures.hpp"
#include "tests/bench/flip/options.hpp"

int main(int argc, char** argv) {
    using namespace vdmabuf::flip;
    const Options options = parse(argc, argv);
    std::vector<std::uint32_t> picture(std::size_t{options.width} * options.height);
    const std::size_t size = picture.size() * 4;
    ::fcntl(STDIN_FILENO, F_SETPIPE_SZ, 1 << 20);
    Figures figures(options);
    while (!figures.done() && !figures.stalled()) {
        for (std::size_t have = 0; have < size;) {
            const ssize_t got =
                ::read(STDIN_FILENO, reinterpret_cast<char*>(picture.data()) + have, size - have);
            if (got <= 0) {
                figures.print();
                return 0;
            }
            have += static_cast<std::size_t>(got);
        }
        figures.see(picture.data());
    }
    figures.print();
    return 0;
}
