// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "runtime/broker/broker.hpp"
#include "runtime/common/rate.hpp"

namespace vdmabuf::broker {

// What one VM uses of its Limits, over all of its connections. Lives as long as the last Share.
// One thread.
class Quota : public std::enable_shared_from_this<Quota> {
  public:
    enum class Kind { connections, buffers, bytes, images, raw_offers, raw_receivers };
    static constexpr std::size_t kKinds = 6;

    // A part that is taken; given back by the end of the object.
    class Share {
      public:
        Share() = default;
        Share(Share&& other) noexcept { *this = std::move(other); }
        Share& operator=(Share&& other) noexcept;
        Share(const Share&) = delete;
        Share& operator=(const Share&) = delete;
        ~Share() { give_back(); }

      private:
        friend class Quota;
        Share(std::shared_ptr<Quota> quota, Kind kind, std::uint64_t amount)
            : quota_(std::move(quota)), kind_(kind), amount_(amount) {}
        void give_back();

        std::shared_ptr<Quota> quota_;
        Kind kind_ = Kind::connections;
        std::uint64_t amount_ = 0;
    };

    static std::shared_ptr<Quota> create(const Limits& limits);

    // What a VM may do in a row, and per second, that every consumer is told of (streams and images
    // that come and go): a hostile one must not fill the consumers' queues, and so end them.
    static constexpr std::uint64_t kChangesInARow = 4096;
    static constexpr std::uint64_t kChangesPerSecond = 2000;

    // One such change. False when there are too many.
    bool spend_change(std::uint64_t now_ns) { return changes_.spend(now_ns); }

    // Nothing when the limit would be exceeded.
    std::optional<Share> take(Kind kind, std::uint64_t amount);
    std::uint64_t used(Kind kind) const { return used_[static_cast<std::size_t>(kind)]; }
    std::uint64_t limit(Kind kind) const { return limit_[static_cast<std::size_t>(kind)]; }
    std::uint32_t streams_per_connection() const { return streams_per_connection_; }

  private:
    explicit Quota(const Limits& limits);

    std::array<std::uint64_t, kKinds> used_{};
    std::array<std::uint64_t, kKinds> limit_{};
    std::uint32_t streams_per_connection_ = 0;
    Rate changes_{kChangesInARow, kChangesPerSecond};
};

}  // namespace vdmabuf::broker
