// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "runtime/consumer/self_test.hpp"

namespace vdmabuf::consumer {

// Verdicts of self-tests, kept from one run to the next in a small text file: a line each, a key
// and what it was. It saves time and nothing else: what cannot be read is tested again, what cannot
// be written is forgotten. Several processes may use it at a time; the last one wins.
class VerdictCache {
  public:
    // "self-tests" in $XDG_CACHE_HOME/vdmabuf (~/.cache/vdmabuf); empty where there is no home.
    static std::string default_path();

    explicit VerdictCache(std::string path) : path_(std::move(path)) {}

    std::optional<Verdict> find(const std::string& key) const;
    // Takes the place of an older verdict of the key. Not for untested ones.
    void put(const std::string& key, const Verdict& verdict) const;

  private:
    std::string path_;
};

// What a verdict is true for: the device, its driver with its version, the kernel, the way, and the
// test. One line of printable characters.
std::string verdict_key(const gpu::Identity& identity, Way way);

}  // namespace vdmabuf::consumer
