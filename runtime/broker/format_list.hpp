// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "runtime/broker/frame_pacer.hpp"
#include "runtime/common/stream_messages.hpp"

namespace vdmabuf::broker {

using FormatList = std::vector<stream::FormatModifier>;

bool same_formats(const FormatList& a, const FormatList& b);

// What producers may render: LINEAR of every known format, then what all consumers import as
// dmabufs. Consumers are numbered as in FramePacer.
class FormatNegotiation {
  public:
    FormatNegotiation();

    // The consumer says what it imports, best first. What the broker does not know is left out.
    // Here and below: true when list() has changed.
    bool say(unsigned consumer, std::span<const stream::FormatModifier> formats);
    // The consumer wants images: one that has said nothing imports LINEAR alone. One that only
    // looks on (vdmabufctl) must not cost the others their modifiers.
    bool attach(unsigned consumer);
    // With the last consumer the list stays as it is: nobody is there whom it could fail, and a
    // viewer that starts anew must not make every app build its swapchain twice.
    bool leave(unsigned consumer);

    const FormatList& list() const { return list_; }
    // The part of it that any memory can hold.
    const FormatList& linear() const { return linear_; }

  private:
    bool update();

    std::array<std::optional<FormatList>, FramePacer::kMaxConsumers> said_;
    const FormatList linear_;
    FormatList list_;
};

}  // namespace vdmabuf::broker
