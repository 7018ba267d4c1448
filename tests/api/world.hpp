// SPDX-License-Identifier: MIT
// A broker on a thread of its own, and the C interface as programs use it: a poll, then events.
#pragma once

#include <gtest/gtest.h>
#include <vdmabuf/consumer.h>
#include <vdmabuf/producer.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "runtime/broker/broker.hpp"
#include "runtime/common/event_loop.hpp"

namespace vdmabuf::test {

class World : public testing::Test {
  protected:
    World();
    ~World() override;

    void start_broker();
    void stop_broker();  // as if it had died
    std::string producers() const { return folder_ + "/p"; }
    std::string consumers() const { return folder_ + "/c"; }

    // Handles that are closed at the end of the test.
    vdmabuf_consumer* consumer(std::uint32_t flags = 0);
    vdmabuf_producer* producer(std::uint32_t flags = 0);
    void close(vdmabuf_consumer* handle);
    void close(vdmabuf_producer* handle);

    broker::Config config;

  private:
    std::string folder_;
    std::unique_ptr<EventLoop> loop_;
    std::unique_ptr<broker::Broker> broker_;
    std::thread thread_;
    std::vector<vdmabuf_consumer*> consumer_handles_;
    std::vector<vdmabuf_producer*> producer_handles_;
};

// The next event of this type, others skipped: type 0 where none comes within `limit_ms`.
vdmabuf_consumer_event await(vdmabuf_consumer* consumer, std::uint32_t type, int limit_ms = 5000);
vdmabuf_producer_event await(vdmabuf_producer* producer, std::uint32_t type, int limit_ms = 5000);
// The next event of any type.
vdmabuf_consumer_event next(vdmabuf_consumer* consumer, int limit_ms = 5000);
vdmabuf_producer_event next(vdmabuf_producer* producer, int limit_ms = 5000);

}  // namespace vdmabuf::test
