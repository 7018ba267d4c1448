// SPDX-License-Identifier: MIT
#include "runtime/viewer/host_clipboard.hpp"

#include <SDL.h>

#include <memory>

#include "runtime/common/clipboard_messages.hpp"

namespace vdmabuf::viewer {

HostClipboard::Access HostClipboard::sdl() {
    return {[] {
                const std::unique_ptr<char, decltype(&SDL_free)> text(SDL_GetClipboardText(),
                                                                      &SDL_free);
                return text ? std::string(text.get()) : std::string();
            },
            [](const std::string& text) { SDL_SetClipboardText(text.c_str()); }};
}

void HostClipboard::refresh() {
    if (!stale_) return;
    stale_ = false;
    auto text = clipboard::plain_text(access_.get());
    if (text == text_) return;
    text_ = std::move(text);
    ++version_;
}

std::optional<std::string> HostClipboard::news_for(WindowId window) {
    if (!clipboard::to_guest(policy_)) return std::nullopt;
    if (!stale_) {
        const auto known = known_.find(window);
        if (known != known_.end() && known->second == version_) return std::nullopt;
    }
    refresh();
    std::uint64_t& known = known_[window];
    if (known == version_) return std::nullopt;
    known = version_;
    return text_;
}

void HostClipboard::copied(WindowId window, const std::string& text) {
    if (!clipboard::from_guest(policy_)) return;
    refresh();
    // The owner of a text that is there already knows more of it than we do: an app of the display
    // itself, where the app's X server and the host's are one.
    if (text_ != text) {
        access_.set(text);
        text_ = text;
        ++version_;
    }
    known_[window] = version_;
}

}  // namespace vdmabuf::viewer
