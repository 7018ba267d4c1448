// SPDX-License-Identifier: MIT
#include "runtime/broker/clipboard_flow.hpp"

#include <algorithm>

namespace vdmabuf::broker {

void ClipboardFlow::focus_is(unsigned owner, std::uint64_t now_ns) {
    if (owner == kNobody && focused_) lost_ns_ = now_ns;
    focused_ = owner != kNobody;
    if (focused_) last_ = owner;
}

unsigned ClipboardFlow::receiver(std::uint32_t first, std::uint64_t now_ns) {
    if (!focused_ && now_ns - lost_ns_ > kLateNs) return kNobody;
    return to_consumer_.spend(first, now_ns) ? last_ : kNobody;
}

ClipboardFlow::Verdict ClipboardFlow::of_consumer(unsigned consumer, std::uint32_t first,
                                                  std::uint64_t now_ns) {
    const auto end = under_way_.begin() + static_cast<std::ptrdiff_t>(count_);
    if (count_ == under_way_.size()) {
        // The whole window is its own, or another's whose parts have not been taken up yet.
        const bool all = std::all_of(under_way_.begin(), end,
                                     [consumer](unsigned whose) { return whose == consumer; });
        return all ? Verdict::too_many : Verdict::drop;
    }
    if (!focused_ || last_ != consumer || !to_producer_.spend(first, now_ns)) return Verdict::drop;
    under_way_[count_++] = consumer;
    return Verdict::forward;
}

bool ClipboardFlow::taken(std::uint32_t count, const std::function<void(unsigned)>& tell) {
    if (count > count_) return false;
    for (std::uint32_t i = 0; i < count; ++i) {
        if (under_way_[i] != kNobody) tell(under_way_[i]);
    }
    std::copy(under_way_.begin() + count, under_way_.begin() + static_cast<std::ptrdiff_t>(count_),
              under_way_.begin());
    count_ -= count;
    return true;
}

void ClipboardFlow::leave(unsigned consumer) {
    std::replace(under_way_.begin(), under_way_.end(), consumer, kNobody);
    if (last_ != consumer) return;
    last_ = kNobody;
    focused_ = false;
}

}  // namespace vdmabuf::broker
