// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "runtime/tools/doctor/machine.hpp"

namespace vdmabuf::doctor {

// A QEMU process and how it was started.
struct QemuProcess {
    std::string pid;
    std::string program;               // /proc/PID/exe or the first word
    std::vector<std::string> options;  // of each option that takes a value: "-name value"
    std::string name;                  // of the VM, where it has one
};

// Those that this user may look at.
std::vector<QemuProcess> find_qemus(const Machine& machine);

// The value of a key in "driver,key=value,..."; empty where there is none.
std::string value_of(const std::string& list, const std::string& key);

}  // namespace vdmabuf::doctor
