// SPDX-License-Identifier: MIT
// A VM's input devices as its VMM meets them, and what becomes of a user's input on its way there,
// also when the broker dies.
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include <algorithm>

#include "runtime/common/consumer_messages.hpp"
#include "runtime/common/input_messages.hpp"
#include "runtime/common/seqpacket.hpp"
#include "runtime/common/stream_messages.hpp"
#include "runtime/device/input_config.hpp"
#include "tests/unit/device/input_driver.hpp"
#include "tests/unit/keeper/daemon.hpp"
#include "tests/unit/keeper/fake_front.hpp"

namespace vdmabuf::keeper {
namespace {

using device::InputRole;
using input::Kind;
using input::make_event;
using test::Daemon;
using test::FakeFront;
using test::FakeGuest;
using test::InputDriver;
using test::to_bytes;
using test::Told;
using test::told_key;

// A consumer, with no more to it than what it says.
class Viewer {
  public:
    bool connect() {
        auto socket = connect_to(Daemon::directory() + "/vdmabuf/consumer.sock", SOCK_SEQPACKET);
        if (!socket) return false;
        socket_ = std::move(*socket);
        auto hello = consumer::make<consumer::Hello>();
        consumer::put_text(hello.name, "test");
        send(hello);
        const auto added = await<consumer::StreamAdded>();
        if (!added) return false;
        takes_input = (added->flags & stream::kStreamTakesInput) != 0;
        stream_ = added->stream;
        auto attach = consumer::make<consumer::Attach>();
        attach.stream = stream_;
        send(attach);
        return true;
    }
    void say(const std::vector<input::Event>& events) {
        auto message = input::make<input::FromConsumer>();
        message.stream = stream_;
        message.width = message.height = 256;
        for (const input::Event& event : events) message.events[message.count++] = event;
        send(message);
    }
    bool takes_input = false;

  private:
    template <typename Message>
    void send(const Message& message) {
        EXPECT_EQ(send_message(socket_.get(), std::as_bytes(std::span(&message, 1))), 0);
    }
    template <typename Message>
    std::optional<Message> await() {
        for (;;) {
            pollfd poll_fd{socket_.get(), POLLIN, 0};
            if (::poll(&poll_fd, 1, 3000) != 1) return std::nullopt;
            std::array<std::byte, 8192> buffer{};
            const auto received = receive_message(socket_.get(), buffer);
            if (!received || received->size == 0) return std::nullopt;
            const auto bytes = std::span<const std::byte>(buffer).first(received->size);
            auto message = consumer::decode<Message>(bytes);
            if (message) return *message;
        }
    }

    UniqueFd socket_;
    std::uint64_t stream_ = 0;
};

class InputTest : public testing::Test {
  protected:
    struct Device {
        explicit Device(UniqueFd socket) : front(std::move(socket)) {}
        FakeGuest guest;
        InputDriver driver{guest};
        FakeFront front;
    };

    void SetUp() override { ASSERT_TRUE(daemon_.ready()); }

    static std::unique_ptr<Device> connect() {
        auto socket = connect_to(Daemon::directory() + "/in.sock", SOCK_STREAM);
        return socket ? std::make_unique<Device>(std::move(*socket)) : nullptr;
    }
    // The name that it has, as QEMU asks for it.
    static std::string name_of(Device& device) {
        std::vector<std::byte> set = to_bytes(ConfigPayload{0, 136, 0});
        set.resize(12 + 136);
        set[12] = std::byte{VIRTIO_INPUT_CFG_ID_NAME};
        // Without REPLY_ACK there is no answer to that.
        if (!device.front.send(test::encode(Request::set_config, set))) return "refused";
        std::vector<std::byte> get = to_bytes(ConfigPayload{0, 136, 0});
        get.resize(12 + 136);
        const auto reply = device.front.ask(Request::get_config, get);
        if (!reply || reply->size() != 12 + 136) return "no answer";
        virtio_input_config config{};
        std::memcpy(&config, reply->data() + 12, sizeof config);
        return {config.u.string, config.size};
    }
    bool start(Device& device) {
        if (!device.front.start(device.guest)) return false;
        device.driver.post(FakeGuest::kRingSize);
        return true;
    }
    // The vdmabuf device with a stream on its first channel.
    void start_stream() {
        if (!vm_front_) {
            auto socket = connect_to(Daemon::directory() + "/vm.sock", SOCK_STREAM);
            ASSERT_TRUE(socket);
            vm_front_.emplace(std::move(*socket));
            ASSERT_TRUE(vm_front_->start(vm_));
            vm_.post_event_buffers(32);
        }
        ASSERT_EQ(command(test::channel_open(1)), VIRTIO_VDMABUF_OK);
        ASSERT_EQ(command(test::message(1, stream::bytes_of(stream::make<stream::Hello>()))),
                  VIRTIO_VDMABUF_OK);
        auto create = stream::make<stream::StreamCreate>();
        create.stream = 1;
        create.width = create.height = 256;
        ASSERT_EQ(command(test::message(1, stream::bytes_of(create))), VIRTIO_VDMABUF_OK);
    }
    std::uint32_t command(std::span<const std::byte> bytes) {
        vm_.submit(bytes);
        for (int i = 0; i < 5000; ++i) {
            if (auto status = vm_.response()) return *status;
            ::poll(nullptr, 0, 1);
        }
        return 1000;
    }
    // Whether this comes, among others.
    static bool hears(Device& device, const Told& wanted) {
        for (int i = 0; i < 5000; ++i) {
            const auto told = device.driver.take();
            device.driver.post(told.size());
            if (std::find(told.begin(), told.end(), wanted) != told.end()) return true;
            ::poll(nullptr, 0, 1);
        }
        return false;
    }

    Daemon daemon_{{"--vm", "test=" + Daemon::directory() + "/vm.sock", "--vm-input",
                    "test=" + Daemon::directory() + "/in.sock"}};
    FakeGuest vm_;
    std::optional<FakeFront> vm_front_;
};

TEST_F(InputTest, EachConnectionIsForTheNextDevice) {
    std::vector<std::unique_ptr<Device>> devices;
    for (const InputRole role : {InputRole::pointer, InputRole::mouse, InputRole::touch}) {
        devices.push_back(connect());
        ASSERT_TRUE(devices.back());
        EXPECT_EQ(name_of(*devices.back()), device::name_of(role));
        EXPECT_TRUE(start(*devices.back()));
    }
    const auto fourth = connect();
    ASSERT_TRUE(fourth);
    EXPECT_TRUE(fourth->front.closed());
    // One that was unplugged comes back as what it was.
    devices[1].reset();
    const auto again = connect();
    ASSERT_TRUE(again);
    EXPECT_EQ(name_of(*again), device::name_of(InputRole::mouse));
    EXPECT_TRUE(start(*again));
    // A VM that starts anew.
    EXPECT_EQ(devices[0]->front.stop(0), 0U);
    EXPECT_TRUE(devices[0]->front.tell(Request::set_owner));
}

TEST_F(InputTest, ArrivesAndSurvivesTheBroker) {
    start_stream();
    const auto keyboard = connect();
    ASSERT_TRUE(keyboard && start(*keyboard));
    Viewer viewer;
    ASSERT_TRUE(viewer.connect());
    EXPECT_TRUE(viewer.takes_input);
    viewer.say({make_event(Kind::focus, 0, 1), make_event(Kind::key, KEY_A, 1)});
    EXPECT_TRUE(hears(*keyboard, told_key(KEY_A, true)));

    const pid_t broker = daemon_.broker();
    ASSERT_GT(broker, 0);
    ::kill(broker, SIGKILL);
    EXPECT_TRUE(hears(*keyboard, told_key(KEY_A, false))) << "by the next one, unasked";
    start_stream();
    Viewer next;
    ASSERT_TRUE(next.connect());
    next.say({make_event(Kind::focus, 0, 1), make_event(Kind::key, KEY_B, 1)});
    EXPECT_TRUE(hears(*keyboard, told_key(KEY_B, true)));
    next.say({make_event(Kind::focus, 0, 0)});
    EXPECT_TRUE(hears(*keyboard, told_key(KEY_B, false)));
    EXPECT_EQ(keyboard->front.stop(0), keyboard->guest.used_index(0))
        << "the connection has never closed";
}

}  // namespace
}  // namespace vdmabuf::keeper
