// SPDX-License-Identifier: MIT
// Messages of the stream protocol, as a producer or a broker may send them: decoding never reads
// outside of them, and what it accepts is what was sent.
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

#include "runtime/common/clipboard_messages.hpp"
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

// What is accepted is a text that may be handed on, and put together with others.
template <typename Message>
void check_clipboard(std::span<const std::byte> bytes) {
    const auto decoded = clipboard::decode<Message>(bytes);
    if (!decoded) return;
    const std::string_view part(decoded->text, decoded->count);
    if (!clipboard::is_plain(part) || clipboard::plain_text(part) != part) std::abort();
    clipboard::Assembly parts;
    const auto whole = parts.add(*decoded);
    if (whole && whole->size() != decoded->total) std::abort();
}

void check_text(std::string_view text) {
    const auto plain = clipboard::plain_text(text);
    if (!plain) return;
    if (!clipboard::is_plain(*plain) || plain->size() > text.size()) std::abort();
    std::size_t first = 0;
    while (first < plain->size()) {
        const std::size_t count = clipboard::part_size(*plain, first);
        if (count == 0 || count > clipboard::kPartBytes) std::abort();
        if (!clipboard::is_plain(std::string_view(*plain).substr(first, count))) std::abort();
        first += count;
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
    check_clipboard<vdmabuf::clipboard::PartOfProducer>(bytes);
    check_clipboard<vdmabuf::clipboard::PartToConsumer>(bytes);
    check_text({reinterpret_cast<const char*>(data), size});
    const std::span<const char> text(reinterpret_cast<const char*>(data), size);
    if (get_text(text).size() > 4 * size) std::abort();
    return 0;
}
