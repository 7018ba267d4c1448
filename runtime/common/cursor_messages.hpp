// SPDX-License-Identifier: MIT
// Shapes of cursors, on their way from an app's window to the host's. Part of the stream protocol
// (type 0x40) and of the consumer protocol (0x1c0); the rules are in docs/protocol.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "runtime/common/result.hpp"
#include "runtime/common/wire.hpp"

namespace vdmabuf::cursor {

using wire::bytes_of;
using wire::Header;
using wire::make;

// WELCOME.features, of both protocols: this broker forwards shapes. HELLO.features of a consumer:
// it wants them.
constexpr std::uint32_t kFeatureCursor = 1u << 2;

constexpr std::uint32_t kMaxExtent = 256;    // pixels
constexpr std::uint32_t kPartPixels = 1000;  // of one message

enum class Type : std::uint32_t {
    of_producer = 0x40,
    to_consumer = 0x1c0,
};
constexpr bool of_producer(std::uint32_t type) {
    return type == 0x40;
}
constexpr bool to_consumer(std::uint32_t type) {
    return type == 0x1c0;
}

// What each part of an image says of the whole.
struct Shape {
    std::uint16_t width = 0;  // pixels, 1 .. kMaxExtent
    std::uint16_t height = 0;
    std::uint16_t hot_x = 0;  // the pixel that points, inside
    std::uint16_t hot_y = 0;
    bool operator==(const Shape&) const = default;
};

// Pixels from `first` on, row by row: alpha in the highest byte, then red, green, blue, which are
// multiplied by alpha. Parts come in order; one with `first` 0 begins a new image.
struct PartOfProducer {
    static constexpr Type kType = Type::of_producer;
    Header header{};
    std::uint32_t stream = 0;
    std::uint32_t first = 0;
    Shape shape{};
    std::uint32_t count = 0;  // 1 .. kPartPixels; the pixels from there on are not looked at
    std::uint32_t reserved = 0;
    std::uint32_t pixels[kPartPixels] = {};
};

// Only to the consumer with the focus, and where its HELLO has kFeatureCursor.
struct PartToConsumer {
    static constexpr Type kType = Type::to_consumer;
    Header header{};
    std::uint64_t stream = 0;
    std::uint32_t first = 0;
    std::uint32_t count = 0;
    Shape shape{};
    std::uint32_t pixels[kPartPixels] = {};
};
static_assert(sizeof(PartOfProducer) == 4032 && sizeof(PartToConsumer) == 4032);

template <typename Message>
Result<Message> decode(std::span<const std::byte> bytes);

struct Image {
    Shape shape{};
    std::vector<std::uint32_t> pixels;  // shape.width * shape.height
    // No pixel of it is to be seen: apps hide their cursors so.
    bool hidden() const;
    // It can be sent.
    bool sound() const;
    bool operator==(const Image&) const = default;
};

// Puts parts together.
class Assembly {
  public:
    // The image, if this was its last part. What is not complete when another one begins, or has
    // lost a part on the way, is forgotten.
    std::optional<Image> add(const PartToConsumer& part);

  private:
    Image image_;
};

}  // namespace vdmabuf::cursor
