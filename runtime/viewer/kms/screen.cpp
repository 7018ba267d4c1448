// SPDX-License-Identifier: MIT
#include "runtime/viewer/kms/screen.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <xf86drm.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "runtime/common/clock.hpp"
#include "runtime/common/log.hpp"

namespace vdmabuf::viewer {
namespace {

constexpr int kMaxCards = 16;
constexpr std::uint32_t kCursorExtent = 64;  // of controllers that do not say
constexpr std::uint32_t kXr24 = 0x34325258;  // DRM_FORMAT_XRGB8888

template <auto Free>
struct Freed {
    template <typename T>
    void operator()(T* it) const {
        Free(it);
    }
};
using Resources = std::unique_ptr<drmModeRes, Freed<drmModeFreeResources>>;
using Connector = std::unique_ptr<drmModeConnector, Freed<drmModeFreeConnector>>;
using Encoder = std::unique_ptr<drmModeEncoder, Freed<drmModeFreeEncoder>>;

std::string name_of(const drmModeConnector& connector) {
    const char* type = drmModeGetConnectorTypeName(connector.connector_type);
    return std::string(type ? type : "Unknown") + "-" + std::to_string(connector.connector_type_id);
}

}  // namespace

Screen::Framebuffer::~Framebuffer() {
    if (id_ != 0) drmModeRmFB(card_, id_);
    mapping_.reset();
    if (handle_ == 0) return;
    if (dumb_) {
        drm_mode_destroy_dumb destroy{handle_};
        drmIoctl(card_, DRM_IOCTL_MODE_DESTROY_DUMB, &destroy);
    } else {
        drmCloseBufferHandle(card_, handle_);
    }
}

Result<std::unique_ptr<Screen>> Screen::open(const std::string& wanted) {
    std::string why = "no /dev/dri/card*";
    for (int i = 0; i < kMaxCards; ++i) {
        const std::string path = "/dev/dri/card" + std::to_string(i);
        UniqueFd card(::open(path.c_str(), O_RDWR | O_CLOEXEC));
        if (!card) {
            if (errno != ENOENT) why = system_error("cannot open " + path).text;
            continue;
        }
        std::unique_ptr<Screen> screen(new Screen);
        const Status found = screen->find(card.get(), wanted);
        if (!found) {
            why = path + ": " + found.error().text;
            continue;
        }
        // Whoever opens a card first is its master; a display server that runs is.
        if (!drmIsMaster(card.get()) && drmSetMaster(card.get()) != 0) {
            why = system_error(path + " is another program's (a display server's?)").text;
            continue;
        }
        screen->before_ = drmModeGetCrtc(card.get(), screen->crtc_);
        screen->card_ = std::move(card);
        return screen;
    }
    return Error{ENODEV, "--kms: " + why};
}

Status Screen::find(int card, const std::string& wanted) {
    const Resources resources(drmModeGetResources(card));
    if (!resources) return Error{ENODEV, "no display controller"};
    std::string names;
    for (int i = 0; i < resources->count_connectors; ++i) {
        const Connector connector(drmModeGetConnector(card, resources->connectors[i]));
        if (!connector) continue;
        const std::string name = name_of(*connector);
        names += (names.empty() ? "" : ", ") + name;
        if (!wanted.empty() && wanted != name) continue;
        if (connector->connection != DRM_MODE_CONNECTED || connector->count_modes < 1) continue;
        mode_ = connector->modes[0];
        for (int m = connector->count_modes - 1; m >= 0; --m) {
            if (connector->modes[m].type & DRM_MODE_TYPE_PREFERRED) mode_ = connector->modes[m];
        }
        for (int e = 0; e < connector->count_encoders; ++e) {
            const Encoder encoder(drmModeGetEncoder(card, connector->encoders[e]));
            for (int c = 0; encoder && c < resources->count_crtcs; ++c) {
                if (!(encoder->possible_crtcs >> c & 1)) continue;
                connector_ = connector->connector_id;
                crtc_ = resources->crtcs[c];
                LOG_INFO("screen: %s, %ux%u", name.c_str(), width(), height());
                return {};
            }
        }
    }
    return Error{ENODEV, (wanted.empty() ? std::string("nothing is connected")
                                         : "nothing is connected to '" + wanted + "'") +
                             "; there are: " + (names.empty() ? "none" : names)};
}

Screen::~Screen() {
    hide_cursor();
    if (before_ && set_) {
        drmModeSetCrtc(card_.get(), before_->crtc_id, before_->buffer_id, before_->x, before_->y,
                       &connector_, before_->mode_valid ? 1 : 0, &before_->mode);
    }
    if (before_) drmModeFreeCrtc(before_);
}

std::uint64_t Screen::refresh_ns() const {
    return kNsPerSecond / (mode_.vrefresh != 0 ? mode_.vrefresh : 60);
}

Result<std::unique_ptr<Screen::Framebuffer>> Screen::make_memory(std::uint32_t width,
                                                                 std::uint32_t height) const {
    std::unique_ptr<Framebuffer> made(new Framebuffer(card_.get()));
    drm_mode_create_dumb create{};
    create.width = width;
    create.height = height;
    create.bpp = 32;
    if (drmIoctl(card_.get(), DRM_IOCTL_MODE_CREATE_DUMB, &create) != 0) {
        return system_error("no memory for the screen");
    }
    made->dumb_ = true;
    made->handle_ = create.handle;
    made->pitch_ = create.pitch;
    drm_mode_map_dumb map{};
    map.handle = create.handle;
    if (drmIoctl(card_.get(), DRM_IOCTL_MODE_MAP_DUMB, &map) != 0) {
        return system_error("the screen's memory cannot be mapped");
    }
    void* address = ::mmap(nullptr, create.size, PROT_READ | PROT_WRITE, MAP_SHARED, card_.get(),
                           static_cast<off_t>(map.offset));
    if (address == MAP_FAILED) return system_error("the screen's memory cannot be mapped");
    made->mapping_ = Mapping(address, create.size);
    return made;
}

Result<std::unique_ptr<Screen::Framebuffer>> Screen::make_dumb() const {
    auto made = make_memory(width(), height());
    if (!made) return made.error();
    Framebuffer& memory = **made;
    const std::array<std::uint32_t, 4> handles{memory.handle_}, pitches{memory.pitch_}, offsets{};
    if (drmModeAddFB2(card_.get(), width(), height(), kXr24, handles.data(), pitches.data(),
                      offsets.data(), &memory.id_, 0) != 0) {
        return system_error("the screen does not show XRGB8888");
    }
    return made;
}

Result<std::unique_ptr<Screen::Framebuffer>> Screen::import(int dmabuf, std::uint32_t fourcc,
                                                            std::uint32_t offset,
                                                            std::uint32_t pitch,
                                                            std::uint64_t modifier) const {
    std::unique_ptr<Framebuffer> made(new Framebuffer(card_.get()));
    if (drmPrimeFDToHandle(card_.get(), dmabuf, &made->handle_) != 0) {
        return system_error("the display controller does not take the dmabuf");
    }
    const std::array<std::uint32_t, 4> handles{made->handle_}, pitches{pitch}, offsets{offset};
    const std::array<std::uint64_t, 4> modifiers{modifier};
    std::uint64_t knows_modifiers = 0;
    drmGetCap(card_.get(), DRM_CAP_ADDFB2_MODIFIERS, &knows_modifiers);
    const int added =
        knows_modifiers
            ? drmModeAddFB2WithModifiers(card_.get(), width(), height(), fourcc, handles.data(),
                                         pitches.data(), offsets.data(), modifiers.data(),
                                         &made->id_, DRM_MODE_FB_MODIFIERS)
            : drmModeAddFB2(card_.get(), width(), height(), fourcc, handles.data(), pitches.data(),
                            offsets.data(), &made->id_, 0);
    if (added != 0) return system_error("the display controller does not show such an image");
    return made;
}

Result<bool> Screen::show(const Framebuffer& framebuffer) {
    if (set_ && drmModePageFlip(card_.get(), crtc_, framebuffer.id_, DRM_MODE_PAGE_FLIP_EVENT,
                                nullptr) == 0) {
        return true;
    }
    // The first one; or one of another layout than the last, which some controllers do not flip to.
    if (drmModeSetCrtc(card_.get(), crtc_, framebuffer.id_, 0, 0, &connector_, 1, &mode_) != 0) {
        return system_error("the screen's mode cannot be set");
    }
    set_ = true;
    return false;
}

bool Screen::set_cursor(const cursor::Image& image) {
    if (no_cursor_) return false;
    if (!cursor_) {
        const auto asked = [this](std::uint64_t capability) {
            std::uint64_t pixels = 0;
            return drmGetCap(card_.get(), capability, &pixels) == 0 && pixels != 0
                       ? static_cast<std::uint32_t>(pixels)
                       : kCursorExtent;
        };
        cursor_width_ = asked(DRM_CAP_CURSOR_WIDTH);
        cursor_height_ = asked(DRM_CAP_CURSOR_HEIGHT);
        auto made = make_memory(cursor_width_, cursor_height_);
        no_cursor_ = !made;
        if (no_cursor_) return false;
        cursor_ = std::move(*made);
    }
    if (image.shape.width > cursor_width_ || image.shape.height > cursor_height_) return false;
    for (std::uint32_t y = 0; y < cursor_height_; ++y) {
        std::byte* row = cursor_->pixels() + std::size_t{y} * cursor_->pitch();
        std::memset(row, 0, std::size_t{cursor_width_} * 4);
        if (y >= image.shape.height) continue;
        std::memcpy(row, image.pixels.data() + std::size_t{y} * image.shape.width,
                    std::size_t{image.shape.width} * 4);
    }
    hot_x_ = image.shape.hot_x;
    hot_y_ = image.shape.hot_y;
    if (drmModeSetCursor2(card_.get(), crtc_, cursor_->handle_, cursor_width_, cursor_height_,
                          hot_x_, hot_y_) != 0 &&
        drmModeSetCursor(card_.get(), crtc_, cursor_->handle_, cursor_width_, cursor_height_) !=
            0) {
        LOG_INFO("this screen has no cursor: %s", system_error("drmModeSetCursor").text.c_str());
        no_cursor_ = true;
        return false;
    }
    cursor_shown_ = true;
    move_cursor(cursor_x_, cursor_y_);
    return true;
}

void Screen::hide_cursor() {
    if (std::exchange(cursor_shown_, false)) drmModeSetCursor(card_.get(), crtc_, 0, 0, 0);
}

void Screen::move_cursor(std::int32_t x, std::int32_t y) {
    cursor_x_ = x;
    cursor_y_ = y;
    if (cursor_shown_) drmModeMoveCursor(card_.get(), crtc_, x - hot_x_, y - hot_y_);
}

void Screen::leave() {
    hide_cursor();
    drmDropMaster(card_.get());
    set_ = false;
}

Status Screen::enter() {
    if (drmSetMaster(card_.get()) != 0) return system_error("the screen does not come back");
    return {};
}

std::uint64_t Screen::on_readable() {
    static thread_local std::uint64_t at = 0;
    at = 0;
    drmEventContext context{};
    context.version = 2;
    context.page_flip_handler = [](int, unsigned, unsigned seconds, unsigned microseconds, void*) {
        at = seconds * kNsPerSecond + microseconds * std::uint64_t{1000};
    };
    drmHandleEvent(card_.get(), &context);
    return at;
}

}  // namespace vdmabuf::viewer
