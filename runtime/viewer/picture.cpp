// SPDX-License-Identifier: MIT
#include "runtime/viewer/picture.hpp"

#include <png.h>

#include <cstdio>
#include <cstring>

#include "runtime/consumer/colour/colour_converter.hpp"
#include "runtime/consumer/read_back.hpp"

namespace vdmabuf::viewer {

bool Picture::is_blank() const {
    for (std::size_t i = 4; i < rgba.size(); i += 4) {
        if (std::memcmp(rgba.data(), rgba.data() + i, 4) != 0) return false;
    }
    return true;
}

Picture make_picture(const consumer::ImageLayout& layout, const std::vector<std::byte>& bytes) {
    Picture picture;
    picture.width = layout.width;
    picture.height = layout.height;
    picture.rgba.resize(std::size_t{layout.width} * layout.height * 4);
    const consumer::PixelFormat& format = *layout.format;
    const auto* from = reinterpret_cast<const std::uint8_t*>(bytes.data());
    for (std::uint32_t row = 0; row < layout.height; ++row) {
        const std::uint32_t y = layout.y_flip ? layout.height - 1 - row : row;
        std::uint8_t* to = picture.rgba.data() + std::size_t{y} * layout.width * 4;
        for (std::uint32_t x = 0; x < layout.width; ++x, from += format.bytes, to += 4) {
            format.to_rgba8(from, to);
            if (layout.opaque) to[3] = 255;
        }
    }
    return picture;
}

Result<Picture> take_picture(const std::shared_ptr<gpu::Device>& device,
                             const consumer::ImportedImage& image,
                             const stream::HdrMetadata& metadata) {
    if (consumer::ColourConverter::wanted(image.layout())) {
        auto bytes = consumer::read_back_converted(device, image, metadata);
        if (!bytes) return bytes.error();
        return make_picture(consumer::ColourConverter::read_back_layout(image.layout()), *bytes);
    }
    auto bytes = consumer::read_back(device, image);
    if (!bytes) return bytes.error();
    return make_picture(image.layout(), *bytes);
}

Status write_png(const Picture& picture, const std::string& path) {
    png_image png{};
    png.version = PNG_IMAGE_VERSION;
    png.width = picture.width;
    png.height = picture.height;
    png.format = PNG_FORMAT_RGBA;
    const std::string unfinished = path + ".part";
    if (!png_image_write_to_file(&png, unfinished.c_str(), 0, picture.rgba.data(), 0, nullptr)) {
        const std::string why = png.message;
        std::remove(unfinished.c_str());
        return Error{EIO, "cannot write '" + path + "': " + why};
    }
    if (std::rename(unfinished.c_str(), path.c_str()) != 0) {
        return system_error("cannot write '" + path + "'");
    }
    return {};
}

}  // namespace vdmabuf::viewer
