// SPDX-License-Identifier: MIT
#pragma once

#include "runtime/common/cursor_messages.hpp"

struct SDL_Cursor;

namespace vdmabuf::viewer {

// The app's cursor as the host's, over the viewer's windows. Of the main thread, while SDL runs.
class GuestCursor {
  public:
    GuestCursor() = default;
    ~GuestCursor() { end(); }
    GuestCursor(const GuestCursor&) = delete;
    GuestCursor& operator=(const GuestCursor&) = delete;

    // What cannot be shown leaves the cursor as it is.
    void show(const cursor::Image& image);
    // The host's own again.
    void end();

  private:
    SDL_Cursor* cursor_ = nullptr;
};

}  // namespace vdmabuf::viewer
