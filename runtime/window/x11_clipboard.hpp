// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "runtime/window/x11_selection_giver.hpp"
#include "runtime/window/x11_selection_reader.hpp"

namespace vdmabuf::window {

class X11Watcher;

// The X server's clipboard, and the host's, for the window that has the focus there. A server has
// one clipboard for all of its programs, several of which may be in our windows: who has the focus
// tells the host what is copied meanwhile, and owns the clipboard with what the host offers, until
// somebody else copies something. Of the watcher's thread, but for offer().
class X11Clipboard {
  public:
    explicit X11Clipboard(X11Watcher& server) : server_(server) {}

    // Any thread: what there is to paste on the host.
    void offer(std::string text);

    // Once in a round of the thread. `focused`: the window with the focus of the host, or none.
    void turn(xcb_window_t focused);
    // True: the event is no other's.
    bool handle(const xcb_generic_event_t& event);
    int timeout_ms() const;  // -1: none

  private:
    // What is copied so shortly before the focus goes is told after that.
    static constexpr std::uint64_t kLateNs = 1'000'000'000;
    // Programs that copy all the time are read so often.
    static constexpr std::uint64_t kPauseNs = 150'000'000;

    struct Parts {
        Parts(Selection with, SelectionReader::Done done, SelectionGiver::Follow follow)
            : selection(with),
              reader(selection, std::move(done)),
              giver(selection, std::move(follow)) {}
        const Selection selection;
        SelectionReader reader;
        SelectionGiver giver;
    };

    bool start();  // at the first focus: other programs cost the server nothing
    void take_offer();
    void selection_changed(xcb_window_t owner, xcb_timestamp_t at, xcb_timestamp_t since);
    void read(bool compare, xcb_timestamp_t time);
    void was_read(const SelectionReader::Outcome& outcome);
    xcb_window_t owner();
    bool may_tell(std::uint64_t now_ns) const;

    X11Watcher& server_;
    std::mutex mutex_;  // of offered_
    std::optional<std::string> offered_;

    std::unique_ptr<Parts> parts_;  // null: nobody has had the focus
    bool broken_ = false;
    xcb_window_t focused_ = XCB_WINDOW_NONE;
    xcb_window_t last_ = XCB_WINDOW_NONE;  // that had it
    std::uint64_t lost_ns_ = 0;
    std::string of_host_;    // the clipboard's text, as long as the host's is the newest
    bool compares_ = false;  // the reader: whether of_host_ is there already
    bool changed_ = false;   // to be read
    xcb_timestamp_t changed_at_ = XCB_CURRENT_TIME;
    std::uint64_t read_ns_ = 0;
};

}  // namespace vdmabuf::window
