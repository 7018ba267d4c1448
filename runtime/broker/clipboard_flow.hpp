// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <functional>

#include "runtime/broker/frame_pacer.hpp"
#include "runtime/common/clipboard_messages.hpp"
#include "runtime/common/rate.hpp"

namespace vdmabuf::broker {

// Who may send clipboard text of one stream, to whom, and how much of it. Keeps none of the text.
class ClipboardFlow {
  public:
    static constexpr unsigned kNobody = FramePacer::kMaxConsumers;
    // Copying and leaving are one gesture, and the text comes after both.
    static constexpr std::uint64_t kLateNs = 1'000'000'000;

    // To whom the text of the producer goes. `owner`: the consumer with the focus.
    void focus_is(unsigned owner, std::uint64_t now_ns);
    // Who gets the part of the producer that begins at this byte; kNobody: it is dropped.
    unsigned receiver(std::uint32_t first, std::uint64_t now_ns);

    enum class Verdict { forward, drop, too_many };
    // A part of this consumer. What is forwarded is under way until taken().
    Verdict of_consumer(unsigned consumer, std::uint32_t first, std::uint64_t now_ns);
    // The producer has taken up so many parts; `tell` hears of whom they were. False: no so many
    // are under way.
    bool taken(std::uint32_t count, const std::function<void(unsigned consumer)>& tell);
    // The consumer has gone: what is under way is nobody's.
    void leave(unsigned consumer);

  private:
    // Parts of large texts, and texts: several at once, then as many as somebody could make use of.
    struct Rates {
        Rate parts{std::uint64_t{4} * 264, 600};
        Rate texts{16, 8};
        bool spend(std::uint32_t first, std::uint64_t now_ns) {
            return (first != 0 || texts.spend(now_ns)) && parts.spend(now_ns);
        }
    };

    Rates to_consumer_;
    Rates to_producer_;
    bool focused_ = false;
    unsigned last_ = kNobody;  // that has the focus, or had it
    std::uint64_t lost_ns_ = 0;
    std::array<unsigned, clipboard::kWindow> under_way_{};  // whose, in order
    std::size_t count_ = 0;
};

}  // namespace vdmabuf::broker
