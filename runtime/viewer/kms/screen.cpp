// SPDX-License-Identifier: MIT
#include "runtime/viewer/kms/screen.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <xf86drm.h>

#include <array>
#include <cerrno>

#include "runtime/common/clock.hpp"
#include "runtime/common/log.hpp"

namespace vdmabuf::viewer {
namespace {

constexpr int kMaxCards = 16;
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
    if (before_ && set_) {
        drmModeSetCrtc(card_.get(), before_->crtc_id, before_->buffer_id, before_->x, before_->y,
                       &connector_, before_->mode_valid ? 1 : 0, &before_->mode);
    }
    if (before_) drmModeFreeCrtc(before_);
}

std::uint64_t Screen::refresh_ns() const {
    return kNsPerSecond / (mode_.vrefresh != 0 ? mode_.vrefresh : 60);
}

Result<std::unique_ptr<Screen::Framebuffer>> Screen::make_dumb() const {
    std::unique_ptr<Framebuffer> made(new Framebuffer(card_.get()));
    drm_mode_create_dumb create{};
    create.width = width();
    create.height = height();
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
    const std::array<std::uint32_t, 4> handles{made->handle_}, pitches{made->pitch_}, offsets{};
    if (drmModeAddFB2(card_.get(), width(), height(), kXr24, handles.data(), pitches.data(),
                      offsets.data(), &made->id_, 0) != 0) {
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
