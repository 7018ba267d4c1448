// SPDX-License-Identifier: MIT
// The producer library against a broker that the test plays, over a real Unix socket.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/common/clock.hpp"
#include "runtime/producer/connection.hpp"
#include "tests/unit/producer/fake_broker.hpp"

namespace vdmabuf::test {

using producer::Buffer;
using producer::Connection;
using producer::Endpoint;
using producer::FrameInfo;
using producer::ImageInfo;
using producer::Stream;

constexpr std::uint32_t kXr24 = 0x34325258;  // DRM_FORMAT_XRGB8888

class Listener : public producer::StreamListener {
  public:
    void on_release(std::uint32_t slot, std::uint64_t serial) override {
        const std::lock_guard lock(mutex_);
        released_.emplace_back(slot, serial);
        changed_.notify_all();
    }
    void on_presented(const stream::Presented& message) override {
        const std::lock_guard lock(mutex_);
        presented = message.serial;
        changed_.notify_all();
    }
    void on_configure(const stream::Configure& message) override {
        const std::lock_guard lock(mutex_);
        width = message.width;
        changed_.notify_all();
    }
    void on_close() override {
        const std::lock_guard lock(mutex_);
        closed = true;
        changed_.notify_all();
    }
    void on_input(std::span<const input::Event> events, std::uint32_t wide,
                  std::uint32_t high) override {
        const std::lock_guard lock(mutex_);
        input.insert(input.end(), events.begin(), events.end());
        input_extent = {wide, high};
        changed_.notify_all();
    }
    void on_lost() override {
        const std::lock_guard lock(mutex_);
        lost = true;
        changed_.notify_all();
    }

    template <typename Done>
    bool wait(Done done, int ms = 3000) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, std::chrono::milliseconds(ms), done);
    }
    bool wait_released(std::uint32_t slot, std::uint64_t serial, int ms = 3000) {
        return wait([&] { return std::ranges::count(released_, std::pair(slot, serial)) > 0; }, ms);
    }
    std::size_t releases() {
        const std::lock_guard lock(mutex_);
        return released_.size();
    }

    std::vector<input::Event> input;
    std::pair<std::uint32_t, std::uint32_t> input_extent;
    std::uint64_t presented = 0;
    std::uint32_t width = 0;
    bool closed = false;
    bool lost = false;

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::pair<std::uint32_t, std::uint64_t>> released_;
};

class ProducerTest : public testing::Test {
  protected:
    void connect() {
        std::thread open([this] {
            auto opened = Connection::open({Endpoint::Kind::socket, broker.path()}, "test");
            if (opened) connection = *opened;
        });
        EXPECT_TRUE(broker.accept());
        EXPECT_TRUE(broker.greet());
        open.join();
        ASSERT_TRUE(connection);
    }

    // A stream with `count` images; what the broker sees of it is read and checked.
    void make_stream(std::uint32_t count) {
        auto made = connection->create_stream(info, &listener);
        ASSERT_TRUE(made);
        window = std::move(*made);
        const auto create = broker.expect<stream::StreamCreate>();
        ASSERT_TRUE(create);
        EXPECT_STREQ(create->title, "title");
        number = create->stream;
        auto reserved = window->reserve_slots(count);
        ASSERT_TRUE(reserved);
        slots = *reserved;
        for (const std::uint32_t slot : slots) {
            auto buffer = connection->alloc(64 * 32 * 4);
            ASSERT_TRUE(buffer);
            buffers.push_back(*buffer);
            ASSERT_TRUE(window->set_image(slot, image_info(), *buffer, &listener));
            const auto shared = broker.expect<stream::BufferCreate>();
            ASSERT_TRUE(shared);
            ASSERT_EQ(broker.fds.size(), 1u);
            memories.push_back(std::move(broker.fds[0]));
            const auto image = broker.expect<stream::StreamImage>();
            ASSERT_TRUE(image);
            EXPECT_EQ(image->slot, slot);
            EXPECT_EQ(image->buffer, shared->id);
            EXPECT_EQ(image->planes[0].pitch, 256u);
        }
    }

    static ImageInfo image_info() {
        ImageInfo info;
        info.width = 64;
        info.height = 32;
        info.fourcc = kXr24;
        info.planes[0].pitch = 256;
        return info;
    }

    std::uint64_t present(std::uint32_t slot) {
        FrameInfo frame;
        frame.slot = slot;
        frame.called_ns = now_ns();
        return window->present(frame);
    }

    FakeBroker broker;
    producer::StreamInfo info{"title", "app", 64, 32};
    Listener listener;
    std::shared_ptr<Connection> connection;
    std::unique_ptr<Stream> window;
    std::uint32_t number = 0;
    std::vector<std::uint32_t> slots;
    std::vector<std::shared_ptr<Buffer>> buffers;
    std::vector<UniqueFd> memories;
};

}  // namespace vdmabuf::test
