// SPDX-License-Identifier: MIT
#include "tests/api/world.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "runtime/common/clock.hpp"
#include "runtime/common/seqpacket.hpp"

namespace vdmabuf::test {

World::World() {
    const char* base = std::getenv("TMPDIR");
    folder_ = std::string(base ? base : "/tmp") + "/vdmabuf-api-XXXXXX";
    EXPECT_NE(::mkdtemp(folder_.data()), nullptr);
}

World::~World() {
    for (auto* handle : consumer_handles_) vdmabuf_consumer_close(handle);
    for (auto* handle : producer_handles_) vdmabuf_producer_close(handle);
    stop_broker();
    ::rmdir(folder_.c_str());
}

void World::start_broker() {
    auto loop = EventLoop::create();
    ASSERT_TRUE(loop);
    loop_ = std::move(*loop);
    auto producer_socket = listen_at(producers(), SOCK_SEQPACKET);
    auto consumer_socket = listen_at(consumers(), SOCK_SEQPACKET);
    ASSERT_TRUE(producer_socket && consumer_socket);
    auto broker = broker::Broker::create(*loop_, config, std::move(*producer_socket),
                                         std::move(*consumer_socket));
    ASSERT_TRUE(broker);
    broker_ = std::move(*broker);
    thread_ = std::thread([this] { loop_->run(); });
}

void World::stop_broker() {
    if (!thread_.joinable()) return;
    loop_->stop();
    thread_.join();
    broker_.reset();
    loop_.reset();
    ::unlink(producers().c_str());
    ::unlink(consumers().c_str());
}

vdmabuf_consumer* World::consumer(std::uint32_t flags) {
    const std::string socket = consumers();
    vdmabuf_consumer_options options{};
    options.size = sizeof options;
    options.flags = flags;
    options.socket = socket.c_str();
    options.name = "a consumer";
    vdmabuf_consumer* handle = nullptr;
    EXPECT_EQ(vdmabuf_consumer_open(&options, &handle), 0) << vdmabuf_consumer_error(nullptr);
    if (handle) consumer_handles_.push_back(handle);
    return handle;
}

vdmabuf_producer* World::producer(std::uint32_t flags) {
    const std::string endpoint = "unix:" + producers();
    vdmabuf_producer_options options{};
    options.size = sizeof options;
    options.flags = flags;
    options.endpoint = endpoint.c_str();
    options.name = "a producer";
    vdmabuf_producer* handle = nullptr;
    EXPECT_EQ(vdmabuf_producer_open(&options, &handle), 0) << vdmabuf_producer_error(nullptr);
    if (handle) producer_handles_.push_back(handle);
    return handle;
}

void World::close(vdmabuf_consumer* handle) {
    std::erase(consumer_handles_, handle);
    vdmabuf_consumer_close(handle);
}

void World::close(vdmabuf_producer* handle) {
    std::erase(producer_handles_, handle);
    vdmabuf_producer_close(handle);
}

namespace {

template <typename Event, typename Dispatch>
Event next_of(int fd, int limit_ms, Dispatch dispatch) {
    const std::uint64_t deadline = now_ns() + static_cast<std::uint64_t>(limit_ms) * kNsPerMs;
    for (;;) {
        Event event{};
        event.size = sizeof event;
        const int rc = dispatch(&event);
        EXPECT_GE(rc, 0);
        if (rc != 0) return event;
        const std::uint64_t now = now_ns();
        if (now >= deadline) return Event{};
        // Nothing else wakes the library: the descriptor has to do it.
        pollfd wait{fd, POLLIN, 0};
        ::poll(&wait, 1, static_cast<int>((deadline - now) / kNsPerMs) + 1);
    }
}

}  // namespace

vdmabuf_consumer_event next(vdmabuf_consumer* consumer, int limit_ms) {
    return next_of<vdmabuf_consumer_event>(
        vdmabuf_consumer_fd(consumer), limit_ms,
        [&](auto* event) { return vdmabuf_consumer_dispatch(consumer, event); });
}

vdmabuf_producer_event next(vdmabuf_producer* producer, int limit_ms) {
    return next_of<vdmabuf_producer_event>(
        vdmabuf_producer_fd(producer), limit_ms,
        [&](auto* event) { return vdmabuf_producer_dispatch(producer, event); });
}

vdmabuf_consumer_event await(vdmabuf_consumer* consumer, std::uint32_t type, int limit_ms) {
    for (;;) {
        const auto event = next(consumer, limit_ms);
        if (event.type == type || event.type == 0) return event;
    }
}

vdmabuf_producer_event await(vdmabuf_producer* producer, std::uint32_t type, int limit_ms) {
    for (;;) {
        const auto event = next(producer, limit_ms);
        if (event.type == type || event.type == 0) return event;
    }
}

}  // namespace vdmabuf::test
