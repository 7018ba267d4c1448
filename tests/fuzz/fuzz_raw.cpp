// SPDX-License-Identifier: MIT
// Messages of raw buffers: decoding never reads outside of them, and what it accepts is what was
// sent. Input of mode 1 is a conversation of two producers and two consumers with the broker's part
// for raw buffers: no peer is ever sent more than it acknowledges, and nothing is left at the end.
#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "runtime/broker/raw_buffers.hpp"
#include "runtime/broker/raw_consumer.hpp"
#include "runtime/broker/raw_producer.hpp"
#include "runtime/common/raw_messages.hpp"

namespace {

using namespace vdmabuf;

template <typename Message>
void check(std::span<const std::byte> bytes) {
    const auto decoded = raw::decode<Message>(bytes);
    if (!decoded) return;
    if (bytes.size() != sizeof(Message) ||
        std::memcmp(&*decoded, bytes.data(), bytes.size()) != 0) {
        std::abort();
    }
    const auto type = raw::type_of(bytes);
    if (!type || *type != Message::kType) std::abort();
}

template <typename... Messages>
void check_all(std::span<const std::byte> bytes) {
    (check<Messages>(bytes), ...);
}

// What a peer is sent, counted as it would acknowledge it.
struct Ear {
    std::uint32_t heard = 0;
    std::uint32_t limit = 0;
    std::vector<std::uint64_t> receivers;
    std::vector<raw::OfferId> offers;
    void operator()(std::span<const std::byte> bytes) {
        const auto type = raw::type_of(bytes);
        if (!type) std::abort();
        if (const auto m = raw::decode<raw::Taken>(bytes)) receivers.push_back(m->receiver);
        if (const auto m = raw::decode<raw::Buffer>(bytes)) receivers.push_back(m->receiver);
        if (const auto m = raw::decode<raw::Offered>(bytes)) offers.push_back(m->id);
        switch (*type) {
            case raw::Type::taken:
            case raw::Type::receiver_done:
            case raw::Type::producer_message:
            case raw::Type::producer_credit:
            case raw::Type::consumer_message:
            case raw::Type::consumer_credit:
                if (++heard > limit) std::abort();
                break;
            default:
                break;
        }
    }
};

void converse(std::span<const std::uint8_t> script) {
    broker::Limits limits;
    limits.raw_offers = 4;
    limits.raw_receivers = 4;
    auto quota = broker::Quota::create(limits);
    auto buffer = std::make_shared<broker::Buffer>();
    auto memory = std::make_shared<BufferMemory>();
    memory->size = 4096;
    buffer->memory = memory;
    const std::shared_ptr<broker::Buffer> refused;
    {
        broker::RawBuffers buffers([](broker::Buffer&, bool) -> Result<broker::ExportedMemory> {
            return broker::ExportedMemory{};
        });
        std::array<Ear, 2> producer_ears;
        std::array<Ear, 2> consumer_ears;
        std::array<std::unique_ptr<broker::RawProducer>, 2> producers;
        std::array<std::unique_ptr<broker::RawConsumer>, 2> consumers;
        const auto make_producer = [&](std::size_t i) {
            producer_ears[i] = {0, broker::RawProducer::kInFlight, {}, {}};
            broker::RawProducer::Host host;
            host.send = [&ear = producer_ears[i]](std::span<const std::byte> m) { ear(m); };
            host.find = [&](const stream::BufferId& id) -> const std::shared_ptr<broker::Buffer>* {
                return id[0] == 0xFF ? nullptr : id[0] == 0xFE ? &refused : &buffer;
            };
            host.origin = [] { return broker::RawProducer::Origin{"vm", "app", 1, 2}; };
            producers[i].reset();
            producers[i] = std::make_unique<broker::RawProducer>(buffers, quota, std::move(host));
        };
        const auto make_consumer = [&](std::size_t i) {
            consumers[i].reset();
            consumer_ears[i] = {0, broker::RawConsumer::kInFlight, {}, {}};
            consumers[i] = std::make_unique<broker::RawConsumer>(
                buffers, [&ear = consumer_ears[i]](std::span<const std::byte> m, broker::FdList) {
                    ear(m);
                });
        };
        for (std::size_t i = 0; i < 2; ++i) make_producer(i), make_consumer(i);
        // Steps of three bytes: what and who, then two numbers for it.
        for (; script.size() >= 3; script = script.subspan(3)) {
            const std::size_t who = script[0] & 1;
            const unsigned a = script[1];
            const unsigned b = script[2];
            Ear& pe = producer_ears[who];
            Ear& ce = consumer_ears[who];
            const auto receiver = [&](const Ear& ear) {
                return ear.receivers.empty() ? a : ear.receivers[a % ear.receivers.size()];
            };
            bool ok = true;
            const auto producer_says = [&](const auto& m) {
                ok = static_cast<bool>(producers[who]->message(raw::bytes_of(m)));
            };
            const auto consumer_says = [&](const auto& m) {
                ok = static_cast<bool>(consumers[who]->message(raw::bytes_of(m)));
            };
            switch (script[0] >> 1 & 15) {
                case 0: {
                    auto m = raw::make<raw::Offer>();
                    m.buffer[0] = static_cast<std::uint8_t>(a);
                    m.buffer[1] = 1;
                    m.topic[0] = static_cast<char>('a' + b % 3);
                    producer_says(m);
                    if (!ok) make_producer(who);
                    break;
                }
                case 1: {
                    auto m = raw::make<raw::Withdraw>();
                    m.buffer[0] = static_cast<std::uint8_t>(a);
                    m.buffer[1] = 1;
                    producer_says(m);
                    break;
                }
                case 2: {
                    auto m = raw::make<raw::ProducerSend>();
                    m.receiver = receiver(pe);
                    m.data_size = 1 + b;
                    producer_says(m);
                    if (!ok) make_producer(who);
                    break;
                }
                case 3: {
                    auto m = raw::make<raw::ProducerAck>();
                    m.count = a;
                    const bool sound = a != 0 && a <= pe.heard;
                    if (sound) pe.heard -= a;
                    producer_says(m);
                    if (ok != sound) std::abort();
                    if (!ok) make_producer(who);
                    break;
                }
                case 4: {
                    auto m = raw::make<raw::Subscribe>();
                    m.number = a;
                    m.flags = raw::kAnyVm | (b & raw::kTopicPrefix);
                    m.topic[0] = static_cast<char>('a' + b % 3);
                    consumer_says(m);
                    if (!ok) make_consumer(who);
                    break;
                }
                case 5: {
                    auto m = raw::make<raw::Unsubscribe>();
                    m.number = a;
                    consumer_says(m);
                    if (!ok) make_consumer(who);
                    break;
                }
                case 6: {
                    auto m = raw::make<raw::Take>();
                    if (!ce.offers.empty()) m.id = ce.offers[a % ce.offers.size()];
                    consumer_says(m);
                    if (!ok) make_consumer(who);
                    break;
                }
                case 7: {
                    auto m = raw::make<raw::Done>();
                    m.receiver = receiver(ce);
                    consumer_says(m);
                    if (!ok) make_consumer(who);
                    break;
                }
                case 8: {
                    auto m = raw::make<raw::ConsumerSend>();
                    m.receiver = receiver(ce);
                    m.data_size = 1 + b;
                    consumer_says(m);
                    if (!ok) make_consumer(who);
                    break;
                }
                case 9: {
                    auto m = raw::make<raw::ConsumerAck>();
                    m.count = a;
                    const bool sound = a != 0 && a <= ce.heard;
                    if (sound) ce.heard -= a;
                    consumer_says(m);
                    if (ok != sound) std::abort();
                    if (!ok) make_consumer(who);
                    break;
                }
                case 10:
                    producers[who]->reset();
                    pe = {0, pe.limit, {}, {}};
                    break;
                case 11:
                    make_producer(who);
                    break;
                case 12:
                    make_consumer(who);
                    break;
                case 13:
                    consumers[who]->send_status();
                    break;
                default:
                    break;
            }
        }
        for (std::size_t i = 0; i < 2; ++i) producers[i].reset(), consumers[i].reset();
        if (!buffers.status().empty()) std::abort();
    }
    if (quota->used(broker::Quota::Kind::raw_offers) != 0 ||
        quota->used(broker::Quota::Kind::raw_receivers) != 0 || buffer.use_count() != 1) {
        std::abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace vdmabuf::raw;
    if (size > 0 && data[0] == 1) {
        converse(std::span(data, size).subspan(1));
        return 0;
    }
    const std::vector<std::byte> bytes(reinterpret_cast<const std::byte*>(data),
                                       reinterpret_cast<const std::byte*>(data) + size);
    check_all<Offer, Withdraw, ProducerSend, ProducerAck, Taken, ReceiverDone, ProducerMessage,
              ProducerCredit, OfferRefused, Subscribe, Unsubscribe, Take, Done, ConsumerSend,
              ConsumerAck, Offered, Gone, Buffer, ConsumerMessage, ConsumerCredit, TakeRefused,
              vdmabuf::raw::Status>(bytes);
    return 0;
}
