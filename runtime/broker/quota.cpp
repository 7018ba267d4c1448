// SPDX-License-Identifier: MIT
#include "runtime/broker/quota.hpp"

#include <utility>

#include "runtime/common/clock.hpp"

namespace vdmabuf::broker {

Quota::Share& Quota::Share::operator=(Share&& other) noexcept {
    if (this != &other) {
        give_back();
        quota_ = std::move(other.quota_);
        kind_ = other.kind_;
        amount_ = std::exchange(other.amount_, 0);
    }
    return *this;
}

void Quota::Share::give_back() {
    if (quota_) quota_->used_[static_cast<std::size_t>(kind_)] -= amount_;
    quota_.reset();
    amount_ = 0;
}

std::shared_ptr<Quota> Quota::create(const Limits& limits) {
    return std::shared_ptr<Quota>(new Quota(limits));
}

Quota::Quota(const Limits& limits)
    : limit_{limits.connections, limits.buffers,    limits.buffer_bytes,
             limits.images,      limits.raw_offers, limits.raw_receivers},
      streams_per_connection_(limits.streams) {}

std::optional<Quota::Share> Quota::take(Kind kind, std::uint64_t amount) {
    const auto index = static_cast<std::size_t>(kind);
    if (amount > limit_[index] - used_[index]) return std::nullopt;
    used_[index] += amount;
    return Share(shared_from_this(), kind, amount);
}

}  // namespace vdmabuf::broker
