// SPDX-License-Identifier: MIT
// Drivers and layers of others are not instrumented: ThreadSanitizer sees their memory come and go,
// but not how their threads agree on it, and AddressSanitizer reports what they leave. A source of
// the test program itself: out of a static library the linker would not take it.
#include "tests/layer/support/sanitizers.hpp"

namespace vdmabuf::test {
bool nobody_looks_for_leaks = false;
}  // namespace vdmabuf::test

extern "C" {

__attribute__((visibility("default"))) const char* __tsan_default_suppressions();
const char* __tsan_default_suppressions() {
    return "race:libVkLayer_khronos_validation.so\n"
           "race:libvulkan_lvp.so\n"
           "race:libLLVM\n"
           // Keeps the name of ~/.Xauthority for whoever asks, and writes it anew each time.
           "race:libXau\n";
}

__attribute__((visibility("default"))) const char* __lsan_default_suppressions();
const char* __lsan_default_suppressions() {
    return "leak:libVkLayer_khronos_validation.so\n"
           "leak:libvulkan_lvp.so\n"
           "leak:libVkLayer_MESA_device_select.so\n"
           "leak:libLLVM\n"
           // What a GPU that does not finish may still use is left to it on purpose.
           "leak:vdmabuf::layer::Swapchain::~Swapchain\n";
}

__attribute__((visibility("default"))) int __lsan_is_turned_off();
int __lsan_is_turned_off() {
    return vdmabuf::test::nobody_looks_for_leaks ? 1 : 0;
}

}  // extern "C"
