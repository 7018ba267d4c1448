// SPDX-License-Identifier: MIT
#pragma once

#include <errno.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include "runtime/common/result.hpp"

namespace vdmabuf::bench {

// Ends a benchmark with a line that says why: a figure of half a run is none.
[[noreturn]] inline void fail(const std::string& text) {
    std::fprintf(stderr, "%s: %s\n", program_invocation_short_name, text.c_str());
    std::exit(1);
}

template <typename T>
T need(Result<T> result) {
    if (!result) fail(result.error().text);
    return std::move(*result);
}

}  // namespace vdmabuf::bench
