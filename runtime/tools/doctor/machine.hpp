// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace vdmabuf::doctor {

enum class Side { host, guest };

// The machine that is looked at: this one, or (tests, a mounted image) what lies below a directory.
class Machine {
  public:
    explicit Machine(std::string root) : root_(std::move(root)) {}

    // Whether this is the machine that we run on: devices may be opened, GPUs asked.
    bool is_this_one() const { return root_.empty(); }
    std::string at(const std::string& path) const { return root_ + path; }
    bool exists(const std::string& path) const;
    bool may_open(const std::string& path) const;  // for reading and writing
    // The file's beginning, without white space at its end; nothing where it cannot be read.
    std::optional<std::string> read(const std::string& path, std::size_t limit = 65536) const;
    // Names in a directory, sorted; none where it cannot be read.
    std::vector<std::string> list(const std::string& path) const;
    // Owner's group and mode, as "root:kvm 0660"; empty where there is no such file.
    std::string owner(const std::string& path) const;
    std::string group(const std::string& path) const;

  private:
    const std::string root_;
};

// A guest has a virtio device of ours, or its driver; a machine with neither is a host.
Side which_side(const Machine& machine);

// Where a device of ours is: "virtio3", "0000:00:05.0"; empty: there is none.
std::string find_virtio_device(const Machine& machine);

}  // namespace vdmabuf::doctor
