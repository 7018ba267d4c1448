// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string>

#include "runtime/consumer/gpu/device.hpp"
#include "runtime/consumer/way.hpp"

namespace vdmabuf::consumer {

// What is known of a way on a device.
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

// Raised when the test changes in what it finds.
constexpr int kSelfTestVersion = 1;

// Imports pages of our own in this way alone, writes patterns to them afterwards, lets the GPU read
// and compares: some drivers accept scattered pages or odd pitches and read the wrong bytes. The
// pages are scattered and more than 2 MiB, the width is odd, and the last rows count. A few
// milliseconds.
Verdict self_test(const std::shared_ptr<gpu::Device>& device, Way way);

}  // namespace vdmabuf::consumer
