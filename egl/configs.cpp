// SPDX-License-Identifier: MIT
#include "egl/configs.hpp"

#include <algorithm>
#include <vector>

#include "egl/display.hpp"
#include "egl/errors.hpp"
#include "egl/pixmap_copy.hpp"
#include "egl/real_vendor.hpp"

namespace vdmabuf::egl {
namespace {

constexpr EGLint kTrueColor = 4;  // of X11

EGLint attribute_of(const Display& display, EGLConfig config, EGLint name) noexcept {
    EGLint value = 0;
    (void)real().GetConfigAttrib(display.handle(), config, name, &value);
    return value;
}

// The X visual of a configuration's colours; 0: there is none.
EGLint visual_of(const Display& display, EGLConfig config) noexcept {
    const Visuals visuals = display.platform().visuals();
    switch (attribute_of(display, config, EGL_RED_SIZE)) {
        case 8:
            return visuals.depth24;
        case 10:
            return visuals.depth30;
        case 5:
            return visuals.depth16;
        default:
            return 0;
    }
}

// Where no visual says what windows are like, those of 10 bits are the second choice: a driver that
// draws with the CPU is up to a quarter slower in them, and what shows windows on the host has 8
// bits mostly. Apps that want "at least 8" are given the deepest first otherwise
// (EGL 1.5, 3.4.1.2), and get what they do not get elsewhere.
EGLint caveat_of(const Display& display, EGLConfig config) noexcept {
    const EGLint caveat = attribute_of(display, config, EGL_CONFIG_CAVEAT);
    if (caveat != EGL_NONE || display.platform().is_x11()) return caveat;
    return attribute_of(display, config, EGL_RED_SIZE) == 10 ? EGL_SLOW_CONFIG : caveat;
}

bool patched_attrib(const Display& display, EGLConfig config, EGLint name, EGLint& value) noexcept {
    switch (name) {
        case EGL_SURFACE_TYPE:
            value = display.vendor().told_types(value, can_be_window(display, config));
            if (can_be_pixmap(display, config)) value |= EGL_PIXMAP_BIT;
            return true;
        case EGL_CONFIG_CAVEAT:
            value = caveat_of(display, config);
            return true;
        case EGL_MIN_SWAP_INTERVAL:
            value = 0;
            return true;
        case EGL_MAX_SWAP_INTERVAL:
            value = kMaxSwapInterval;
            return true;
        default:
            break;
    }
    if (!display.platform().is_x11()) return false;
    const EGLint visual = visual_of(display, config);
    switch (name) {
        case EGL_NATIVE_VISUAL_ID:
            value = visual;
            return true;
        case EGL_NATIVE_VISUAL_TYPE:
            value = visual ? kTrueColor : EGL_NONE;
            return true;
        case EGL_NATIVE_RENDERABLE:
            value = visual ? EGL_TRUE : EGL_FALSE;  // into pixmaps
            return true;
        default:
            return false;
    }
}

// X11 apps expect a visual of each one, as the vendor's own displays have it.
bool hidden(const Display& display, EGLConfig config) noexcept {
    return display.platform().is_x11() && visual_of(display, config) == 0;
}

// Those that an app sees, of all that the vendor gives it. An EGL error is told.
EGLBoolean hand_out(const std::vector<EGLConfig>& found, EGLConfig* configs, EGLint size,
                    EGLint* count) {
    *count = static_cast<EGLint>(found.size());
    if (configs) {
        *count = std::min(*count, std::max(size, 0));
        std::copy_n(found.begin(), *count, configs);
    }
    return succeed();
}

EGLBoolean all(Display& display, EGLConfig* configs, EGLint size, EGLint* count) {
    if (!count) return fail(EGL_BAD_PARAMETER);
    EGLint available = 0;
    if (!real().GetConfigs(display.handle(), nullptr, 0, &available)) return EGL_FALSE;
    std::vector<EGLConfig> found(static_cast<std::size_t>(std::max(available, 0)));
    if (available > 0 &&
        !real().GetConfigs(display.handle(), found.data(), available, &available)) {
        return EGL_FALSE;
    }
    found.resize(static_cast<std::size_t>(available));
    std::erase_if(found, [&](EGLConfig config) { return hidden(display, config); });
    return hand_out(found, configs, size, count);
}

struct Wanted {
    std::vector<EGLint> below;  // what the real vendor is asked
    bool window = true;         // EGL_SURFACE_TYPE's default
    bool pixmap = false;
    EGLint depth_red = EGL_DONT_CARE;  // EGL_MATCH_NATIVE_PIXMAP: its colours' size; 0: none fits
    bool by_id = false;
    bool impossible = false;
    EGLint visual_type = EGL_DONT_CARE;
    EGLint caveat = EGL_DONT_CARE;
};

// What the pixmap of EGL_MATCH_NATIVE_PIXMAP takes.
EGLint red_of_pixmap(const Display& display, EGLint handle) {
    EGLint error = EGL_SUCCESS;
    // Numbers of X11's pixmaps have 29 bits.
    const auto id = static_cast<std::uintptr_t>(static_cast<std::uint32_t>(handle));
    const auto pixmap = display.platform().pixmap(reinterpret_cast<void*>(id), false, error);
    return pixmap ? red_of_depth(pixmap->depth()) : 0;
}

Wanted split(const Display& display, const EGLint* attributes) {
    const VendorDisplay& vendor = display.vendor();
    const bool x11 = display.platform().is_x11();
    Wanted wanted;
    EGLint surface_type = EGL_WINDOW_BIT;
    for (const EGLint* at = attributes; at && *at != EGL_NONE; at += 2) {
        const EGLint value = at[1];
        switch (at[0]) {
            case EGL_SURFACE_TYPE:
                surface_type = value;
                break;
            case EGL_NATIVE_VISUAL_TYPE:
                wanted.visual_type = value;
                break;
            case EGL_CONFIG_CAVEAT:
                if (value == EGL_NONE || value == EGL_SLOW_CONFIG) {
                    wanted.caveat = value;
                } else {
                    wanted.below.insert(wanted.below.end(), {at[0], value});
                }
                break;
            case EGL_NATIVE_VISUAL_ID:  // ignored (EGL 1.5, 3.4.1.2)
                break;
            case EGL_NATIVE_RENDERABLE:
                // Of X11's all, where visuals are, of others none.
                wanted.impossible |= value != EGL_DONT_CARE && (value == EGL_TRUE) != x11;
                break;
            case EGL_MIN_SWAP_INTERVAL:
                wanted.impossible |= value != EGL_DONT_CARE && value != 0;
                break;
            case EGL_MAX_SWAP_INTERVAL:
                wanted.impossible |= value != EGL_DONT_CARE && value != kMaxSwapInterval;
                break;
            case EGL_MATCH_NATIVE_PIXMAP:
                if (x11 && value != EGL_NONE) wanted.depth_red = red_of_pixmap(display, value);
                break;
            case EGL_CONFIG_ID:
                wanted.by_id |= value != EGL_DONT_CARE;
                [[fallthrough]];
            default:
                wanted.below.insert(wanted.below.end(), {at[0], value});
        }
    }
    if (surface_type == EGL_DONT_CARE) {
        wanted.window = false;
    } else {
        wanted.window = surface_type & EGL_WINDOW_BIT;
        // What stands behind windows stands behind pixmaps too.
        wanted.pixmap = x11 && (surface_type & EGL_PIXMAP_BIT);
        if (wanted.pixmap) surface_type = (surface_type & ~EGL_PIXMAP_BIT) | EGL_WINDOW_BIT;
        surface_type = vendor.types_for(surface_type);
    }
    wanted.below.insert(wanted.below.end(), {EGL_SURFACE_TYPE, surface_type, EGL_NONE});
    return wanted;
}

int caveat_rank(EGLint caveat) noexcept {
    return caveat == EGL_NONE ? 0 : caveat == EGL_SLOW_CONFIG ? 1 : 2;
}

EGLBoolean choose(Display& display, const EGLint* attributes, EGLConfig* configs, EGLint size,
                  EGLint* count) {
    if (!count) return fail(EGL_BAD_PARAMETER);
    const Wanted wanted = split(display, attributes);
    EGLint available = 0;
    if (!real().ChooseConfig(display.handle(), wanted.below.data(), nullptr, 0, &available)) {
        return EGL_FALSE;
    }
    std::vector<EGLConfig> found(static_cast<std::size_t>(std::max(available, 0)));
    if (available > 0 && !real().ChooseConfig(display.handle(), wanted.below.data(), found.data(),
                                              available, &available)) {
        return EGL_FALSE;
    }
    found.resize(static_cast<std::size_t>(available));
    std::erase_if(found, [&](EGLConfig config) {
        if (hidden(display, config)) return true;
        if (wanted.by_id) return false;  // all else is ignored
        if (wanted.impossible) return true;
        if (wanted.window && !can_be_window(display, config)) return true;
        if (wanted.caveat != EGL_DONT_CARE && wanted.caveat != caveat_of(display, config)) {
            return true;
        }
        if (wanted.pixmap && !can_be_pixmap(display, config)) return true;
        if (wanted.depth_red != EGL_DONT_CARE &&
            wanted.depth_red != attribute_of(display, config, EGL_RED_SIZE)) {
            return true;
        }
        if (wanted.visual_type == EGL_DONT_CARE) return false;
        EGLint type = EGL_NONE;
        (void)patched_attrib(display, config, EGL_NATIVE_VISUAL_TYPE, type);
        return type != wanted.visual_type;
    });
    // The first of the sorting rules; the vendor has followed the others.
    std::stable_sort(found.begin(), found.end(), [&](EGLConfig one, EGLConfig other) {
        return caveat_rank(caveat_of(display, one)) < caveat_rank(caveat_of(display, other));
    });
    return hand_out(found, configs, size, count);
}

}  // namespace

bool can_be_window(const Display& display, EGLConfig config) noexcept {
    const EGLint types = attribute_of(display, config, EGL_SURFACE_TYPE);
    if (!display.vendor().can_back(config, types)) return false;
    const EGLint red = attribute_of(display, config, EGL_RED_SIZE);
    if (red != 8 && red != 10 && red != 5) return false;  // no floats
    return !display.platform().is_x11() || visual_of(display, config) != 0;
}

bool can_be_pixmap(const Display& display, EGLConfig config) noexcept {
    return display.platform().is_x11() && can_be_window(display, config);
}

EGLBoolean get_configs(EGLDisplay handle, EGLConfig* configs, EGLint size, EGLint* count) noexcept {
    Display* display = Display::find(handle);
    if (!display) return real().GetConfigs(handle, configs, size, count);
    return guarded([&] { return all(*display, configs, size, count); });
}

EGLBoolean choose_config(EGLDisplay handle, const EGLint* attributes, EGLConfig* configs,
                         EGLint size, EGLint* count) noexcept {
    Display* display = Display::find(handle);
    if (!display) return real().ChooseConfig(handle, attributes, configs, size, count);
    return guarded([&] { return choose(*display, attributes, configs, size, count); });
}

EGLBoolean get_config_attrib(EGLDisplay handle, EGLConfig config, EGLint attribute,
                             EGLint* value) noexcept {
    if (!real().GetConfigAttrib(handle, config, attribute, value)) return EGL_FALSE;
    const Display* display = Display::find(handle);
    if (display && patched_attrib(*display, config, attribute, *value)) return succeed();
    return EGL_TRUE;
}

}  // namespace vdmabuf::egl
