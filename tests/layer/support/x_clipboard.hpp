// SPDX-License-Identifier: MIT
// Programs that copy and paste by the X server's clipboard (ICCCM 2).
#pragma once

#include <xcb/xcb.h>

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace vdmabuf::test {

// Owns the clipboard as long as it lives, or until another one does.
class XCopied {
  public:
    struct As {
        std::vector<std::string> targets = {"UTF8_STRING"};  // all with the same bytes
        std::size_t part = 0;          // bytes; the text comes by INCR in such parts; 0: as a whole
        bool knows_targets = true;     // TARGETS
        bool answers = true;           // any request
        std::size_t parts = SIZE_MAX;  // it falls silent after so many
    };
    XCopied(const std::string& display, std::string text) : XCopied(display, text, As()) {}
    XCopied(const std::string& display, std::string text, As as);
    ~XCopied();
    XCopied(const XCopied&) = delete;
    XCopied& operator=(const XCopied&) = delete;

    bool lost() const { return lost_; }  // another one has copied something
    int requests() const { return requests_; }

  private:
    void serve();
    void answer(const xcb_selection_request_event_t& event);
    void next_part(const xcb_property_notify_event_t& event);

    const std::string text_;
    const As as_;
    xcb_connection_t* connection_;
    xcb_window_t window_ = 0;
    std::atomic<bool> stop_{false};
    std::atomic<bool> lost_{false};
    std::atomic<int> requests_{0};
    // Of the thread: whom parts go to.
    xcb_window_t requestor_ = 0;
    xcb_atom_t place_ = 0;
    xcb_atom_t type_ = 0;
    std::size_t given_ = 0;
    std::size_t parts_given_ = 0;
    std::thread thread_;
};

struct XPasted {
    std::string bytes;
    std::string type;
    bool in_parts = false;
};
// What the clipboard has; nothing: nobody owns it, or has that.
std::optional<XPasted> x_paste(const std::string& display,
                               const std::string& target = "UTF8_STRING");
// The names of what it has; empty: nothing.
std::vector<std::string> x_targets(const std::string& display);
// Until it has this text; false: it did not come.
bool x_wait_pasted(const std::string& display, const std::string& text, int timeout_ms = 5000);

}  // namespace vdmabuf::test
