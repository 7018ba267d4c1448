// SPDX-License-Identifier: MIT
// A VMM that says what it likes. The first byte says what the rest is: bytes of the stream; or a
// script of messages in which descriptors are of the right kind now and then; and of what device.
// What comes out is handed to one, as in life.
#include <sys/socket.h>

#include <cstdlib>

#include "runtime/device/guest_input.hpp"
#include "runtime/device/virtio_device.hpp"
#include "runtime/keeper/vhost_user_front.hpp"
#include "tests/unit/device/fake_guest.hpp"
#include "tests/unit/device/recording_handler.hpp"

namespace {

using namespace vdmabuf;
using test::FakeGuest;

class Vmm {
  public:
    Vmm(EventLoop& loop, bool input)
        : loop_(loop),
          device_(loop, "fuzz", device::Limits{}, handler_),
          input_(loop, "fuzz"),
          front_("VM 'fuzz'", config(input), [this, input](const device::VmState& state) {
              return static_cast<bool>(input ? input_.apply(kDevice, state) : device_.apply(state));
          }) {}

    void stream(std::span<const std::byte> bytes) {
        int pair[2];
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) std::abort();
        const UniqueFd ours(pair[0]);
        const UniqueFd theirs(pair[1]);
        keeper::MessageReader reader;
        while (!bytes.empty()) {
            const std::size_t here = std::min<std::size_t>(bytes.size(), 1000);
            if (::send(ours.get(), bytes.data(), here, MSG_NOSIGNAL) < 0) std::abort();
            bytes = bytes.subspan(here);
            for (;;) {
                auto message = reader.read(theirs.get());
                if (!message) return;
                if (!*message) break;
                if (!front_.handle(std::move(**message))) return;
            }
        }
    }

    void script(std::span<const std::byte> bytes) {
        for (int steps = 0; bytes.size() >= 3 && steps < 64; ++steps) {
            keeper::FrontMessage message;
            message.request =
                static_cast<keeper::Request>(std::to_integer<std::uint32_t>(bytes[0]) % 48);
            const auto flags = std::to_integer<unsigned>(bytes[1]);
            const auto size = std::to_integer<std::size_t>(bytes[2]);
            bytes = bytes.subspan(3);
            const auto payload = bytes.first(std::min(size, bytes.size()));
            bytes = bytes.subspan(payload.size());
            message.payload.assign(payload.begin(), payload.end());
            message.need_reply = (flags & 1) != 0;
            for (unsigned i = 0; i < ((flags >> 1) & 3); ++i) {
                message.fds.push_back(descriptor((flags >> (3 + i)) & 3));
            }
            if (!keeper::check_shape(message)) continue;
            const auto reply = front_.handle(std::move(message));
            if (reply && reply->size() > 12 + keeper::kMaxPayload) std::abort();
            input_.event(input::make_event(input::Kind::key, 30, steps % 2 == 0), 256, 256);
            for (int i = 0; i < 3; ++i) loop_.run_once(0);
        }
    }

  private:
    static constexpr std::uint32_t kDevice = 1;  // keyboard and pointer

    static std::unique_ptr<device::ConfigAccess> config(bool input) {
        if (input) return std::make_unique<device::InputConfig>(device::InputRole::pointer, "fuzz");
        return std::make_unique<device::VdmabufConfig>(device::Limits{});
    }
    UniqueFd descriptor(unsigned kind) const {
        switch (kind) {
            case 0:
                return UniqueFd(::dup(guest_.region().file->get()));
            case 1:
                return UniqueFd(::dup(guest_.ring(0).kick->get()));
            case 2:
                return UniqueFd(::dup(guest_.ring(1).call->get()));
            default:
                return UniqueFd(::dup(2));
        }
    }

    EventLoop& loop_;
    FakeGuest guest_;
    test::RecordingHandler handler_;
    device::VirtioDevice device_;
    device::GuestInput input_;
    keeper::VhostUserFront front_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    static const auto loop = EventLoop::create();
    const auto bytes = std::as_bytes(std::span(data, size)).subspan(1);
    {
        Vmm vmm(**loop, (data[0] & 2) != 0);
        if ((data[0] & 1) == 0) {
            vmm.stream(bytes);
        } else {
            vmm.script(bytes);
        }
    }
    (*loop)->run_once(0);
    return 0;
}
