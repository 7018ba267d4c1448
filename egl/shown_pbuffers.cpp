// SPDX-License-Identifier: MIT
#include "egl/shown_pbuffers.hpp"

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "egl/current.hpp"
#include "egl/display.hpp"
#include "egl/fixed_window.hpp"
#include "egl/gpu_copy_choice.hpp"
#include "egl/pbuffer_backing.hpp"
#include "egl/real_vendor.hpp"
#include "egl/surface.hpp"
#include "egl/window_request.hpp"
#include "runtime/common/handle_table.hpp"
#include "runtime/common/log.hpp"

namespace vdmabuf::egl {
namespace {

struct Kept {
    std::mutex mutex;
    std::map<EGLSurface, std::pair<EGLDisplay, std::shared_ptr<WindowSurface>>> surfaces;
    std::map<EGLDisplay, GpuCopyChoice> choices;  // as many as the vendor has displays
};

// Never destroyed: threads of the app may draw while the process exits.
Kept& kept() {
    static auto& all = *new Kept;
    return all;
}
constinit HandleTable<WindowSurface> g_shown;
// By the handle; the value means nothing.
constinit HandleTable<const char> g_displays;
constexpr char kKnown = 0;
// Once something has failed: not tried again with each frame.
constinit std::atomic<bool> g_given_up{false};

std::uint64_t key_of(const void* handle) noexcept {
    return reinterpret_cast<std::uintptr_t>(handle);
}

EGLConfig config_of(EGLDisplay display, EGLSurface surface) {
    EGLint id = 0;
    EGLint count = 0;
    EGLConfig config = nullptr;
    if (!real().QuerySurface(display, surface, EGL_CONFIG_ID, &id)) return nullptr;
    const EGLint wanted[] = {EGL_CONFIG_ID, id, EGL_NONE};
    const bool known = real().ChooseConfig(display, wanted, &config, 1, &count);
    return known && count == 1 ? config : nullptr;
}

WindowSurface* show(EGLDisplay display, EGLSurface surface) {
    EGLint width = 0;
    EGLint height = 0;
    EGLConfig config = config_of(display, surface);
    if (!config || !real().QuerySurface(display, surface, EGL_WIDTH, &width) ||
        !real().QuerySurface(display, surface, EGL_HEIGHT, &height) || !is_size(width, height) ||
        !connection()) {
        return nullptr;
    }
    Kept& all = kept();
    GpuCopyChoice* choice = nullptr;
    {
        const std::lock_guard lock(all.mutex);
        choice = &all.choices.try_emplace(display, display).first->second;
    }
    auto window = std::make_unique<FixedWindow>(
        window::Extent{static_cast<std::uint32_t>(width), static_cast<std::uint32_t>(height)});
    auto backing = adopt_pbuffer(display, config, surface, choice->by_gpu(config));
    EGLint error = EGL_SUCCESS;
    auto made = WindowSurface::create(std::move(window), std::move(backing), {}, {}, error);
    if (!made) return nullptr;
    made->known_as(surface);
    WindowSurface* const shown = made.get();
    {
        const std::lock_guard lock(all.mutex);
        g_shown.insert(key_of(surface), shown);
        all.surfaces.insert_or_assign(surface, std::pair(display, std::move(made)));
    }
    take_over_current(*shown);
    LOG_INFO("EGL: a pbuffer of %dx%d is swapped, and shown", width, height);
    return shown;
}

}  // namespace

void may_show_pbuffers(EGLDisplay display) {
    const std::lock_guard lock(kept().mutex);
    if (!g_displays.find(key_of(display))) g_displays.insert(key_of(display), &kKnown);
}

WindowSurface* find_shown_pbuffer(EGLSurface handle) noexcept {
    return g_shown.find(key_of(handle));
}

WindowSurface* show_pbuffer(EGLDisplay display, EGLSurface surface) noexcept {
    if (g_given_up.load(std::memory_order_relaxed)) return nullptr;
    if (!g_displays.find(key_of(display)) || Display::find(display)) return nullptr;
    if (!draws_into(display, surface)) return nullptr;
    try {
        if (WindowSurface* shown = show(display, surface)) return shown;
    } catch (...) {  // no memory
    }
    (void)real().GetError();
    g_given_up = true;
    LOG_WARNING("EGL: a pbuffer that is swapped cannot be shown");
    return nullptr;
}

bool destroy_shown_pbuffer(EGLSurface handle) noexcept {
    if (!find_shown_pbuffer(handle)) return false;
    std::shared_ptr<WindowSurface> last;
    {
        Kept& all = kept();
        const std::lock_guard lock(all.mutex);
        const auto found = all.surfaces.find(handle);
        if (found == all.surfaces.end()) return false;
        last = std::move(found->second.second);
        all.surfaces.erase(found);
        g_shown.erase(key_of(handle));
    }
    last->destroy();
    return true;
}

void destroy_shown_pbuffers(EGLDisplay display) noexcept {
    for (;;) {
        EGLSurface next = EGL_NO_SURFACE;
        {
            Kept& all = kept();
            const std::lock_guard lock(all.mutex);
            for (const auto& [handle, shown] : all.surfaces) {
                if (shown.first == display) next = handle;
            }
        }
        if (next == EGL_NO_SURFACE || !destroy_shown_pbuffer(next)) return;
    }
}

}  // namespace vdmabuf::egl
