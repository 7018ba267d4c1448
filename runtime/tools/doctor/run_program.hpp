// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace vdmabuf::doctor {

struct ProgramOutput {
    int status = -1;   // exit status; 128 + the signal's number
    std::string text;  // standard output and errors, the first 256 KiB
};

// Runs a program to its end, found as a shell would find it. `environment`: NAME=VALUE, in
// addition. Nothing where it cannot be started or takes longer (it is killed then).
std::optional<ProgramOutput> run_program(const std::vector<std::string>& words,
                                         const std::vector<std::string>& environment = {},
                                         double seconds = 20);

}  // namespace vdmabuf::doctor
