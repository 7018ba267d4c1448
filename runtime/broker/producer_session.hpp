// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <unordered_map>

#include "runtime/broker/clock_offset.hpp"
#include "runtime/broker/fence_queue.hpp"
#include "runtime/broker/producer_port.hpp"
#include "runtime/broker/quota.hpp"
#include "runtime/broker/raw_producer.hpp"
#include "runtime/broker/router.hpp"
#include "runtime/common/stream_messages.hpp"

namespace vdmabuf::broker {

// One producer: the stream protocol's state, whatever carries its messages. It never trusts what it
// is told: the first message that does not fit ends the session.
class ProducerSession final : public ProducerLink {
  public:
    static constexpr std::uint64_t kPingNs = 5'000'000'000;
    // PINGs in a row after WELCOME, so that the first frames have a usable clock.
    static constexpr unsigned kFirstPings = 4;

    ProducerSession(Router& router, ProducerPort& port, const ProducerInfo& info,
                    std::shared_ptr<Quota> quota, Quota::Share connection);
    ~ProducerSession() override;
    ProducerSession(const ProducerSession&) = delete;
    ProducerSession& operator=(const ProducerSession&) = delete;

    // As the calls of PortHandler.
    void message(std::span<const std::byte> bytes);
    void present(std::span<const std::byte> bytes, UniqueFd fence);
    Created buffer_created(const stream::BufferId& id, std::shared_ptr<const BufferMemory> memory);
    bool buffer_destroyed(const stream::BufferId& id);

    void send(std::span<const std::byte> message) override;
    const ClockOffset& clock() const override { return clock_; }
    void formats_changed() override;

  private:
    // A stream or an image that a quota refused. What the producer had sent about it before it
    // could know is no mistake of its.
    struct Entry {
        Stream* stream = nullptr;  // nullptr: refused
        std::uint64_t refused_slots = 0;
        std::unique_ptr<FenceQueue> fences;  // from the first frame on that came with one
    };
    static constexpr std::size_t kMaxRefused = 1024;

    template <typename Message>
    void handle(std::span<const std::byte> bytes);
    void on_hello(std::span<const std::byte> bytes);
    void on(const stream::StreamCreate& message);
    void on(const stream::StreamImage& message);
    void on(const stream::Present& message) { take_frame(message, UniqueFd()); }
    void on(const stream::StreamImageGone& message);
    void on(const stream::StreamTitle& message);
    void on(const stream::StreamExtent& message);
    void on(const stream::StreamHdr& message);
    void on(const stream::StreamDestroy& message);
    void on(const stream::Pong& message);
    void on_input(std::span<const std::byte> bytes);
    void on_cursor(std::span<const std::byte> bytes);
    void on_cursor_part(std::span<const std::byte> bytes);
    void on_clipboard(std::span<const std::byte> bytes);

    stream::ColourSpaces colour_spaces() const {
        return wants_colours_ ? router_.colour_spaces() : 0;
    }
    const FormatList& formats() { return router_.formats(!info_.vm.empty()); }
    // Counts a message that consumers are told of. False: there were too many, and this is the end.
    bool may_change(stream::Type request);
    RawProducer::Host raw_host();
    Entry* entry_of(std::uint32_t number, stream::Type request);
    void take_frame(const stream::Present& message, UniqueFd fence);
    void present_now(std::uint32_t stream, const stream::Present& message);
    void release_refused(const stream::Present& message);
    void remove_streams();
    void send_error(stream::ErrorCode code, stream::Type request, const std::string& text);
    void over_quota(stream::Type request, const std::string& text);
    void fail(stream::ErrorCode code, stream::Type request, const std::string& text);
    void ping();
    void ping_later();

    Router& router_;
    ProducerPort& port_;
    const ProducerInfo info_;
    const std::shared_ptr<Quota> quota_;
    const Quota::Share connection_;
    ClockOffset clock_;
    bool greeted_ = false;
    bool failed_ = false;
    std::uint32_t pid_ = 0;
    std::string app_;
    std::unordered_map<std::uint32_t, Entry> streams_;
    std::size_t live_streams_ = 0;
    std::size_t waiting_fences_ = 0;  // of all streams
    std::map<stream::BufferId, std::shared_ptr<Buffer>> buffers_;
    std::set<stream::BufferId> refused_buffers_;
    FormatList told_formats_;
    bool wants_colours_ = false;
    stream::ColourSpaces told_colours_ = 0;
    RawProducer raw_;

    std::uint64_t ping_token_ = 0;
    std::uint64_t ping_sent_ns_ = 0;  // 0: no PONG is awaited
    unsigned first_pings_left_ = 0;
    bool presented_since_ping_ = false;
    EventLoop::TimerId ping_timer_ = 0;
};

}  // namespace vdmabuf::broker
