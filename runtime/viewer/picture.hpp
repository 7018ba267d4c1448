// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runtime/common/result.hpp"
#include "runtime/consumer/imported_image.hpp"

namespace vdmabuf::viewer {

// A picture as people see it: 8-bit RGBA, not premultiplied, highest row first.
struct Picture {
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    std::vector<std::uint8_t> rgba;

    bool is_blank() const;  // all pixels are equal, or there are none
};

// `bytes`: the rows of an image without gaps, as consumer::read_back() gives them.
Picture make_picture(const consumer::ImageLayout& layout, const std::vector<std::byte>& bytes);

// What the GPU sees in the image now, in sRGB: other colours are converted, by `metadata`. Waits
// for the GPU.
Result<Picture> take_picture(const std::shared_ptr<gpu::Device>& device,
                             const consumer::ImportedImage& image,
                             const stream::HdrMetadata& metadata);

// Replaces `path` by the whole picture, or leaves it as it was.
Status write_png(const Picture& picture, const std::string& path);

}  // namespace vdmabuf::viewer
