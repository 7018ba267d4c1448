// SPDX-License-Identifier: MIT
// Runs inside a guest, with fault_host.py behind the device, and has that host do what a good one
// never does: be silent, forget everything, keep buffers, answer nonsense, break the rules of
// virtio. Nobody may hang, nothing may be lost or leak, and a broken device must come back when it
// is bound again.
//
//   fault_test [--device /dev/vdmabuf0] [--only NAME]
#include "tests/guest/fault/tests.hpp"

int main(int argc, char** argv) {
    std::string only;
    for (int i = 1; i < argc; ++i) {
        const std::string option = argv[i];
        if (option == "--device" && i + 1 < argc) {
            guest_test::g_device = argv[++i];
        } else if (option == "--only" && i + 1 < argc) {
            only = argv[++i];
        } else {
            std::fprintf(stderr, "usage: %s [--device FILE] [--only NAME]\n", argv[0]);
            return 2;
        }
    }
    return guest_test::run_tests(
        {
            guest_test::memory_tests(),
            guest_test::kept_tests(),
            guest_test::restart_tests(),
            guest_test::fence_tests(),
            guest_test::traffic_tests(),
            guest_test::silence_tests(),
            guest_test::answer_tests(),
            guest_test::broken_tests(),
            guest_test::sleep_tests(),
            guest_test::unload_tests(),
        },
        only);
}
