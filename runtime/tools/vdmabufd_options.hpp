// SPDX-License-Identifier: MIT
#pragma once

#include <map>
#include <optional>
#include <string>

#include "runtime/broker/broker.hpp"
#include "runtime/common/clipboard_policy.hpp"
#include "runtime/common/log.hpp"
#include "runtime/keeper/keeper.hpp"

namespace vdmabuf::tools {

struct DaemonOptions {
    keeper::KeeperOptions keeper;
    std::map<std::string, broker::Limits> limits;  // by VM name
    log::Level log_level = log::Level::info;
    bool share_vm_memory = true;
    clipboard::Policy clipboard = clipboard::Policy::both;

    // Only in the broker's process: descriptors inherited from the keeper.
    int broker_link = -1;
    int producers_fd = -1;
    int consumers_fd = -1;
};

constexpr int kExitOk = 0;
constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;
constexpr int kExitInUse = 3;  // a socket is served by another process

// Reads the command line. Without options to go on with: the exit code, after the help, the version
// or what is wrong has been printed.
std::optional<DaemonOptions> parse_daemon_options(int argc, char** argv, int& exit_code);

}  // namespace vdmabuf::tools
