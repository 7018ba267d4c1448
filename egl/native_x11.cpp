// SPDX-License-Identifier: MIT
// X11 and xcb displays, and the default display. Nothing is drawn into the windows.
#include <sys/stat.h>

#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <vector>

#include "egl/platform.hpp"
#include "runtime/common/log.hpp"
#include "runtime/window/x11_reply.hpp"
#include "runtime/window/x11_window.hpp"

namespace vdmabuf::egl {
namespace {

using window::Xcb;
using window::Xlib;

class X11Native final : public NativeWindow {
  public:
    X11Native(std::shared_ptr<window::X11Watcher> watcher, xcb_window_t id)
        : watcher_(std::move(watcher)), id_(id) {}

    void has(window::Extent extent) noexcept { last_ = extent; }

    void watch(Events events) override {
        watched_ = window::X11Window::watch(
            watcher_, id_,
            {{}, std::move(events.title), std::move(events.cursor), std::move(events.clipboard)});
    }
    void unwatch() noexcept override { watched_.reset(); }
    bool watched() const { return watched_ != nullptr; }

    window::Extent extent() noexcept override {
        if (watched_) {
            const window::Extent known = watched_->extent();
            if (known.width && known.height) last_ = known;
        }
        return last_;
    }
    bool lost() const noexcept override { return watched_ && watched_->lost(); }
    std::string title() override { return watcher_->title(id_); }
    const void* identity() const noexcept override {
        return reinterpret_cast<const void*>(static_cast<std::uintptr_t>(id_));
    }
    void close() noexcept override {
        if (watched_) watched_->ask_to_close();
    }
    void resize(window::Extent extent) noexcept override {
        if (watched_) watched_->ask_to_resize(extent);
    }
    bool takes_input() const noexcept override { return watched_ && watched_->takes_input(); }
    void take_input(std::span<const input::Event> events, window::Extent of) noexcept override {
        if (watched_) watched_->take_input(events, of);
    }
    bool takes_clipboard() const noexcept override {
        return watched_ && watched_->takes_clipboard();
    }
    void offer_clipboard(std::string text) override {
        if (watched_) watched_->offer_clipboard(std::move(text));
    }

  private:
    const std::shared_ptr<window::X11Watcher> watcher_;
    const xcb_window_t id_;
    std::unique_ptr<window::X11Window> watched_;
    window::Extent last_{1, 1};
};

using Geometry = window::Reply<xcb_get_geometry_reply_t>;

// The answer on the app's connection means that the server knows the window or pixmap: the app need
// not have flushed the request that makes it.
Geometry ask(const Xcb& xcb, xcb_connection_t* app, xcb_drawable_t id) {
    return Geometry(xcb.get_geometry_reply(app, xcb.get_geometry(app, id), nullptr));
}

// Window and Pixmap of Xlib are longs, xcb's numbers have 32 bits: the low half on the machines
// there are.
bool read_id(void* handle, bool by_pointer, xcb_drawable_t& id) {
    if (by_pointer && !handle) return false;
    id = by_pointer ? *static_cast<const std::uint32_t*>(handle)
                    : static_cast<xcb_drawable_t>(reinterpret_cast<std::uintptr_t>(handle));
    return true;
}

// The app's connections to a server, as far as they are open: the app closes them without a word,
// and what has taken the descriptor of one is another file.
class AppConnections {
  public:
    explicit AppConnections(const Xcb& xcb) : xcb_(xcb) {}

    void add(xcb_connection_t* connection) {
        struct stat file {};
        const int fd = connection ? xcb_.get_file_descriptor(connection) : -1;
        if (fd < 0 || ::fstat(fd, &file) != 0) return;
        const std::lock_guard lock(mutex_);
        std::erase_if(known_, [](const Known& known) { return !known.open(); });
        for (const Known& known : known_) {
            if (known.connection == connection) return;
        }
        known_.push_back({connection, fd, file.st_dev, file.st_ino});
    }

    std::vector<xcb_connection_t*> open() const {
        const std::lock_guard lock(mutex_);
        std::vector<xcb_connection_t*> found;
        for (const Known& known : known_) {
            if (known.open()) found.push_back(known.connection);
        }
        return found;
    }

  private:
    struct Known {
        xcb_connection_t* connection;
        int fd;
        dev_t device;
        ino_t inode;
        bool open() const {
            struct stat file {};
            return ::fstat(fd, &file) == 0 && file.st_dev == device && file.st_ino == inode;
        }
    };
    const Xcb& xcb_;
    mutable std::mutex mutex_;
    std::vector<Known> known_;
};

class X11Platform final : public Platform {
  public:
    X11Platform(const Xcb& xcb, xcb_connection_t* app, std::string server,
                std::shared_ptr<window::X11Watcher> watcher)
        : xcb_(xcb), app_(xcb), server_(std::move(server)), watcher_(std::move(watcher)) {
        app_.add(app);
    }

    bool serves(EGLenum platform, void* native) const override;
    bool is_x11() const override { return true; }
    void share(EGLenum platform, void* native) override;
    Visuals visuals() const override { return watcher_visuals(); }

    std::unique_ptr<NativeWindow> window(void* handle, bool by_pointer, window::Extent,
                                         EGLint& error) override {
        error = EGL_BAD_NATIVE_WINDOW;
        xcb_window_t id = 0;
        if (!read_id(handle, by_pointer, id)) return nullptr;
        auto native = std::make_unique<X11Native>(watcher_, id);
        const auto connections = app_.open();
        // Of several, that which made the window knows it; of none, nobody knows better.
        for (xcb_connection_t* connection : connections) {
            if (const Geometry known = ask(xcb_, connection, id)) {
                native->has({known->width, known->height});
                return native;
            }
        }
        return connections.empty() ? std::move(native) : nullptr;
    }

    std::unique_ptr<window::X11Pixmap> pixmap(void* handle, bool by_pointer,
                                              EGLint& error) override {
        error = EGL_BAD_NATIVE_PIXMAP;
        xcb_pixmap_t id = 0;
        if (!read_id(handle, by_pointer, id)) return nullptr;
        for (xcb_connection_t* connection : app_.open()) {
            if (ask(xcb_, connection, id)) break;
        }
        return window::X11Pixmap::open(watcher_, id);
    }

  private:
    Visuals watcher_visuals() const {
        const window::X11Visuals found = watcher_->visuals();
        return {static_cast<EGLint>(found.depth24), static_cast<EGLint>(found.depth30),
                static_cast<EGLint>(found.depth16)};
    }

    const Xcb& xcb_;
    AppConnections app_;
    const std::string server_;
    const std::shared_ptr<window::X11Watcher> watcher_;
};

// The app's connection and the server it leads to.
struct Server {
    xcb_connection_t* connection = nullptr;
    std::string name;
};

bool find_server(const Xcb& xcb, EGLenum platform, void* native, Server& out) {
    if (!native) {
        const char* name = std::getenv("DISPLAY");
        out.name = name ? name : "";
        return !out.name.empty();
    }
    if (platform == EGL_PLATFORM_XCB_EXT) {
        out.connection = static_cast<xcb_connection_t*>(native);
        out.name = window::display_of(xcb, out.connection);
    } else if (const Xlib* xlib = Xlib::get()) {
        auto* display = static_cast<_XDisplay*>(native);
        out.connection = xlib->get_xcb_connection(display);
        const char* name = xlib->display_string(display);
        out.name = name ? name : "";
    }
    return !out.name.empty();
}

// ":0.0" and ":0" are one server.
std::string without_screen(const std::string& name) {
    const std::size_t colon = name.rfind(':');
    const std::size_t dot = name.find('.', colon == std::string::npos ? 0 : colon);
    return name.substr(0, dot);
}

bool X11Platform::serves(EGLenum platform, void* native) const {
    if (platform != EGL_PLATFORM_X11_KHR && platform != EGL_PLATFORM_XCB_EXT &&
        platform != EGL_NONE) {
        return false;
    }
    Server server;
    return find_server(xcb_, platform, native, server) &&
           without_screen(server.name) == without_screen(server_);
}

void X11Platform::share(EGLenum platform, void* native) {
    Server server;
    if (find_server(xcb_, platform, native, server)) app_.add(server.connection);
}

}  // namespace

std::unique_ptr<Platform> make_x11_platform(EGLenum platform, void* native) {
    const Xcb* xcb = Xcb::get();
    Server server;
    if (!xcb || !find_server(*xcb, platform, native, server)) {
        LOG_INFO("EGL: stepping aside, no X server is known");
        return nullptr;
    }
    auto watcher = window::X11Watcher::open(server.name);
    if (!watcher) return nullptr;
    return std::make_unique<X11Platform>(*xcb, server.connection, std::move(server.name),
                                         std::move(watcher));
}

}  // namespace vdmabuf::egl
