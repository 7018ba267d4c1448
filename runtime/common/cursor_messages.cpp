// SPDX-License-Identifier: MIT
#include "runtime/common/cursor_messages.hpp"

#include <algorithm>
#include <utility>

namespace vdmabuf::cursor {
namespace {

constexpr std::uint32_t kAlpha = 0xFF000000;

std::size_t pixels_of(const Shape& shape) {
    return std::size_t{shape.width} * shape.height;
}

bool good(const Shape& shape) {
    return shape.width >= 1 && shape.width <= kMaxExtent && shape.height >= 1 &&
           shape.height <= kMaxExtent && shape.hot_x < shape.width && shape.hot_y < shape.height;
}

template <typename Part>
const char* check_part(const Part& m) {
    if (!good(m.shape)) return "CURSOR_SHAPE shape";
    if (m.count < 1 || m.count > kPartPixels) return "CURSOR_SHAPE count";
    if (std::uint64_t{m.first} + m.count > pixels_of(m.shape)) return "CURSOR_SHAPE first";
    return nullptr;
}

const char* check_message(const PartOfProducer& m) {
    return m.reserved ? "CURSOR_SHAPE reserved" : check_part(m);
}
const char* check_message(const PartToConsumer& m) {
    return check_part(m);
}

}  // namespace

template <typename Message>
Result<Message> decode(std::span<const std::byte> bytes) {
    return wire::decode<Message>(bytes, [](const Message& m) { return check_message(m); });
}
template Result<PartOfProducer> decode(std::span<const std::byte>);
template Result<PartToConsumer> decode(std::span<const std::byte>);

bool Image::hidden() const {
    return std::none_of(pixels.begin(), pixels.end(), [](auto pixel) { return pixel & kAlpha; });
}

bool Image::sound() const {
    return good(shape) && pixels.size() == pixels_of(shape);
}

std::optional<Image> Assembly::add(const PartToConsumer& part) {
    if (part.first == 0) image_ = Image{part.shape, {}};
    if (part.shape != image_.shape || part.first != image_.pixels.size()) {
        image_ = {};
        return std::nullopt;
    }
    image_.pixels.insert(image_.pixels.end(), part.pixels, part.pixels + part.count);
    if (image_.pixels.size() < pixels_of(image_.shape)) return std::nullopt;
    return std::exchange(image_, {});
}

}  // namespace vdmabuf::cursor
