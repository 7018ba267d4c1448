// SPDX-License-Identifier: MIT
// Runs inside a guest and exercises the driver through its device node, with a real host behind it:
// every ioctl with right and wrong arguments, memory, events, fences, limits, closing, many
// threads, and the removal of the device while it is in use. Of the stream protocol it speaks only
// HELLO, and expects that the host answers it and closes a channel that speaks nonsense.
//
//   driver_test [--device /dev/vdmabuf0] [--seconds N] [--keep] [--restarts] [--module FILE]
//               [--unplugs N] [--unplug-for-ever] [--only NAME]
//
// --seconds: how long the threads hammer (default 3). --keep: do not unbind the device. --restarts:
// the host is killed and restarted meanwhile. --module: the driver, to unload it and load it again.
// --unplugs, --unplug-for-ever: see unplug.cpp.
#include "tests/guest/driver/tests.hpp"

int main(int argc, char** argv) {
    std::string only;
    for (int i = 1; i < argc; ++i) {
        const std::string option = argv[i];
        if (option == "--keep") {
            guest_test::g_options.keep = true;
        } else if (option == "--restarts") {
            guest_test::g_options.restarts = true;
        } else if (option == "--unplug-for-ever") {
            guest_test::g_options.unplug_for_ever = true;
        } else if (option == "--unplugs" && i + 1 < argc) {
            guest_test::g_options.unplugs = std::atoi(argv[++i]);
        } else if (option == "--module" && i + 1 < argc) {
            guest_test::g_options.module = argv[++i];
        } else if (option == "--device" && i + 1 < argc) {
            guest_test::g_device = argv[++i];
        } else if (option == "--seconds" && i + 1 < argc) {
            guest_test::g_options.hammer = std::chrono::seconds(std::atoi(argv[++i]));
        } else if (option == "--only" && i + 1 < argc) {
            only = argv[++i];
        } else {
            std::fprintf(stderr,
                         "usage: %s [--device FILE] [--seconds N] [--keep] [--restarts] "
                         "[--module FILE] [--unplugs N] [--unplug-for-ever] [--only NAME]\n",
                         argv[0]);
            return 2;
        }
    }
    return guest_test::run_tests(
        {
            guest_test::ioctl_tests(),
            guest_test::memory_tests(),
            guest_test::share_tests(),
            guest_test::foreign_tests(),
            guest_test::event_tests(),
            guest_test::fence_tests(),
            guest_test::limit_tests(),
            guest_test::load_tests(),
            // What checks the use of the DMA interface takes this for a mistake, and is silent
            // afterwards.
            guest_test::foreign_twice_tests(),
            guest_test::removal_tests(),
            guest_test::unplug_tests(),
        },
        only);
}
