// SPDX-License-Identifier: MIT
// see_pipewire --path NODE: a program that takes a PipeWire node's video and looks at three pixels
// of each frame. Waits for the node. Prints a JSON object.
#include <time.h>

#include <mutex>

#include "tests/bench/flip/figures.hpp"
#include "tests/bench/flip/options.hpp"
#include "tests/runtime/viewer/pipewire_consumer.hpp"

int main(int argc, char** argv) {
    using namespace vdmabuf::flip;
    const Options options = parse(argc, argv);
    Figures figures(options);
    std::mutex mutex;
    bool ends = false;
    while (!ends) {
        const auto consumer = vdmabuf::test::PipewireConsumer::connect(
            options.path, [&](const std::uint8_t* pixels, std::size_t) {
                const std::lock_guard lock(mutex);
                if (!figures.done()) figures.see(reinterpret_cast<const std::uint32_t*>(pixels));
            });
        if (!consumer) fail("no PipeWire");
        // A node that is not there yet is not told of later: it is asked for anew.
        for (int i = 0; !ends && (i < 10 || consumer->frames() > 0); ++i) {
            const timespec pause{0, 50'000'000};
            ::nanosleep(&pause, nullptr);
            const std::lock_guard lock(mutex);
            ends = figures.done() || figures.stalled();
        }
    }
    figures.print();
    return 0;
}
