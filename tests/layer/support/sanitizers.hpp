// SPDX-License-Identifier: MIT
#pragma once

namespace vdmabuf::test {

// LeakSanitizer does not search at the end of this process.
extern bool nobody_looks_for_leaks;

}  // namespace vdmabuf::test
