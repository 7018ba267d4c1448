// SPDX-License-Identifier: MIT
// The stream protocol: what a producer (an app's process, in a guest or on this kernel) and the
// broker say to each other. Through a VM these are the opaque messages of virtio_vdmabuf.h; on one
// kernel they travel over a Unix socket, where BUFFER_CREATE carries a file descriptor. The rules
// are in docs/protocol.md. Every structure has a fixed size, little-endian, without holes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/common/colour_space.hpp"
#include "runtime/common/result.hpp"
#include "runtime/common/wire.hpp"

namespace vdmabuf::stream {

constexpr std::uint16_t kVersionMin = 1;
constexpr std::uint16_t kVersionMax = 1;

constexpr std::size_t kMaxMessage = 4096;    // bytes, as VIRTIO_VDMABUF_MAX_MESSAGE
constexpr std::uint32_t kMaxSlots = 64;      // images of a stream: slots 0 .. 63
constexpr std::uint32_t kMaxPlanes = 4;      // as DRM_FORMAT planes
constexpr std::uint32_t kMaxDamage = 16;     // rectangles of a PRESENT
constexpr std::uint32_t kMaxExtent = 32768;  // pixels
constexpr std::uint32_t kMaxFormats = 128;   // of a WELCOME or FORMATS
constexpr std::size_t kIdSize = 16;
constexpr std::size_t kTitleSize = 128;  // bytes with the NUL, UTF-8
constexpr std::size_t kAppIdSize = 64;
constexpr std::size_t kErrorTextSize = 256;

using BufferId = std::array<std::uint8_t, kIdSize>;

enum class Type : std::uint32_t {
    // producer to broker
    hello = 0x01,
    stream_create = 0x02,
    stream_image = 0x03,
    present = 0x04,
    stream_image_gone = 0x05,
    stream_title = 0x06,
    stream_destroy = 0x07,
    pong = 0x08,
    stream_hdr = 0x09,
    stream_extent = 0x0a,
    buffer_create = 0x10,   // Unix socket only, with one file descriptor
    buffer_destroy = 0x11,  // Unix socket only
    // broker to producer
    welcome = 0x81,
    release = 0x82,
    presented = 0x83,
    configure = 0x84,
    close = 0x85,
    ping = 0x87,
    error = 0x88,
    formats = 0x89,
};

using wire::bytes_of;
using wire::get_text;
using wire::Header;
using wire::make;
using wire::put_text;

// Of WELCOME, and of a consumer's HELLO: knows STREAM_EXTENT.
constexpr std::uint32_t kFeatureExtent = 1u << 3;
// Of WELCOME: colour spaces other than sRGB are known. Of a producer's HELLO: it wants to hear
// which of them the consumers show.
constexpr std::uint32_t kFeatureColours = 1u << 5;

// First message of a producer; again after a RESYNC.
struct Hello {
    static constexpr Type kType = Type::hello;
    Header header{};
    std::uint16_t version_min = kVersionMin;
    std::uint16_t version_max = kVersionMax;
    std::uint32_t pid = 0;       // for people to read; nothing is decided by it
    std::uint32_t features = 0;  // kFeatureColours
    std::uint32_t reserved = 0;
    char app[kAppIdSize] = {};  // name of the program, NUL-terminated
};

// Of STREAM_CREATE, where WELCOME says that the broker forwards input: the window takes it.
constexpr std::uint32_t kStreamTakesInput = 1u << 0;
// With kStreamTakesInput, and where WELCOME has clipboard::kFeatureClipboard.
constexpr std::uint32_t kStreamTakesClipboard = 1u << 1;
constexpr std::uint32_t kStreamFlags = kStreamTakesInput | kStreamTakesClipboard;

// A stream is one window. Its number is the producer's choice, unique on its connection.
struct StreamCreate {
    static constexpr Type kType = Type::stream_create;
    Header header{};
    std::uint32_t stream = 0;
    std::uint32_t width = 0;  // pixels, 1 .. kMaxExtent
    std::uint32_t height = 0;
    std::uint32_t flags = 0;  // kStream*
    char title[kTitleSize] = {};
    char app_id[kAppIdSize] = {};
};

struct Plane {
    std::uint64_t offset = 0;  // bytes from the start of the buffer
    std::uint64_t pitch = 0;   // bytes from one row to the next
};

constexpr std::uint32_t kImageYFlip = 1u << 0;   // row 0 is the lowest, as in OpenGL
constexpr std::uint32_t kImageOpaque = 1u << 1;  // alpha is not to be used
constexpr std::uint32_t kImageFlags = kImageYFlip | kImageOpaque;

// Strategies by which a producer brings its pixels into the shared pages (docs/architecture.md).
enum class Strategy : std::uint32_t {
    unknown = 0,
    host_pointer = 1,   // A: rendered into the pages, imported by host pointer
    dmabuf_import = 2,  // B: rendered into the pages, imported as a dmabuf
    dmabuf_export = 3,  // C: the driver's own pages, exported
    gpu_copy = 4,       // D: copied by the GPU
    cpu_copy = 5,       // E: copied by the CPU
};
constexpr std::uint32_t kStrategyCount = 6;

// How an image comes into a window of another size. By default its shape is kept, as large as fits.
enum class ScalingBehaviour : std::uint8_t { any = 0, one_to_one = 1, keep_shape = 2, stretch = 3 };
// Where it lies when it does not fill the window, or what of it is cut off.
enum class Gravity : std::uint8_t { centre = 0, min = 1, max = 2 };  // min: left, top
struct Scaling {
    ScalingBehaviour behaviour = ScalingBehaviour::any;
    Gravity gravity_x = Gravity::centre;
    Gravity gravity_y = Gravity::centre;
    std::uint8_t reserved = 0;
    bool operator==(const Scaling&) const = default;
};
// Null, or what is wrong.
const char* check(const Scaling& scaling);

// An image of the stream: a slot, the buffer that holds it, and its layout there.
struct StreamImage {
    static constexpr Type kType = Type::stream_image;
    Header header{};
    std::uint32_t stream = 0;
    std::uint32_t slot = 0;
    BufferId buffer{};
    std::uint32_t width = 0;  // pixels
    std::uint32_t height = 0;
    std::uint32_t fourcc = 0;        // DRM_FORMAT_*
    std::uint32_t flags = 0;         // kImage*
    std::uint64_t modifier = 0;      // DRM_FORMAT_MOD_*
    std::uint32_t colour_space = 0;  // ColourSpace, one that the format can hold
    std::uint32_t plane_count = 1;   // 1 .. kMaxPlanes; the others are zero
    std::uint32_t strategy = 0;      // Strategy
    Scaling scaling{};
    Plane planes[kMaxPlanes] = {};
};

enum class PresentMode : std::uint32_t { fifo = 0, mailbox = 1, immediate = 2 };

struct Rect {
    std::uint32_t x = 0;
    std::uint32_t y = 0;
    std::uint32_t width = 0;
    std::uint32_t height = 0;
};

// The image in `slot` is complete and belongs to the broker until RELEASE.
struct Present {
    static constexpr Type kType = Type::present;
    Header header{};
    std::uint32_t stream = 0;
    std::uint32_t slot = 0;
    std::uint64_t serial = 0;        // greater than that of every PRESENT before it in this stream
    std::uint32_t mode = 0;          // PresentMode
    std::uint32_t damage_count = 0;  // 0: everything changed
    std::uint64_t target_ns = 0;     // not before this time of the producer's clock; 0: at once
    std::uint64_t called_ns = 0;     // producer's clock: when the app called present
    std::uint64_t gpu_done_ns = 0;   // producer's clock: when its GPU was done
    std::uint64_t sent_ns = 0;       // producer's clock: when this message left
    std::uint64_t cpu_copied_bytes = 0;  // bytes of pixels that a CPU copied for this frame
    Rect damage[kMaxDamage] = {};
};

// The slot is free of its image. The producer may send STREAM_IMAGE for it again.
struct StreamImageGone {
    static constexpr Type kType = Type::stream_image_gone;
    Header header{};
    std::uint32_t stream = 0;
    std::uint32_t slot = 0;
};

struct StreamTitle {
    static constexpr Type kType = Type::stream_title;
    Header header{};
    std::uint32_t stream = 0;
    std::uint32_t reserved = 0;
    char title[kTitleSize] = {};
};

// What a picture was graded for (SMPTE ST 2086, CTA-861.3), as VkHdrMetadataEXT. All zero: nothing
// is known. Chromaticities in 1/50000, luminances in 1/10000 cd/m2.
struct HdrMetadata {
    std::uint32_t red_x = 0;
    std::uint32_t red_y = 0;
    std::uint32_t green_x = 0;
    std::uint32_t green_y = 0;
    std::uint32_t blue_x = 0;
    std::uint32_t blue_y = 0;
    std::uint32_t white_x = 0;
    std::uint32_t white_y = 0;
    std::uint32_t max_luminance = 0;
    std::uint32_t min_luminance = 0;
    std::uint32_t max_content_light = 0;        // cd/m2
    std::uint32_t max_frame_average_light = 0;  // cd/m2
    bool operator==(const HdrMetadata&) const = default;
};

// For the frames that follow.
struct StreamHdr {
    static constexpr Type kType = Type::stream_hdr;
    Header header{};
    std::uint32_t stream = 0;
    std::uint32_t reserved = 0;
    HdrMetadata metadata{};
};

// The app's window has another size. Of streams whose images are scaled to it; for the others the
// image's size is the window's. Only to brokers whose WELCOME has kFeatureExtent.
struct StreamExtent {
    static constexpr Type kType = Type::stream_extent;
    Header header{};
    std::uint32_t stream = 0;
    std::uint32_t width = 0;  // pixels, 1 .. kMaxExtent
    std::uint32_t height = 0;
    std::uint32_t reserved = 0;
};

struct StreamDestroy {
    static constexpr Type kType = Type::stream_destroy;
    Header header{};
    std::uint32_t stream = 0;
    std::uint32_t reserved = 0;
};

struct Pong {
    static constexpr Type kType = Type::pong;
    Header header{};
    std::uint64_t token = 0;        // of the PING
    std::uint64_t producer_ns = 0;  // producer's clock
};

// Unix socket only: the message brings one descriptor, a memfd sealed against shrinking.
struct BufferCreate {
    static constexpr Type kType = Type::buffer_create;
    Header header{};
    BufferId id{};             // random, not all zero
    std::uint64_t offset = 0;  // bytes, page aligned
    std::uint64_t size = 0;    // bytes, page aligned, not 0
};

struct BufferDestroy {
    static constexpr Type kType = Type::buffer_destroy;
    Header header{};
    BufferId id{};
};

struct FormatModifier {
    std::uint32_t fourcc = 0;
    std::uint32_t reserved = 0;
    std::uint64_t modifier = 0;
};

// Answers HELLO. Formats that the consumers can import.
struct Welcome {
    static constexpr Type kType = Type::welcome;
    Header header{};
    std::uint16_t version = 0;
    // ColourSpaces that all consumers show; 0 for producers without kFeatureColours.
    std::uint16_t colour_spaces = 0;
    std::uint32_t features = 0;
    std::uint32_t max_streams = 0;  // of this connection
    std::uint32_t format_count = 0;
    FormatModifier formats[kMaxFormats] = {};
};

// Takes the place of the list in WELCOME. Sent whenever what all consumers import changes.
struct Formats {
    static constexpr Type kType = Type::formats;
    Header header{};
    std::uint32_t format_count = 0;
    std::uint32_t colour_spaces = 0;  // as in WELCOME
    FormatModifier formats[kMaxFormats] = {};
};

// The broker and every consumer are done with the frame: the slot may be rendered to.
struct Release {
    static constexpr Type kType = Type::release;
    Header header{};
    std::uint32_t stream = 0;
    std::uint32_t slot = 0;
    std::uint64_t serial = 0;  // of the PRESENT
};

constexpr std::uint32_t kPresentedShown = 1u << 0;  // a consumer has shown it; else: skipped

struct Presented {
    static constexpr Type kType = Type::presented;
    Header header{};
    std::uint32_t stream = 0;
    std::uint32_t flags = 0;
    std::uint64_t serial = 0;
    std::uint64_t time_ns = 0;     // producer's clock
    std::uint64_t refresh_ns = 0;  // 0: unknown
};

constexpr std::uint32_t kConfigureOccluded = 1u << 0;

// What the consumer's window looks like now; a wish, not an order.
struct Configure {
    static constexpr Type kType = Type::configure;
    Header header{};
    std::uint32_t stream = 0;
    std::uint32_t flags = 0;
    std::uint32_t width = 0;  // pixels; 0: no wish
    std::uint32_t height = 0;
    std::uint64_t refresh_ns = 0;
};

// Somebody asked to close the window.
struct Close {
    static constexpr Type kType = Type::close;
    Header header{};
    std::uint32_t stream = 0;
    std::uint32_t reserved = 0;
};

struct Ping {
    static constexpr Type kType = Type::ping;
    Header header{};
    std::uint64_t token = 0;
};

enum class ErrorCode : std::uint32_t {
    version = 1,   // no common protocol version
    protocol = 2,  // malformed, or not allowed in this state
    quota = 3,
    policy = 4,
};

// Says why the broker closes the connection, or (quota) refuses a request.
struct ErrorMessage {
    static constexpr Type kType = Type::error;
    Header header{};
    std::uint32_t code = 0;     // ErrorCode
    std::uint32_t request = 0;  // type of the message that it is about, or 0
    char text[kErrorTextSize] = {};
};

static_assert(sizeof(Hello) == 88 && sizeof(StreamCreate) == 216 && sizeof(StreamImage) == 136);
static_assert(sizeof(Present) == 328 && sizeof(StreamImageGone) == 16 &&
              sizeof(StreamTitle) == 144);
static_assert(sizeof(StreamHdr) == 64 && sizeof(HdrMetadata) == 48);
static_assert(sizeof(StreamDestroy) == 16 && sizeof(Pong) == 24 && sizeof(BufferCreate) == 40);
static_assert(sizeof(BufferDestroy) == 24 && sizeof(Welcome) == 2072 && sizeof(Release) == 24);
static_assert(sizeof(Presented) == 40 && sizeof(Configure) == 32 && sizeof(Close) == 16);
static_assert(sizeof(Ping) == 16 && sizeof(ErrorMessage) == 272 && sizeof(Formats) == 2064);
static_assert(sizeof(Welcome) <= kMaxMessage);

// Type of a message whose header is sound (size matches the bytes), else EBADMSG.
Result<Type> type_of(std::span<const std::byte> bytes);

// Copies a message out of `bytes` and checks every field that can be checked without knowing the
// state of the connection: sizes, ranges, reserved fields, NUL-terminated strings, layouts.
// EBADMSG, with the field's name.
template <typename Message>
Result<Message> decode(std::span<const std::byte> bytes);

}  // namespace vdmabuf::stream
