// SPDX-License-Identifier: MIT
#pragma once

#include <vulkan/vulkan_core.h>

#include <memory>
#include <string>
#include <vector>

struct SDL_Window;

namespace vdmabuf::viewer {

// Makes Vulkan surfaces of SDL's windows. On X11 they get a connection of their own: drivers draw
// from other threads and, waiting for their replies, read SDL's events off a shared connection, so
// that SDL sleeps on although there is a click, or a wake-up of ours, in the queue. (Wayland's
// library has a protocol between readers that prevents this.)
class SurfaceMaker {
  public:
    // `window`: any Vulkan window of the display. Null, with SDL's error set, on failure.
    static std::unique_ptr<SurfaceMaker> create(SDL_Window* window);
    ~SurfaceMaker();
    SurfaceMaker(const SurfaceMaker&) = delete;
    SurfaceMaker& operator=(const SurfaceMaker&) = delete;

    // Names of static duration.
    const std::vector<const char*>& instance_extensions() const { return extensions_; }
    // VK_NULL_HANDLE on failure, with the reason in `why`.
    VkSurfaceKHR make(VkInstance instance, SDL_Window* window, std::string& why) const;
    // WM_CLASS, by which desktops know the app; nothing on displays other than X11.
    void set_class(SDL_Window* window, const std::string& name) const;

  private:
    struct X11;
    SurfaceMaker();
    std::unique_ptr<X11> x11_;  // null on other displays
    std::vector<const char*> extensions_;
};

}  // namespace vdmabuf::viewer
