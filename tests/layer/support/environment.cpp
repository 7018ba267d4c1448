// SPDX-License-Identifier: MIT
#include "tests/layer/support/environment.hpp"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>

namespace vdmabuf::test {
namespace {

// The software driver, so that a GPU of the machine does not change what is tested. A person who
// wants another sets VK_ICD_FILENAMES or VK_DRIVER_FILES.
void choose_driver() {
    if (std::getenv("VK_ICD_FILENAMES") || std::getenv("VK_DRIVER_FILES")) return;
    for (const char* directory : {"/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d"}) {
        std::error_code ignored;
        for (const auto& entry : std::filesystem::directory_iterator(directory, ignored)) {
            if (entry.path().filename().string().starts_with("lvp_icd")) {
                ::setenv("VK_ICD_FILENAMES", entry.path().c_str(), 1);
                return;
            }
        }
    }
}

// A library that was unloaded has no name when LeakSanitizer looks for whom to blame at the end.
void keep_loaded() {
#ifdef __SANITIZE_ADDRESS__
    for (const char* name : {"libvulkan_lvp.so", "libVkLayer_khronos_validation.so",
                             "libVkLayer_MESA_device_select.so"}) {
        (void)::dlopen(name, RTLD_LAZY | RTLD_NODELETE);
    }
#endif
}

}  // namespace

void set_environment(Layer layer, const std::string& producer_socket) {
    keep_loaded();
    choose_driver();
    ::setenv("XDG_DATA_DIRS", VDMABUF_TEST_MANIFESTS ":/usr/local/share:/usr/share", 1);
    ::setenv("VDMABUF_ENDPOINT", ("unix:" + producer_socket).c_str(), 1);
    ::setenv("ENABLE_VDMABUF", layer == Layer::implicit ? "1" : "0", 1);
    for (const char* name : {"DISABLE_VDMABUF", "VDMABUF_STRATEGY", "VK_INSTANCE_LAYERS"}) {
        ::unsetenv(name);
    }
    // One driver thread is enough for pictures of this size, on machines that are busy.
    ::setenv("LP_NUM_THREADS", "1", 0);
}

}  // namespace vdmabuf::test
