// SPDX-License-Identifier: MIT
#include "layer/virtual_display.hpp"

#include <cstdio>
#include <cstdlib>

#include "runtime/common/log.hpp"
#include "runtime/common/stream_messages.hpp"

namespace vdmabuf::layer {
namespace {

constexpr std::uint32_t kMilliHertz = 60000;  // of VkDisplayModeParametersKHR::refreshRate
constexpr std::uint32_t kMaxMilliHertz = 1'000'000;
// Enough for an app that makes one of every size that a user chooses; they are never destroyed.
constexpr std::size_t kMaxModes = 256;
constexpr std::uint32_t kDotsPerInch = 96;

constexpr VkExtent2D kSizes[] = {
    {1920, 1080}, {3840, 2160}, {2560, 1440}, {1920, 1200}, {1680, 1050}, {1600, 900}, {1440, 900},
    {1366, 768},  {1280, 1024}, {1280, 800},  {1280, 720},  {1024, 768},  {800, 600},  {640, 480},
};

bool same(const VkDisplayModeParametersKHR& a, const VkDisplayModeParametersKHR& b) {
    return a.visibleRegion.width == b.visibleRegion.width &&
           a.visibleRegion.height == b.visibleRegion.height && a.refreshRate == b.refreshRate;
}

bool possible(const VkDisplayModeParametersKHR& mode) {
    const VkExtent2D size = mode.visibleRegion;
    return size.width != 0 && size.height != 0 && size.width <= stream::kMaxExtent &&
           size.height <= stream::kMaxExtent && mode.refreshRate != 0 &&
           mode.refreshRate <= kMaxMilliHertz;
}

std::uint32_t millimetres(std::uint32_t pixels) {
    return pixels * 254 / (kDotsPerInch * 10);
}

}  // namespace

bool parse_mode(const char* text, VkDisplayModeParametersKHR& out) {
    unsigned width = 0;
    unsigned height = 0;
    unsigned hertz = kMilliHertz / 1000;
    int end = 0;
    if (std::sscanf(text, "%5ux%5u%n", &width, &height, &end) != 2) return false;
    if (text[end] == '@') {
        int more = 0;
        if (std::sscanf(text + end, "@%4u%n", &hertz, &more) != 1) return false;
        end += more;
    }
    const VkDisplayModeParametersKHR mode{{width, height}, hertz * 1000};
    if (text[end] != '\0' || !possible(mode)) return false;
    out = mode;
    return true;
}

VirtualDisplay::VirtualDisplay() {
    VkDisplayModeKHR ignored = VK_NULL_HANDLE;
    if (const char* wish = std::getenv("VDMABUF_DISPLAY"); wish && *wish) {
        VkDisplayModeParametersKHR mode{};
        if (parse_mode(wish, mode)) {
            (void)add_mode(mode, ignored);
        } else {
            LOG_WARNING("VDMABUF_DISPLAY=%s is no mode: WIDTHxHEIGHT or WIDTHxHEIGHT@HZ", wish);
        }
    }
    for (const VkExtent2D& size : kSizes) (void)add_mode({size, kMilliHertz}, ignored);
}

VkDisplayPropertiesKHR VirtualDisplay::properties() const {
    const VkExtent2D size = modes_.front()->visibleRegion;
    VkDisplayPropertiesKHR properties{};
    properties.display = handle();
    properties.displayName = "vdmabuf";
    properties.physicalDimensions = {millimetres(size.width), millimetres(size.height)};
    properties.physicalResolution = size;
    properties.supportedTransforms = VK_SURFACE_TRANSFORM_IDENTITY_BIT_KHR;
    properties.planeReorderPossible = VK_FALSE;
    properties.persistentContent = VK_TRUE;  // the host keeps the newest frame
    return properties;
}

std::vector<VkDisplayModePropertiesKHR> VirtualDisplay::modes() {
    const std::lock_guard lock(mutex_);
    std::vector<VkDisplayModePropertiesKHR> found;
    found.reserve(modes_.size());
    for (const auto& mode : modes_) {
        found.push_back({handle_of<VkDisplayModeKHR>(mode.get()), *mode});
    }
    return found;
}

const VkDisplayModeParametersKHR* VirtualDisplay::mode(VkDisplayModeKHR handle) {
    const std::lock_guard lock(mutex_);
    for (const auto& mode : modes_) {
        if (handle_of<VkDisplayModeKHR>(mode.get()) == handle) return mode.get();
    }
    return nullptr;
}

VkResult VirtualDisplay::add_mode(const VkDisplayModeParametersKHR& parameters,
                                  VkDisplayModeKHR& out) {
    if (!possible(parameters)) return VK_ERROR_INITIALIZATION_FAILED;
    const std::lock_guard lock(mutex_);
    for (const auto& mode : modes_) {
        if (!same(*mode, parameters)) continue;
        out = handle_of<VkDisplayModeKHR>(mode.get());
        return VK_SUCCESS;
    }
    if (modes_.size() >= kMaxModes) return VK_ERROR_OUT_OF_HOST_MEMORY;
    modes_.push_back(std::make_unique<const VkDisplayModeParametersKHR>(parameters));
    out = handle_of<VkDisplayModeKHR>(modes_.back().get());
    return VK_SUCCESS;
}

}  // namespace vdmabuf::layer
