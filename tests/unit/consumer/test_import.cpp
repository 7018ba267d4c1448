// SPDX-License-Identifier: MIT
// The import ladder on a real driver (lavapipe here), with validation where it is installed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>

#include "runtime/consumer/gpu/commands.hpp"
#include "runtime/consumer/gpu/instance.hpp"
#include "runtime/consumer/gpu/memory.hpp"
#include "runtime/consumer/import.hpp"
#include "runtime/consumer/read_back.hpp"
#include "tests/unit/consumer/scattered_buffer.hpp"
#include "tests/unit/consumer/vulkan_test.hpp"

namespace vdmabuf::consumer {
namespace {

using test::image_message;
using test::ScatteredBuffer;
using test::test_pixel;
using testing::HasSubstr;
using testing::StartsWith;

class ImportTest : public test::VulkanTest {
  protected:
    // Why runs are no dmabuf: the device would not have it, or it would have liked to.
    std::string no_dmabuf() const {
        return device_->abilities().dmabuf ? "not offered by the broker"
                                           : "no VK_EXT_external_memory_dma_buf";
    }
    static void paint(ScatteredBuffer& buffer, const Image& image, std::uint32_t salt) {
        for (std::uint32_t y = 0; y < image.height; ++y) {
            for (std::uint32_t x = 0; x < image.width; ++x) {
                buffer.put(image.planes[0].offset + y * image.planes[0].pitch + x * 4,
                           test_pixel(x, y, salt));
            }
        }
    }
    // Pixels that the GPU sees and that are not the painted ones.
    std::size_t wrong_pixels(const ImportedImage& image, std::uint32_t salt) const {
        auto seen = read_back(device_, image);
        if (!seen) {
            ADD_FAILURE() << seen.error().text;
            return ~std::size_t{0};
        }
        const ImageLayout& layout = image.layout();
        std::size_t wrong = 0;
        for (std::uint32_t y = 0; y < layout.height; ++y) {
            for (std::uint32_t x = 0; x < layout.width; ++x) {
                std::uint32_t got = 0;
                std::memcpy(&got, seen->data() + (std::size_t{y} * layout.width + x) * 4, 4);
                if (got != test_pixel(x, y, salt)) ++wrong;
            }
        }
        return wrong;
    }
};

TEST_F(ImportTest, SelfTestPasses) {
    for (const Way way : {Way::host_pointer_image, Way::host_pointer_buffer}) {
        const Verdict verdict = self_test(device_, way);
        EXPECT_EQ(verdict.is, Verdict::Is::works) << to_string(way) << ": " << verdict.text;
    }
}

// The proof that nothing is copied: the producer writes through its own mapping after the import,
// sends nothing, and the next read of the GPU shows it.
TEST_F(ImportTest, ImageOverScatteredPagesIsZeroCopy) {
    ScatteredBuffer buffer(2048 * 304, 2);
    const Image message = image_message(buffer, 500, 300, 2048);  // lavapipe's own pitch
    paint(buffer, message, 1);
    Importer importer(device_);
    const ImportOutcome outcome = importer.import(message, buffer.files());
    ASSERT_TRUE(outcome.image) << outcome.reason;
    EXPECT_EQ(outcome.path, ImportPath::host_pointer);
    EXPECT_THAT(outcome.reason, StartsWith("VkImage; udmabuf: " + no_dmabuf()));
    EXPECT_NE(outcome.image->image(), VkImage{VK_NULL_HANDLE});

    EXPECT_EQ(wrong_pixels(*outcome.image, 1), 0U);
    paint(buffer, message, 2);
    EXPECT_EQ(wrong_pixels(*outcome.image, 2), 0U);
    EXPECT_EQ(outcome.image->prepare(), 0U);
    EXPECT_TRUE(buffer.foreign_untouched());
}

TEST_F(ImportTest, BufferServesWherePitchesDiffer) {
    const std::uint64_t offset = 8192;
    ScatteredBuffer buffer(offset + 2304 * 300);
    const Image message = image_message(buffer, 500, 300, 2304, offset);
    paint(buffer, message, 1);
    Importer importer(device_);
    const ImportOutcome outcome = importer.import(message, buffer.files());
    ASSERT_TRUE(outcome.image) << outcome.reason;
    EXPECT_EQ(outcome.path, ImportPath::host_pointer);
    EXPECT_THAT(outcome.reason, StartsWith("VkBuffer (the driver's pitch is 2048"));
    EXPECT_NE(outcome.image->buffer(), VkBuffer{VK_NULL_HANDLE});

    EXPECT_EQ(wrong_pixels(*outcome.image, 1), 0U);
    paint(buffer, message, 2);
    EXPECT_EQ(wrong_pixels(*outcome.image, 2), 0U);
    EXPECT_EQ(outcome.image->prepare(), 0U);
    EXPECT_TRUE(buffer.foreign_untouched());
}

TEST_F(ImportTest, ImageAtAnOffset) {
    ScatteredBuffer buffer(4096 + 2048 * 304);
    const Image message = image_message(buffer, 500, 300, 2048, 4096);
    paint(buffer, message, 3);
    Importer importer(device_);
    const ImportOutcome outcome = importer.import(message, buffer.files());
    ASSERT_TRUE(outcome.image) << outcome.reason;
    EXPECT_NE(outcome.image->image(), VkImage{VK_NULL_HANDLE}) << outcome.reason;
    EXPECT_EQ(wrong_pixels(*outcome.image, 3), 0U);
}

TEST_F(ImportTest, CopyCountsItsBytes) {
    ScatteredBuffer buffer(2304 * 300);
    const Image message = image_message(buffer, 500, 300, 2304);
    paint(buffer, message, 1);
    Importer importer(device_, ImportPath::copy);
    const ImportOutcome outcome = importer.import(message, buffer.files());
    ASSERT_TRUE(outcome.image) << outcome.reason;
    EXPECT_EQ(outcome.path, ImportPath::copy);
    EXPECT_THAT(outcome.reason, HasSubstr("host-pointer: not asked for"));
    EXPECT_EQ(outcome.image->prepare(), 500U * 300 * 4);
    EXPECT_EQ(wrong_pixels(*outcome.image, 1), 0U);
    paint(buffer, message, 2);
    EXPECT_EQ(wrong_pixels(*outcome.image, 1), 0U) << "a copy does not follow the producer";
    EXPECT_EQ(outcome.image->prepare(), 500U * 300 * 4);
    EXPECT_EQ(wrong_pixels(*outcome.image, 2), 0U);
}

TEST_F(ImportTest, OddLayoutsFallToTheCopy) {
    // Rows that do not start at whole pixels: no GPU command takes them.
    ScatteredBuffer buffer(2050 * 100);
    const Image message = image_message(buffer, 500, 99, 2050);
    paint(buffer, message, 1);
    Importer importer(device_);
    const ImportOutcome outcome = importer.import(message, buffer.files());
    ASSERT_TRUE(outcome.image) << outcome.reason;
    EXPECT_EQ(outcome.path, ImportPath::copy);
    EXPECT_THAT(outcome.reason, HasSubstr("whole pixels"));
    outcome.image->prepare();
    EXPECT_EQ(wrong_pixels(*outcome.image, 1), 0U);
}

TEST_F(ImportTest, WhatCannotBeImportedSaysWhy) {
    const ScatteredBuffer buffer(2048 * 304);
    Image message = image_message(buffer, 500, 300, 2048);
    message.fourcc = fourcc_of("NV12");
    Importer importer(device_);
    ImportOutcome outcome = importer.import(message, buffer.files());
    EXPECT_FALSE(outcome.image);
    EXPECT_EQ(outcome.path, ImportPath::none);
    EXPECT_THAT(outcome.reason, HasSubstr("NV12"));

    message = image_message(buffer, 500, 300, 2048);
    message.height = 400;
    outcome = importer.import(message, buffer.files());
    EXPECT_FALSE(outcome.image);
    EXPECT_THAT(outcome.reason, HasSubstr("outside"));

    Importer dmabufs(device_, ImportPath::udmabuf);
    outcome = dmabufs.import(image_message(buffer, 500, 300, 2048), buffer.files());
    EXPECT_FALSE(outcome.image);
    EXPECT_THAT(outcome.reason, HasSubstr("udmabuf: " + no_dmabuf()));
}

TEST_F(ImportTest, AFullFrameOfUltraHdInSinglePages) {
    ScatteredBuffer buffer(std::size_t{15360} * 2160, 1, 1);
    const Image message = image_message(buffer, 3840, 2160, 15360);
    Importer importer(device_);
    const ImportOutcome outcome = importer.import(message, buffer.files());
    ASSERT_TRUE(outcome.image) << outcome.reason;
    EXPECT_EQ(outcome.path, ImportPath::host_pointer);
}

// Silence means something only if a mistake would be heard.
TEST(ValidationTest, IsAwake) {
    gpu::leave_layer_out();
    auto instance = gpu::Instance::create({}, true);
    ASSERT_TRUE(instance) << instance.error().text;
    auto device = gpu::Device::create(*instance, "");
    ASSERT_TRUE(device) << device.error().text;
    EXPECT_EQ((*instance)->validation_messages(), 0U);
    VkBufferCreateInfo no_usage{};
    no_usage.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO;
    no_usage.size = 4096;
    VkBuffer made = VK_NULL_HANDLE;
    if (vkCreateBuffer((*device)->get(), &no_usage, nullptr, &made) == VK_SUCCESS) {
        vkDestroyBuffer((*device)->get(), made, nullptr);
    }
    const std::uint32_t core = (*instance)->validation_messages();
    EXPECT_GT(core, 0U);

    // Synchronization validation: the same bytes written twice with nothing in between.
    auto buffer = gpu::make_host_buffer(*device, 4096, VK_BUFFER_USAGE_TRANSFER_DST_BIT, false);
    ASSERT_TRUE(buffer) << buffer.error().text;
    auto commands = gpu::Commands::create(*device);
    ASSERT_TRUE(commands) << commands.error().text;
    EXPECT_TRUE(commands->run([&](VkCommandBuffer to) {
        vkCmdFillBuffer(to, buffer->buffer.get(), 0, 4096, 1);
        vkCmdFillBuffer(to, buffer->buffer.get(), 0, 4096, 2);
    }));
    EXPECT_GT((*instance)->validation_messages(), core);
}

TEST(DeviceTest, UnknownGpuIsNamed) {
    gpu::leave_layer_out();
    auto instance = gpu::Instance::create({}, false);
    ASSERT_TRUE(instance);
    auto device = gpu::Device::create(*instance, "no such card");
    ASSERT_FALSE(device);
    EXPECT_THAT(device.error().text, HasSubstr("no GPU is 'no such card'; there are: 0: "));
}

}  // namespace
}  // namespace vdmabuf::consumer
