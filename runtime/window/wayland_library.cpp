// SPDX-License-Identifier: MIT
#include "runtime/window/wayland_library.hpp"

#include <dlfcn.h>

#include "runtime/window/loaded_once.hpp"

namespace vdmabuf::window {
namespace {

// The library stays open: the app uses it too.
bool load(Wayland& wayland) {
    void* library = ::dlopen("libwayland-client.so.0", RTLD_NOW | RTLD_LOCAL);
    if (!library) return false;
    bool complete = true;
#define X(name)                                                                             \
    wayland.name = reinterpret_cast<decltype(wayland.name)>(::dlsym(library, "wl_" #name)); \
    complete = complete && wayland.name;
    VDMABUF_WAYLAND_FUNCTIONS(X)
#undef X
#define X(name)                                                                       \
    wayland.name##_interface =                                                        \
        static_cast<const wl_interface*>(::dlsym(library, "wl_" #name "_interface")); \
    complete = complete && wayland.name##_interface;
    VDMABUF_WAYLAND_INTERFACES(X)
#undef X
    return complete;
}

}  // namespace

const Wayland* Wayland::get() {
    return loaded_once<Wayland, load>();
}

}  // namespace vdmabuf::window
