// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "runtime/broker/raw_outbox.hpp"
#include "runtime/common/raw_messages.hpp"

namespace vdmabuf::broker {

// Tells a sender that one more of its messages was taken up: with the CREDIT that waits already,
// where there is one.
template <typename Credit>
void raw_credit(RawOutbox& outbox, std::uint64_t receiver) {
    auto message = raw::make<Credit>();
    if (auto* waiting = outbox.waiting(receiver, RawOutbox::Kind::credit)) {
        std::memcpy(&message, waiting->data(), sizeof message);
        ++message.count;
        std::memcpy(waiting->data(), &message, sizeof message);
        return;
    }
    message.receiver = receiver;
    message.count = 1;
    const auto bytes = raw::bytes_of(message);
    outbox.push(receiver, RawOutbox::Kind::credit, {bytes.begin(), bytes.end()});
}

}  // namespace vdmabuf::broker
