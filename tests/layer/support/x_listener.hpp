// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

#include "tests/layer/support/x_server.hpp"

namespace vdmabuf::test {

constexpr std::uint32_t kHeardEvents = XCB_EVENT_MASK_KEY_PRESS | XCB_EVENT_MASK_KEY_RELEASE |
                                       XCB_EVENT_MASK_BUTTON_PRESS | XCB_EVENT_MASK_BUTTON_RELEASE |
                                       XCB_EVENT_MASK_POINTER_MOTION;

// Writes down what keyboard and pointer say to an app's window: "key 38, motion 10,20".
class XListener {
  public:
    // It must outlive this.
    explicit XListener(const XWindow& window);

    // What was heard until `last`, or for a while.
    std::string hears_until(const std::string& last);
    bool hears_nothing();

  private:
    const XWindow& window_;
};

}  // namespace vdmabuf::test
