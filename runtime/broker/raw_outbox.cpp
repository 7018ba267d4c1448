// SPDX-License-Identifier: MIT
#include "runtime/broker/raw_outbox.hpp"

#include <algorithm>
#include <utility>

namespace vdmabuf::broker {

void RawOutbox::send(std::uint64_t link, Kind kind, std::span<const std::byte> message) {
    sent_.push_back({link, kind});
    send_(message);
}

void RawOutbox::push(std::uint64_t link, Kind kind, std::vector<std::byte> message) {
    if (waiting_.empty() && sent_.size() < limit_) return send(link, kind, message);
    waiting_.push_back({link, kind, std::move(message)});
}

std::vector<std::byte>* RawOutbox::waiting(std::uint64_t link, Kind kind) {
    const auto found = std::find_if(waiting_.begin(), waiting_.end(), [&](const Waiting& item) {
        return item.link == link && item.kind == kind;
    });
    return found == waiting_.end() ? nullptr : &found->message;
}

Status RawOutbox::acknowledge(std::uint32_t count,
                              const std::function<void(std::uint64_t link)>& delivered) {
    if (count > sent_.size()) return Error{EPROTO, "RAW_ACK of more than was sent"};
    std::vector<std::uint64_t> messages;
    for (; count > 0; --count) {
        if (sent_.front().kind == Kind::message) messages.push_back(sent_.front().link);
        sent_.pop_front();
    }
    while (!waiting_.empty() && sent_.size() < limit_) {
        const Waiting next = std::move(waiting_.front());
        waiting_.pop_front();
        send(next.link, next.kind, next.message);
    }
    for (const std::uint64_t link : messages) delivered(link);
    return {};
}

bool RawOutbox::drop(std::uint64_t link) {
    const bool unheard = waiting(link, Kind::taken) != nullptr;
    std::erase_if(waiting_, [link](const Waiting& item) { return item.link == link; });
    return unheard;
}

void RawOutbox::clear() {
    sent_.clear();
    waiting_.clear();
}

}  // namespace vdmabuf::broker
