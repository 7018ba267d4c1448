// SPDX-License-Identifier: MIT
#include "runtime/common/consumer_messages.hpp"

#include <algorithm>
#include <cstring>
#include <string>

namespace vdmabuf::consumer {
namespace {

using wire::terminated;

const char* check(const Hello& m) {
    if (m.version_min == 0 || m.version_min > m.version_max) return "HELLO versions";
    return m.reserved || !terminated(m.name) ? "HELLO" : nullptr;
}
const char* check(const Welcome& m) {
    return m.version == 0 || !terminated(m.broker_version) ? "WELCOME" : nullptr;
}
const char* check(const StreamAdded& m) {
    const bool ok = terminated(m.vm) && terminated(m.app) && terminated(m.app_id) &&
                    terminated(m.title) && m.width <= stream::kMaxExtent &&
                    m.height <= stream::kMaxExtent;
    return ok ? nullptr : "STREAM_ADDED";
}
const char* check(const StreamRemoved&) {
    return nullptr;
}
const char* check(const StreamHdr&) {
    return nullptr;
}

const char* check(const StreamExtent& m) {
    return m.width && m.width <= stream::kMaxExtent && m.height && m.height <= stream::kMaxExtent
               ? nullptr
               : "STREAM_EXTENT extent";
}

const char* check(const StreamTitle& m) {
    return terminated(m.title) ? nullptr : "STREAM_TITLE";
}
const char* check(const Attach&) {
    return nullptr;
}
const char* check(const Detach&) {
    return nullptr;
}
const char* check(const Image& m) {
    if (m.slot >= stream::kMaxSlots) return "IMAGE slot";
    if (m.width < 1 || m.width > stream::kMaxExtent || m.height < 1 ||
        m.height > stream::kMaxExtent) {
        return "IMAGE extent";
    }
    if (m.flags & ~stream::kImageFlags) return "IMAGE flags";
    if (!stream::can_hold(m.fourcc, m.colour_space)) return "IMAGE colour space";
    if (m.plane_count < 1 || m.plane_count > stream::kMaxPlanes) return "IMAGE plane count";
    if (m.strategy >= stream::kStrategyCount) return "IMAGE strategy";
    if (check(m.scaling)) return "IMAGE scaling";
    for (std::uint32_t i = 0; i < m.plane_count; ++i) {
        if (m.planes[i].offset >= m.buffer_size || m.planes[i].pitch == 0) return "IMAGE plane";
    }
    if (m.buffer_size == 0 || m.buffer_size >= std::uint64_t{1} << 48) return "IMAGE size";
    if (m.memory == static_cast<std::uint32_t>(MemoryKind::runs)) {
        if (m.run_count < 1 || m.run_count > kMaxRuns) return "IMAGE run count";
        if (m.file_count < 1 || m.file_count > kMaxFiles) return "IMAGE file count";
    } else if (m.memory > static_cast<std::uint32_t>(MemoryKind::dmabuf)) {
        return "IMAGE memory kind";
    }
    return terminated(m.reason) ? nullptr : "IMAGE reason";
}
const char* check(const ImageAgain& m) {
    const bool ok = m.memory == static_cast<std::uint32_t>(MemoryKind::runs) && !m.reserved;
    return ok ? nullptr : "IMAGE_AGAIN";
}
const char* check(const Formats& m) {
    return m.format_count > stream::kMaxFormats || m.reserved ? "FORMATS" : nullptr;
}
const char* check(const ShownColourSpaces& m) {
    return m.reserved ? "COLOUR_SPACES" : nullptr;
}
const char* check(const StreamColourShown& m) {
    return m.shown >= stream::kColourShownCount || m.reserved ? "COLOUR_SHOWN" : nullptr;
}
const char* check(const ImageGone&) {
    return nullptr;
}
const char* check(const Frame& m) {
    if (m.damage_count > stream::kMaxDamage) return "FRAME damage count";
    if (m.mode > static_cast<std::uint32_t>(stream::PresentMode::immediate)) return "FRAME mode";
    return nullptr;
}
const char* check(const Release&) {
    return nullptr;
}
const char* check(const Presented& m) {
    return m.flags & ~stream::kPresentedShown || m.reserved ? "PRESENTED" : nullptr;
}
const char* check(const Configure& m) {
    if (m.flags & ~stream::kConfigureOccluded || m.reserved) return "CONFIGURE flags";
    const bool ok = m.width <= stream::kMaxExtent && m.height <= stream::kMaxExtent;
    return ok ? nullptr : "CONFIGURE extent";
}
const char* check(const CloseStream&) {
    return nullptr;
}
const char* check(const Imported& m) {
    const bool ok = m.path < kImportPathCount && !m.reserved && terminated(m.reason);
    return ok ? nullptr : "IMPORTED";
}
const char* check(const ImageDone&) {
    return nullptr;
}
const char* check(const Statistics&) {
    return nullptr;
}
const char* check(const Query&) {
    return nullptr;
}
const char* check(const StreamStatus& m) {
    const bool ok =
        terminated(m.vm) && terminated(m.app) && terminated(m.app_id) && terminated(m.title);
    return ok ? nullptr : "STREAM_STATUS";
}
const char* check(const ImageStatus& m) {
    const bool ok = m.path < kImportPathCount && m.strategy < stream::kStrategyCount &&
                    m.memory <= static_cast<std::uint32_t>(MemoryKind::runs) &&
                    terminated(m.reason) && terminated(m.memory_reason);
    return ok ? nullptr : "IMAGE_STATUS";
}
const char* check(const QueryDone&) {
    return nullptr;
}
const char* check(const ErrorMessage& m) {
    return terminated(m.text) ? nullptr : "ERROR text";
}

}  // namespace

const char* to_string(ImportPath path) {
    switch (path) {
        case ImportPath::udmabuf:
            return "udmabuf";
        case ImportPath::host_pointer:
            return "host-pointer";
        case ImportPath::copy:
            return "copy";
        case ImportPath::none:
            break;
    }
    return "none";
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
template Result<Welcome> decode(std::span<const std::byte>);
template Result<StreamAdded> decode(std::span<const std::byte>);
template Result<StreamRemoved> decode(std::span<const std::byte>);
template Result<StreamTitle> decode(std::span<const std::byte>);
template Result<StreamExtent> decode(std::span<const std::byte>);
template Result<StreamHdr> decode(std::span<const std::byte>);
template Result<Attach> decode(std::span<const std::byte>);
template Result<Detach> decode(std::span<const std::byte>);
template Result<Image> decode(std::span<const std::byte>);
template Result<ImageAgain> decode(std::span<const std::byte>);
template Result<ShownColourSpaces> decode(std::span<const std::byte>);
template Result<StreamColourShown> decode(std::span<const std::byte>);
template Result<Formats> decode(std::span<const std::byte>);
template Result<ImageGone> decode(std::span<const std::byte>);
template Result<Frame> decode(std::span<const std::byte>);
template Result<Release> decode(std::span<const std::byte>);
template Result<Presented> decode(std::span<const std::byte>);
template Result<Configure> decode(std::span<const std::byte>);
template Result<CloseStream> decode(std::span<const std::byte>);
template Result<Imported> decode(std::span<const std::byte>);
template Result<ImageDone> decode(std::span<const std::byte>);
template Result<Statistics> decode(std::span<const std::byte>);
template Result<Query> decode(std::span<const std::byte>);
template Result<StreamStatus> decode(std::span<const std::byte>);
template Result<ImageStatus> decode(std::span<const std::byte>);
template Result<QueryDone> decode(std::span<const std::byte>);
template Result<ErrorMessage> decode(std::span<const std::byte>);

}  // namespace vdmabuf::consumer
