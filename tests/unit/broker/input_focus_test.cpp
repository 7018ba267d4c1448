// SPDX-License-Identifier: MIT
// Input of streams whose producers take none, to the devices of their VM.
#include <gtest/gtest.h>

#include "runtime/broker/input_port.hpp"
#include "tests/unit/broker/harness.hpp"

namespace vdmabuf::broker::test {
namespace {

using input::Event;
using input::Kind;
using input::make_event;

class RecordingPort final : public InputPort {
  public:
    void event(const Event& event, std::uint32_t width, std::uint32_t height) override {
        EXPECT_EQ(width, 256U);
        EXPECT_EQ(height, 128U);
        events.push_back(event);
    }
    void release_all() override { events.push_back(kReleased); }

    static constexpr Event kReleased = make_event(Kind::release_all);
    std::vector<Event> events;
};

const Event kFocus = make_event(Kind::focus, 0, 1);
const Event kNoFocus = make_event(Kind::focus, 0, 0);
const Event kPress = make_event(Kind::key, 30, 1);
const Event kOther = make_event(Kind::key, 31, 1);
const Event kReleased = RecordingPort::kReleased;

class InputFocusTest : public Harness {
  protected:
    void SetUp() override {
        start();
        broker->ports().input_port("vm", &devices);
        guest = make_producer("vm");
        viewer = greeted_consumer();
        first = viewer->await<consumer::StreamAdded>();
    }
    void TearDown() override {
        guest.reset();
        settle();
        broker->ports().input_port("vm", nullptr);
    }
    std::unique_ptr<PortPeer> make_producer(const std::string& vm, std::uint32_t flags = 0) {
        auto peer = port(vm);
        peer->send(hello());
        add_stream(*peer, 1, flags);
        return peer;
    }
    void add_stream(PortPeer& peer, std::uint32_t number, std::uint32_t flags = 0) {
        auto message = create(number);
        message.flags = flags;
        peer.send(message);
        settle();
    }
    void say(SocketPeer& peer, std::uint64_t stream, const std::vector<Event>& events) {
        auto message = input::make<input::FromConsumer>();
        message.stream = stream;
        message.width = 256;
        message.height = 128;
        for (const Event& event : events) message.events[message.count++] = event;
        peer.send(message);
        settle();
    }
    std::vector<Event> told() { return std::exchange(devices.events, {}); }

    RecordingPort devices;
    std::unique_ptr<PortPeer> guest;
    std::unique_ptr<SocketPeer> viewer;
    consumer::StreamAdded first;
};

TEST_F(InputFocusTest, GoesToTheDevicesOfItsVm) {
    EXPECT_EQ(first.flags, stream::kStreamTakesInput);
    viewer->send(attach(first.stream));
    say(*viewer, first.stream, {kPress});
    EXPECT_TRUE(told().empty()) << "without the focus";
    say(*viewer, first.stream, {kFocus, kPress});
    EXPECT_EQ(told(), (std::vector{kPress}));
    say(*viewer, first.stream, {make_event(Kind::release_all), kNoFocus, kOther});
    EXPECT_EQ(told(), (std::vector{kReleased, kReleased}));
}

TEST_F(InputFocusTest, ThoseThatTakeItThemselvesGetIt) {
    add_stream(*guest, 2, stream::kStreamTakesInput);
    const auto second = viewer->await<consumer::StreamAdded>();
    viewer->send(attach(second.stream));
    say(*viewer, second.stream, {kFocus, kPress});
    EXPECT_TRUE(told().empty());
    EXPECT_EQ(guest->await<input::ToProducer>().count, 2U);
}

TEST_F(InputFocusTest, OtherVmsHaveNone) {
    auto other = make_producer("other");
    EXPECT_EQ(viewer->await<consumer::StreamAdded>().flags, 0U);
}

TEST_F(InputFocusTest, OneWindowAtATime) {
    add_stream(*guest, 2);
    const auto second = viewer->await<consumer::StreamAdded>();
    viewer->send(attach(first.stream));
    viewer->send(attach(second.stream));
    say(*viewer, first.stream, {kFocus, kPress});
    say(*viewer, second.stream, {kFocus, kOther});
    EXPECT_EQ(told(), (std::vector{kPress, kReleased, kOther}));
    say(*viewer, first.stream, {kPress, kNoFocus});
    EXPECT_TRUE(told().empty()) << "it has not the focus any more";
    auto other = greeted_consumer();
    other->send(attach(second.stream));
    say(*other, second.stream, {kFocus});
    EXPECT_EQ(told(), (std::vector{kReleased}));
    say(*viewer, second.stream, {kOther});
    EXPECT_TRUE(told().empty());
}

TEST_F(InputFocusTest, AConsumerThatDiesHoldsNothing) {
    viewer->send(attach(first.stream));
    say(*viewer, first.stream, {kFocus, kPress});
    viewer.reset();
    ASSERT_TRUE(turn_until([this] { return devices.events.size() == 2; }));
    EXPECT_EQ(told(), (std::vector{kPress, kReleased}));
}

TEST_F(InputFocusTest, AStreamThatEndsHoldsNothing) {
    viewer->send(attach(first.stream));
    say(*viewer, first.stream, {kFocus, kPress});
    guest.reset();
    settle();
    EXPECT_EQ(told(), (std::vector{kPress, kReleased}));
}

TEST_F(InputFocusTest, DetachingGivesItUp) {
    viewer->send(attach(first.stream));
    say(*viewer, first.stream, {kFocus, kPress});
    auto detach = consumer::make<consumer::Detach>();
    detach.stream = first.stream;
    viewer->send(detach);
    settle();
    EXPECT_EQ(told(), (std::vector{kPress, kReleased}));
    say(*viewer, first.stream, {kFocus, kPress});
    EXPECT_TRUE(told().empty()) << "of streams that one is not attached to";
}

}  // namespace
}  // namespace vdmabuf::broker::test
