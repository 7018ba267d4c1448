// SPDX-License-Identifier: MIT
// flip_x11: what flip_vdmabuf does, on an X server: by MIT-SHM where the server is on this kernel
// (--mode shm), by PutImage over the connection otherwise (--mode socket). No more than two frames
// are on their way. Prints a JSON object.
#include <sys/ipc.h>
#include <sys/shm.h>
#include <time.h>
#include <xcb/shm.h>
#include <xcb/xcb.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <vector>

#include "tests/bench/flip/figures.hpp"
#include "tests/bench/flip/options.hpp"
#include "tests/bench/flip/pace.hpp"

namespace {

using namespace vdmabuf::flip;

struct Picture {
    xcb_shm_seg_t segment = 0;
    std::uint32_t* pixels = nullptr;
};

constexpr std::uint32_t kBand =
    64 * 1024;  // bytes of a PutImage, about: servers without BIG-REQUESTS

}  // namespace

int main(int argc, char** argv) {
    const Options options = parse(argc, argv);
    const bool shared = options.mode != "socket";
    xcb_connection_t* const x = xcb_connect(nullptr, nullptr);
    if (xcb_connection_has_error(x)) fail("no X server");
    const xcb_screen_t* const screen = xcb_setup_roots_iterator(xcb_get_setup(x)).data;
    const auto width = static_cast<std::uint16_t>(options.width);
    const auto height = static_cast<std::uint16_t>(options.height);
    const xcb_window_t window = xcb_generate_id(x);
    const std::uint32_t override = 1;
    xcb_create_window(x, XCB_COPY_FROM_PARENT, window, screen->root, 0, 0, width, height, 0,
                      XCB_WINDOW_CLASS_INPUT_OUTPUT, screen->root_visual, XCB_CW_OVERRIDE_REDIRECT,
                      &override);
    const xcb_gcontext_t gc = xcb_generate_id(x);
    xcb_create_gc(x, gc, window, 0, nullptr);
    xcb_map_window(x, window);
    const std::size_t count = std::size_t{options.width} * options.height;
    std::vector<Picture> pictures(options.images);
    for (std::uint32_t i = 0; i < options.images; ++i) {
        if (shared) {
            const int id = ::shmget(IPC_PRIVATE, count * 4, IPC_CREAT | 0600);
            void* const pages = ::shmat(id, nullptr, 0);
            if (id < 0 || pages == reinterpret_cast<void*>(-1)) fail("no shared memory");
            pictures[i].pixels = static_cast<std::uint32_t*>(pages);
            pictures[i].segment = xcb_generate_id(x);
            xcb_shm_attach(x, pictures[i].segment, static_cast<std::uint32_t>(id), 0);
            std::free(xcb_get_input_focus_reply(x, xcb_get_input_focus(x), nullptr));
            ::shmctl(id, IPC_RMID, nullptr);
        } else {
            pictures[i].pixels = new std::uint32_t[count];
        }
        fill(pictures[i].pixels, count, i);
    }
    // A row is never more than what a request may have.
    const std::uint32_t most = xcb_get_maximum_request_length(x) * 4 - 64;
    const std::uint32_t rows =
        std::max<std::uint32_t>(1, std::min<std::uint32_t>(most, 64 * kBand) / (options.width * 4));
    Pace pace(options);
    std::deque<xcb_get_input_focus_cookie_t> on_the_way;
    while (pace.lasts()) {
        pace.wait();
        if (on_the_way.size() >= 2) {
            std::free(xcb_get_input_focus_reply(x, on_the_way.front(), nullptr));
            on_the_way.pop_front();
        }
        Picture& picture = pictures[pace.frames() % pictures.size()];
        pace.made_one();
        stamp(picture.pixels, static_cast<std::uint16_t>(pace.frames()));
        if (shared) {
            xcb_shm_put_image(x, window, gc, width, height, 0, 0, width, height, 0, 0, 24,
                              XCB_IMAGE_FORMAT_Z_PIXMAP, 0, picture.segment, 0);
        } else {
            // From below, so that the stamp, which is in the first row, is there when all is.
            for (std::uint32_t left = options.height; left > 0;) {
                const std::uint32_t part = std::min(rows, left);
                left -= part;
                xcb_put_image(x, XCB_IMAGE_FORMAT_Z_PIXMAP, window, gc, width,
                              static_cast<std::uint16_t>(part), 0, static_cast<std::int16_t>(left),
                              0, 24, part * options.width * 4,
                              reinterpret_cast<const std::uint8_t*>(
                                  picture.pixels + std::size_t{left} * options.width));
            }
        }
        on_the_way.push_back(xcb_get_input_focus(x));
        xcb_flush(x);
        if (xcb_connection_has_error(x)) fail("the X server has gone");
    }
    pace.print();
    xcb_disconnect(x);
    return 0;
}
