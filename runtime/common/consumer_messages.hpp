// SPDX-License-Identifier: MIT
// The consumer protocol: what the broker and its consumers (viewer, recorder, vdmabufctl) say to
// each other over a Unix socket of one kernel (SOCK_SEQPACKET, descriptors by SCM_RIGHTS). Same
// header and conventions as the stream protocol. The rules are in docs/protocol.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/common/result.hpp"
#include "runtime/common/stream_messages.hpp"

namespace vdmabuf::consumer {

using stream::BufferId;
using wire::bytes_of;
using wire::get_text;
using wire::Header;
using wire::make;
using wire::put_text;

constexpr std::uint16_t kVersionMin = 1;
constexpr std::uint16_t kVersionMax = 1;
constexpr std::size_t kNameSize = 64;
constexpr std::size_t kReasonSize = 160;
// Files of an IMAGE beside its run table.
constexpr std::uint32_t kMaxFiles = 8;
constexpr std::uint32_t kMaxRuns = 65536;

enum class Type : std::uint32_t {
    // consumer to broker
    hello = 0x101,
    attach = 0x102,
    detach = 0x103,
    release = 0x104,
    presented = 0x105,
    configure = 0x106,
    close_stream = 0x107,
    imported = 0x108,
    image_done = 0x109,
    statistics = 0x10a,
    query = 0x10b,
    formats = 0x10c,
    image_again = 0x10d,
    colour_spaces = 0x10e,
    colour_shown = 0x10f,
    // broker to consumer
    welcome = 0x181,
    stream_added = 0x182,
    stream_removed = 0x183,
    stream_title = 0x184,
    image = 0x185,
    image_gone = 0x186,
    frame = 0x187,
    error = 0x188,
    stream_status = 0x189,
    image_status = 0x18a,
    query_done = 0x18b,
    stream_hdr = 0x18c,
    stream_extent = 0x18d,
};

constexpr std::uint32_t kFeatureDmabuf = 1u << 0;  // takes MemoryKind::dmabuf and none

struct Hello {
    static constexpr Type kType = Type::hello;
    Header header{};
    std::uint16_t version_min = kVersionMin;
    std::uint16_t version_max = kVersionMax;
    std::uint32_t pid = 0;
    std::uint32_t features = 0;  // kFeature*
    std::uint32_t reserved = 0;
    char name[kNameSize] = {};  // program, for people to read
};

// Answers HELLO; STREAM_ADDED for every stream that the consumer may see follows at once.
struct Welcome {
    static constexpr Type kType = Type::welcome;
    Header header{};
    std::uint16_t version = 0;
    std::uint16_t reserved0 = 0;
    std::uint32_t features = 0;
    std::uint32_t broker_pid = 0;
    std::uint32_t reserved1 = 0;
    char broker_version[32] = {};
};

struct StreamAdded {
    static constexpr Type kType = Type::stream_added;
    Header header{};
    std::uint64_t stream = 0;  // the broker's number, never used twice
    std::uint32_t width = 0;   // pixels
    std::uint32_t height = 0;
    std::uint32_t pid = 0;     // in the producer's world
    std::uint32_t flags = 0;   // kStream*, for those that know input::kFeatureInput
    char vm[kNameSize] = {};   // name of the VM; empty: a producer on this kernel
    char app[kNameSize] = {};  // name of the program
    char app_id[stream::kAppIdSize] = {};
    char title[stream::kTitleSize] = {};
};

struct StreamRemoved {
    static constexpr Type kType = Type::stream_removed;
    Header header{};
    std::uint64_t stream = 0;
};

struct StreamTitle {
    static constexpr Type kType = Type::stream_title;
    Header header{};
    std::uint64_t stream = 0;
    char title[stream::kTitleSize] = {};
};

// The window of a stream whose images are scaled to it has another size. To those whose HELLO has
// stream::kFeatureExtent.
struct StreamExtent {
    static constexpr Type kType = Type::stream_extent;
    Header header{};
    std::uint64_t stream = 0;
    std::uint32_t width = 0;  // pixels
    std::uint32_t height = 0;
};

// To those that are attached: what the stream's pictures were graded for, from now on.
struct StreamHdr {
    static constexpr Type kType = Type::stream_hdr;
    Header header{};
    std::uint64_t stream = 0;
    stream::HdrMetadata metadata{};
};

// From now on: IMAGE for each image of the stream, then FRAME with the newest frame, then more.
struct Attach {
    static constexpr Type kType = Type::attach;
    Header header{};
    std::uint64_t stream = 0;
};

// Gives back every frame and image of the stream.
struct Detach {
    static constexpr Type kType = Type::detach;
    Header header{};
    std::uint64_t stream = 0;
};

enum class MemoryKind : std::uint32_t {
    none = 0,    // no descriptor: the consumer cannot have the memory, for the reason given
    dmabuf = 1,  // one descriptor: a dmabuf of exactly the buffer's pages
    runs = 2,    // a run table (memfd of struct Run), then the files that the runs lie in
};

// An entry of the run table, in the order of the buffer's bytes.
struct Run {
    std::uint32_t file = 0;  // 0: the first descriptor after the run table
    std::uint32_t reserved = 0;
    std::uint64_t offset = 0;  // bytes
    std::uint64_t length = 0;  // bytes
};

struct Image {
    static constexpr Type kType = Type::image;
    Header header{};
    std::uint64_t stream = 0;
    std::uint64_t image = 0;  // the broker's number of this image, never used twice
    std::uint32_t slot = 0;
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    std::uint32_t fourcc = 0;  // DRM_FORMAT_*
    std::uint64_t modifier = 0;
    std::uint32_t flags = 0;         // stream::kImage*
    std::uint32_t colour_space = 0;  // stream::ColourSpace
    std::uint32_t strategy = 0;      // stream::Strategy
    std::uint32_t plane_count = 0;
    stream::Plane planes[stream::kMaxPlanes] = {};
    std::uint64_t buffer_size = 0;  // bytes
    std::uint32_t memory = 0;       // MemoryKind
    std::uint32_t run_count = 0;    // MemoryKind::runs
    std::uint32_t file_count = 0;   // descriptors after the run table
    stream::Scaling scaling{};
    char reason[kReasonSize] = {};  // why `memory` is no dmabuf; empty if it is
};

// The consumer cannot use the dmabuf that an IMAGE brought: the same IMAGE follows once more, with
// memory of another kind.
struct ImageAgain {
    static constexpr Type kType = Type::image_again;
    Header header{};
    std::uint64_t stream = 0;
    std::uint64_t image = 0;
    std::uint32_t memory = static_cast<std::uint32_t>(MemoryKind::runs);  // MemoryKind::runs
    std::uint32_t reserved = 0;
};

// What the consumer imports as dmabufs, best first; in place of an earlier list. LINEAR of every
// format that the broker knows is taken for granted.
struct Formats {
    static constexpr Type kType = Type::formats;
    Header header{};
    std::uint32_t format_count = 0;
    std::uint32_t reserved = 0;
    stream::FormatModifier formats[stream::kMaxFormats] = {};
};

// What the consumer shows, as it is or converted; in place of an earlier set. To brokers whose
// WELCOME has stream::kFeatureColours.
struct ShownColourSpaces {
    static constexpr Type kType = Type::colour_spaces;
    Header header{};
    std::uint32_t spaces = 0;  // stream::ColourSpaces; sRGB is taken for granted
    std::uint32_t reserved = 0;
};

// How it shows a stream's colours, for people. To brokers as above.
struct StreamColourShown {
    static constexpr Type kType = Type::colour_shown;
    Header header{};
    std::uint64_t stream = 0;
    std::uint32_t shown = 0;  // stream::ColourShown
    std::uint32_t reserved = 0;
};

// The image will not be presented again. The consumer may show it until a newer frame comes, then
// answers IMAGE_DONE: only then do the pages go back to the producer.
struct ImageGone {
    static constexpr Type kType = Type::image_gone;
    Header header{};
    std::uint64_t stream = 0;
    std::uint64_t image = 0;
};

// A frame is complete. The consumer reads it until it sends RELEASE; it may keep the newest one.
struct Frame {
    static constexpr Type kType = Type::frame;
    Header header{};
    std::uint64_t stream = 0;
    std::uint64_t image = 0;
    std::uint64_t serial = 0;
    std::uint32_t mode = 0;  // stream::PresentMode
    std::uint32_t damage_count = 0;
    std::uint64_t called_ns = 0;         // host's clock, mapped from the producer's
    std::uint64_t gpu_done_ns = 0;       // likewise
    std::uint64_t sent_ns = 0;           // likewise
    std::uint64_t received_ns = 0;       // when the broker read the PRESENT
    std::uint64_t forwarded_ns = 0;      // when the broker sent this message
    std::uint64_t presented_count = 0;   // PRESENTs of this stream so far, this one included
    std::uint64_t cpu_copied_bytes = 0;  // by the producer, for this frame
    stream::Rect damage[stream::kMaxDamage] = {};
};

struct Release {
    static constexpr Type kType = Type::release;
    Header header{};
    std::uint64_t stream = 0;
    std::uint64_t serial = 0;
};

// The frame was shown (or given up: flags 0). Asks for the next one: until it is sent, the broker
// sends no further FRAME of this stream to this consumer.
struct Presented {
    static constexpr Type kType = Type::presented;
    Header header{};
    std::uint64_t stream = 0;
    std::uint64_t serial = 0;
    std::uint64_t time_ns = 0;     // host's clock
    std::uint64_t refresh_ns = 0;  // 0: unknown
    std::uint32_t flags = 0;       // stream::kPresentedShown
    std::uint32_t reserved = 0;
};

struct Configure {
    static constexpr Type kType = Type::configure;
    Header header{};
    std::uint64_t stream = 0;
    std::uint32_t flags = 0;  // stream::kConfigureOccluded
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    std::uint32_t reserved = 0;
    std::uint64_t refresh_ns = 0;
};

struct CloseStream {
    static constexpr Type kType = Type::close_stream;
    Header header{};
    std::uint64_t stream = 0;
};

enum class ImportPath : std::uint32_t { none = 0, udmabuf = 1, host_pointer = 2, copy = 3 };
constexpr std::uint32_t kImportPathCount = 4;
// "udmabuf", "host-pointer", "copy" or "none".
const char* to_string(ImportPath path);

// How the consumer imported an image, and why not by a better path.
struct Imported {
    static constexpr Type kType = Type::imported;
    Header header{};
    std::uint64_t stream = 0;
    std::uint64_t image = 0;
    std::uint32_t path = 0;  // ImportPath
    std::uint32_t reserved = 0;
    char reason[kReasonSize] = {};
};

struct ImageDone {
    static constexpr Type kType = Type::image_done;
    Header header{};
    std::uint64_t stream = 0;
    std::uint64_t image = 0;
};

// What the consumer has done with a stream so far; sent about once a second.
struct Statistics {
    static constexpr Type kType = Type::statistics;
    Header header{};
    std::uint64_t stream = 0;
    std::uint64_t frames_received = 0;
    std::uint64_t frames_shown = 0;
    std::uint64_t cpu_copied_bytes = 0;  // pixels copied by the consumer's CPU
    std::uint64_t latency_p50_ns = 0;    // present called to received
    std::uint64_t latency_p99_ns = 0;
};

// Answered by STREAM_STATUS and IMAGE_STATUS for all that the consumer may see, then QUERY_DONE.
struct Query {
    static constexpr Type kType = Type::query;
    Header header{};
};

struct StreamStatus {
    static constexpr Type kType = Type::stream_status;
    Header header{};
    std::uint64_t stream = 0;
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    std::uint32_t pid = 0;
    std::uint32_t consumers = 0;
    std::uint64_t frames_presented = 0;
    std::uint64_t frames_released = 0;
    std::uint64_t frames_skipped = 0;  // replaced by a newer one before any consumer had them
    std::uint64_t frames_shown = 0;    // as the consumers' PRESENTED say
    std::uint64_t producer_copied_bytes = 0;  // pixels copied by CPUs, all frames
    std::uint64_t broker_copied_bytes = 0;
    std::uint64_t consumer_copied_bytes = 0;
    std::uint64_t latency_p50_ns = 0;  // of the consumer that reported last
    std::uint64_t latency_p99_ns = 0;
    std::uint64_t last_present_ns = 0;  // host's clock
    std::uint32_t mode = 0;
    std::uint16_t colour_space = 0;  // stream::ColourSpace of the newest image
    std::uint16_t colour_shown = 0;  // stream::ColourShown, of the consumer that reported last
    char vm[kNameSize] = {};
    char app[kNameSize] = {};
    char app_id[stream::kAppIdSize] = {};
    char title[stream::kTitleSize] = {};
};

struct ImageStatus {
    static constexpr Type kType = Type::image_status;
    Header header{};
    std::uint64_t stream = 0;
    std::uint64_t image = 0;
    std::uint32_t slot = 0;
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    std::uint32_t fourcc = 0;
    std::uint64_t modifier = 0;
    std::uint64_t pitch = 0;
    std::uint64_t buffer_size = 0;
    std::uint32_t run_count = 0;
    std::uint32_t strategy = 0;
    std::uint32_t path = 0;                // ImportPath of the consumer that reported last
    std::uint32_t memory = 0;              // MemoryKind that was given out last
    char reason[kReasonSize] = {};         // the consumer's, of its path
    char memory_reason[kReasonSize] = {};  // the broker's: why no dmabuf
};

struct QueryDone {
    static constexpr Type kType = Type::query_done;
    Header header{};
};

struct ErrorMessage {
    static constexpr Type kType = Type::error;
    Header header{};
    std::uint32_t code = 0;     // stream::ErrorCode
    std::uint32_t request = 0;  // type of the message that it is about, or 0
    char text[stream::kErrorTextSize] = {};
};

static_assert(sizeof(Hello) == 88 && sizeof(Welcome) == 56 && sizeof(StreamAdded) == 352);
static_assert(sizeof(StreamHdr) == 64 && sizeof(StreamExtent) == 24);
static_assert(sizeof(StreamRemoved) == 16 && sizeof(StreamTitle) == 144 && sizeof(Attach) == 16);
static_assert(sizeof(Detach) == 16 && sizeof(Run) == 24 && sizeof(Image) == 312);
static_assert(sizeof(ImageGone) == 24 && sizeof(Frame) == 352 && sizeof(Release) == 24);
static_assert(sizeof(Presented) == 48 && sizeof(Configure) == 40 && sizeof(CloseStream) == 16);
static_assert(sizeof(Imported) == 192 && sizeof(ImageDone) == 24 && sizeof(Statistics) == 56);
static_assert(sizeof(Query) == 8 && sizeof(StreamStatus) == 440 && sizeof(ImageStatus) == 400);
static_assert(sizeof(QueryDone) == 8 && sizeof(ErrorMessage) == 272);
static_assert(sizeof(ShownColourSpaces) == 16 && sizeof(StreamColourShown) == 24);
static_assert(sizeof(ImageAgain) == 32 && sizeof(Formats) == 2064);

Result<Type> type_of(std::span<const std::byte> bytes);

// As stream::decode().
template <typename Message>
Result<Message> decode(std::span<const std::byte> bytes);

}  // namespace vdmabuf::consumer
