// SPDX-License-Identifier: MIT
#include "runtime/window/x11_selection_reader.hpp"

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>

#include "runtime/common/clipboard_messages.hpp"
#include "runtime/common/clock.hpp"
#include "runtime/window/x11_reply.hpp"

namespace vdmabuf::window {
namespace {

constexpr std::uint32_t kMostTargets = 1024;
constexpr std::uint32_t kMostWords = clipboard::kMaxText / 4;

using Property = Reply<xcb_get_property_reply_t>;

// What somebody has put there, which is taken away if it came as a whole.
Property take(const Selection& selection, xcb_atom_t place, std::uint32_t words) {
    const auto ask = selection.xcb.get_property(selection.connection, 1, selection.window, place,
                                                XCB_GET_PROPERTY_TYPE_ANY, 0, words);
    return Property(selection.xcb.get_property_reply(selection.connection, ask, nullptr));
}

std::string_view bytes_of(const Xcb& xcb, const Property& property) {
    return {static_cast<const char*>(xcb.get_property_value(property.get())),
            static_cast<std::size_t>(xcb.get_property_value_length(property.get()))};
}

std::string from_latin1(std::string_view text) {
    std::string utf8;
    utf8.reserve(text.size() + text.size() / 8);
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x80) {
            utf8 += c;
        } else {
            utf8 += static_cast<char>(0xC0 | byte >> 6);
            utf8 += static_cast<char>(0x80 | (byte & 0x3F));
        }
    }
    return utf8;
}

}  // namespace

void SelectionReader::start(xcb_timestamp_t time) {
    time_ = time;
    ask(selection_.atoms.targets, State::targets);
}

void SelectionReader::ask(xcb_atom_t target, State next) {
    target_ = target;
    place_ = selection_.atoms.places[turn_++ % selection_.atoms.places.size()];
    raw_.clear();
    state_ = next;
    deadline_ns_ = now_ns() + kPatienceNs;
    (void)selection_.xcb.delete_property(selection_.connection, selection_.window, place_);
    (void)selection_.xcb.convert_selection(selection_.connection, selection_.window,
                                           selection_.atoms.clipboard, target, place_, time_);
    (void)selection_.xcb.flush(selection_.connection);
}

void SelectionReader::selection_notify(const xcb_selection_notify_event_t& event) {
    if (state_ != State::targets && state_ != State::text) return;
    if (event.selection != selection_.atoms.clipboard || event.target != target_) return;
    if (event.property != XCB_ATOM_NONE && event.property != place_) return;  // of an older one
    if (event.property == XCB_ATOM_NONE) {
        // Refused. Old programs know no TARGETS.
        if (state_ == State::targets) return ask(selection_.atoms.utf8, State::text);
        if (target_ != XCB_ATOM_STRING) return ask(XCB_ATOM_STRING, State::text);
        return finish({});
    }
    if (state_ == State::targets) return read_targets();
    read_text();
}

void SelectionReader::read_targets() {
    const Property property = take(selection_, place_, kMostTargets);
    if (!property || property->format != 32) return finish({});
    const auto* atoms =
        static_cast<const xcb_atom_t*>(selection_.xcb.get_property_value(property.get()));
    const auto length = selection_.xcb.get_property_value_length(property.get());
    const std::span<const xcb_atom_t> offered(atoms, static_cast<std::size_t>(length) / 4);
    const auto has = [offered](xcb_atom_t atom) {
        return std::find(offered.begin(), offered.end(), atom) != offered.end();
    };
    if (has(selection_.atoms.from_host)) return finish({std::nullopt, true});
    for (const xcb_atom_t target :
         {selection_.atoms.utf8, selection_.atoms.text_utf8, xcb_atom_t{XCB_ATOM_STRING}}) {
        if (has(target)) return ask(target, State::text);
    }
    finish({});  // a picture, a file ...
}

void SelectionReader::read_text() {
    const Property property = take(selection_, place_, kMostWords);
    if (!property) return finish({});
    if (property->type ==
        selection_.atoms.incr) {  // it was taken away: the parts come (ICCCM 2.7.2)
        state_ = State::parts;
        deadline_ns_ = now_ns() + kPatienceNs;
        return;
    }
    if (property->format != 8 || property->bytes_after != 0) return finish({});
    raw_ = bytes_of(selection_.xcb, property);
    finish_text();
}

void SelectionReader::property_notify(const xcb_property_notify_event_t& event) {
    if (state_ != State::parts || event.atom != place_ || event.state != XCB_PROPERTY_NEW_VALUE) {
        return;
    }
    read_part();
}

void SelectionReader::read_part() {
    const Property property = take(selection_, place_, kMostWords);
    if (!property || property->format != 8 || property->bytes_after != 0) return finish({});
    const std::string_view part = bytes_of(selection_.xcb, property);
    if (part.empty()) return finish_text();
    // Too much. The rest stays where it is, and its owner gives up.
    if (raw_.size() + part.size() > clipboard::kMaxText) return finish({});
    raw_ += part;
    deadline_ns_ = now_ns() + kPatienceNs;
}

void SelectionReader::finish_text() {
    const std::string raw = std::exchange(raw_, {});
    finish({clipboard::plain_text(target_ == XCB_ATOM_STRING ? from_latin1(raw) : raw), false});
}

void SelectionReader::finish(Outcome outcome) {
    state_ = State::idle;
    raw_ = {};
    done_(outcome);
}

void SelectionReader::tick(std::uint64_t now_ns) {
    if (busy() && now_ns >= deadline_ns_) finish({});
}

}  // namespace vdmabuf::window
