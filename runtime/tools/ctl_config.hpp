// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace vdmabuf::tools {

// Prints what each program beside this one makes of the configuration file (empty: the default
// one), by asking it. False: one of them cannot use it; it has said why.
bool show_config(const std::string& file);

}  // namespace vdmabuf::tools
