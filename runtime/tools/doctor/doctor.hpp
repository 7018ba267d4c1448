// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>

#include "runtime/tools/doctor/machine.hpp"

namespace vdmabuf::doctor {

struct Settings {
    std::string root;          // of the machine that is looked at; empty: this one
    std::optional<Side> side;  // nothing: as found
    bool json = false;
};

// Looks at everything, prints what works and what to do about the rest. True: nothing is broken.
bool examine(const Settings& settings);

}  // namespace vdmabuf::doctor
