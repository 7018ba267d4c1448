// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "runtime/window/x11_selection.hpp"

namespace vdmabuf::window {

// Reads the text of the clipboard from the program that owns it, which may take its time, or never
// answer. Of the watcher's thread; waits for nobody.
class SelectionReader {
  public:
    // Nothing comes from its owner for so long: it is given up.
    static constexpr std::uint64_t kPatienceNs = 2'000'000'000;

    struct Outcome {
        std::optional<std::string> text;  // plain; nothing: it is no text, or does not come
        bool from_host = false;           // it is ours, or another app's of this project
    };
    using Done = std::function<void(const Outcome&)>;
    SelectionReader(const Selection& selection, Done done)
        : selection_(selection), done_(std::move(done)) {}

    // Begins anew; `done` is called once, from within a later call.
    void start(xcb_timestamp_t time);
    void cancel() { state_ = State::idle; }
    bool busy() const { return state_ != State::idle; }
    std::uint64_t deadline_ns() const { return busy() ? deadline_ns_ : 0; }

    void selection_notify(const xcb_selection_notify_event_t& event);
    void property_notify(const xcb_property_notify_event_t& event);
    void tick(std::uint64_t now_ns);

  private:
    enum class State { idle, targets, text, parts };

    void ask(xcb_atom_t target, State next);
    void read_targets();
    void read_text();
    void read_part();
    void finish(Outcome outcome);
    void finish_text();

    const Selection& selection_;
    const Done done_;
    State state_ = State::idle;
    std::size_t turn_ = 0;  // of Selection::places
    xcb_timestamp_t time_ = XCB_CURRENT_TIME;
    xcb_atom_t place_ = XCB_ATOM_NONE;
    xcb_atom_t target_ = XCB_ATOM_NONE;
    std::string raw_;
    std::uint64_t deadline_ns_ = 0;
};

}  // namespace vdmabuf::window
