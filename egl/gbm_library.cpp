// SPDX-License-Identifier: MIT
#include "egl/gbm_library.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/ioctl.h>

#include "runtime/window/loaded_once.hpp"

namespace vdmabuf::egl {
namespace {

constexpr unsigned long kDropMaster = _IO('d', 0x1f);  // DRM_IOCTL_DROP_MASTER

bool load(Gbm& gbm) {
    // The one that the vendor has open, if it is Mesa.
    void* library = ::dlopen("libgbm.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library) return false;
    bool complete = true;
#define X(name)                                                                      \
    gbm.name = reinterpret_cast<decltype(gbm.name)>(::dlsym(library, "gbm_" #name)); \
    complete = complete && gbm.name;
    VDMABUF_GBM_FUNCTIONS(X)
#undef X
    gbm.surface_create_with_modifiers2 =
        reinterpret_cast<decltype(gbm.surface_create_with_modifiers2)>(
            ::dlsym(library, "gbm_surface_create_with_modifiers2"));
    return complete;
}

}  // namespace

const Gbm* Gbm::get() {
    return window::loaded_once<Gbm, load>();
}

std::unique_ptr<GbmDevice> GbmDevice::open(const Gbm& gbm, const char* path) {
    UniqueFd fd(::open(path, O_RDWR | O_CLOEXEC));
    if (!fd) return nullptr;
    // Who opens a card first is its master, which a display server must be able to become. Fails
    // where we are not.
    (void)::ioctl(fd.get(), kDropMaster, nullptr);
    gbm_device* device = gbm.create_device(fd.get());
    if (!device) return nullptr;
    return std::unique_ptr<GbmDevice>(new GbmDevice(gbm, std::move(fd), device));
}

}  // namespace vdmabuf::egl
