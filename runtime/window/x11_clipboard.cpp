// SPDX-License-Identifier: MIT
#include "runtime/window/x11_clipboard.hpp"

#include <algorithm>
#include <utility>

#include "runtime/common/clock.hpp"
#include "runtime/common/log.hpp"
#include "runtime/window/x11_reply.hpp"
#include "runtime/window/x11_window.hpp"
#include "runtime/window/x11_xfixes.hpp"

namespace vdmabuf::window {
namespace {

// Of the event of SelectSelectionInput.
constexpr std::uint32_t kOwnerChanges = 1 << 0;
constexpr std::uint32_t kOwnerEnds = 1 << 1 | 1 << 2;  // its window, its program

struct SelectionNotify {  // event of the X Fixes Extension
    std::uint8_t type = 0;
    std::uint8_t subtype = 0;
    std::uint16_t sequence = 0;
    std::uint32_t window = 0;
    std::uint32_t owner = 0;
    std::uint32_t selection = 0;
    std::uint32_t time = 0;
    std::uint32_t since = 0;  // the owner has it
    std::uint8_t unused[8] = {};
};
static_assert(sizeof(SelectionNotify) == 32);

template <typename Event>
const Event& as(const xcb_generic_event_t& event) {
    return reinterpret_cast<const Event&>(event);
}

}  // namespace

void X11Clipboard::offer(std::string text) {
    const std::lock_guard lock(mutex_);
    offered_ = std::move(text);
}

bool X11Clipboard::start() {
    if (parts_ || broken_) return !broken_;
    const Xcb& xcb = server_.xcb_;
    xcb_connection_t* const connection = server_.connection_;
    const xcb_window_t window = xcb.generate_id(connection);
    broken_ = window == static_cast<xcb_window_t>(-1) || server_.xfixes_ == 0;
    if (broken_) return false;
    const std::uint32_t follow = XCB_EVENT_MASK_PROPERTY_CHANGE;
    (void)xcb.create_window(connection, 0, window, server_.root(), -1, -1, 1, 1, 0,
                            XCB_WINDOW_CLASS_INPUT_ONLY, XCB_COPY_FROM_PARENT, XCB_CW_EVENT_MASK,
                            &follow);
    SelectionAtoms atoms;
    atoms.clipboard = server_.atom("CLIPBOARD");
    atoms.targets = server_.atom("TARGETS");
    atoms.timestamp = server_.atom("TIMESTAMP");
    atoms.utf8 = server_.atom("UTF8_STRING");
    atoms.text_utf8 = server_.atom("text/plain;charset=utf-8");
    atoms.incr = server_.atom("INCR");
    atoms.from_host = server_.atom("_VDMABUF_FROM_HOST");
    for (std::size_t i = 0; i < atoms.places.size(); ++i) {
        atoms.places[i] = server_.atom(("_VDMABUF_CLIPBOARD_" + std::to_string(i)).c_str());
    }
    parts_ = std::make_unique<Parts>(
        Selection{xcb, connection, window, atoms},
        [this](const SelectionReader::Outcome& outcome) { was_read(outcome); },
        [this](xcb_window_t other, bool on) { server_.follow(other, on); });
    xfixes::Request request;
    request.minor = xfixes::kSelectSelectionInput;
    request.words[0] = window;
    request.words[1] = atoms.clipboard;
    request.words[2] = kOwnerChanges | kOwnerEnds;
    (void)xfixes::send(xcb, connection, request, 3, server_.xfixes_, false);
    (void)xcb.flush(connection);
    server_.kick();  // there may be events behind the replies
    return true;
}

void X11Clipboard::turn(xcb_window_t focused) {
    const std::uint64_t now = now_ns();
    if (focused != focused_) {
        if (focused_ != XCB_WINDOW_NONE) lost_ns_ = now;
        focused_ = focused;
        if (focused != XCB_WINDOW_NONE) {
            last_ = focused;
            if (!start()) return;
            // The app that gave it to the others has ended.
            if (!of_host_.empty() && !parts_->giver.owns() && owner() == XCB_WINDOW_NONE) {
                parts_->giver.own(of_host_);
            }
        }
    }
    if (!parts_) return;
    take_offer();
    parts_->reader.tick(now);
    parts_->giver.tick(now);
    if (changed_ && !parts_->reader.busy() && now >= read_ns_ + kPauseNs) {
        changed_ = false;
        read_ns_ = now;
        read(false, changed_at_);
    }
}

void X11Clipboard::take_offer() {
    std::optional<std::string> text;
    {
        const std::lock_guard lock(mutex_);
        text = std::exchange(offered_, std::nullopt);
    }
    if (!text) return;
    if (parts_->giver.owns() && *text == parts_->giver.text()) return;
    changed_ = false;  // the host's is newer
    of_host_ = std::move(*text);
    if (parts_->giver.owns() || owner() == XCB_WINDOW_NONE) return parts_->giver.own(of_host_);
    // A program that has it already knows more of it than its text.
    read(true, XCB_CURRENT_TIME);
}

xcb_window_t X11Clipboard::owner() {
    const auto ask =
        server_.xcb_.get_selection_owner(server_.connection_, parts_->selection.atoms.clipboard);
    const Reply<xcb_get_selection_owner_reply_t> reply(
        server_.xcb_.get_selection_owner_reply(server_.connection_, ask, nullptr));
    server_.kick();  // as above
    return reply ? reply->owner : xcb_window_t{XCB_WINDOW_NONE};
}

void X11Clipboard::read(bool compare, xcb_timestamp_t time) {
    compares_ = compare;
    parts_->reader.start(time);
}

void X11Clipboard::was_read(const SelectionReader::Outcome& outcome) {
    if (compares_) {
        if (outcome.from_host || outcome.text != of_host_) parts_->giver.own(of_host_);
        return;
    }
    if (outcome.from_host || !outcome.text) return;
    of_host_.clear();
    server_.tell_clipboard(*outcome.text, last_);
}

bool X11Clipboard::may_tell(std::uint64_t now_ns) const {
    return focused_ != XCB_WINDOW_NONE || now_ns - lost_ns_ < kLateNs;
}

void X11Clipboard::selection_changed(xcb_window_t owner, xcb_timestamp_t at,
                                     xcb_timestamp_t since) {
    if (owner == parts_->selection.window) return parts_->giver.owned_since(since);
    const bool comparing = parts_->reader.busy() && compares_;
    if (owner == XCB_WINDOW_NONE) {  // nothing to paste is nothing to tell
        parts_->reader.cancel();
        changed_ = false;
        if (comparing) parts_->giver.own(of_host_);
        return;
    }
    if (!may_tell(now_ns())) return;
    parts_->reader.cancel();  // what it reads is not there any more
    changed_ = true;
    changed_at_ = at;
}

bool X11Clipboard::handle(const xcb_generic_event_t& event) {
    if (!parts_) return false;
    const auto type = static_cast<std::uint8_t>(event.response_type & 0x7f);
    const xcb_window_t window = parts_->selection.window;
    if (type == server_.xfixes_event_ + xfixes::kSelectionNotify) {
        const auto& change = as<SelectionNotify>(event);
        if (change.window == window) selection_changed(change.owner, change.time, change.since);
        return true;
    }
    switch (type) {
        case XCB_SELECTION_REQUEST:
            parts_->giver.selection_request(as<xcb_selection_request_event_t>(event));
            return true;
        case XCB_SELECTION_CLEAR:
            if (as<xcb_selection_clear_event_t>(event).owner == window) {
                parts_->giver.selection_clear();
            }
            return true;
        case XCB_SELECTION_NOTIFY:
            if (as<xcb_selection_notify_event_t>(event).requestor == window) {
                parts_->reader.selection_notify(as<xcb_selection_notify_event_t>(event));
            }
            return true;
        case XCB_PROPERTY_NOTIFY: {
            const auto& property = as<xcb_property_notify_event_t>(event);
            if (property.window == window) {
                parts_->reader.property_notify(property);
                return true;
            }
            parts_->giver.property_notify(property);
            return false;  // it may be a watched window as well
        }
        default:
            return false;
    }
}

int X11Clipboard::timeout_ms() const {
    if (!parts_) return -1;
    std::uint64_t due = 0;
    for (const std::uint64_t each :
         {parts_->reader.deadline_ns(), parts_->giver.deadline_ns(),
          changed_ && !parts_->reader.busy() ? read_ns_ + kPauseNs : 0}) {
        if (each != 0 && (due == 0 || each < due)) due = each;
    }
    return due == 0 ? -1 : ms_until(due);
}

}  // namespace vdmabuf::window
