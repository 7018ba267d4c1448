// SPDX-License-Identifier: MIT
#include "runtime/device/virtio_device.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/common/clock.hpp"
#include "tests/unit/device/fake_guest.hpp"
#include "tests/unit/device/recording_handler.hpp"

namespace vdmabuf::device {
namespace {

using test::FakeGuest;
using test::make_id;
using test::peek;

constexpr std::size_t kCommands = VIRTIO_VDMABUF_VQ_COMMAND;
constexpr std::size_t kEvents = VIRTIO_VDMABUF_VQ_EVENT;
constexpr std::uint32_t kNoAnswer = 1000;

class VirtioDeviceTest : public testing::Test {
  protected:
    void SetUp() override {
        auto loop = EventLoop::create();
        ASSERT_TRUE(loop);
        loop_ = std::move(*loop);
        create({.channels = 4, .buffers = 4, .runs = 8, .total_bytes = 0x10000});
    }
    void create(const Limits& limits) {
        device_ = std::make_unique<VirtioDevice>(*loop_, "test", limits, handler_);
    }
    void start() {
        ASSERT_TRUE(device_->apply(guest_.state()));
        settle();
    }
    void settle() {
        for (int i = 0; i < 20; ++i) loop_->run_once(0);
    }
    std::uint32_t command(std::span<const std::byte> bytes, std::size_t pieces = 1) {
        guest_.submit(bytes, pieces);
        settle();
        return guest_.response().value_or(kNoAnswer);
    }
    std::uint32_t open(std::uint32_t channel) { return command(test::channel_open(channel)); }
    std::uint32_t create_buffer(std::uint32_t channel, std::uint8_t id, std::uint64_t pages = 1) {
        return command(test::buffer_create(channel, make_id(id),
                                           {{FakeGuest::kPages + id * 0x10000U, pages << 12}}));
    }
    std::vector<std::byte> event() {
        return guest_.take_event().value_or(std::vector<std::byte>());
    }
    std::uint32_t event_type() {
        const auto bytes = event();
        return bytes.empty() ? 0 : peek<std::uint32_t>(bytes);
    }
    bool send(const std::string& text, std::size_t port = 0) {
        return handler_.ports.at(port)->send(std::as_bytes(std::span(text)));
    }

    FakeGuest guest_;
    test::RecordingHandler handler_;
    std::unique_ptr<EventLoop> loop_;
    std::unique_ptr<VirtioDevice> device_;
};

TEST_F(VirtioDeviceTest, OpensAndClosesChannels) {
    start();
    EXPECT_TRUE(device_->running());
    EXPECT_EQ(open(5), VIRTIO_VDMABUF_OK);
    ASSERT_EQ(handler_.infos.size(), 1U);
    EXPECT_EQ(handler_.infos[0].vm, "test");
    EXPECT_EQ(handler_.infos[0].pid, 42U);
    EXPECT_EQ(handler_.infos[0].comm, "test");
    EXPECT_EQ(open(5), VIRTIO_VDMABUF_ERR_EXISTS);
    EXPECT_EQ(open(6), VIRTIO_VDMABUF_OK);
    EXPECT_EQ(command(test::channel_close(5)), VIRTIO_VDMABUF_OK);
    EXPECT_EQ(command(test::channel_close(5)), VIRTIO_VDMABUF_ERR_NO_CHANNEL);
    EXPECT_EQ(handler_.closes, 1);
    EXPECT_EQ(open(5), VIRTIO_VDMABUF_OK) << "the number is free again";
    EXPECT_GT(guest_.interrupts(kCommands), 0U);
}

TEST_F(VirtioDeviceTest, LimitsChannels) {
    start();
    for (std::uint32_t i = 1; i <= 4; ++i) EXPECT_EQ(open(i), VIRTIO_VDMABUF_OK);
    EXPECT_EQ(open(5), VIRTIO_VDMABUF_ERR_QUOTA);
    EXPECT_EQ(command(test::channel_close(1)), VIRTIO_VDMABUF_OK);
    EXPECT_EQ(open(5), VIRTIO_VDMABUF_OK);
    handler_.refuse_open = true;
    EXPECT_EQ(command(test::channel_close(5)), VIRTIO_VDMABUF_OK);
    EXPECT_EQ(open(5), VIRTIO_VDMABUF_ERR_QUOTA) << "the broker's policy";
    EXPECT_EQ(device_->channels(), 3U);
}

TEST_F(VirtioDeviceTest, CarriesMessages) {
    start();
    guest_.post_event_buffers(4);
    ASSERT_EQ(open(1), VIRTIO_VDMABUF_OK);
    handler_.on_message = [](broker::ProducerPort& port, const std::string& text) {
        const std::string answer = "re: " + text;
        EXPECT_TRUE(port.send(std::as_bytes(std::span(answer))));
    };
    EXPECT_EQ(command(test::message(1, "hello"), 3), VIRTIO_VDMABUF_OK);
    EXPECT_EQ(handler_.messages, std::vector<std::string>{"hello"});
    const auto bytes = event();
    ASSERT_EQ(bytes.size(), 16U + 9);
    EXPECT_EQ(std::memcmp(bytes.data() + 16, "re: hello", 9), 0);
    EXPECT_EQ(guest_.interrupts(kEvents), 1U + 1U) << "one for the start, one for the event";
    EXPECT_EQ(command(test::message(2, "hello")), VIRTIO_VDMABUF_ERR_NO_CHANNEL);
}

TEST_F(VirtioDeviceTest, RefusesWhatIsMalformedAndGoesOn) {
    start();
    ASSERT_EQ(open(1), VIRTIO_VDMABUF_OK);
    auto bytes = test::message(1, "x");
    test::poke<std::uint32_t>(bytes, 4, 5);
    EXPECT_EQ(command(bytes), VIRTIO_VDMABUF_ERR_INVALID);
    bytes = test::message(1, "x");
    test::poke<std::uint32_t>(bytes, 0, 77);
    EXPECT_EQ(command(bytes), VIRTIO_VDMABUF_ERR_UNSUPPORTED);
    EXPECT_EQ(command(std::vector<std::byte>(3)), VIRTIO_VDMABUF_ERR_INVALID);
    EXPECT_EQ(command(std::vector<std::byte>(8192)), VIRTIO_VDMABUF_ERR_QUOTA)
        << "longer than any command within the limits";
    EXPECT_EQ(command(test::message(1, "y")), VIRTIO_VDMABUF_OK);
    EXPECT_FALSE(device_->broken());
}

TEST_F(VirtioDeviceTest, DoesNotExecuteWhatCannotBeAnswered) {
    start();
    const auto bytes = test::channel_open(1);
    std::memcpy(guest_.at(FakeGuest::kScratch), bytes.data(), bytes.size());
    guest_.set_descriptor(kCommands, 0, {FakeGuest::kScratch, 40, 0, 0});
    guest_.make_available(kCommands, 0);
    guest_.kick(kCommands);
    settle();
    EXPECT_EQ(guest_.used_index(kCommands), 1);
    EXPECT_EQ(guest_.used_entry(kCommands, 0).second, 0U);
    EXPECT_EQ(device_->channels(), 0U);
}

TEST_F(VirtioDeviceTest, BuffersBecomeFiles) {
    start();
    ASSERT_EQ(open(1), VIRTIO_VDMABUF_OK);
    EXPECT_EQ(command(test::buffer_create(1, make_id(1),
                                          {{FakeGuest::kPages, 0x2000},
                                           {FakeGuest::kPages + 0x2000, 0x1000},
                                           {FakeGuest::kPages + 0x9000, 0x1000}})),
              VIRTIO_VDMABUF_OK);
    ASSERT_EQ(handler_.buffers.size(), 1U);
    const BufferMemory& memory = *handler_.buffers.begin()->second;
    EXPECT_EQ(memory.size, 0x4000U);
    ASSERT_EQ(memory.runs.size(), 2U);
    EXPECT_EQ(memory.runs[0].offset, FakeGuest::kPages - FakeGuest::kGpa + FakeGuest::kFileOffset);
    // What the guest writes is what the file has.
    std::memcpy(guest_.at(FakeGuest::kPages + 0x9000), "pixels", 6);
    char text[6];
    EXPECT_EQ(::pread(memory.files[0]->get(), text, 6, static_cast<off_t>(memory.runs[1].offset)),
              6);
    EXPECT_EQ(std::memcmp(text, "pixels", 6), 0);

    EXPECT_EQ(create_buffer(1, 1), VIRTIO_VDMABUF_ERR_EXISTS);
    EXPECT_EQ(create_buffer(2, 1), VIRTIO_VDMABUF_ERR_NO_CHANNEL);
    EXPECT_EQ(command(test::buffer_destroy(1, make_id(9))), VIRTIO_VDMABUF_ERR_NO_BUFFER);
    EXPECT_EQ(command(test::buffer_destroy(2, make_id(1))), VIRTIO_VDMABUF_ERR_NO_CHANNEL);
    EXPECT_EQ(command(test::buffer_destroy(1, make_id(1))), VIRTIO_VDMABUF_OK);
    EXPECT_EQ(command(test::buffer_destroy(1, make_id(1))), VIRTIO_VDMABUF_ERR_NO_BUFFER);
}

TEST_F(VirtioDeviceTest, RefusesBuffersOutsideOfMemory) {
    start();
    ASSERT_EQ(open(1), VIRTIO_VDMABUF_OK);
    const std::uint64_t end = FakeGuest::kGpa + FakeGuest::kSize;
    const auto status = [&](std::uint64_t gpa, std::uint64_t length) {
        return command(test::buffer_create(1, make_id(1), {{gpa, length}}));
    };
    EXPECT_EQ(status(0, 0x1000), VIRTIO_VDMABUF_ERR_ADDRESS);
    EXPECT_EQ(status(end, 0x1000), VIRTIO_VDMABUF_ERR_ADDRESS);
    EXPECT_EQ(status(end - 0x1000, 0x2000), VIRTIO_VDMABUF_ERR_ADDRESS);
    EXPECT_EQ(status(1ULL << 52, 0x1000), VIRTIO_VDMABUF_ERR_ADDRESS);
    EXPECT_EQ(status(end - 0x1000, 0x1000), VIRTIO_VDMABUF_OK);
}

TEST_F(VirtioDeviceTest, LimitsBuffers) {
    start();
    ASSERT_EQ(open(1), VIRTIO_VDMABUF_OK);
    EXPECT_EQ(create_buffer(1, 1, 12), VIRTIO_VDMABUF_OK);
    EXPECT_EQ(create_buffer(1, 2, 5), VIRTIO_VDMABUF_ERR_QUOTA) << "bytes of all";
    EXPECT_EQ(create_buffer(1, 2), VIRTIO_VDMABUF_OK);
    EXPECT_EQ(create_buffer(1, 3), VIRTIO_VDMABUF_OK);
    EXPECT_EQ(create_buffer(1, 4), VIRTIO_VDMABUF_OK);
    EXPECT_EQ(create_buffer(1, 5), VIRTIO_VDMABUF_ERR_QUOTA) << "number";
    std::vector<GuestRun> runs(9, {FakeGuest::kPages, 0x1000});
    EXPECT_EQ(command(test::buffer_create(1, make_id(5), runs)), VIRTIO_VDMABUF_ERR_QUOTA)
        << "runs";
    EXPECT_EQ(command(test::buffer_destroy(1, make_id(1))), VIRTIO_VDMABUF_OK);
    handler_.created = broker::Created::quota;
    EXPECT_EQ(create_buffer(1, 5), VIRTIO_VDMABUF_ERR_QUOTA) << "the broker's";
    handler_.created = broker::Created::exists;
    EXPECT_EQ(create_buffer(1, 5), VIRTIO_VDMABUF_ERR_EXISTS);
    handler_.created = broker::Created::ok;
    EXPECT_EQ(create_buffer(1, 5), VIRTIO_VDMABUF_OK) << "the refused ones left nothing behind";
}

TEST_F(VirtioDeviceTest, TellsWhenTheLastHolderLetsGo) {
    start();
    guest_.post_event_buffers(4);
    ASSERT_EQ(open(1), VIRTIO_VDMABUF_OK);
    ASSERT_EQ(create_buffer(1, 1), VIRTIO_VDMABUF_OK);
    handler_.hold = true;
    EXPECT_EQ(command(test::buffer_destroy(1, make_id(1))), VIRTIO_VDMABUF_PENDING);
    EXPECT_EQ(create_buffer(1, 1), VIRTIO_VDMABUF_ERR_EXISTS) << "not before it is released";
    EXPECT_EQ(event_type(), 0U);
    handler_.held.clear();
    settle();
    const auto bytes = event();
    ASSERT_EQ(bytes.size(), sizeof(virtio_vdmabuf_event_buffer_released));
    EXPECT_EQ(peek<std::uint32_t>(bytes),
              static_cast<std::uint32_t>(VIRTIO_VDMABUF_EVT_BUFFER_RELEASED));
    EXPECT_EQ(peek<std::uint32_t>(bytes, 8), 1U);
    EXPECT_EQ(peek<std::uint8_t>(bytes, 16), 1);
    EXPECT_EQ(device_->buffers(), 0U);
    EXPECT_EQ(create_buffer(1, 1), VIRTIO_VDMABUF_OK);
}

TEST_F(VirtioDeviceTest, ClosingAChannelReleasesItsBuffers) {
    start();
    guest_.post_event_buffers(4);
    ASSERT_EQ(open(1), VIRTIO_VDMABUF_OK);
    ASSERT_EQ(create_buffer(1, 1), VIRTIO_VDMABUF_OK);
    handler_.hold = true;
    EXPECT_EQ(command(test::channel_close(1)), VIRTIO_VDMABUF_OK);
    EXPECT_EQ(event_type(), 0U);
    EXPECT_EQ(command(test::buffer_destroy(1, make_id(1))), VIRTIO_VDMABUF_PENDING)
        << "the driver must not reuse pages that are shown";
    handler_.held.clear();
    settle();
    EXPECT_EQ(event_type(), static_cast<std::uint32_t>(VIRTIO_VDMABUF_EVT_BUFFER_RELEASED));
    EXPECT_EQ(command(test::buffer_destroy(1, make_id(1))), VIRTIO_VDMABUF_ERR_NO_CHANNEL);
}

TEST_F(VirtioDeviceTest, TheHostClosesAChannel) {
    start();
    guest_.post_event_buffers(4);
    ASSERT_EQ(open(1), VIRTIO_VDMABUF_OK);
    ASSERT_EQ(create_buffer(1, 1), VIRTIO_VDMABUF_OK);
    handler_.hold = true;
    handler_.on_message = [this](broker::ProducerPort& port, const std::string&) {
        port.close(broker::CloseReason::protocol);
        EXPECT_EQ(handler_.closes, 0) << "not from within the call";
        EXPECT_FALSE(port.send(std::as_bytes(std::span("x", 1))));
    };
    EXPECT_EQ(command(test::message(1, "bad")), VIRTIO_VDMABUF_OK);
    EXPECT_EQ(handler_.closes, 1);
    const auto bytes = event();
    ASSERT_EQ(bytes.size(), sizeof(virtio_vdmabuf_event_channel_closed));
    EXPECT_EQ(peek<std::uint32_t>(bytes, 16),
              static_cast<std::uint32_t>(VIRTIO_VDMABUF_CLOSE_PROTOCOL));
    EXPECT_EQ(command(test::message(1, "more")), VIRTIO_VDMABUF_ERR_NO_CHANNEL);
    EXPECT_EQ(command(test::buffer_destroy(1, make_id(1))), VIRTIO_VDMABUF_PENDING);
    handler_.held.clear();
    settle();
    EXPECT_EQ(event_type(), static_cast<std::uint32_t>(VIRTIO_VDMABUF_EVT_BUFFER_RELEASED));
    EXPECT_EQ(open(1), VIRTIO_VDMABUF_OK);
}

TEST_F(VirtioDeviceTest, AChannelThatTakesNoMessagesIsClosedAlone) {
    start();
    ASSERT_EQ(open(1), VIRTIO_VDMABUF_OK);
    ASSERT_EQ(open(2), VIRTIO_VDMABUF_OK);
    std::uint32_t sent = 0;
    while (send("x")) ++sent;
    EXPECT_EQ(sent, EventQueue::kMaxWaiting);
    settle();
    ASSERT_EQ(handler_.ports.size(), 1U);
    EXPECT_TRUE(send("to the other"));
    EXPECT_EQ(open(1), VIRTIO_VDMABUF_ERR_EXISTS) << "the guest does not know yet";
    guest_.post_event_buffers(8);
    settle();
    // The messages of the closed one are gone.
    std::vector<std::uint32_t> types;
    while (const std::uint32_t type = event_type()) types.push_back(type);
    EXPECT_EQ(types, (std::vector<std::uint32_t>{VIRTIO_VDMABUF_EVT_CHANNEL_CLOSED,
                                                 VIRTIO_VDMABUF_EVT_MESSAGE}));
    EXPECT_EQ(open(1), VIRTIO_VDMABUF_OK);
}

TEST_F(VirtioDeviceTest, AsksForKicksOnlyWhenEventsWait) {
    start();
    EXPECT_EQ(guest_.used_flags(kEvents), 1);
    ASSERT_EQ(open(1), VIRTIO_VDMABUF_OK);
    EXPECT_EQ(guest_.used_flags(kCommands), 0);
    EXPECT_TRUE(send("x"));
    EXPECT_EQ(guest_.used_flags(kEvents), 0);
    guest_.post_event_buffers(2);
    settle();
    EXPECT_EQ(event_type(), static_cast<std::uint32_t>(VIRTIO_VDMABUF_EVT_MESSAGE));
    EXPECT_EQ(guest_.used_flags(kEvents), 1);
}

TEST_F(VirtioDeviceTest, HonoursInterruptSuppression) {
    start();
    guest_.interrupts(kCommands);
    guest_.set_available_flags(kCommands, 1);
    ASSERT_EQ(open(1), VIRTIO_VDMABUF_OK);
    EXPECT_EQ(guest_.interrupts(kCommands), 0U);
}

TEST_F(VirtioDeviceTest, InterruptsThroughASocket) {
    int pair[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    UniqueFd ours(pair[0]);
    VmState state = guest_.state();
    state.rings[kCommands].call = share_fd(UniqueFd(pair[1]));
    ASSERT_TRUE(device_->apply(state));
    settle();
    ASSERT_EQ(open(1), VIRTIO_VDMABUF_OK);
    char bytes[64];
    EXPECT_EQ(::recv(ours.get(), bytes, sizeof bytes, MSG_DONTWAIT), 16) << "8 for each";
    // Nobody reads: the device must not wait.
    for (int i = 0; i < 100000 && guest_.response(); ++i) {
        guest_.submit(test::message(1, "x"));
        loop_->run_once(0);
    }
    settle();
    EXPECT_TRUE(guest_.response());
    ours.reset();
    EXPECT_EQ(command(test::message(1, "x")), VIRTIO_VDMABUF_OK) << "nor die";
}

TEST_F(VirtioDeviceTest, ABrokenQueueStopsTheDeviceUntilItIsReset) {
    start();
    ASSERT_EQ(open(1), VIRTIO_VDMABUF_OK);
    guest_.set_available_index(kCommands, 5000);
    guest_.kick(kCommands);
    settle();
    EXPECT_TRUE(device_->broken());
    EXPECT_FALSE(device_->running());
    EXPECT_EQ(handler_.closes, 1);
    guest_.kick(kCommands);
    settle();
    // Other news of the VM does not mend it.
    EXPECT_TRUE(device_->apply(guest_.state()));
    EXPECT_TRUE(device_->broken());
    EXPECT_FALSE(device_->running());
    // A reset does.
    VmState stopped = guest_.state();
    stopped.rings[kCommands].enabled = false;
    ASSERT_TRUE(device_->apply(stopped));
    guest_.set_available_index(kCommands, 0);
    guest_.set_used_index(kCommands, 0);
    start();
    EXPECT_FALSE(device_->broken());
    EXPECT_EQ(open(1), VIRTIO_VDMABUF_OK);
}

TEST_F(VirtioDeviceTest, ABrokenEventQueueStopsTheDevice) {
    start();
    ASSERT_EQ(open(1), VIRTIO_VDMABUF_OK);
    guest_.set_available_index(kEvents, 5000);
    EXPECT_TRUE(send("x"));
    settle();
    EXPECT_TRUE(device_->broken());
}

TEST_F(VirtioDeviceTest, RefusesStatesThatCannotBeServed) {
    VmState state = guest_.state();
    state.rings[kCommands].descriptors = 0;
    EXPECT_FALSE(device_->apply(state));
    EXPECT_FALSE(device_->running());
    state = guest_.state();
    state.regions[0].size *= 2;
    EXPECT_FALSE(device_->apply(state));
    state = guest_.state();
    state.rings[kEvents].kick = test::make_memory_file(4096);  // not pollable
    EXPECT_FALSE(device_->apply(state));
    EXPECT_FALSE(device_->running());
    start();
    EXPECT_EQ(open(1), VIRTIO_VDMABUF_OK);
}

TEST_F(VirtioDeviceTest, GoesOnWhenOnlyDescriptorsChange) {
    start();
    ASSERT_EQ(open(1), VIRTIO_VDMABUF_OK);
    VmState state = guest_.state();
    state.rings[kCommands].call.reset();
    ASSERT_TRUE(device_->apply(state));
    settle();
    EXPECT_EQ(handler_.closes, 0);
    EXPECT_EQ(command(test::message(1, "x")), VIRTIO_VDMABUF_OK);
    guest_.post_event_buffers(1);
    settle();
    EXPECT_EQ(event_type(), 0U) << "no RESYNC";
}

TEST_F(VirtioDeviceTest, StoppingTheQueueIsAReset) {
    start();
    ASSERT_EQ(open(1), VIRTIO_VDMABUF_OK);
    ASSERT_EQ(create_buffer(1, 1), VIRTIO_VDMABUF_OK);
    ASSERT_TRUE(device_->apply(VmState{}));
    EXPECT_EQ(handler_.closes, 1);
    EXPECT_TRUE(handler_.buffers.empty());
    EXPECT_FALSE(device_->running());
    EXPECT_EQ(device_->buffers(), 0U);
}

TEST_F(VirtioDeviceTest, AFreshDriverIsNotToldToResync) {
    guest_.post_event_buffers(1);
    start();
    EXPECT_EQ(event_type(), 0U);
}

TEST_F(VirtioDeviceTest, ResyncAfterARestart) {
    start();
    ASSERT_EQ(open(1), VIRTIO_VDMABUF_OK);
    device_.reset();
    handler_ = {};
    guest_.post_event_buffers(4);
    guest_.submit(test::message(1, "while nobody serves"));

    create({});
    VmState state = guest_.state();
    state.resumed = true;
    ASSERT_TRUE(device_->apply(state));
    settle();
    EXPECT_EQ(guest_.response(), VIRTIO_VDMABUF_ERR_NO_CHANNEL);
    const auto first = event();
    ASSERT_EQ(first.size(), sizeof(virtio_vdmabuf_event_resync));
    EXPECT_EQ(peek<std::uint32_t>(first), static_cast<std::uint32_t>(VIRTIO_VDMABUF_EVT_RESYNC));
    EXPECT_EQ(open(1), VIRTIO_VDMABUF_OK);
    // The next restart has another generation.
    device_.reset();
    create({});
    ASSERT_TRUE(device_->apply(state));
    settle();
    const auto second = event();
    ASSERT_EQ(second.size(), first.size());
    EXPECT_NE(peek<std::uint64_t>(first, 16), peek<std::uint64_t>(second, 16));
}

// Consumers of the process that served before may still show what is announced anew.
TEST_F(VirtioDeviceTest, ReleasesNothingSoonAfterARestart) {
    constexpr std::uint64_t kGraceNs = VIRTIO_VDMABUF_GRACE_MS * std::uint64_t{1'000'000};
    guest_.post_event_buffers(4);
    VmState state = guest_.state();
    state.resumed = true;
    ASSERT_TRUE(device_->apply(state));
    const std::uint64_t began = now_ns();
    settle();
    EXPECT_EQ(event_type(), static_cast<std::uint32_t>(VIRTIO_VDMABUF_EVT_RESYNC));
    ASSERT_EQ(open(1), VIRTIO_VDMABUF_OK);
    ASSERT_EQ(create_buffer(1, 1), VIRTIO_VDMABUF_OK);
    ASSERT_EQ(create_buffer(1, 2), VIRTIO_VDMABUF_OK);
    EXPECT_EQ(command(test::buffer_destroy(1, make_id(1))), VIRTIO_VDMABUF_PENDING);
    EXPECT_EQ(device_->buffers(), 2U) << "it counts";
    while (event_type() == 0 && now_ns() < began + 3 * kGraceNs) loop_->run_once(50);
    EXPECT_GE(now_ns(), began + kGraceNs);
    settle();
    EXPECT_EQ(device_->buffers(), 1U);
    EXPECT_EQ(command(test::buffer_destroy(1, make_id(2))), VIRTIO_VDMABUF_OK)
        << "afterwards as always";
}

TEST_F(VirtioDeviceTest, ResyncAfterAPause) {
    start();
    ASSERT_EQ(open(1), VIRTIO_VDMABUF_OK);
    ASSERT_TRUE(device_->apply(VmState{}));
    guest_.post_event_buffers(1);
    start();
    EXPECT_EQ(event_type(), static_cast<std::uint32_t>(VIRTIO_VDMABUF_EVT_RESYNC));
    EXPECT_EQ(command(test::message(1, "x")), VIRTIO_VDMABUF_ERR_NO_CHANNEL);
}

TEST_F(VirtioDeviceTest, ShutDownTellsTheGuest) {
    start();
    guest_.post_event_buffers(4);
    ASSERT_EQ(open(1), VIRTIO_VDMABUF_OK);
    ASSERT_EQ(open(2), VIRTIO_VDMABUF_OK);
    device_->shut_down();
    EXPECT_EQ(handler_.closes, 2);
    for (int i = 0; i < 2; ++i) {
        const auto bytes = event();
        ASSERT_EQ(bytes.size(), sizeof(virtio_vdmabuf_event_channel_closed));
        EXPECT_EQ(peek<std::uint32_t>(bytes, 16),
                  static_cast<std::uint32_t>(VIRTIO_VDMABUF_CLOSE_SHUTDOWN));
    }
}

TEST_F(VirtioDeviceTest, AFloodOfCommandsLeavesTimeForOthers) {
    start();
    ASSERT_EQ(open(1), VIRTIO_VDMABUF_OK);
    // The guest makes its next command available from within the last.
    int rounds = 0;
    handler_.on_message = [&](broker::ProducerPort&, const std::string&) {
        if (++rounds < 1000) guest_.submit(test::message(1, "again"));
    };
    guest_.submit(test::message(1, "first"));
    loop_->run_once(0);
    EXPECT_LT(rounds, 1000);
    settle();
    EXPECT_EQ(rounds, 1000);
}

}  // namespace
}  // namespace vdmabuf::device
