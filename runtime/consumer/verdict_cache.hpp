// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace vdmabuf::consumer {

// What is known of an import by a driver.
struct Verdict {
    enum class Is {
        works,
        broken,    // the driver has not got it, refuses it, or reads wrong pages
        untested,  // there was nothing to test it with; the first frame will tell
    };
    Is is = Is::untested;
    std::string text;      // why it is not "works"
    bool lasting = false;  // true tomorrow as well, with this driver on this kernel
};

// Verdicts of self-tests, kept from one run to the next in a small text file: a line each, a key
// and what it was. It saves time and nothing else: what cannot be read is tested again, what cannot
// be written is forgotten. Several processes may use it at a time; the last one wins.
class VerdictCache {
  public:
    // "self-tests" in $XDG_CACHE_HOME/vdmabuf (~/.cache/vdmabuf); empty where there is no home.
    static std::string default_path();

    // VDMABUF_SELF_TEST=1: everything is to be tested again.
    static bool distrusted();

    explicit VerdictCache(std::string path) : path_(std::move(path)) {}

    std::optional<Verdict> find(const std::string& key) const;
    // Takes the place of an older verdict of the key. Not for untested ones.
    void put(const std::string& key, const Verdict& verdict) const;

  private:
    std::string path_;
};

// Of a text from outside, for a key or a log.
std::string printable(std::string_view text);
// " kernel=6.12.0": verdicts are for the kernel that runs.
std::string kernel_key();

}  // namespace vdmabuf::consumer
