// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/window/x11_selection.hpp"

namespace vdmabuf::window {

// Owns the clipboard with a text, and gives it to programs that paste. Of the watcher's thread.
class SelectionGiver {
  public:
    // Of a text in parts: what comes in one, and how long a program may take for each.
    static constexpr std::uint32_t kPart = 1U << 16;
    static constexpr std::uint64_t kPatienceNs = 5'000'000'000;
    static constexpr std::size_t kMostTransfers = 16;

    // Follow the properties of a window of another program, or not any more.
    using Follow = std::function<void(xcb_window_t window, bool on)>;
    SelectionGiver(const Selection& selection, Follow follow)
        : selection_(selection), follow_(std::move(follow)) {}

    // Takes the clipboard, from whomever. `text`: plain.
    void own(std::string text);
    // It is ours, as of this time of the server.
    void owned_since(xcb_timestamp_t time) { since_ = time; }
    bool owns() const { return text_ != nullptr; }
    const std::string& text() const { return *text_; }

    void selection_clear() { text_.reset(); }
    void selection_request(const xcb_selection_request_event_t& event);
    void property_notify(const xcb_property_notify_event_t& event);
    std::uint64_t deadline_ns() const;  // 0: none
    void tick(std::uint64_t now_ns);

  private:
    struct Transfer {
        xcb_window_t window = XCB_WINDOW_NONE;
        xcb_atom_t place = XCB_ATOM_NONE;
        xcb_atom_t type = XCB_ATOM_NONE;
        std::shared_ptr<const std::string> text;
        std::size_t given = 0;
        std::uint64_t deadline_ns = 0;
    };

    bool give(const xcb_selection_request_event_t& event, xcb_atom_t place);
    bool give_text(xcb_window_t window, xcb_atom_t place, xcb_atom_t type,
                   std::shared_ptr<const std::string> text);
    bool give_next(Transfer& transfer);
    void put(xcb_window_t window, xcb_atom_t place, xcb_atom_t type, std::uint8_t bits,
             std::size_t count, const void* data);

    void ended(const Transfer& transfer);

    const Selection& selection_;
    const Follow follow_;
    std::shared_ptr<const std::string> text_;    // null: it is not ours
    std::shared_ptr<const std::string> latin1_;  // null: the text has other characters
    xcb_timestamp_t since_ = XCB_CURRENT_TIME;
    std::vector<Transfer> transfers_;
};

}  // namespace vdmabuf::window
