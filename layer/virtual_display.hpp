// SPDX-License-Identifier: MIT
// The display that guests without a display server have (VK_KHR_display): what is shown on it is a
// window of the host.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "layer/vulkan.hpp"

namespace vdmabuf::layer {

class VirtualDisplay {
  public:
    // VDMABUF_DISPLAY=WIDTHxHEIGHT[@HZ] chooses the preferred mode.
    VirtualDisplay();
    VirtualDisplay(const VirtualDisplay&) = delete;
    VirtualDisplay& operator=(const VirtualDisplay&) = delete;

    VkDisplayKHR handle() const { return handle_of<VkDisplayKHR>(this); }
    bool is(VkDisplayKHR display) const { return display == handle(); }
    VkDisplayPropertiesKHR properties() const;

    std::vector<VkDisplayModePropertiesKHR> modes();
    // Null: not a mode of this display.
    const VkDisplayModeParametersKHR* mode(VkDisplayModeKHR handle);
    // An app's own mode; modes live as long as the display.
    VkResult add_mode(const VkDisplayModeParametersKHR& parameters, VkDisplayModeKHR& out);

  private:
    std::mutex mutex_;
    // By address, which is the handle; the preferred one first.
    std::vector<std::unique_ptr<const VkDisplayModeParametersKHR>> modes_;
};

// "1280x720" or "1280x720@50"; false, and nothing else changed, for anything else.
bool parse_mode(const char* text, VkDisplayModeParametersKHR& out);

}  // namespace vdmabuf::layer
