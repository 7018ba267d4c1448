// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <unordered_set>
#include <vector>

#include "runtime/common/input_messages.hpp"

union SDL_Event;
struct SDL_Window;

namespace vdmabuf::viewer {

// What SDL's events mean as input of the windows. Of the main thread.
class InputSource {
  public:
    struct Input {
        std::uint32_t window = 0;  // SDL's id
        input::Event event{};      // coordinates in 1/256 pixels of the window
    };

    // Nothing where the event is no input.
    std::optional<Input> take(const SDL_Event& event);
    // A key that the viewer has used for itself: its release is nobody's either.
    void keep_key(std::int32_t scancode) { kept_.insert(scancode); }
    // Keyboard and pointer belong to the window, whose pointer only moves: for games.
    void toggle_grab(SDL_Window* window);
    void forget(SDL_Window* window) {
        if (grabbed_ == window) end_grab();
    }

  private:
    std::optional<input::Event> take_key(const SDL_Event& event);
    std::optional<input::Event> take_finger(const SDL_Event& event);
    std::optional<std::uint16_t> finger_number(std::int64_t id, bool down);
    void end_grab();

    std::unordered_set<std::int32_t> kept_;
    SDL_Window* grabbed_ = nullptr;
    std::array<std::int64_t, input::kMaxTouches> fingers_{};  // SDL's ids, by number
    std::uint32_t touching_ = 0;                              // bits of those that are down
};

// KEY_* of a key by its place on the keyboard (SDL_Scancode); 0: it has none.
std::uint16_t evdev_key(std::int32_t scancode);

}  // namespace vdmabuf::viewer
