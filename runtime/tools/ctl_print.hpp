// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "runtime/tools/ctl_query.hpp"

namespace vdmabuf::tools {

std::string as_json(const BrokerState& state);
std::string as_text(const BrokerState& state);

}  // namespace vdmabuf::tools
