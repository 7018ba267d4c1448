// SPDX-License-Identifier: MIT
#pragma once

#include "runtime/viewer/settings.hpp"

namespace vdmabuf::viewer {

// Runs the viewer until it has what the settings ask for, or until a signal or the user ends it.
// Errors are in the log. To be called once, from the main thread, before any other thread.
Exit run(const Settings& settings);

}  // namespace vdmabuf::viewer
