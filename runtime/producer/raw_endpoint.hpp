// SPDX-License-Identifier: MIT
// A producer of raw buffers: no threads and no locks, the caller's event loop turns it. Streams
// have Connection instead.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/common/event_loop.hpp"
#include "runtime/common/raw_messages.hpp"
#include "runtime/common/result.hpp"
#include "runtime/producer/buffer.hpp"
#include "runtime/producer/endpoint.hpp"
#include "runtime/producer/transport.hpp"

namespace vdmabuf::producer {

// A buffer that can be offered. Belongs to its RawEndpoint.
class RawBuffer {
  public:
    const std::shared_ptr<Buffer>& memory() const { return memory_; }
    bool offered() const { return offered_; }
    void* user = nullptr;  // the owner's

  private:
    friend class RawEndpoint;
    std::shared_ptr<Buffer> memory_;
    std::optional<stream::BufferId> id_;  // while the host that we talk to knows it
    bool offered_ = false;
    bool announced_ = false;  // the host that we talk to has the offer
    std::string topic_;
    std::vector<std::byte> data_;
    UniqueFd fence_;  // of the offer, until it has signalled
};

// What a program is told.
struct RawNews {
    enum class Kind { away, back, lost, taken, message, done, refused, room };
    Kind kind = Kind::away;
    RawBuffer* buffer = nullptr;
    std::uint64_t receiver = 0;
    std::vector<std::byte> data;
    std::string text;
    std::uint32_t left = 0;
    bool died = false;
};

class RawEndpoint {
  public:
    // Connects, and waits for the host's answer, two seconds at most. With `waits` it does not
    // fail for want of a host but goes on trying. `loop` must outlive the endpoint.
    static Result<std::unique_ptr<RawEndpoint>> open(EventLoop& loop, const Endpoint& endpoint,
                                                     const std::string& app, bool waits);
    ~RawEndpoint();
    RawEndpoint(const RawEndpoint&) = delete;
    RawEndpoint& operator=(const RawEndpoint&) = delete;

    bool online() const { return phase_ == Phase::online; }

    Result<RawBuffer*> alloc(std::uint64_t size);
    // Duplicates `fd`.
    Result<RawBuffer*> import(int fd);
    // Withdraws it and forgets its receivers.
    void remove(RawBuffer& buffer);

    // `in_fence` is borrowed; -1: none. Errors as <vdmabuf/producer.h> has them.
    Status offer(RawBuffer& buffer, const std::string& topic, std::span<const std::byte> data,
                 int in_fence);
    Status withdraw(RawBuffer& buffer);
    Status send(RawBuffer& buffer, std::uint64_t receiver, std::span<const std::byte> data,
                int in_fence);

    // The next thing to tell, of those that the loop has brought in.
    std::optional<RawNews> next();
    bool has_news() const { return !news_.empty(); }

  private:
    enum class Phase { offline, handshake, online, refused };
    // What waits to be told: the host's messages as they came, or what happened here.
    struct Pending {
        std::vector<std::byte> message;  // empty: `news`
        RawNews news;
    };
    struct Outgoing {
        std::vector<std::byte> message;
        UniqueFd fence;
    };
    struct Receiver {
        RawBuffer* buffer = nullptr;
        std::uint32_t unacknowledged = 0;
        bool wants_room = false;
    };
    // Messages that wait for fences; then the caller is told to try again.
    static constexpr std::size_t kMaxOutgoing = 256;

    RawEndpoint(EventLoop& loop, Endpoint endpoint, std::string app)
        : loop_(loop), endpoint_(std::move(endpoint)), app_(std::move(app)) {}

    Status start();
    Status connect();
    void set_deadline(std::uint64_t deadline_ns);
    void on_deadline();
    void on_events(std::uint32_t events);
    void read();
    void handle(std::span<const std::byte> bytes);
    void welcomed(const stream::Welcome& message);
    void say_hello();
    void announce();
    Status announce(RawBuffer& buffer);
    void lost();
    void forget_host(bool buffers_too);
    void refuse(const std::string& why);
    void watch();
    void unwatch();

    // Whether fences go with their messages; else messages wait for them here.
    bool driver_waits() const { return endpoint_.kind == Endpoint::Kind::device; }
    Status queue(std::span<const std::byte> message, UniqueFd fence);
    void flush();
    int send_now(const Outgoing& outgoing);
    void unwatch_fence();

    std::optional<RawNews> told(std::span<const std::byte> message);
    void taken_up();
    void tell(RawNews::Kind kind, RawBuffer* buffer = nullptr, const std::string& text = {});

    EventLoop& loop_;
    const Endpoint endpoint_;
    const std::string app_;
    std::unique_ptr<Transport> transport_;  // nullptr: there has never been a host
    Phase phase_ = Phase::offline;
    bool opened_ = false;  // open() is over: changes are told from now on
    Error last_error_{0, {}};
    std::uint64_t retry_ns_ = 0;
    EventLoop::TimerId deadline_ = 0;
    bool watched_ = false;
    bool watching_out_ = false;
    int watched_fence_ = -1;

    std::list<RawBuffer> buffers_;
    std::map<std::uint64_t, Receiver> receivers_;
    std::deque<Outgoing> outgoing_;
    std::deque<Pending> news_;
    std::uint32_t unacknowledged_ = 0;
};

}  // namespace vdmabuf::producer
