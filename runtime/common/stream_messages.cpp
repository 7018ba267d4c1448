// SPDX-License-Identifier: MIT
#include "runtime/common/stream_messages.hpp"

#include <algorithm>
#include <cstring>
#include <string>

namespace vdmabuf::stream {
namespace {

Error bad(const char* what) {
    return Error{EBADMSG, std::string("malformed message: ") + what};
}

bool terminated(std::span<const char> field) {
    return std::find(field.begin(), field.end(), '\0') != field.end();
}

bool zero(const BufferId& id) {
    return std::all_of(id.begin(), id.end(), [](std::uint8_t byte) { return byte == 0; });
}

bool extent_ok(std::uint32_t width, std::uint32_t height) {
    return width >= 1 && width <= kMaxExtent && height >= 1 && height <= kMaxExtent;
}

constexpr std::uint64_t kPage = 4096;
// No offset or size in the protocol comes near this, so that sums of two cannot overflow.
constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 48;

const char* check(const Hello& m) {
    if (m.version_min == 0 || m.version_min > m.version_max) return "HELLO versions";
    if (m.reserved) return "HELLO reserved";
    if (!terminated(m.app)) return "HELLO app";
    return nullptr;
}

const char* check(const StreamCreate& m) {
    if (!extent_ok(m.width, m.height)) return "STREAM_CREATE extent";
    if (m.flags) return "STREAM_CREATE flags";
    if (!terminated(m.title) || !terminated(m.app_id)) return "STREAM_CREATE text";
    return nullptr;
}

const char* check(const StreamImage& m) {
    if (m.slot >= kMaxSlots) return "STREAM_IMAGE slot";
    if (zero(m.buffer)) return "STREAM_IMAGE buffer";
    if (!extent_ok(m.width, m.height)) return "STREAM_IMAGE extent";
    if (m.fourcc == 0) return "STREAM_IMAGE fourcc";
    if (m.flags & ~kImageFlags) return "STREAM_IMAGE flags";
    if (m.colour_space != static_cast<std::uint32_t>(ColourSpace::srgb_nonlinear)) {
        return "STREAM_IMAGE colour space";
    }
    if (m.plane_count < 1 || m.plane_count > kMaxPlanes) return "STREAM_IMAGE plane count";
    if (m.strategy >= kStrategyCount) return "STREAM_IMAGE strategy";
    if (m.reserved) return "STREAM_IMAGE reserved";
    for (std::uint32_t i = 0; i < kMaxPlanes; ++i) {
        const Plane& plane = m.planes[i];
        if (i >= m.plane_count) {
            if (plane.offset || plane.pitch) return "STREAM_IMAGE unused plane";
        } else if (plane.offset >= kMaxBytes || plane.pitch == 0 ||
                   plane.pitch >= kMaxBytes >> 16) {
            return "STREAM_IMAGE plane";
        }
    }
    return nullptr;
}

const char* check(const Present& m) {
    if (m.slot >= kMaxSlots) return "PRESENT slot";
    if (m.serial == 0) return "PRESENT serial";
    if (m.mode > static_cast<std::uint32_t>(PresentMode::immediate)) return "PRESENT mode";
    if (m.damage_count > kMaxDamage) return "PRESENT damage count";
    for (std::uint32_t i = 0; i < m.damage_count; ++i) {
        const Rect& rect = m.damage[i];
        if (rect.x > kMaxExtent || rect.y > kMaxExtent || rect.width > kMaxExtent - rect.x ||
            rect.height > kMaxExtent - rect.y) {
            return "PRESENT damage";
        }
    }
    return nullptr;
}

const char* check(const StreamImageGone& m) {
    return m.slot >= kMaxSlots ? "STREAM_IMAGE_GONE slot" : nullptr;
}

const char* check(const StreamTitle& m) {
    return m.reserved || !terminated(m.title) ? "STREAM_TITLE" : nullptr;
}

const char* check(const StreamDestroy& m) {
    return m.reserved ? "STREAM_DESTROY" : nullptr;
}

const char* check(const Pong&) {
    return nullptr;
}

const char* check(const BufferCreate& m) {
    if (zero(m.id)) return "BUFFER_CREATE id";
    if (m.size == 0 || m.size % kPage || m.size >= kMaxBytes) return "BUFFER_CREATE size";
    if (m.offset % kPage || m.offset >= kMaxBytes) return "BUFFER_CREATE offset";
    return nullptr;
}

const char* check(const BufferDestroy& m) {
    return zero(m.id) ? "BUFFER_DESTROY id" : nullptr;
}

const char* check(const Welcome& m) {
    if (m.version == 0 || m.reserved0) return "WELCOME version";
    if (m.format_count > kMaxFormats) return "WELCOME format count";
    return nullptr;
}

const char* check(const Release& m) {
    return m.slot >= kMaxSlots ? "RELEASE slot" : nullptr;
}

const char* check(const Presented& m) {
    return m.flags & ~kPresentedShown ? "PRESENTED flags" : nullptr;
}

const char* check(const Configure& m) {
    if (m.flags & ~kConfigureOccluded) return "CONFIGURE flags";
    if (m.width > kMaxExtent || m.height > kMaxExtent) return "CONFIGURE extent";
    return nullptr;
}

const char* check(const Close& m) {
    return m.reserved ? "CLOSE reserved" : nullptr;
}

const char* check(const Ping&) {
    return nullptr;
}

const char* check(const ErrorMessage& m) {
    return terminated(m.text) ? nullptr : "ERROR text";
}

}  // namespace

Result<Type> type_of(std::span<const std::byte> bytes) {
    Header header{};
    if (bytes.size() < sizeof header) return bad("shorter than a header");
    std::memcpy(&header, bytes.data(), sizeof header);
    if (header.size != bytes.size()) return bad("size field does not match");
    return static_cast<Type>(header.type);
}

template <typename Message>
Result<Message> decode(std::span<const std::byte> bytes) {
    if (bytes.size() != sizeof(Message)) return bad("wrong size for its type");
    Message message{};
    std::memcpy(&message, bytes.data(), sizeof message);
    if (message.header.type != static_cast<std::uint32_t>(Message::kType)) return bad("wrong type");
    if (message.header.size != sizeof(Message)) return bad("size field does not match");
    if (const char* field = check(message)) return bad(field);
    return message;
}

template Result<Hello> decode(std::span<const std::byte>);
template Result<StreamCreate> decode(std::span<const std::byte>);
template Result<StreamImage> decode(std::span<const std::byte>);
template Result<Present> decode(std::span<const std::byte>);
template Result<StreamImageGone> decode(std::span<const std::byte>);
template Result<StreamTitle> decode(std::span<const std::byte>);
template Result<StreamDestroy> decode(std::span<const std::byte>);
template Result<Pong> decode(std::span<const std::byte>);
template Result<BufferCreate> decode(std::span<const std::byte>);
template Result<BufferDestroy> decode(std::span<const std::byte>);
template Result<Welcome> decode(std::span<const std::byte>);
template Result<Release> decode(std::span<const std::byte>);
template Result<Presented> decode(std::span<const std::byte>);
template Result<Configure> decode(std::span<const std::byte>);
template Result<Close> decode(std::span<const std::byte>);
template Result<Ping> decode(std::span<const std::byte>);
template Result<ErrorMessage> decode(std::span<const std::byte>);

void put_text(std::span<char> field, std::string_view text) {
    std::size_t length = std::min(text.find('\0'), std::min(text.size(), field.size() - 1));
    // Not in the middle of a UTF-8 sequence: its continuation bytes are 10xxxxxx.
    if (length < text.size()) {
        while (length > 0 && (static_cast<unsigned char>(text[length]) & 0xC0) == 0x80) --length;
    }
    std::memset(field.data(), 0, field.size());
    std::memcpy(field.data(), text.data(), length);
}

std::string get_text(std::span<const char> field) {
    std::string text(field.begin(), std::find(field.begin(), field.end(), '\0'));
    for (char& c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7F) c = '?';  // no terminal escapes out of a guest
    }
    return text;
}

}  // namespace vdmabuf::stream
