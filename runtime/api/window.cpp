// SPDX-License-Identifier: MIT
// The functions of <vdmabuf/producer.h> that are about windows.
#include <vdmabuf/producer.h>

#include "runtime/api/window_handle.hpp"
#include "runtime/common/drm_format.hpp"
#include "runtime/common/stream_messages.hpp"

using namespace vdmabuf;

namespace {

// Runs `body` on a handle that is there.
template <typename Body>
int on(vdmabuf_window* window, Body&& body) noexcept {
    if (!window) return -EINVAL;
    return api::enter(window->error, [&] { return body(*window); });
}

// What is wrong with what the caller asks for; null: nothing.
const char* check(const vdmabuf_window_options& options) {
    if (options.flags & ~(VDMABUF_WINDOW_INPUT | VDMABUF_WINDOW_MAILBOX)) {
        return "vdmabuf_window_options.flags";
    }
    if (options.width < 1 || options.height < 1 || options.width > stream::kMaxExtent ||
        options.height > stream::kMaxExtent) {
        return "vdmabuf_window_options: extents are 1 to 32768 pixels";
    }
    if (options.images == 1 || options.images > VDMABUF_WINDOW_MAX_IMAGES) {
        return "vdmabuf_window_options.images";
    }
    for (const std::uint32_t known : {std::uint32_t{0}, fourcc_of("XR24"), fourcc_of("AR24"),
                                      fourcc_of("XB24"), fourcc_of("AB24")}) {
        if (options.fourcc == known) return nullptr;
    }
    return "vdmabuf_window_options.fourcc";
}

}  // namespace

int vdmabuf_window_open(const struct vdmabuf_window_options* options,
                        struct vdmabuf_window** window) {
    api::LastError& error = api::thread_error();
    if (!window || !options) return error.set(EINVAL, "vdmabuf_window_open: a NULL pointer");
    *window = nullptr;
    return api::enter(error, [&] {
        vdmabuf_window_options known{};
        if (!api::take_in(options, known)) return error.set(EINVAL, "vdmabuf_window_options.size");
        if (const char* wrong = check(known)) return error.set(EINVAL, wrong);
        auto opened = vdmabuf_window::open(known);
        if (!opened) return error.set(opened.error());
        *window = opened->release();
        return 0;
    });
}

void vdmabuf_window_close(struct vdmabuf_window* window) {
    delete window;
}

int vdmabuf_window_fd(const struct vdmabuf_window* window) {
    return window ? window->fd() : -EINVAL;
}

const char* vdmabuf_window_error(const struct vdmabuf_window* window) {
    return window ? window->error.text() : api::thread_error().text();
}

int vdmabuf_window_acquire(struct vdmabuf_window* window, struct vdmabuf_window_image* image) {
    return on(window, [&](auto& it) {
        return image ? it.acquire(image) : it.error.set(EINVAL, "image is NULL");
    });
}

int vdmabuf_window_present(struct vdmabuf_window* window, uint32_t number, int in_fence) {
    return on(window, [&](auto& it) { return it.present(number, in_fence); });
}

int vdmabuf_window_resize(struct vdmabuf_window* window, uint32_t width, uint32_t height) {
    return on(window, [&](auto& it) { return it.resize(width, height); });
}

int vdmabuf_window_set_title(struct vdmabuf_window* window, const char* title) {
    return on(window, [&](auto& it) { return it.set_title(title); });
}

int vdmabuf_window_set_cursor(struct vdmabuf_window* window, const uint32_t* pixels, uint32_t width,
                              uint32_t height, uint32_t hot_x, uint32_t hot_y) {
    return on(window, [&](auto& it) { return it.set_cursor(pixels, width, height, hot_x, hot_y); });
}

int vdmabuf_window_dispatch(struct vdmabuf_window* window, struct vdmabuf_window_event* event) {
    return on(window, [&](auto& it) {
        return event ? it.dispatch(event) : it.error.set(EINVAL, "event is NULL");
    });
}
