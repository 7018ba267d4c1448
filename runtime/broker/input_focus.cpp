// SPDX-License-Identifier: MIT
#include "runtime/broker/input_focus.hpp"

namespace vdmabuf::broker {

using input::Kind;

void InputFocus::add(std::uint64_t stream, unsigned consumer, const input::FromConsumer& message) {
    for (std::uint32_t i = 0; i < message.count; ++i) {
        const input::Event& event = message.events[i];
        const bool ours = stream_ == stream && consumer_ == consumer;
        switch (input::kind_of(event)) {
            case Kind::focus:
                if (event.value == 1 && !ours) {
                    give_up();
                    stream_ = stream;
                    consumer_ = consumer;
                } else if (event.value == 0 && ours) {
                    give_up();
                }
                break;
            case Kind::release_all:
                if (ours) port_.release_all();
                break;
            default:
                if (ours) port_.event(event, message.width, message.height);
                break;
        }
    }
}

void InputFocus::leave(std::uint64_t stream, unsigned consumer) {
    if (stream_ == stream && consumer_ == consumer) give_up();
}

void InputFocus::end(std::uint64_t stream) {
    if (stream_ == stream) give_up();
}

void InputFocus::give_up() {
    if (stream_ == kNoStream) return;
    stream_ = kNoStream;
    port_.release_all();
}

}  // namespace vdmabuf::broker
