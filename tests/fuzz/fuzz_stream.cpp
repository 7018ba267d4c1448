// SPDX-License-Identifier: MIT
// Messages of the stream protocol, as a producer or a broker may send them: decoding never reads
// outside of them, and what it accepts is what was sent.
#include <cstdlib>
#include <cstring>
#include <vector>

#include "runtime/common/input_messages.hpp"
#include "runtime/common/stream_messages.hpp"

namespace {

using namespace vdmabuf;

template <typename Message>
void check(std::span<const std::byte> bytes) {
    const auto decoded = stream::decode<Message>(bytes);
    if (!decoded) return;
    if (bytes.size() != sizeof(Message) ||
        std::memcmp(&*decoded, bytes.data(), bytes.size()) != 0) {
        std::abort();
    }
    const auto type = stream::type_of(bytes);
    if (!type || *type != Message::kType) std::abort();
}

// What is accepted is still right when its events are looked at one by one.
template <typename Message>
void check_input(std::span<const std::byte> bytes) {
    const auto decoded = input::decode<Message>(bytes);
    if (!decoded) return;
    if (decoded->count == 0 || decoded->count > input::kMaxEvents) std::abort();
    for (std::uint32_t i = 0; i < decoded->count; ++i) {
        if (input::check(decoded->events[i], decoded->width, decoded->height)) std::abort();
    }
}

template <typename... Messages>
void check_all(std::span<const std::byte> bytes) {
    (check<Messages>(bytes), ...);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace vdmabuf::stream;
    // Heap memory of exactly this size, so that a read beyond its end is seen.
    const std::vector<std::byte> bytes(reinterpret_cast<const std::byte*>(data),
                                       reinterpret_cast<const std::byte*>(data) + size);
    check_all<Hello, StreamCreate, StreamImage, Present, StreamImageGone, StreamTitle, StreamHdr,
              StreamDestroy, Pong, BufferCreate, BufferDestroy, Welcome, Release, Presented,
              Configure, Close, Ping, ErrorMessage, Formats, StreamExtent>(bytes);
    check_input<vdmabuf::input::FromConsumer>(bytes);
    check_input<vdmabuf::input::ToProducer>(bytes);
    const std::span<const char> text(reinterpret_cast<const char*>(data), size);
    if (get_text(text).size() > 4 * size) std::abort();
    return 0;
}
