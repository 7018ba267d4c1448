// SPDX-License-Identifier: MIT
#include "runtime/window/x11_library.hpp"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <string_view>

#include "runtime/window/loaded_once.hpp"

namespace vdmabuf::window {
namespace {

constexpr std::string_view kSocketPrefix = "/tmp/.X11-unix/X";
constexpr int kTcpBase = 6000;

// The libraries stay open: the app uses them too.
bool load(Xcb& xcb) {
    void* library = ::dlopen("libxcb.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library) return false;
    bool complete = true;
#define X(name)                                                                      \
    xcb.name = reinterpret_cast<decltype(xcb.name)>(::dlsym(library, "xcb_" #name)); \
    complete = complete && xcb.name;
    VDMABUF_XCB_FUNCTIONS(X)
#undef X
    return complete;
}

bool load(Xlib& xlib) {
    void* glue = ::dlopen("libX11-xcb.so.1", RTLD_NOW | RTLD_LOCAL);
    void* library = ::dlopen("libX11.so.6", RTLD_NOW | RTLD_LOCAL);
    if (!glue || !library) return false;
    xlib.get_xcb_connection =
        reinterpret_cast<decltype(xlib.get_xcb_connection)>(::dlsym(glue, "XGetXCBConnection"));
    xlib.display_string =
        reinterpret_cast<decltype(xlib.display_string)>(::dlsym(library, "XDisplayString"));
    return xlib.get_xcb_connection && xlib.display_string;
}

}  // namespace

const Xcb* Xcb::get() {
    return loaded_once<Xcb, load>();
}
const Xlib* Xlib::get() {
    return loaded_once<Xlib, load>();
}

std::string display_of(const Xcb& xcb, xcb_connection_t* connection) {
    sockaddr_storage peer{};
    socklen_t size = sizeof(peer);
    if (::getpeername(xcb.get_file_descriptor(connection), reinterpret_cast<sockaddr*>(&peer),
                      &size) != 0) {
        return {};
    }
    if (peer.ss_family == AF_UNIX) {
        const auto* address = reinterpret_cast<const sockaddr_un*>(&peer);
        std::string_view path(address->sun_path, size - offsetof(sockaddr_un, sun_path));
        if (!path.empty() && path.front() == '\0') path.remove_prefix(1);  // abstract
        path = path.substr(0, path.find('\0'));
        if (!path.starts_with(kSocketPrefix)) return {};
        path.remove_prefix(kSocketPrefix.size());
        return ":" + std::string(path);
    }
    char text[INET6_ADDRSTRLEN] = {};
    int port = 0;
    if (peer.ss_family == AF_INET) {
        const auto* address = reinterpret_cast<const sockaddr_in*>(&peer);
        ::inet_ntop(AF_INET, &address->sin_addr, text, sizeof(text));
        port = ntohs(address->sin_port);
    } else if (peer.ss_family == AF_INET6) {
        const auto* address = reinterpret_cast<const sockaddr_in6*>(&peer);
        ::inet_ntop(AF_INET6, &address->sin6_addr, text, sizeof(text));
        port = ntohs(address->sin6_port);
    }
    if (port < kTcpBase) return {};
    return std::string(text) + ":" + std::to_string(port - kTcpBase);
}

}  // namespace vdmabuf::window
