// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>

#include "runtime/common/result.hpp"

struct SDL_Window;
union SDL_Event;

namespace vdmabuf::viewer {

// A window of another program on the same X server, which the viewer's windows are put into. SDL
// makes them as it makes all others and they get a new parent before they are shown, when no window
// manager has seen them yet: SDL_CreateWindowFrom() would take over the other program's window
// itself, with its title, its cursor and its events. Of the main thread.
class Embedding {
  public:
    struct Size {
        std::uint32_t width = 0;
        std::uint32_t height = 0;
    };
    enum class Event { none, resized, gone };

    // `any`: a window of SDL's display. ENOTSUP: that is no X server; ENOENT: it has no such
    // window.
    // `any` must outlive the object.
    static Result<std::unique_ptr<Embedding>> create(SDL_Window* any, std::uint64_t window);
    // Errors of windows that went with the other one are told by then: Xlib's handler, which ends
    // the program, is back after SDL_Quit().
    ~Embedding();
    Embedding(const Embedding&) = delete;
    Embedding& operator=(const Embedding&) = delete;

    Size size() const { return size_; }
    // Puts a window that was never shown into the other one, and fills it.
    void adopt(SDL_Window* window) const;
    // Before SDL ends a window that lay in the other one.
    static void before_end(SDL_Window* window);
    // As adopt(), after the other one has a new size.
    void fill(SDL_Window* window) const;
    // What an event of SDL says of the other window; size() is the new one.
    Event take(const SDL_Event& event);

  private:
    Embedding(SDL_Window* any, std::uint64_t window, Size size)
        : any_(any), window_(window), size_(size) {}
    SDL_Window* const any_;
    const std::uint64_t window_;
    Size size_;
};

}  // namespace vdmabuf::viewer
