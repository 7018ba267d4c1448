// SPDX-License-Identifier: MIT
// flip_wayland: what flip_vdmabuf does, as a Wayland client with buffers in shared memory. Prints a
// JSON object.
#include <poll.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <wayland-client.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "tests/bench/flip/figures.hpp"
#include "tests/bench/flip/options.hpp"
#include "tests/bench/flip/pace.hpp"
#include "xdg-shell-client-protocol.h"

namespace {

using namespace vdmabuf::flip;

struct Globals {
    wl_compositor* compositor = nullptr;
    wl_shm* shm = nullptr;
    xdg_wm_base* shell = nullptr;
    bool configured = false;
};

struct Picture {
    wl_buffer* buffer = nullptr;
    std::uint32_t* pixels = nullptr;
    bool busy = false;
};

const xdg_wm_base_listener kShell = {
    [](void*, xdg_wm_base* shell, std::uint32_t serial) { xdg_wm_base_pong(shell, serial); }};
const wl_registry_listener kRegistry = {
    [](void* data, wl_registry* registry, std::uint32_t name, const char* interface,
       std::uint32_t version) {
        auto& globals = *static_cast<Globals*>(data);
        const auto bind = [&](const wl_interface& wanted, std::uint32_t most) {
            return wl_registry_bind(registry, name, &wanted, version < most ? version : most);
        };
        if (std::strcmp(interface, "wl_compositor") == 0) {
            globals.compositor = static_cast<wl_compositor*>(bind(wl_compositor_interface, 4));
        } else if (std::strcmp(interface, "wl_shm") == 0) {
            globals.shm = static_cast<wl_shm*>(bind(wl_shm_interface, 1));
        } else if (std::strcmp(interface, "xdg_wm_base") == 0) {
            globals.shell = static_cast<xdg_wm_base*>(bind(xdg_wm_base_interface, 1));
            xdg_wm_base_add_listener(globals.shell, &kShell, nullptr);
        }
    },
    [](void*, wl_registry*, std::uint32_t) {}};
const xdg_surface_listener kSurface = {[](void* data, xdg_surface* surface, std::uint32_t serial) {
    xdg_surface_ack_configure(surface, serial);
    static_cast<Globals*>(data)->configured = true;
}};
const xdg_toplevel_listener kToplevel = {
    [](void*, xdg_toplevel*, std::int32_t, std::int32_t, wl_array*) {},
    [](void*, xdg_toplevel*) {},
    {},
    {}};
const wl_buffer_listener kBuffer = {
    [](void* data, wl_buffer*) { static_cast<Picture*>(data)->busy = false; }};

}  // namespace

int main(int argc, char** argv) {
    const Options options = parse(argc, argv);
    wl_display* const display = wl_display_connect(nullptr);
    if (!display) fail("no Wayland compositor");
    Globals globals;
    wl_registry_add_listener(wl_display_get_registry(display), &kRegistry, &globals);
    wl_display_roundtrip(display);
    if (!globals.compositor || !globals.shm || !globals.shell)
        fail("the compositor lacks a global");
    wl_surface* const surface = wl_compositor_create_surface(globals.compositor);
    xdg_surface* const shell_surface = xdg_wm_base_get_xdg_surface(globals.shell, surface);
    xdg_surface_add_listener(shell_surface, &kSurface, &globals);
    xdg_toplevel_add_listener(xdg_surface_get_toplevel(shell_surface), &kToplevel, nullptr);
    wl_surface_commit(surface);
    while (!globals.configured) {
        if (wl_display_dispatch(display) < 0) fail("the compositor has gone");
    }
    const auto width = static_cast<std::int32_t>(options.width);
    const auto height = static_cast<std::int32_t>(options.height);
    const std::size_t count = std::size_t{options.width} * options.height;
    std::vector<Picture> pictures(options.images);
    for (std::uint32_t i = 0; i < options.images; ++i) {
        const int fd = ::memfd_create("picture", MFD_CLOEXEC);
        if (fd < 0 || ::ftruncate(fd, static_cast<off_t>(count * 4)) != 0) fail("no memory");
        void* const pages = ::mmap(nullptr, count * 4, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (pages == MAP_FAILED) fail("no memory");
        pictures[i].pixels = static_cast<std::uint32_t*>(pages);
        fill(pictures[i].pixels, count, i);
        wl_shm_pool* const pool =
            wl_shm_create_pool(globals.shm, fd, static_cast<std::int32_t>(count * 4));
        pictures[i].buffer =
            wl_shm_pool_create_buffer(pool, 0, width, height, width * 4, WL_SHM_FORMAT_XRGB8888);
        wl_buffer_add_listener(pictures[i].buffer, &kBuffer, &pictures[i]);
        wl_shm_pool_destroy(pool);
        ::close(fd);
    }
    const auto rendered = rendered_pictures(options);
    Pace pace(options);
    std::size_t last = 0;
    bool gone = false;  // the compositor, which has measured enough
    while (pace.lasts() && !gone) {
        if (const std::uint64_t due = pace.due_us(); due != 0) {
            while (now_us() < due) {
                pollfd wait{wl_display_get_fd(display), POLLIN, 0};
                wl_display_flush(display);
                const auto left = static_cast<long>(due - now_us()) * 1000;
                const timespec time{left / 1'000'000'000, left % 1'000'000'000};
                if (left > 0 && ::ppoll(&wait, 1, &time, nullptr) > 0 &&
                    wl_display_dispatch(display) < 0) {
                    gone = true;
                    break;
                }
            }
        }
        std::size_t at = (last + 1) % pictures.size();
        while (pictures[at].busy && !gone) {
            gone = wl_display_dispatch(display) < 0;
            for (std::size_t i = 0; i < pictures.size() && pictures[at].busy; ++i)
                at = (at + 1) % pictures.size();
        }
        if (gone) break;
        last = at;
        Picture& picture = pictures[at];
        picture.busy = true;
        if (options.copy)
            std::memcpy(picture.pixels, rendered[pace.frames() % rendered.size()].data(),
                        count * 4);
        pace.made_one();
        stamp(picture.pixels, static_cast<std::uint16_t>(pace.frames()));
        wl_surface_attach(surface, picture.buffer, 0, 0);
        wl_surface_damage_buffer(surface, 0, 0, width, height);
        wl_surface_commit(surface);
        gone = (wl_display_flush(display) < 0 && errno != EAGAIN) ||
               wl_display_dispatch_pending(display) < 0;
    }
    pace.print();
    return 0;
}
