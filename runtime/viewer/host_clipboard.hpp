// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>

#include "runtime/common/clipboard_policy.hpp"

namespace vdmabuf::viewer {

// The clipboard of the display, and which windows' apps know what is in it. A text goes to a window
// when that has the focus, once; and not to that which it came from. Of the main thread.
class HostClipboard {
  public:
    using WindowId = std::uint64_t;
    // The display's own: SDL's, but for tests.
    struct Access {
        std::function<std::string()> get;
        std::function<void(const std::string&)> set;
    };
    HostClipboard(clipboard::Policy policy, Access access)
        : policy_(policy), access_(std::move(access)) {}
    static Access sdl();

    // Somebody may have copied something.
    void changed() { stale_ = true; }
    // What the app of this window, which has the focus, does not know yet.
    std::optional<std::string> news_for(WindowId window);
    // What was copied in this window.
    void copied(WindowId window, const std::string& text);
    void forget(WindowId window) { known_.erase(window); }

  private:
    void refresh();

    const clipboard::Policy policy_;
    const Access access_;
    bool stale_ = true;
    std::optional<std::string> text_;                    // plain; nothing: it is empty, or no text
    std::uint64_t version_ = 0;                          // of text_
    std::unordered_map<WindowId, std::uint64_t> known_;  // versions
};

}  // namespace vdmabuf::viewer
