// SPDX-License-Identifier: MIT
// grab_window TITLE FILE.png: writes what the X server shows of the top-level window whose title
// begins with TITLE ("root": of the whole screen, "top": of the topmost window that is mapped). For
// servers of 24 or 32 bits.
#include <png.h>
#include <xcb/xcb.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

namespace {

template <typename T>
using Reply = std::unique_ptr<T, decltype(&std::free)>;

std::string title_of(xcb_connection_t* x, xcb_window_t window) {
    const auto cookie =
        xcb_get_property(x, 0, window, XCB_ATOM_WM_NAME, XCB_GET_PROPERTY_TYPE_ANY, 0, 64);
    Reply<xcb_get_property_reply_t> reply(xcb_get_property_reply(x, cookie, nullptr), &std::free);
    if (!reply) return {};
    const int length = xcb_get_property_value_length(reply.get());
    return {static_cast<const char*>(xcb_get_property_value(reply.get())),
            static_cast<std::size_t>(length)};
}

xcb_window_t find(xcb_connection_t* x, xcb_window_t parent, const std::string& title) {
    if (title_of(x, parent).starts_with(title)) return parent;
    Reply<xcb_query_tree_reply_t> tree(xcb_query_tree_reply(x, xcb_query_tree(x, parent), nullptr),
                                       &std::free);
    if (!tree) return XCB_NONE;
    const xcb_window_t* children = xcb_query_tree_children(tree.get());
    for (int i = 0; i < xcb_query_tree_children_length(tree.get()); ++i) {
        const xcb_window_t found = find(x, children[i], title);
        if (found != XCB_NONE) return found;
    }
    return XCB_NONE;
}

xcb_window_t topmost(xcb_connection_t* x, xcb_window_t root) {
    Reply<xcb_query_tree_reply_t> tree(xcb_query_tree_reply(x, xcb_query_tree(x, root), nullptr),
                                       &std::free);
    xcb_window_t top = XCB_NONE;
    const xcb_window_t* children = tree ? xcb_query_tree_children(tree.get()) : nullptr;
    // Bottom to top: QueryTree of the X protocol.
    for (int i = 0; tree && i < xcb_query_tree_children_length(tree.get()); ++i) {
        Reply<xcb_get_window_attributes_reply_t> attributes(
            xcb_get_window_attributes_reply(x, xcb_get_window_attributes(x, children[i]), nullptr),
            &std::free);
        if (attributes && attributes->map_state == XCB_MAP_STATE_VIEWABLE) top = children[i];
    }
    return top;
}

int fail(const char* what) {
    std::fprintf(stderr, "grab_window: %s\n", what);
    return 1;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fprintf(stderr, "usage: grab_window TITLE FILE.png\n");
        return 2;
    }
    std::unique_ptr<xcb_connection_t, decltype(&xcb_disconnect)> x(xcb_connect(nullptr, nullptr),
                                                                   &xcb_disconnect);
    if (xcb_connection_has_error(x.get())) return fail("cannot connect to $DISPLAY");
    const xcb_window_t root = xcb_setup_roots_iterator(xcb_get_setup(x.get())).data->root;
    const std::string wanted = argv[1];
    const xcb_window_t window = wanted == "root"  ? root
                                : wanted == "top" ? topmost(x.get(), root)
                                                  : find(x.get(), root, wanted);
    if (window == XCB_NONE) return fail("no window with that title");
    Reply<xcb_get_geometry_reply_t> geometry(
        xcb_get_geometry_reply(x.get(), xcb_get_geometry(x.get(), window), nullptr), &std::free);
    if (!geometry) return fail("the window has gone");
    Reply<xcb_get_image_reply_t> image(
        xcb_get_image_reply(x.get(),
                            xcb_get_image(x.get(), XCB_IMAGE_FORMAT_Z_PIXMAP, window, 0, 0,
                                          geometry->width, geometry->height, ~0u),
                            nullptr),
        &std::free);
    if (!image || (image->depth != 24 && image->depth != 32)) return fail("cannot read the window");
    const std::size_t size = std::size_t{4} * geometry->width * geometry->height;
    std::vector<unsigned char> pixels(xcb_get_image_data(image.get()),
                                      xcb_get_image_data(image.get()) + size);
    for (std::size_t i = 3; i < size; i += 4) pixels[i] = 255;
    png_image png{};
    png.version = PNG_IMAGE_VERSION;
    png.width = geometry->width;
    png.height = geometry->height;
    png.format = PNG_FORMAT_BGRA;
    if (!png_image_write_to_file(&png, argv[2], 0, pixels.data(), 0, nullptr)) {
        return fail(png.message);
    }
    return 0;
}
