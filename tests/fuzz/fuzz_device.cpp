// SPDX-License-Identifier: MIT
// A guest that writes what it likes into its virtqueues. The first byte says what the rest is: one
// command; or a script of well-formed commands and raw writes into the rings, between which the
// device runs.
#include <cstdlib>

#include "runtime/device/command.hpp"
#include "runtime/device/virtio_device.hpp"
#include "tests/unit/device/fake_guest.hpp"
#include "tests/unit/device/recording_handler.hpp"

namespace {

using namespace vdmabuf;
using test::FakeGuest;

const device::Limits kLimits{.channels = 8, .buffers = 16, .runs = 64, .total_bytes = 1 << 20};

void parse_one(std::span<const std::byte> bytes) {
    const std::vector<std::byte> exact(bytes.begin(), bytes.end());
    device::Command command;
    if (device::parse_command(exact, kLimits, command) != VIRTIO_VDMABUF_OK) return;
    if (const auto* create = std::get_if<device::BufferCreate>(&command)) {
        std::uint64_t sum = 0;
        for (const device::GuestRun& run : create->runs) sum += run.length;
        if (sum != create->size || sum > kLimits.buffer_bytes) std::abort();
    }
}

class Script {
  public:
    Script(EventLoop& loop, std::span<const std::byte> bytes) : loop_(loop), rest_(bytes) {
        handler_.on_message = [](broker::ProducerPort& port, const std::string& text) {
            if (text[0] == 'c') port.close(broker::CloseReason::protocol);
            port.send(std::as_bytes(std::span(text)));
        };
    }

    void run() {
        device::VirtioDevice device(loop_, "fuzz", kLimits, handler_);
        if (!device.apply(guest_.state())) std::abort();
        for (int steps = 0; !rest_.empty() && steps < 64; ++steps) step(device);
        handler_.held.clear();
        settle();
        if (device.buffer_bytes() > kLimits.total_bytes || device.channels() > kLimits.channels) {
            std::abort();
        }
    }

  private:
    std::span<const std::byte> take(std::size_t size) {
        const auto part = rest_.first(std::min(size, rest_.size()));
        rest_ = rest_.subspan(part.size());
        return part;
    }
    std::uint8_t byte() {
        const auto part = take(1);
        return part.empty() ? std::uint8_t{0} : std::to_integer<std::uint8_t>(part[0]);
    }
    std::uint16_t word() { return static_cast<std::uint16_t>(byte() | byte() << 8); }
    void settle() {
        for (int i = 0; i < 6; ++i) loop_.run_once(0);
    }

    void step(device::VirtioDevice& device) {
        const std::uint8_t what = byte();
        const std::uint32_t channel = byte() % 10;
        const stream::BufferId id = test::make_id(byte() % 6);
        switch (what % 12) {
            case 0:
                guest_.submit(test::channel_open(channel));
                break;
            case 1:
                guest_.submit(test::channel_close(channel));
                break;
            case 2: {
                std::vector<device::GuestRun> runs(1 + byte() % 5);
                for (auto& run : runs) {
                    run.gpa = FakeGuest::kPages + word() * 0x1000ULL;
                    run.length = byte() * 0x1000ULL;
                }
                guest_.submit(test::buffer_create(channel, id, runs));
                break;
            }
            case 3:
                guest_.submit(test::buffer_destroy(channel, id));
                break;
            case 4:
                guest_.submit(test::message(channel, take(byte())));
                break;
            case 5:
                guest_.post_event_buffers(byte() % 16, word());
                break;
            case 6: {  // raw: anything in the ring's 64 KiB
                const std::uint64_t at = word();
                const auto data = take(byte());
                const std::size_t size = std::min<std::size_t>(data.size(), 0x10000 - at);
                if (size > 0) {
                    std::memcpy(guest_.at(FakeGuest::kRings + channel % 2 * 0x10000 + at),
                                data.data(), size);
                }
                break;
            }
            case 7: {
                const auto data = take(byte());
                if (!data.empty()) guest_.submit(data, 1 + channel);
                break;
            }
            case 8:
                guest_.make_available(channel % 2, word());
                break;
            case 9:
                handler_.hold = !handler_.hold;
                handler_.held.clear();
                break;
            case 10: {
                device::VmState state = guest_.state();
                state.rings[channel % 2].enabled = false;
                [[maybe_unused]] const Status stopped = device.apply(state);
                guest_.set_available_index(0, guest_.used_index(0));
                guest_.set_available_index(1, guest_.used_index(1));
                state = guest_.state();
                state.resumed = (channel & 1) != 0;
                [[maybe_unused]] const Status started = device.apply(state);
                break;
            }
            default:
                if (channel == 0) device.shut_down();
                break;
        }
        guest_.kick(channel % 2);
        settle();
    }

    EventLoop& loop_;
    std::span<const std::byte> rest_;
    test::RecordingHandler handler_;
    FakeGuest guest_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const auto bytes = std::as_bytes(std::span(data, size));
    if (data[0] == 0) {
        parse_one(bytes.subspan(1));
        return 0;
    }
    static const auto loop = EventLoop::create();
    Script(**loop, bytes.subspan(1)).run();
    (*loop)->run_once(0);
    return 0;
}
