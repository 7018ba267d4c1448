// SPDX-License-Identifier: MIT
// The tests of driver_test, by what they are about.
#ifndef VDMABUF_TESTS_GUEST_DRIVER_TESTS_HPP
#define VDMABUF_TESTS_GUEST_DRIVER_TESTS_HPP

#include "tests/guest/guest_test.hpp"

namespace guest_test {

struct Options {
    bool keep = false;                 // do not unbind the device
    bool restarts = false;             // the host is killed and restarted meanwhile
    int unplugs = 0;                   // how often somebody unplugs the device, and plugs it again
    bool unplug_for_ever = false;      // somebody unplugs it at the end
    std::string module;                // the driver's file, to load it again
    std::chrono::seconds hammer = 3s;  // how long the threads hammer
};
inline Options g_options;

std::span<const Test> ioctl_tests();
std::span<const Test> memory_tests();
std::span<const Test> share_tests();
std::span<const Test> foreign_tests();
std::span<const Test> foreign_twice_tests();
std::span<const Test> event_tests();
std::span<const Test> fence_tests();
std::span<const Test> limit_tests();
std::span<const Test> load_tests();
std::span<const Test> removal_tests();
std::span<const Test> unplug_tests();

}  // namespace guest_test

#endif  // VDMABUF_TESTS_GUEST_DRIVER_TESTS_HPP
