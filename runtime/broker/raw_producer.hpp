// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "runtime/broker/quota.hpp"
#include "runtime/broker/raw_buffers.hpp"
#include "runtime/broker/raw_outbox.hpp"
#include "runtime/common/raw_messages.hpp"
#include "runtime/common/result.hpp"

namespace vdmabuf::broker {

// The producer's end of raw buffers, in a ProducerSession.
class RawProducer {
  public:
    // News that a producer has not acknowledged. The guest driver ends a channel whose 256 events
    // nobody reads.
    static constexpr std::uint32_t kInFlight = 64;

    // Who offers, as consumers are told.
    struct Origin {
        std::string vm;
        std::string app;
        std::uint32_t pid = 0;
        std::uint32_t uid = 0;
    };
    struct Host {
        std::function<void(std::span<const std::byte>)> send;
        // nullptr: there is no such buffer. An empty buffer: a quota has refused it.
        std::function<const std::shared_ptr<Buffer>*(const stream::BufferId&)> find;
        std::function<Origin()> origin;
    };

    RawProducer(RawBuffers& buffers, std::shared_ptr<Quota> quota, Host host);
    ~RawProducer() { reset(); }
    RawProducer(const RawProducer&) = delete;
    RawProducer& operator=(const RawProducer&) = delete;

    // A message of raw::of_producer(). EPROTO or EDQUOT: the end of the connection, for the reason
    // in the text.
    Status message(std::span<const std::byte> bytes);
    // HELLO, or the end: all offers are over, and nothing more of what was is told.
    void reset();

    // ---- of RawBuffers and RawConsumer
    void taken(const RawOffer& offer, std::uint64_t receiver, const std::string& name);
    void receiver_done(const RawOffer& offer, std::uint64_t receiver, bool died);
    void message_from(std::uint64_t receiver, std::span<const std::byte> data);
    // Consumers have taken up a message of this link.
    void credit(std::uint64_t receiver);

  private:
    template <typename Message>
    Status handle(std::span<const std::byte> bytes);
    Status on(const raw::Offer& message);
    Status on(const raw::Withdraw& message);
    Status on(const raw::ProducerSend& message);
    Status on(const raw::ProducerAck& message);
    void refuse(const stream::BufferId& buffer, stream::ErrorCode code, const std::string& text);

    RawBuffers& buffers_;
    const std::shared_ptr<Quota> quota_;
    const Host host_;
    RawOutbox outbox_;
    std::map<stream::BufferId, std::shared_ptr<RawOffer>> offers_;  // those that are open
};

}  // namespace vdmabuf::broker
