// SPDX-License-Identifier: MIT
#include "runtime/viewer/window_system.hpp"

#include <SDL.h>

#include <cstdlib>
#include <string_view>

#include "runtime/common/clock.hpp"
#include "runtime/common/log.hpp"
#include "runtime/viewer/wayland/sdl_window.hpp"
#include "runtime/viewer/x11_errors.hpp"

namespace vdmabuf::viewer {
namespace {

constexpr std::uint64_t kDefaultRefreshNs = kNsPerSecond / 60;
constexpr int kEndingMs = 20;

Error sdl_error(const char* what) {
    return Error{EIO, std::string(what) + ": " + SDL_GetError()};
}

std::uint64_t refresh_of(SDL_Window* window) {
    SDL_DisplayMode mode{};
    const int display = SDL_GetWindowDisplayIndex(window);
    if (display < 0 || SDL_GetCurrentDisplayMode(display, &mode) != 0 || mode.refresh_rate <= 0) {
        return kDefaultRefreshNs;
    }
    return kNsPerSecond / static_cast<std::uint64_t>(mode.refresh_rate);
}

}  // namespace

Result<std::unique_ptr<WindowSystem>> WindowSystem::create(const Settings& settings) {
    // SDL would ask Xwayland first, which passes nothing on. What Wayland does not have needs X.
    if (std::getenv("WAYLAND_DISPLAY") && settings.direct != Direct::off && !settings.embed &&
        !settings.on_top) {
        SDL_SetHint(SDL_HINT_VIDEODRIVER, "wayland,x11");  // SDL_VIDEODRIVER comes first
    }
    SDL_SetHint(SDL_HINT_NO_SIGNAL_HANDLERS, "1");  // Signals has them
    SDL_SetHint(SDL_HINT_QUIT_ON_LAST_WINDOW_CLOSE, "0");
    SDL_SetHint(SDL_HINT_VIDEO_ALLOW_SCREENSAVER, "1");
    SDL_SetHint(SDL_HINT_APP_NAME, "vdmabuf-viewer");
    SDL_SetHint(SDL_HINT_VIDEO_X11_NET_WM_BYPASS_COMPOSITOR, "0");
    SDL_SetHint(SDL_HINT_TOUCH_MOUSE_EVENTS, "0");
    SDL_SetHint(SDL_HINT_MOUSE_FOCUS_CLICKTHROUGH, "1");
    SDL_SetHint(SDL_HINT_GRAB_KEYBOARD, "0");  // by our key only
    if (SDL_Init(SDL_INIT_VIDEO) != 0) {
        Error error = sdl_error("no display to show windows on");
        error.text += " (start it in a desktop session, or use --headless)";
        return error;
    }
    if (std::string_view(SDL_GetCurrentVideoDriver()) == "x11") survive_x11_errors();
    SDL_StopTextInput();  // keys are keys: what they write is the guest's matter
    std::unique_ptr<WindowSystem> system(new WindowSystem(settings.clipboard));
    system->hidden_.window =
        SDL_CreateWindow("vdmabuf", 0, 0, 64, 64, SDL_WINDOW_HIDDEN | SDL_WINDOW_VULKAN);
    if (!system->hidden_.window) return sdl_error("this display cannot show Vulkan");
    system->surfaces_ = SurfaceMaker::create(system->hidden_.window);
    if (!system->surfaces_) return sdl_error("this display cannot show Vulkan");
    system->wake_event_ = SDL_RegisterEvents(1);
    if (auto joined = system->join_wayland(settings.direct); !joined) return joined.error();
    return system;
}

Status WindowSystem::join_wayland(Direct wanted) {
    std::string why = "the display is not Wayland's";
    if (wl_display* display = wayland::display_of(hidden_.window)) {
        auto joined = wayland::Display::create(display);
        if (joined) wayland_ = std::move(*joined);
        why = joined ? wayland_->why_not_direct() : joined.error().text;
    }
    passes_on_ = wayland_ && wanted != Direct::off;
    if (wanted == Direct::on && !why.empty()) return Error{ENOTSUP, "--wayland-direct on: " + why};
    return {};
}

std::unique_ptr<wayland::DirectWindow> WindowSystem::direct_window(SDL_Window* window) const {
    wl_surface* surface = wayland_ ? wayland::surface_of(window) : nullptr;
    if (!surface) return nullptr;
    return std::make_unique<wayland::DirectWindow>(wayland_, surface, passes_on_);
}

WindowSystem::~WindowSystem() {
    run_commands();
    while (!windows_.empty()) do_close(windows_.begin()->first);
    wayland_.reset();
    embedding_.reset();
    cursor_.end();
    if (hidden_.surface != VK_NULL_HANDLE) {
        vkDestroySurfaceKHR(instance_->get(), hidden_.surface, nullptr);
    }
    if (hidden_.window) SDL_DestroyWindow(hidden_.window);
    // SDL's second connection, which wakes this thread by messages to windows, hears of those that
    // had gone only when it is closed, with Xlib's handler of errors back, which ends the program.
    if (!embedder_gone_now_) SDL_Quit();
}

const std::vector<const char*>& WindowSystem::instance_extensions() const {
    return surfaces_->instance_extensions();
}

Result<VkSurfaceKHR> WindowSystem::use_instance(std::shared_ptr<gpu::Instance> instance) {
    instance_ = std::move(instance);
    std::string why;
    hidden_.surface = surfaces_->make(instance_->get(), hidden_.window, why);
    if (hidden_.surface == VK_NULL_HANDLE) {
        return Error{EIO, "Vulkan cannot show anything on this display: " + why};
    }
    return hidden_.surface;
}

Status WindowSystem::embed_into(std::uint64_t window) {
    auto embedding = Embedding::create(hidden_.window, window);
    if (!embedding) return embedding.error();
    embedding_ = std::move(*embedding);
    return {};
}

// ---- from any thread

void WindowSystem::post(std::function<void()> command) {
    {
        const std::lock_guard lock(mutex_);
        commands_.push_back(std::move(command));
    }
    SDL_Event event{};
    event.type = wake_event_;
    SDL_PushEvent(&event);
}

WindowSystem::WindowId WindowSystem::open_window(Opening opening,
                                                 std::shared_ptr<WindowListener> listener) {
    WindowId id = 0;
    {
        const std::lock_guard lock(mutex_);
        id = next_id_++;
    }
    post([this, id, opening = std::move(opening), listener = std::move(listener)] {
        do_open(id, opening, listener);
    });
    return id;
}

void WindowSystem::set_title(WindowId window, const std::string& title) {
    post([this, window, title] {
        const auto found = windows_.find(window);
        if (found != windows_.end()) SDL_SetWindowTitle(found->second.window, title.c_str());
    });
}

void WindowSystem::set_cursor(WindowId window, bool hidden) {
    post([this, window, hidden] {
        const auto found = windows_.find(window);
        if (found == windows_.end() || SDL_GetKeyboardFocus() != found->second.window) return;
        SDL_ShowCursor(hidden ? SDL_DISABLE : SDL_ENABLE);
    });
}

void WindowSystem::set_cursor_image(WindowId window, const cursor::Image& image) {
    post([this, window, image] {
        const auto found = windows_.find(window);
        if (found == windows_.end() || SDL_GetKeyboardFocus() != found->second.window) return;
        cursor_.show(image);
    });
}

void WindowSystem::set_clipboard(WindowId window, const std::string& text) {
    post([this, window, text] {
        if (windows_.contains(window)) clipboard_.copied(window, text);
    });
}

void WindowSystem::resize_window(WindowId window, std::uint32_t width, std::uint32_t height) {
    post([this, window, width, height] {
        const auto found = windows_.find(window);
        if (found == windows_.end() || embedding_) return;
        SDL_SetWindowSize(found->second.window, static_cast<int>(width), static_cast<int>(height));
    });
}

void WindowSystem::close_window(WindowId window) {
    post([this, window] { do_close(window); });
}

void WindowSystem::quit() {
    post([this] { quit_ = true; });
}

// ---- on the main thread

void WindowSystem::do_open(WindowId id, const Opening& opening,
                           const std::shared_ptr<WindowListener>& listener) {
    Window window;
    window.listener = listener;
    window.takes_clipboard = opening.takes_clipboard;
    // Hidden first: window managers read the class when a window is mapped.
    std::uint32_t flags = SDL_WINDOW_VULKAN | SDL_WINDOW_RESIZABLE | SDL_WINDOW_HIDDEN;
    if (opening.fullscreen && !embedding_) flags |= SDL_WINDOW_FULLSCREEN_DESKTOP;
    if (opening.on_top && !embedding_) flags |= SDL_WINDOW_ALWAYS_ON_TOP;
    window.window =
        SDL_CreateWindow(opening.title.c_str(), SDL_WINDOWPOS_UNDEFINED, SDL_WINDOWPOS_UNDEFINED,
                         static_cast<int>(opening.width), static_cast<int>(opening.height), flags);
    if (!window.window) return listener->open_failed(SDL_GetError());
    SDL_SetWindowData(window.window, "id", reinterpret_cast<void*>(id));
    std::string why;
    window.surface = surfaces_->make(instance_->get(), window.window, why);
    if (window.surface == VK_NULL_HANDLE) {
        SDL_DestroyWindow(window.window);
        return listener->open_failed(why);
    }
    surfaces_->set_class(window.window, opening.app_id);
    if (embedding_) embedding_->adopt(window.window);
    SDL_ShowWindow(window.window);
    windows_[id] = window;
    int real_width = 0;
    int real_height = 0;
    SDL_GetWindowSize(window.window, &real_width, &real_height);
    listener->opened(window.surface, static_cast<std::uint32_t>(real_width),
                     static_cast<std::uint32_t>(real_height), refresh_of(window.window),
                     direct_window(window.window));
}

void WindowSystem::do_close(WindowId id) {
    const auto found = windows_.find(id);
    if (found == windows_.end()) return;
    input_.forget(found->second.window);
    clipboard_.forget(id);
    if (focused_ == id) focused_ = 0;
    if (SDL_GetKeyboardFocus() == found->second.window) {
        SDL_ShowCursor(SDL_ENABLE);
        cursor_.end();
    }
    vkDestroySurfaceKHR(instance_->get(), found->second.surface, nullptr);
    if (embedding_) Embedding::before_end(found->second.window);
    SDL_DestroyWindow(found->second.window);
    windows_.erase(found);
}

void WindowSystem::run_commands() {
    std::vector<std::function<void()>> commands;
    {
        const std::lock_guard lock(mutex_);
        commands.swap(commands_);
    }
    for (auto& command : commands) command();
}

WindowSystem::Window* WindowSystem::find(std::uint32_t sdl_id) {
    SDL_Window* window = SDL_GetWindowFromID(sdl_id);
    if (!window) return nullptr;
    const auto found = windows_.find(reinterpret_cast<WindowId>(SDL_GetWindowData(window, "id")));
    return found == windows_.end() ? nullptr : &found->second;
}

bool WindowSystem::key(Window& window, std::int32_t code, std::uint16_t modifiers) {
    const std::uint32_t flags = SDL_GetWindowFlags(window.window);
    if (code == SDLK_F11 && !embedding_) {
        const bool is_full = (flags & SDL_WINDOW_FULLSCREEN_DESKTOP) != 0;
        SDL_SetWindowFullscreen(window.window, is_full ? 0 : SDL_WINDOW_FULLSCREEN_DESKTOP);
        return true;
    }
    if (!(modifiers & KMOD_RCTRL)) return false;
    switch (code) {
        case SDLK_s:
            window.listener->next_scale();
            return true;
        case SDLK_t:
            if (embedding_) return true;
            SDL_SetWindowAlwaysOnTop(window.window,
                                     flags & SDL_WINDOW_ALWAYS_ON_TOP ? SDL_FALSE : SDL_TRUE);
            return true;
        case SDLK_h:
            window.listener->toggle_hud();
            return true;
        case SDLK_p:
            window.listener->picture_wanted();
            return true;
        case SDLK_g:
            input_.toggle_grab(window.window);
            return true;
        default:
            return false;
    }
}

void WindowSystem::run(std::function<void()> embedder_gone) {
    embedder_gone_ = std::move(embedder_gone);
    while (!quit_) {
        SDL_Event event{};
        // What wakes SDL's main thread is a message to one of its windows, which may have gone with
        // the one that they lay in.
        if (embedder_gone_now_ && !SDL_WaitEventTimeout(&event, kEndingMs)) {
            run_commands();
            continue;
        }
        if (!embedder_gone_now_ && !SDL_WaitEvent(&event)) {
            LOG_ERROR("SDL: %s", SDL_GetError());
            return;
        }
        do {
            handle(event);
        } while (!quit_ && SDL_PollEvent(&event));
        hand_input_on();
        offer_clipboard();
    }
}

// What came together goes on together.
void WindowSystem::hand_input_on() {
    for (auto& [id, window] : windows_) {
        if (window.input.empty()) continue;
        window.listener->input(window.input);
        window.input.clear();
    }
}

// After the focus: apps of other windows are told nothing.
void WindowSystem::offer_clipboard() {
    const auto found = windows_.find(focused_);
    if (found == windows_.end() || !found->second.takes_clipboard) return;
    if (const auto text = clipboard_.news_for(focused_)) found->second.listener->clipboard(*text);
}

void WindowSystem::follow_embedder(const SDL_Event& event) {
    switch (embedding_->take(event)) {
        case Embedding::Event::resized:
            for (const auto& [id, window] : windows_) embedding_->fill(window.window);
            break;
        case Embedding::Event::gone:
            LOG_INFO("the window that ours lay in has gone");
            embedder_gone_now_ = true;
            embedder_gone_();
            break;
        case Embedding::Event::none:
            break;
    }
    // No window manager gives the keyboard to a window in a window.
    if (event.type == SDL_MOUSEBUTTONDOWN && find(event.button.windowID)) {
        SDL_SetWindowInputFocus(SDL_GetWindowFromID(event.button.windowID));
    }
}

void WindowSystem::follow_focus(const SDL_Event& event) {
    if (event.type != SDL_WINDOWEVENT) return;
    const Window* window = find(event.window.windowID);
    if (!window) return;
    const auto id = reinterpret_cast<WindowId>(SDL_GetWindowData(window->window, "id"));
    if (event.window.event == SDL_WINDOWEVENT_FOCUS_GAINED) {
        focused_ = id;
        clipboard_.changed();  // SDL 2.26 does not tell of what others copy on X11
    }
    if (event.window.event == SDL_WINDOWEVENT_FOCUS_LOST && focused_ == id) focused_ = 0;
}

void WindowSystem::handle(const SDL_Event& event) {
    if (event.type == wake_event_) return run_commands();
    if (embedding_) follow_embedder(event);
    if (event.type == SDL_CLIPBOARDUPDATE) return clipboard_.changed();
    follow_focus(event);
    if (event.type == SDL_KEYDOWN && event.key.repeat == 0) {
        Window* window = find(event.key.windowID);
        if (window && key(*window, event.key.keysym.sym, event.key.keysym.mod)) {
            return input_.keep_key(event.key.keysym.scancode);
        }
    }
    // The next one to get the focus says what its cursor is.
    if (event.type == SDL_WINDOWEVENT && event.window.event == SDL_WINDOWEVENT_FOCUS_LOST) {
        SDL_ShowCursor(SDL_ENABLE);
        cursor_.end();
    }
    if (const auto input = input_.take(event)) {
        if (Window* window = find(input->window)) window->input.push_back(input->event);
        return;
    }
    if (event.type != SDL_WINDOWEVENT) return;
    const Window* window = find(event.window.windowID);
    if (!window) return;
    WindowListener& listener = *window->listener;
    switch (event.window.event) {
        case SDL_WINDOWEVENT_SIZE_CHANGED:
            listener.resized(static_cast<std::uint32_t>(event.window.data1),
                             static_cast<std::uint32_t>(event.window.data2));
            break;
        case SDL_WINDOWEVENT_EXPOSED:
            listener.exposed();
            break;
        case SDL_WINDOWEVENT_HIDDEN:
        case SDL_WINDOWEVENT_MINIMIZED:
            listener.occluded(true);
            break;
        case SDL_WINDOWEVENT_SHOWN:
        case SDL_WINDOWEVENT_RESTORED:
            listener.occluded(false);
            break;
        case SDL_WINDOWEVENT_CLOSE:
            listener.close_clicked();
            break;
        default:
            break;
    }
}

}  // namespace vdmabuf::viewer
