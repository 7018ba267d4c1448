// SPDX-License-Identifier: MIT
#pragma once

#include <deque>
#include <string>

#include "runtime/common/result.hpp"
#include "runtime/viewer/stream_record.hpp"

namespace vdmabuf::viewer {

// The record that stands for a whole run: that with the most frames. Null when there is none.
const StreamRecord* main_record(const std::deque<StreamRecord>& records);

// Writes the figures of all streams as JSON: those of the main one at the top, all in "streams".
Status write_report(const std::deque<StreamRecord>& records, const std::string& path);

}  // namespace vdmabuf::viewer
