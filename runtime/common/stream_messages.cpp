// SPDX-License-Identifier: MIT
#include "runtime/common/stream_messages.hpp"

#include <algorithm>
#include <cstring>
#include <string>

namespace vdmabuf::stream {
namespace {

using wire::terminated;

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
    const bool clipboard_alone =
        (m.flags & kStreamTakesClipboard) && !(m.flags & kStreamTakesInput);
    if (m.flags & ~kStreamFlags || clipboard_alone) return "STREAM_CREATE flags";
    if (!terminated(m.title) || !terminated(m.app_id)) return "STREAM_CREATE text";
    return nullptr;
}

const char* check(const StreamImage& m) {
    if (m.slot >= kMaxSlots) return "STREAM_IMAGE slot";
    if (zero(m.buffer)) return "STREAM_IMAGE buffer";
    if (!extent_ok(m.width, m.height)) return "STREAM_IMAGE extent";
    if (m.fourcc == 0) return "STREAM_IMAGE fourcc";
    if (m.flags & ~kImageFlags) return "STREAM_IMAGE flags";
    if (!can_hold(m.fourcc, m.colour_space)) return "STREAM_IMAGE colour space";
    if (m.plane_count < 1 || m.plane_count > kMaxPlanes) return "STREAM_IMAGE plane count";
    if (m.strategy >= kStrategyCount) return "STREAM_IMAGE strategy";
    if (check(m.scaling)) return "STREAM_IMAGE scaling";
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

const char* check(const StreamHdr& m) {
    return m.reserved ? "STREAM_HDR" : nullptr;
}

const char* check(const StreamExtent& m) {
    if (m.reserved) return "STREAM_EXTENT";
    return extent_ok(m.width, m.height) ? nullptr : "STREAM_EXTENT extent";
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
    if (m.version == 0) return "WELCOME version";
    if (m.format_count > kMaxFormats) return "WELCOME format count";
    return nullptr;
}

const char* check(const Formats& m) {
    return m.format_count > kMaxFormats ? "FORMATS" : nullptr;
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

const char* check(const Scaling& scaling) {
    if (scaling.behaviour > ScalingBehaviour::stretch) return "scaling";
    if (scaling.gravity_x > Gravity::max || scaling.gravity_y > Gravity::max) return "gravity";
    return scaling.reserved ? "scaling reserved" : nullptr;
}

Result<Type> type_of(std::span<const std::byte> bytes) {
    auto type = wire::type_of(bytes);
    if (!type) return type.error();
    return static_cast<Type>(*type);
}

template <typename Message>
Result<Message> decode(std::span<const std::byte> bytes) {
    return wire::decode<Message>(bytes, [](const Message& message) { return check(message); });
}

template Result<Hello> decode(std::span<const std::byte>);
template Result<StreamCreate> decode(std::span<const std::byte>);
template Result<StreamImage> decode(std::span<const std::byte>);
template Result<Present> decode(std::span<const std::byte>);
template Result<StreamImageGone> decode(std::span<const std::byte>);
template Result<StreamTitle> decode(std::span<const std::byte>);
template Result<StreamHdr> decode(std::span<const std::byte>);
template Result<StreamExtent> decode(std::span<const std::byte>);
template Result<StreamDestroy> decode(std::span<const std::byte>);
template Result<Pong> decode(std::span<const std::byte>);
template Result<BufferCreate> decode(std::span<const std::byte>);
template Result<BufferDestroy> decode(std::span<const std::byte>);
template Result<Welcome> decode(std::span<const std::byte>);
template Result<Formats> decode(std::span<const std::byte>);
template Result<Release> decode(std::span<const std::byte>);
template Result<Presented> decode(std::span<const std::byte>);
template Result<Configure> decode(std::span<const std::byte>);
template Result<Close> decode(std::span<const std::byte>);
template Result<Ping> decode(std::span<const std::byte>);
template Result<ErrorMessage> decode(std::span<const std::byte>);

}  // namespace vdmabuf::stream
