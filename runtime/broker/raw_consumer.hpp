// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>

#include "runtime/broker/raw_buffers.hpp"
#include "runtime/broker/raw_outbox.hpp"
#include "runtime/broker/socket_channel.hpp"
#include "runtime/common/raw_messages.hpp"
#include "runtime/common/result.hpp"

namespace vdmabuf::broker {

// The consumer's end of raw buffers, in a ConsumerSession.
class RawConsumer {
  public:
    // Messages that a consumer has not acknowledged.
    static constexpr std::uint32_t kInFlight = 128;

    using Send = std::function<void(std::span<const std::byte>, FdList)>;

    RawConsumer(RawBuffers& buffers, Send send);
    ~RawConsumer() { buffers_.remove_consumer(*this); }
    RawConsumer(const RawConsumer&) = delete;
    RawConsumer& operator=(const RawConsumer&) = delete;

    // The consumer's HELLO: its program, and whether it takes dmabufs.
    void greeted(const std::string& name, bool takes_dmabufs) {
        name_ = name;
        takes_dmabufs_ = takes_dmabufs;
    }
    // A message of raw::of_consumer(). EPROTO or EDQUOT: the end of the connection, for the reason
    // in the text.
    Status message(std::span<const std::byte> bytes);
    void send_status();

    // ---- of RawBuffers and RawProducer
    void offer_added(const RawOffer& offer);
    void offer_gone(const RawOffer& offer);
    void producer_gone(const RawOffer& offer);
    void message_from(std::uint64_t receiver, std::span<const std::byte> data);
    // The producer has taken up a message of this link.
    void credit(std::uint64_t receiver);

  private:
    struct Subscription {
        bool any_vm = false;
        bool prefix = false;
        std::string vm;
        std::string topic;
        bool matches(const RawOffer& offer) const;
    };

    template <typename Message>
    Status handle(std::span<const std::byte> bytes);
    Status on(const raw::Subscribe& message);
    Status on(const raw::Unsubscribe& message);
    Status on(const raw::Take& message);
    Status on(const raw::Done& message);
    Status on(const raw::ConsumerSend& message);
    Status on(const raw::ConsumerAck& message);
    bool subscribed_to(const RawOffer& offer) const;
    void tell(const RawOffer& offer);
    void refuse(const raw::OfferId& id, stream::ErrorCode code, const std::string& text);

    RawBuffers& buffers_;
    const Send send_;
    RawOutbox outbox_;
    std::string name_;
    bool takes_dmabufs_ = false;
    std::map<std::uint32_t, Subscription> subscriptions_;
    std::set<raw::OfferId> told_;                    // offers that this consumer may ask for
    std::map<raw::OfferId, std::uint64_t> holding_;  // receiver numbers of what it has taken
};

}  // namespace vdmabuf::broker
