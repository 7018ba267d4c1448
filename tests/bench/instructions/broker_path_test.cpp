// SPDX-License-Identifier: MIT
// Frames through the broker in the steady state, under callgrind (instruction_counts.py). Broker
// and peers share one thread and take turns, so that the counts are the same every time; collected
// is what happens inside of the broker's turns.
#include <gtest/gtest.h>
#include <valgrind/callgrind.h>

#include <memory>

#include "runtime/device/virtio_device.hpp"
#include "tests/unit/broker/harness.hpp"
#include "tests/unit/device/fake_guest.hpp"
#include "tests/unit/device/recording_handler.hpp"

namespace vdmabuf::broker::test {
namespace {

constexpr std::uint64_t kWarmUp = 20;
constexpr std::uint64_t kFrames = 200;  // as instruction_counts.py has it

class BrokerPath : public Harness {
  protected:
    void SetUp() override {
        around_turn = [this](bool) {
            if (measuring_) CALLGRIND_TOGGLE_COLLECT;
        };
    }
    // Frames of stream 1, each shown and given back when the next one comes.
    void run_frames(Peer& app, SocketPeer& viewer, std::uint64_t id) {
        viewer.send(attach(id));
        ASSERT_EQ(viewer.expect<consumer::Image>().stream, id);
        for (int i = 1; i < 3; ++i) viewer.expect<consumer::Image>();
        std::uint32_t slot = 0;
        for (std::uint64_t serial = 1; serial <= kWarmUp + kFrames; ++serial) {
            measuring_ = serial > kWarmUp;
            app.send(present(1, slot, serial));
            ASSERT_EQ(viewer.expect<consumer::Frame>().serial, serial);
            if (serial > 1) viewer.send(release(id, serial - 1));
            viewer.send(presented(id, serial));
            slot = serial > 1 ? app.await<stream::Release>().slot : 1;
        }
        measuring_ = false;
    }

  private:
    bool measuring_ = false;
};

// 64 streams more of the same app and viewer, each with a picture that stands still.
TEST_F(BrokerPath, SocketBesideIdleStreams) {
    constexpr std::uint32_t kIdle = 64;
    config.local.streams = kIdle + 1;
    const auto app = greeted_producer();
    give_stream(*app, 3);
    settle();
    const auto viewer = greeted_consumer();
    const auto active = viewer->expect<consumer::StreamAdded>().stream;
    const BufferId shared = id_of(200);
    give_buffer(*app, shared);
    for (std::uint32_t number = 2; number < 2 + kIdle; ++number) {
        app->send(create(number));
        app->send(image(number, 0, shared));
        const std::uint64_t id = viewer->await<consumer::StreamAdded>().stream;
        viewer->send(attach(id));
        viewer->await<consumer::Image>();
        app->send(present(number, 0, 1));
        viewer->await<consumer::Frame>();
        viewer->send(presented(id, 1));
    }
    settle();
    run_frames(*app, *viewer, active);
}

TEST_F(BrokerPath, Socket) {
    const auto app = greeted_producer();
    give_stream(*app, 3);
    settle();
    const auto viewer = greeted_consumer();
    run_frames(*app, *viewer, viewer->expect<consumer::StreamAdded>().stream);
}

// What the virtio device adds for a guest's frame: a PRESENT comes in, two messages go back.
TEST(DevicePath, Messages) {
    auto loop = EventLoop::create();
    ASSERT_TRUE(loop);
    vdmabuf::test::FakeGuest guest;
    vdmabuf::test::RecordingHandler handler;
    device::VirtioDevice device(**loop, "guest", {}, handler);
    ASSERT_TRUE(device.apply(guest.state()));
    const auto turn = [&] {
        for (int i = 0; i < 4; ++i) (*loop)->run_once(0);
    };
    turn();
    guest.submit(vdmabuf::test::channel_open(1));
    turn();
    ASSERT_EQ(guest.response(), VIRTIO_VDMABUF_OK);
    guest.post_event_buffers(16);
    const auto answers = [&](ProducerPort& port, const std::string&) {
        const auto shown = stream::make<stream::Presented>();
        const auto back = stream::make<stream::Release>();
        port.send(stream::bytes_of(shown));
        port.send(stream::bytes_of(back));
    };
    handler.on_message = answers;
    const auto message = vdmabuf::test::message(1, packed(present(1, 0, 1)));
    for (std::uint64_t frame = 0; frame < kWarmUp + kFrames; ++frame) {
        handler.messages.clear();
        guest.submit(message);
        if (frame >= kWarmUp) CALLGRIND_TOGGLE_COLLECT;
        turn();
        if (frame >= kWarmUp) CALLGRIND_TOGGLE_COLLECT;
        ASSERT_EQ(guest.response(), VIRTIO_VDMABUF_OK);
        ASSERT_TRUE(guest.take_event());
        ASSERT_TRUE(guest.take_event());
        guest.post_event_buffers(2);
    }
}

}  // namespace
}  // namespace vdmabuf::broker::test
