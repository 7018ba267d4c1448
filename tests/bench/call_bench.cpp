// SPDX-License-Identifier: MIT
// call_bench [--rounds N] [--frames N] WxH...: what vkAcquireNextImageKHR and vkQueuePresentKHR
// cost the calling thread together, beside what the driver's own submissions in them do, with
// present ids, damage, modes and present fences in use; for each window system, interleaved frame
// by frame. One JSON object on standard output; nanoseconds, medians over all frames.
//
// Run it through vdmabuf-run with a consumer attached. Brings its own X server and Weston.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>

#include "tests/bench/frame_loop.hpp"
#include "tests/layer/support/wayland_server.hpp"
#include "tests/layer/support/x_server.hpp"

// Needs what the others bring.
#include <vulkan/vulkan_wayland.h>

namespace vdmabuf::bench {
namespace {

struct Times {
    std::vector<std::uint64_t> ours;
    std::vector<std::uint64_t> driver;
};

test::AppOptions options(const Extensions& extensions) {
    test::AppOptions options;
    options.instance_extensions = {VK_EXT_SURFACE_MAINTENANCE_1_EXTENSION_NAME};
    options.device_extensions = extensions.names();
    options.device_next = extensions.features();
    return options;
}

class Bench {
  public:
    Bench() : app_(options(extensions_)) {
        CHECK(app_.created);
        ::setenv("DISPLAY", x_server_.display().c_str(), 1);
        acquire_submits_ = !app_.has_device_extension("VK_KHR_external_semaphore_fd");
        if (!x_server_.running() || !weston_.running() || !wayland_.configured()) {
            std::fprintf(stderr, "call_bench: no X server or no Weston\n");
            std::exit(1);
        }
        VkWaylandSurfaceCreateInfoKHR info{VK_STRUCTURE_TYPE_WAYLAND_SURFACE_CREATE_INFO_KHR};
        info.display = wayland_.display();
        info.surface = wayland_.surface();
        const auto create =
            app_.instance_function<PFN_vkCreateWaylandSurfaceKHR>("vkCreateWaylandSurfaceKHR");
        CHECK(create(app_.instance, &info, nullptr, &wayland_surface_));
        VkSurfaceCapabilitiesKHR caps{};
        CHECK(vkGetPhysicalDeviceSurfaceCapabilitiesKHR(app_.physical, wayland_surface_, &caps));
        if (caps.minImageCount != 2) {  // drivers say 3 or 4
            std::fprintf(stderr, "call_bench: the layer has found no host\n");
            std::exit(1);
        }
        surfaces_ = {{"headless", app_.headless_surface()},
                     {"xcb", app_.xcb_surface(x_window_)},
                     {"wayland", wayland_surface_}};
    }
    ~Bench() { vkDestroySurfaceKHR(app_.instance, wayland_surface_, nullptr); }
    Bench(const Bench&) = delete;
    Bench& operator=(const Bench&) = delete;

    void round(VkExtent2D size, const std::string& name, std::uint32_t frames) {
        for (const auto& [system, surface] : surfaces_) {
            Times& times = times_[system][name];
            FrameLoop loop(app_.device, app_.queue, app_.family, surface, size);
            for (std::uint32_t i = 0; i < frames; ++i) {
                const std::uint64_t ours = loop.frame(true);
                const std::uint64_t driver = loop.driver_alone(acquire_submits_);
                wayland_.dispatch();
                if (i < 8) continue;  // fresh pages, sleeping threads
                times.ours.push_back(ours);
                times.driver.push_back(driver);
            }
        }
    }

    void print() const {
        const char* outer = "";
        std::printf("{");
        for (const auto& [system, sizes] : times_) {
            std::printf("%s\"%s\": {", outer, system.c_str());
            const char* inner = "";
            for (const auto& [size, times] : sizes) {
                std::printf("%s\"%s\": {\"ours_ns\": %llu, \"driver_ns\": %llu}", inner,
                            size.c_str(), static_cast<unsigned long long>(median(times.ours)),
                            static_cast<unsigned long long>(median(times.driver)));
                inner = ", ";
            }
            std::printf("}");
            outer = ", ";
        }
        std::printf("}\n");
    }

  private:
    test::XServer x_server_;
    test::XWindow x_window_{x_server_.display(), 256, 256};
    test::WaylandServer weston_;
    test::WaylandWindow wayland_{weston_.socket()};
    Extensions extensions_;
    App app_;
    VkSurfaceKHR wayland_surface_ = VK_NULL_HANDLE;
    std::map<std::string, VkSurfaceKHR> surfaces_;
    std::map<std::string, std::map<std::string, Times>> times_;
    bool acquire_submits_ = false;
};

}  // namespace
}  // namespace vdmabuf::bench

int main(int argc, char** argv) {
    std::uint32_t rounds = 5;
    std::uint32_t frames = 100;
    std::map<std::string, VkExtent2D> sizes;
    for (int i = 1; i < argc; ++i) {
        VkExtent2D size{};
        if (std::strcmp(argv[i], "--rounds") == 0 && i + 1 < argc) {
            rounds = static_cast<std::uint32_t>(std::strtoul(argv[++i], nullptr, 10));
        } else if (std::strcmp(argv[i], "--frames") == 0 && i + 1 < argc) {
            frames = static_cast<std::uint32_t>(std::strtoul(argv[++i], nullptr, 10));
        } else if (std::sscanf(argv[i], "%ux%u", &size.width, &size.height) == 2) {
            sizes[argv[i]] = size;
        } else {
            std::fprintf(stderr, "usage: call_bench [--rounds N] [--frames N] WxH...\n");
            return 2;
        }
    }
    // Weston's fixture brings a runtime directory of its own, where no broker is.
    if (const char* directory = std::getenv("XDG_RUNTIME_DIR")) {
        const std::string socket = std::string("unix:") + directory + "/vdmabuf/producer.sock";
        ::setenv("VDMABUF_ENDPOINT", socket.c_str(), 0);
    }
    vdmabuf::bench::Bench bench;
    for (std::uint32_t round = 0; round < rounds; ++round) {
        for (const auto& [name, size] : sizes) bench.round(size, name, frames);
    }
    bench.print();
    return 0;
}
