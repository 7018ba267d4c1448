// SPDX-License-Identifier: MIT
#include "tests/layer/fake/fixture.hpp"

#include <dlfcn.h>

namespace vdmabuf::fake {

Control& control() {
    static Control* const found = [] {
        void* library = ::dlopen(VDMABUF_TEST_FAKE_DRIVER, RTLD_NOW | RTLD_LOCAL);
        if (!library) {
            std::fprintf(stderr, "%s\n", ::dlerror());
            std::abort();
        }
        return reinterpret_cast<ControlFunction>(::dlsym(library, kControlSymbol))();
    }();
    return *found;
}

void set_environment(const std::string& producer_socket) {
    // Both names: the one of loaders before 1.3.207 and the one since.
    ::setenv("VK_ICD_FILENAMES", VDMABUF_TEST_FAKE_MANIFEST, 1);
    ::setenv("VK_DRIVER_FILES", VDMABUF_TEST_FAKE_MANIFEST, 1);
    ::setenv("XDG_DATA_DIRS", VDMABUF_TEST_MANIFESTS, 1);
    for (const char* name : {"XDG_CONFIG_DIRS", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "HOME"}) {
        ::setenv(name, "/nonexistent", 1);
    }
    ::setenv("NODEVICE_SELECT", "1", 1);  // Mesa's layer, should it be found all the same
    ::setenv("VDMABUF_ENDPOINT", ("unix:" + producer_socket).c_str(), 1);
    ::setenv("ENABLE_VDMABUF", "1", 1);
    // The fake driver's SYNC_FDs can be polled, but are no sync_files: brokers take nothing else.
    ::setenv("VDMABUF_SYNC", "worker", 1);
    for (const char* name :
         {"DISABLE_VDMABUF", "VDMABUF_STRATEGY", "VDMABUF_LOG", "VK_INSTANCE_LAYERS", "DISPLAY",
          "WAYLAND_DISPLAY", "VK_LOADER_DEBUG"}) {
        ::unsetenv(name);
    }
}

VkResult submit_wait(const App& app, VkSemaphore semaphore, VkFence fence) {
    const VkPipelineStageFlags stage = VK_PIPELINE_STAGE_ALL_COMMANDS_BIT;
    VkSubmitInfo info{VK_STRUCTURE_TYPE_SUBMIT_INFO};
    info.waitSemaphoreCount = 1;
    info.pWaitSemaphores = &semaphore;
    info.pWaitDstStageMask = &stage;
    return vkQueueSubmit(app.queue, 1, &info, fence);
}

VkResult submit_signal(const App& app, VkSemaphore semaphore) {
    VkSubmitInfo info{VK_STRUCTURE_TYPE_SUBMIT_INFO};
    info.signalSemaphoreCount = 1;
    info.pSignalSemaphores = &semaphore;
    return vkQueueSubmit(app.queue, 1, &info, VK_NULL_HANDLE);
}

}  // namespace vdmabuf::fake
