// SPDX-License-Identifier: MIT
// fuzz_seeds DIR: small valid inputs for each fuzz target, in DIR/TARGET.
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "runtime/common/clipboard_messages.hpp"
#include "runtime/common/input_messages.hpp"
#include "runtime/common/raw_messages.hpp"
#include "runtime/common/stream_messages.hpp"
#include "tests/unit/device/fake_guest.hpp"
#include "tests/unit/keeper/fake_front.hpp"

namespace {

using namespace vdmabuf;
using keeper::Request;
using Bytes = std::vector<std::byte>;

class Folder {
  public:
    explicit Folder(std::filesystem::path path) : path_(std::move(path)) {
        std::filesystem::create_directories(path_);
    }
    void add(std::span<const std::byte> bytes, int first = -1) {
        std::ofstream file(path_ / ("seed-" + std::to_string(count_++)), std::ios::binary);
        if (first >= 0) file.put(static_cast<char>(first));
        file.write(reinterpret_cast<const char*>(bytes.data()),
                   static_cast<std::streamsize>(bytes.size()));
    }

  private:
    std::filesystem::path path_;
    int count_ = 0;
};

void append(Bytes& to, std::span<const std::byte> bytes) {
    for (const std::byte byte : bytes) to.push_back(byte);
}

void append(Bytes& to, std::initializer_list<int> bytes) {
    for (const int byte : bytes) to.push_back(static_cast<std::byte>(byte));
}

template <typename... Messages>
void stream_seeds(Folder folder) {
    (folder.add(stream::bytes_of(stream::make<Messages>())), ...);
    auto create = stream::make<stream::StreamCreate>();
    create.stream = 1;
    create.width = create.height = 256;
    folder.add(stream::bytes_of(create));
    auto batch = input::make<input::ToProducer>();
    batch.width = batch.height = 256;
    batch.count = 1;
    batch.events[0] = input::make_event(input::Kind::motion, 0, 0, 256, 512);
    folder.add(input::bytes_of(batch));
    auto copied = clipboard::make<clipboard::PartOfProducer>();
    copied.stream = 1;
    clipboard::put_part(copied, "t\xc3\xa4xt \xe2\x82\xac\n", 0);
    folder.add(clipboard::bytes_of(copied));
    auto pasted = clipboard::make<clipboard::PartToConsumer>();
    pasted.stream = 1;
    clipboard::put_part(pasted, "\xf0\x9f\x93\x8b", 0);
    folder.add(clipboard::bytes_of(pasted));
    auto image = stream::make<stream::StreamImage>();
    image.stream = 1;
    image.buffer[0] = 1;
    image.width = image.height = 256;
    image.fourcc = 0x34325258;  // XR24
    image.planes[0].pitch = 1024;
    folder.add(stream::bytes_of(image));
    auto present = stream::make<stream::Present>();
    present.stream = 1;
    present.serial = 1;
    folder.add(stream::bytes_of(present));
}

template <typename... Messages>
void raw_seeds(Folder folder) {
    (folder.add(raw::bytes_of(raw::make<Messages>())), ...);
    // Steps of fuzz_raw: what (times two) and who, then two numbers for it.
    Bytes script;
    append(script, {8, 1, 0, 9, 1, 0});                        // both consumers subscribe
    append(script, {0, 1, 0, 1, 2, 0});                        // both producers offer
    append(script, {12, 0, 0, 12, 1, 0, 13, 0, 0});            // taken
    append(script, {4, 0, 9, 4, 0, 9, 16, 0, 9});              // messages both ways
    append(script, {18, 2, 0, 6, 3, 0, 2, 1, 0});              // acknowledged, withdrawn
    append(script, {14, 0, 0, 20, 0, 0, 25, 0, 0, 26, 0, 0});  // done, HELLO again, died, QUERY
    folder.add(script, 1);
}

void device_seeds(Folder folder) {
    using namespace vdmabuf::test;
    for (const Bytes& command : {channel_open(1), channel_close(1),
                                 buffer_create(1, make_id(1), {{0x1000, 0x1000}, {0x8000, 0x2000}}),
                                 buffer_destroy(1, make_id(1)), message(1, "hello")}) {
        folder.add(command, 0);
    }
    // Steps of fuzz_device: what, channel, id, then what the step takes.
    Bytes script;
    append(script, {5, 1, 0, 15, 0x10, 0x10});              // event buffers of 4112 bytes
    append(script, {0, 1, 0});                              // open
    append(script, {2, 1, 1, 1, 0, 0, 2, 8, 0, 1});         // two runs
    append(script, {4, 1, 0, 5, 'h', 'e', 'l', 'l', 'o'});  // message
    append(script, {9, 1, 0, 3, 1, 1, 9, 1, 0});            // hold, destroy, let go
    append(script, {10, 1, 0, 0, 1, 0});                    // restart, open
    append(script, {4, 1, 0, 1, 'c', 1, 1, 0});             // the host closes
    append(script, {11, 0, 0});                             // shut down
    folder.add(script, 1);
    Bytes raw;
    append(raw, {6, 0, 0, 0, 0, 16});  // descriptor 0
    Bytes descriptor(16);
    poke<std::uint64_t>(descriptor, 0, FakeGuest::kScratch);
    poke<std::uint32_t>(descriptor, 8, 64);
    append(raw, descriptor);
    append(raw, {8, 0, 0, 0, 0});  // made available
    folder.add(raw, 1);
}

void vhost_user_seeds(Folder folder) {
    using namespace vdmabuf::test;
    const FakeGuest guest;
    const device::VmState state = guest.state();
    Bytes script;
    Bytes plain;
    // flags: need_reply, then 1 descriptor of a kind (0 memory, 1 kick, 2 call)
    const auto say = [&](Request request, const Bytes& payload = {}, int kind = -1) {
        const int flags = 1 | (kind >= 0 ? 2 | kind << 3 : 0);
        append(script, {static_cast<int>(request), flags, static_cast<int>(payload.size())});
        append(script, payload);
        append(plain, encode(request, payload, true));
    };
    say(Request::get_features);
    say(Request::get_protocol_features);
    say(Request::set_protocol_features, to_bytes(std::uint64_t{0x8229}));
    say(Request::get_queue_num);
    say(Request::get_max_mem_slots);
    say(Request::set_owner);
    say(Request::get_config, Bytes(12 + 16));
    say(Request::set_features, to_bytes(std::uint64_t{1} << 32 | std::uint64_t{1} << 30));
    say(Request::add_mem_reg, single_region(state.regions[0]), 0);
    for (std::uint32_t i = 0; i < 2; ++i) {
        say(Request::set_vring_num, ring_state(i, FakeGuest::kRingSize));
        say(Request::set_vring_base, ring_state(i, 0));
        say(Request::set_vring_addr, ring_addresses(i, state.rings[i]));
        say(Request::set_vring_kick, to_bytes(std::uint64_t{i}), 1);
        say(Request::set_vring_call, to_bytes(std::uint64_t{i}), 2);
        say(Request::set_vring_enable, ring_state(i, 1));
    }
    folder.add(script, 1);
    folder.add(plain, 0);
    folder.add(script, 3);
    folder.add(plain, 2);
    say(Request::get_vring_base, ring_state(0, 0));
    say(Request::rem_mem_reg, single_region(state.regions[0]));
    say(Request::set_mem_table, memory_table(state.regions), 0);
    say(Request::set_status, to_bytes(std::uint64_t{0}));
    say(Request::reset_device);
    folder.add(script, 1);
    // As a guest's kernel asks an input device: all of the space (QEMU), or two bytes of it.
    Bytes whole = to_bytes(keeper::ConfigPayload{0, 136, 0});
    whole.resize(12 + 136);
    whole[12] = std::byte{0x11};  // EV_BITS of keys
    whole[13] = std::byte{1};
    say(Request::set_config, whole);
    say(Request::get_config, whole);
    Bytes two = to_bytes(keeper::ConfigPayload{0, 2, 0});
    append(two, {0x01, 0});  // ID_NAME
    say(Request::set_config, two);
    folder.add(script, 3);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fputs("usage: fuzz_seeds DIR\n", stderr);
        return 2;
    }
    const std::filesystem::path root = argv[1];
    using namespace vdmabuf::stream;
    stream_seeds<Hello, StreamCreate, StreamImage, Present, StreamImageGone, StreamTitle, StreamHdr,
                 StreamDestroy, Pong, BufferCreate, BufferDestroy, Welcome, Release, Presented,
                 Configure, Close, Ping, ErrorMessage, Formats, StreamExtent>(
        Folder(root / "stream"));
    raw_seeds<vdmabuf::raw::Offer, vdmabuf::raw::ProducerSend, vdmabuf::raw::Taken,
              vdmabuf::raw::Subscribe, vdmabuf::raw::Take, vdmabuf::raw::ConsumerSend,
              vdmabuf::raw::Offered, vdmabuf::raw::Buffer, vdmabuf::raw::Status>(
        Folder(root / "raw"));
    device_seeds(Folder(root / "device"));
    vhost_user_seeds(Folder(root / "vhost_user"));
    return 0;
}
