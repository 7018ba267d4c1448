// SPDX-License-Identifier: MIT
// flip_kms --path /dev/dri/cardN: what flip_vdmabuf does, on a display of the kernel's (of a
// virtio-gpu, in a guest): it draws into the buffers that are scanned out and flips between them,
// with nothing in between. Prints a JSON object.
#include <drm.h>
#include <drm_mode.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <vector>

#include "runtime/common/mapping.hpp"
#include "runtime/common/unique_fd.hpp"
#include "tests/bench/flip/figures.hpp"
#include "tests/bench/flip/options.hpp"
#include "tests/bench/flip/pace.hpp"

namespace {

using namespace vdmabuf;
using namespace vdmabuf::flip;

template <typename T>
void call(int fd, unsigned long request, T& argument, const char* what) {
    if (::ioctl(fd, request, &argument) != 0) fail(std::string(what) + ": " + std::strerror(errno));
}

template <typename T>
std::uint64_t pointer(std::vector<T>& values) {
    return reinterpret_cast<std::uintptr_t>(values.data());
}

struct Picture {
    std::uint32_t framebuffer = 0;
    Mapping mapping;
    std::uint32_t* pixels = nullptr;
};

class Display {
  public:
    explicit Display(const Options& options)
        : card_(::open(options.path.c_str(), O_RDWR | O_CLOEXEC)) {
        if (!card_) fail("cannot open " + options.path);
        find_output(options.width, options.height);
        for (std::uint32_t i = 0; i < options.images; ++i) pictures_.push_back(make_picture());
        drm_mode_crtc set{};
        std::vector<std::uint32_t> connectors{connector_};
        set.set_connectors_ptr = pointer(connectors);
        set.count_connectors = 1;
        set.crtc_id = crtc_;
        set.fb_id = pictures_.back().framebuffer;
        set.mode = mode_;
        set.mode_valid = 1;
        call(card_.get(), DRM_IOCTL_MODE_SETCRTC, set, "the mode");
    }

    Picture& picture(std::uint64_t frame) { return pictures_[frame % pictures_.size()]; }
    std::size_t pixels() const { return std::size_t{mode_.hdisplay} * mode_.vdisplay; }

    // Returns once the display has taken it.
    void flip(const Picture& picture) {
        drm_mode_crtc_page_flip request{};
        request.crtc_id = crtc_;
        request.fb_id = picture.framebuffer;
        request.flags = DRM_MODE_PAGE_FLIP_EVENT;
        call(card_.get(), DRM_IOCTL_MODE_PAGE_FLIP, request, "a flip");
        pollfd ready{card_.get(), POLLIN, 0};
        char event[256];
        if (::poll(&ready, 1, 3000) != 1 || ::read(card_.get(), event, sizeof event) <= 0) {
            fail("no flip within three seconds");
        }
    }

  private:
    void find_output(std::uint32_t width, std::uint32_t height) {
        drm_mode_card_res all{};
        call(card_.get(), DRM_IOCTL_MODE_GETRESOURCES, all, "resources");
        std::vector<std::uint32_t> connectors(all.count_connectors);
        std::vector<std::uint32_t> crtcs(all.count_crtcs);
        std::vector<std::uint32_t> encoders(all.count_encoders);
        drm_mode_card_res named{};
        named.connector_id_ptr = pointer(connectors);
        named.count_connectors = all.count_connectors;
        named.crtc_id_ptr = pointer(crtcs);
        named.count_crtcs = all.count_crtcs;
        named.encoder_id_ptr = pointer(encoders);
        named.count_encoders = all.count_encoders;
        call(card_.get(), DRM_IOCTL_MODE_GETRESOURCES, named, "resources");
        if (connectors.empty() || crtcs.empty()) fail("no output");
        connector_ = connectors[0];
        crtc_ = crtcs[0];
        // Of a display without a beam only the size counts.
        const auto w = static_cast<std::uint16_t>(width);
        const auto h = static_cast<std::uint16_t>(height);
        mode_.hdisplay = w;
        mode_.hsync_start = static_cast<std::uint16_t>(w + 48);
        mode_.hsync_end = static_cast<std::uint16_t>(w + 80);
        mode_.htotal = static_cast<std::uint16_t>(w + 160);
        mode_.vdisplay = h;
        mode_.vsync_start = static_cast<std::uint16_t>(h + 3);
        mode_.vsync_end = static_cast<std::uint16_t>(h + 8);
        mode_.vtotal = static_cast<std::uint16_t>(h + 30);
        mode_.vrefresh = 60;
        mode_.clock = static_cast<std::uint32_t>(mode_.htotal) * mode_.vtotal * 60 / 1000;
        mode_.type = DRM_MODE_TYPE_USERDEF;
        std::snprintf(mode_.name, sizeof mode_.name, "%ux%u", width, height);
    }

    Picture make_picture() {
        drm_mode_create_dumb buffer{};
        buffer.width = mode_.hdisplay;
        buffer.height = mode_.vdisplay;
        buffer.bpp = 32;
        call(card_.get(), DRM_IOCTL_MODE_CREATE_DUMB, buffer, "a buffer");
        if (buffer.pitch != std::uint32_t{mode_.hdisplay} * 4)
            fail("rows do not follow each other");
        drm_mode_fb_cmd framebuffer{};
        framebuffer.width = mode_.hdisplay;
        framebuffer.height = mode_.vdisplay;
        framebuffer.pitch = buffer.pitch;
        framebuffer.bpp = 32;
        framebuffer.depth = 24;
        framebuffer.handle = buffer.handle;
        call(card_.get(), DRM_IOCTL_MODE_ADDFB, framebuffer, "a framebuffer");
        drm_mode_map_dumb map{};
        map.handle = buffer.handle;
        call(card_.get(), DRM_IOCTL_MODE_MAP_DUMB, map, "a mapping");
        const auto size = static_cast<std::size_t>(buffer.size);
        void* const address = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, card_.get(),
                                     static_cast<off_t>(map.offset));
        if (address == MAP_FAILED) fail("cannot map a buffer");
        Picture picture;
        picture.framebuffer = framebuffer.fb_id;
        picture.mapping = Mapping(address, size);
        picture.pixels = static_cast<std::uint32_t*>(address);
        fill(picture.pixels, pixels(), static_cast<std::uint32_t>(pictures_.size()));
        return picture;
    }

    const UniqueFd card_;
    std::uint32_t connector_ = 0;
    std::uint32_t crtc_ = 0;
    drm_mode_modeinfo mode_{};
    std::vector<Picture> pictures_;
};

}  // namespace

int main(int argc, char** argv) {
    const Options options = parse(argc, argv);
    Display display(options);
    const auto rendered = rendered_pictures(options);
    Pace pace(options);
    while (pace.lasts()) {
        pace.wait();
        Picture& picture = display.picture(pace.frames());
        if (!rendered.empty()) {
            const auto& from = rendered[pace.frames() % rendered.size()];
            std::memcpy(picture.pixels, from.data(), from.size() * 4);
        }
        pace.made_one();
        stamp(picture.pixels, static_cast<std::uint16_t>(pace.frames()));
        display.flip(picture);
    }
    pace.print();
    return 0;
}
