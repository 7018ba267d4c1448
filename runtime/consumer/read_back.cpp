// SPDX-License-Identifier: MIT
#include "runtime/consumer/read_back.hpp"

#include "runtime/consumer/colour/colour_converter.hpp"
#include "runtime/consumer/gpu/commands.hpp"
#include "runtime/consumer/gpu/memory.hpp"
#include "runtime/consumer/implicit_fence.hpp"

namespace vdmabuf::consumer {

void record_read_back(VkCommandBuffer commands, const ImportedImage& image, VkBuffer to) {
    const ImageLayout& layout = image.layout();
    const std::uint64_t row = layout.row_bytes();
    image.acquire(commands);
    if (image.image() != VK_NULL_HANDLE) {
        VkBufferImageCopy region{};
        region.imageSubresource = gpu::kColourLayer;
        region.imageExtent = {layout.width, layout.height, 1};
        vkCmdCopyImageToBuffer(commands, image.image(), VK_IMAGE_LAYOUT_GENERAL, to, 1, &region);
    } else {
        const VkBufferImageCopy from = image.buffer_region();
        const std::uint64_t pitch = std::uint64_t{from.bufferRowLength} * layout.format->bytes;
        std::vector<VkBufferCopy> rows(layout.height);
        for (std::uint32_t y = 0; y < layout.height; ++y) {
            rows[y] = {from.bufferOffset + y * pitch, y * row, row};
        }
        vkCmdCopyBuffer(commands, image.buffer(), to, layout.height, rows.data());
    }
    image.give_back(commands);
    gpu::memory_barrier(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT,
                        VK_PIPELINE_STAGE_HOST_BIT, VK_ACCESS_HOST_READ_BIT);
}

namespace {

// The bytes that `record` copies to a buffer of `size`.
template <typename Record>
Result<std::vector<std::byte>> read(const std::shared_ptr<gpu::Device>& device,
                                    const ImportedImage& image, std::uint64_t size, Record record) {
    auto target = gpu::make_host_buffer(device, size, VK_BUFFER_USAGE_TRANSFER_DST_BIT, true);
    if (!target) return target.error();
    auto commands = gpu::Commands::create(device);
    if (!commands) return commands.error();

    if (auto written = wait_for(writers_of(image.dmabuf())); !written) return written.error();
    const Status done =
        commands->run([&](VkCommandBuffer buffer) { record(buffer, target->buffer.get()); });
    if (!done) return done.error();
    return std::vector<std::byte>(target->bytes, target->bytes + size);
}

}  // namespace

Result<std::vector<std::byte>> read_back(const std::shared_ptr<gpu::Device>& device,
                                         const ImportedImage& image) {
    const std::uint64_t size = image.layout().row_bytes() * image.layout().height;
    return read(device, image, size, [&](VkCommandBuffer commands, VkBuffer to) {
        record_read_back(commands, image, to);
    });
}

Result<std::vector<std::byte>> read_back_converted(const std::shared_ptr<gpu::Device>& device,
                                                   const ImportedImage& image,
                                                   const stream::HdrMetadata& metadata) {
    ColourConverter converter(device);
    auto prepared = converter.prepare(image.layout(), ColourConverter::Depth::eight);
    if (!prepared) return prepared.error();
    const ImageLayout packed = ColourConverter::read_back_layout(image.layout());
    return read(device, image, packed.row_bytes() * packed.height,
                [&](VkCommandBuffer commands, VkBuffer to) {
                    converter.record_read_back(commands, image, metadata, to);
                });
}

}  // namespace vdmabuf::consumer
