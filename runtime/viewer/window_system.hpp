// SPDX-License-Identifier: MIT
#pragma once

#include <vulkan/vulkan_core.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "runtime/common/result.hpp"
#include "runtime/consumer/gpu/instance.hpp"
#include "runtime/viewer/embedding.hpp"
#include "runtime/viewer/guest_cursor.hpp"
#include "runtime/viewer/host_clipboard.hpp"
#include "runtime/viewer/input_source.hpp"
#include "runtime/viewer/settings.hpp"
#include "runtime/viewer/surface_maker.hpp"
#include "runtime/viewer/wayland/direct_window.hpp"

struct SDL_Window;

namespace vdmabuf::viewer {

// What happens to a window. Called on the main thread.
class WindowListener {
  public:
    virtual ~WindowListener() = default;
    // The window is there. `surface` lives until after close_window(); `direct`: on Wayland, what
    // the compositor does beside; it must end before that.
    virtual void opened(VkSurfaceKHR surface, std::uint32_t width, std::uint32_t height,
                        std::uint64_t refresh_ns,
                        std::unique_ptr<wayland::DirectWindow> direct) = 0;
    virtual void open_failed(const std::string& why) = 0;
    virtual void resized(std::uint32_t width, std::uint32_t height) = 0;
    virtual void exposed() = 0;
    virtual void occluded(bool is_occluded) = 0;
    virtual void close_clicked() = 0;
    virtual void next_scale() = 0;
    virtual void toggle_hud() = 0;
    virtual void picture_wanted() = 0;
    // Coordinates are in 1/256 pixels of the window.
    virtual void input(std::span<const input::Event> events) = 0;
    // What there is to paste, while it has the focus.
    virtual void clipboard(const std::string& text) = 0;
};

// The display's windows. SDL belongs to the main thread, which sleeps in run(); the other calls
// come from any thread and return at once.
class WindowSystem {
  public:
    using WindowId = std::uint64_t;

    // Main thread. EIO, with SDL's reason, when there is no display. ENOTSUP: frames must be passed
    // on to a Wayland compositor, and cannot.
    static Result<std::unique_ptr<WindowSystem>> create(const Settings& settings);
    ~WindowSystem();
    WindowSystem(const WindowSystem&) = delete;
    WindowSystem& operator=(const WindowSystem&) = delete;

    // Main thread: instance extensions for surfaces here.
    const std::vector<const char*>& instance_extensions() const;
    // Main thread, before the first window: all of them will lie in this window of another program.
    Status embed_into(std::uint64_t window);
    // Main thread, once, before the first window. A surface of a window that is never shown, to
    // choose a GPU by; ends with this object.
    Result<VkSurfaceKHR> use_instance(std::shared_ptr<gpu::Instance> instance);

    struct Opening {
        std::string title;
        std::string app_id;  // WM_CLASS
        std::uint32_t width = 0;
        std::uint32_t height = 0;
        bool fullscreen = false;
        bool on_top = false;
        bool takes_clipboard = false;
    };
    WindowId open_window(Opening opening, std::shared_ptr<WindowListener> listener);
    void set_title(WindowId window, const std::string& title);
    // Over all windows, as long as this one has the focus.
    void set_cursor(WindowId window, bool hidden);
    void set_cursor_image(WindowId window, const cursor::Image& image);
    // What was copied in the window becomes the display's clipboard.
    void set_clipboard(WindowId window, const std::string& text);
    void resize_window(WindowId window, std::uint32_t width, std::uint32_t height);
    // The surface must not be used any more. The listener may be called until the main thread has
    // come to it; the window keeps it alive as long.
    void close_window(WindowId window);

    // Main thread: serves windows until quit(). `embedder_gone`: called here when the window of
    // embed_into() has ended, with all that lay in it.
    void run(std::function<void()> embedder_gone);
    void quit();

  private:
    struct Window {
        SDL_Window* window = nullptr;
        VkSurfaceKHR surface = VK_NULL_HANDLE;
        std::shared_ptr<WindowListener> listener;
        bool takes_clipboard = false;
        std::vector<input::Event> input;  // that came with the events of one wake-up
    };

    explicit WindowSystem(clipboard::Policy clipboard)
        : clipboard_(clipboard, HostClipboard::sdl()) {}
    void post(std::function<void()> command);
    void run_commands();
    void do_open(WindowId id, const Opening& opening,
                 const std::shared_ptr<WindowListener>& listener);
    // True: it is one of the viewer's own.
    bool key(Window& window, std::int32_t code, std::uint16_t modifiers);
    void handle(const SDL_Event& event);
    void hand_input_on();
    void offer_clipboard();
    void follow_embedder(const SDL_Event& event);
    void follow_focus(const SDL_Event& event);
    Window* find(std::uint32_t sdl_id);
    void do_close(WindowId id);

    Status join_wayland(Direct wanted);
    std::unique_ptr<wayland::DirectWindow> direct_window(SDL_Window* window) const;

    std::unique_ptr<SurfaceMaker> surfaces_;
    std::shared_ptr<wayland::Display> wayland_;  // null: another display
    bool passes_on_ = false;                     // frames to Wayland's compositor
    std::shared_ptr<gpu::Instance> instance_;
    Window hidden_;  // SDL sleeps well only while it has a window
    std::unordered_map<WindowId, Window> windows_;
    InputSource input_;
    std::unique_ptr<Embedding> embedding_;  // null: windows of their own
    std::function<void()> embedder_gone_;
    bool embedder_gone_now_ = false;
    GuestCursor cursor_;
    HostClipboard clipboard_;
    WindowId focused_ = 0;
    std::uint32_t wake_event_ = 0;
    bool quit_ = false;  // main thread

    std::mutex mutex_;
    std::vector<std::function<void()>> commands_;
    WindowId next_id_ = 1;
};

}  // namespace vdmabuf::viewer
