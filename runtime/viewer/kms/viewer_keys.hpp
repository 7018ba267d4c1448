// SPDX-License-Identifier: MIT
// The keys that are the viewer's on a screen of its own: those of a window (README.md), and what a
// window manager would do there. By their places on a US keyboard, as no layout is known.
#pragma once

#include <linux/input-event-codes.h>

#include <cstdint>
#include <set>

namespace vdmabuf::viewer {

class ViewerKeys {
  public:
    enum class Action { none, hud, scale, picture, grab, next_stream, quit, console };
    struct Taken {
        bool own = false;  // the app does not hear of it
        Action action = Action::none;
        int console = 0;  // of Action::console: 1 .. 12
    };

    Taken take(std::uint16_t code, bool down) {
        if (!down) {
            held_.erase(code);
            return {own_.erase(code) > 0, Action::none, 0};
        }
        Taken taken;
        taken.action = action(code, taken.console);
        taken.own = taken.action != Action::none;
        held_.insert(code);
        if (taken.own) own_.insert(code);
        return taken;
    }
    // Keys that are down will not be heard of when they go up.
    void forget() {
        held_.clear();
        own_.clear();
    }

  private:
    bool holds(std::uint16_t code) const { return held_.contains(code); }
    Action action(std::uint16_t code, int& console) const {
        const bool control = holds(KEY_LEFTCTRL) || holds(KEY_RIGHTCTRL);
        if (control && (holds(KEY_LEFTALT) || holds(KEY_RIGHTALT))) {
            if (code >= KEY_F1 && code <= KEY_F10) console = code - KEY_F1 + 1;
            if (code == KEY_F11 || code == KEY_F12) console = code - KEY_F11 + 11;
            if (console != 0) return Action::console;
        }
        if (!holds(KEY_RIGHTCTRL)) return Action::none;
        switch (code) {
            case KEY_H:
                return Action::hud;
            case KEY_S:
                return Action::scale;
            case KEY_P:
                return Action::picture;
            case KEY_G:
                return Action::grab;
            case KEY_N:
                return Action::next_stream;
            case KEY_Q:
                return Action::quit;
            default:
                return Action::none;
        }
    }

    std::set<std::uint16_t> held_;
    std::set<std::uint16_t> own_;  // of these, those that were the viewer's
};

}  // namespace vdmabuf::viewer
