// SPDX-License-Identifier: MIT
#include "runtime/window/x11_pixmap.hpp"

#include <algorithm>
#include <bit>

#include "runtime/window/x11_reply.hpp"

namespace vdmabuf::window {
namespace {

constexpr std::size_t kRowUnit = 4;  // bytes; scanline_pad of every server there is
static_assert(std::endian::native == std::endian::little);

// Of pixels of this depth in ZPixmap format; 0: not as this machine keeps them.
std::size_t bytes_of_depth(const Xcb& xcb, const xcb_setup_t& setup, std::uint8_t depth) {
    if (setup.image_byte_order != XCB_IMAGE_ORDER_LSB_FIRST) return 0;
    for (auto format = xcb.setup_pixmap_formats_iterator(&setup); format.rem > 0;
         xcb.format_next(&format)) {
        if (format.data->depth != depth || format.data->scanline_pad != 8 * kRowUnit) continue;
        return format.data->bits_per_pixel % 8 == 0 ? format.data->bits_per_pixel / 8u : 0;
    }
    return 0;
}

}  // namespace

std::unique_ptr<X11Pixmap> X11Pixmap::open(std::shared_ptr<X11Watcher> watcher, xcb_pixmap_t id) {
    std::unique_ptr<X11Pixmap> pixmap(new X11Pixmap(std::move(watcher), id));
    X11Watcher& server = *pixmap->watcher_;
    const Xcb& xcb = server.xcb_;
    const Reply<xcb_get_geometry_reply_t> known(xcb.get_geometry_reply(
        server.connection_, xcb.get_geometry(server.connection_, id), nullptr));
    server.kick();
    if (!known || known->width == 0 || known->height == 0) return nullptr;
    pixmap->extent_ = {known->width, known->height};
    pixmap->depth_ = known->depth;
    pixmap->bytes_per_pixel_ =
        bytes_of_depth(xcb, *xcb.get_setup(server.connection_), known->depth);
    if (pixmap->bytes_per_pixel_ == 0) return nullptr;
    pixmap->context_ = xcb.generate_id(server.connection_);
    (void)xcb.create_gc(server.connection_, pixmap->context_, id, 0, nullptr);
    return pixmap;
}

X11Pixmap::~X11Pixmap() {
    if (context_ == 0) return;
    (void)watcher_->xcb_.free_gc(watcher_->connection_, context_);
    (void)watcher_->xcb_.flush(watcher_->connection_);
}

std::size_t X11Pixmap::pitch() const noexcept {
    return (extent_.width * bytes_per_pixel_ + kRowUnit - 1) / kRowUnit * kRowUnit;
}

bool X11Pixmap::put(std::span<const std::byte> rows) noexcept {
    if (rows.size() < pitch() * extent_.height) return false;
    const Xcb& xcb = watcher_->xcb_;
    xcb_connection_t* const connection = watcher_->connection_;
    const std::size_t longest = std::size_t{xcb.get_maximum_request_length(connection)} * 4;
    const std::size_t room = longest - std::min(longest, sizeof(xcb_put_image_request_t) + 4);
    const auto step =
        static_cast<std::uint32_t>(std::clamp<std::size_t>(room / pitch(), 1, extent_.height));
    bool taken = true;
    for (std::uint32_t y = 0; taken && y < extent_.height; y += step) {
        const std::uint32_t count = std::min(step, extent_.height - y);
        const auto part = rows.subspan(y * pitch(), count * pitch());
        const auto request = xcb.put_image_checked(
            connection, XCB_IMAGE_FORMAT_Z_PIXMAP, id_, context_,
            static_cast<std::uint16_t>(extent_.width), static_cast<std::uint16_t>(count), 0,
            static_cast<std::int16_t>(y), 0, depth_, static_cast<std::uint32_t>(part.size()),
            reinterpret_cast<const std::uint8_t*>(part.data()));
        const Reply<xcb_generic_error_t> error(xcb.request_check(connection, request));
        taken = !error;
    }
    watcher_->kick();
    return taken && !xcb.connection_has_error(connection);
}

}  // namespace vdmabuf::window
