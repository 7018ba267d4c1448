// SPDX-License-Identifier: MIT
#pragma once

namespace vdmabuf::viewer {

// Errors of X servers are told in the log; Xlib would end the program. They are no news about its
// own state: SDL wakes its main thread by a message to one of our windows on a second connection,
// which the server may read after the window's end (seen as BadWindow of SendEvent when windows
// close while frames of others come), and window managers and other programs destroy and change
// windows whenever they like.
//
// For the whole process and its life. Call it once SDL has its display, as SDL sets handlers then.
void survive_x11_errors();

}  // namespace vdmabuf::viewer
