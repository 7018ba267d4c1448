// SPDX-License-Identifier: MIT
#include "runtime/broker/input_queue.hpp"

#include <algorithm>

namespace vdmabuf::broker {

using input::Event;
using input::Kind;
using input::kind_of;

void InputQueue::add(unsigned consumer, const input::FromConsumer& message, const Send& send) {
    for (std::uint32_t i = 0; i < message.count; ++i) {
        const Event& event = message.events[i];
        if (kind_of(event) == Kind::focus) {
            if (event.value == 1 && owner_ != consumer) {
                // Taken from another one: what that one holds is let go.
                if (owner_ != kNobody) {
                    push(input::make_event(Kind::release_all), message.width, message.height);
                }
                owner_ = consumer;
                push(event, message.width, message.height);
            } else if (event.value == 0 && owner_ == consumer) {
                owner_ = kNobody;
                push(event, message.width, message.height);
            }
            continue;
        }
        if (owner_ == consumer) push(event, message.width, message.height);
    }
    flush(send);
}

void InputQueue::leave(unsigned consumer, const Send& send) {
    if (owner_ != consumer) return;
    owner_ = kNobody;
    push(input::make_event(Kind::focus), 1, 1);
    flush(send);
}

bool InputQueue::acknowledge(std::uint32_t sequence, const Send& send) {
    // Both count on for ever: what lies between them is less than the window.
    if (sequence - acknowledged_ > sent_ - acknowledged_) return false;
    acknowledged_ = sequence;
    flush(send);
    return true;
}

void InputQueue::push(const Event& event, std::uint32_t width, std::uint32_t height) {
    if (count_ > 0) {
        Waiting& last = waiting_[count_ - 1];
        const bool same = last.width == width && last.height == height;
        if (same && input::merge(last.event, event)) return;
    }
    if (count_ == kMaxWaiting) {
        // The focus as it is now, and nothing pressed.
        count_ = 0;
        waiting_[count_++] = {input::make_event(Kind::focus), width, height};
        if (owner_ != kNobody) {
            waiting_[count_++] = {input::make_event(Kind::focus, 0, 1), width, height};
        }
        return;
    }
    waiting_[count_++] = {event, width, height};
}

void InputQueue::flush(const Send& send) {
    std::size_t done = 0;
    while (done < count_ && sent_ - acknowledged_ < input::kWindow) {
        auto message = input::make<input::ToProducer>();
        message.stream = number_;
        message.width = waiting_[done].width;
        message.height = waiting_[done].height;
        while (done < count_ && message.count < input::kMaxEvents &&
               waiting_[done].width == message.width && waiting_[done].height == message.height) {
            message.events[message.count++] = waiting_[done++].event;
        }
        message.sequence = ++sent_;
        send(message);
    }
    std::copy(waiting_.begin() + static_cast<std::ptrdiff_t>(done),
              waiting_.begin() + static_cast<std::ptrdiff_t>(count_), waiting_.begin());
    count_ -= done;
}

}  // namespace vdmabuf::broker
