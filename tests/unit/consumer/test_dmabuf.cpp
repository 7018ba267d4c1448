// SPDX-License-Identifier: MIT
// Dmabufs on a real driver, with validation. VDMABUF_TEST_DMABUF says what must work here, so that
// nothing is left out unseen: "udmabuf" (the kernel's, scattered pages, as images and as buffers)
// or "memfd" (a plain memfd, which software drivers take for a dmabuf; as buffers, since these
// drivers have format modifiers only where there is a /dev/udmabuf). Without it, what the driver
// has not got is skipped.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>

#include "runtime/consumer/drm_modifiers.hpp"
#include "runtime/consumer/gpu/commands.hpp"
#include "runtime/consumer/gpu/memory.hpp"
#include "runtime/consumer/import.hpp"
#include "runtime/consumer/pixel_format.hpp"
#include "runtime/consumer/read_back.hpp"
#include "runtime/consumer/rungs.hpp"
#include "tests/unit/consumer/scattered_buffer.hpp"
#include "tests/unit/consumer/vulkan_test.hpp"

namespace vdmabuf::consumer {
namespace {

using test::image_message;
using test::ScatteredBuffer;
using testing::HasSubstr;

std::string wanted() {
    const char* value = std::getenv("VDMABUF_TEST_DMABUF");
    return value ? value : "";
}

// Bytes that are a finite number in half floats too, so that no driver may change them.
std::byte pattern(std::uint64_t at, unsigned salt) {
    return std::byte(static_cast<unsigned>(at * 7 + at / 256 * 13 + salt * 91) & 0x3f);
}

class DmabufTest : public test::VulkanTest {
  protected:
    void SetUp() override {
        VulkanTest::SetUp();
        if (HasFatalFailure()) return;
        if (wanted() == "udmabuf") {
            ASSERT_TRUE(device_->abilities().drm_modifier) << device_->name();
            ASSERT_EQ(::access("/dev/udmabuf", R_OK | W_OK), 0);
        } else if (wanted() == "memfd") {
            ASSERT_TRUE(device_->abilities().dmabuf) << device_->name();
        } else if (!device_->abilities().dmabuf) {
            GTEST_SKIP() << "this driver imports no dmabufs";
        }
    }

    bool can_draw(const PixelFormat& format) const {
        return device_->optimal_features(format.vulkan) & VK_FORMAT_FEATURE_BLIT_SRC_BIT;
    }
    static ScatteredBuffer make_pages(std::size_t size) {
        if (::access("/dev/udmabuf", R_OK | W_OK) == 0) return ScatteredBuffer(size);
        return ScatteredBuffer::whole(size);
    }

    // The formats, pitches and offsets that every way is tried with.
    template <typename Try>
    static void for_each_layout(const Try& attempt) {
        for (const PixelFormat& format : known_formats()) {
            constexpr std::uint32_t kWidth = 251;  // odd
            const std::uint64_t row = std::uint64_t{kWidth} * format.bytes;
            for (const std::uint64_t pitch : {(row + 255) / 256 * 256, row / 64 * 64 + 192}) {
                for (const std::uint64_t offset : {0, 256 * 23}) {
                    SCOPED_TRACE(fourcc_name(format.fourcc) + " pitch " + std::to_string(pitch) +
                                 " offset " + std::to_string(offset));
                    constexpr std::uint32_t kHeight = 35;
                    // Padded to 16 rows, as producers do.
                    const ScatteredBuffer pages = make_pages(offset + pitch * 48);
                    Image message = image_message(pages, kWidth, kHeight, pitch, offset);
                    message.fourcc = format.fourcc;
                    attempt(pages, message);
                }
            }
        }
    }

    static void paint(const ScatteredBuffer& pages, const ImageLayout& layout, unsigned salt) {
        const std::uint64_t row = layout.row_bytes();
        std::vector<std::byte> bytes(row);
        for (std::uint32_t y = 0; y < layout.height; ++y) {
            for (std::uint64_t i = 0; i < row; ++i) bytes[i] = pattern(y * row + i, salt);
            pages.write(layout.offset + y * layout.pitch, bytes.data(), bytes.size());
        }
    }
    static std::size_t wrong(const Result<std::vector<std::byte>>& seen, unsigned salt) {
        if (!seen) {
            ADD_FAILURE() << seen.error().text;
            return ~std::size_t{0};
        }
        std::size_t count = 0;
        for (std::size_t i = 0; i < seen->size(); ++i) count += (*seen)[i] != pattern(i, salt);
        return count;
    }

    // The image drawn upside down into one of the GPU's own, as the viewer draws what is flipped,
    // and read from there; row 0 first.
    Result<std::vector<std::byte>> draw(const ImportedImage& image) const {
        const ImageLayout& layout = image.layout();
        const VkExtent2D extent{layout.width, layout.height};
        auto target =
            gpu::make_image(device_, layout.format->vulkan, extent,
                            VK_IMAGE_USAGE_TRANSFER_SRC_BIT | VK_IMAGE_USAGE_TRANSFER_DST_BIT);
        if (!target) return target.error();
        const std::uint64_t row = layout.row_bytes();
        auto bytes = gpu::make_host_buffer(device_, row * layout.height,
                                           VK_BUFFER_USAGE_TRANSFER_DST_BIT, true);
        if (!bytes) return bytes.error();
        auto commands = gpu::Commands::create(device_);
        if (!commands) return commands.error();
        constexpr VkPipelineStageFlags kTransfer = VK_PIPELINE_STAGE_TRANSFER_BIT;
        const VkImage to = target->image.get();
        const auto width = static_cast<std::int32_t>(layout.width);
        const auto height = static_cast<std::int32_t>(layout.height);
        const Status done = commands->run([&](VkCommandBuffer buffer) {
            image.acquire(buffer);
            gpu::image_barrier(buffer, to, VK_IMAGE_LAYOUT_UNDEFINED,
                               VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, kTransfer, 0, kTransfer,
                               VK_ACCESS_TRANSFER_WRITE_BIT);
            VkImageBlit blit{};
            blit.srcSubresource = blit.dstSubresource = gpu::kColourLayer;
            blit.srcOffsets[0] = {0, height, 0};
            blit.srcOffsets[1] = {width, 0, 1};
            blit.dstOffsets[1] = {width, height, 1};
            vkCmdBlitImage(buffer, image.image(), VK_IMAGE_LAYOUT_GENERAL, to,
                           VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, 1, &blit, VK_FILTER_NEAREST);
            image.give_back(buffer);
            gpu::image_barrier(buffer, to, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL,
                               VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL, kTransfer,
                               VK_ACCESS_TRANSFER_WRITE_BIT, kTransfer,
                               VK_ACCESS_TRANSFER_READ_BIT);
            VkBufferImageCopy region{};
            region.imageSubresource = gpu::kColourLayer;
            region.imageExtent = {layout.width, layout.height, 1};
            vkCmdCopyImageToBuffer(buffer, to, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL,
                                   bytes->buffer.get(), 1, &region);
            VkMemoryBarrier visible{};
            visible.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER;
            visible.srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT;
            visible.dstAccessMask = VK_ACCESS_HOST_READ_BIT;
            vkCmdPipelineBarrier(buffer, kTransfer, VK_PIPELINE_STAGE_HOST_BIT, 0, 1, &visible, 0,
                                 nullptr, 0, nullptr);
        });
        if (!done) return done.error();
        std::vector<std::byte> upright;
        upright.reserve(bytes->size);
        for (std::uint32_t y = layout.height; y-- > 0;) {
            upright.insert(upright.end(), bytes->bytes + y * row, bytes->bytes + (y + 1) * row);
        }
        return upright;
    }

    // The proof that nothing is copied: what is written after the import is what the GPU reads.
    void prove(const ScatteredBuffer& pages, Rung parts) const {
        ASSERT_TRUE(parts) << parts.error().text;
        const ImportedImage image(std::move(*parts));
        for (const unsigned salt : {1U, 2U}) {
            paint(pages, image.layout(), salt);
            EXPECT_EQ(wrong(read_back(device_, image), salt), 0U);
            if (image.image() != VK_NULL_HANDLE) {
                EXPECT_EQ(wrong(draw(image), salt), 0U);
            }
        }
        EXPECT_TRUE(pages.foreign_untouched());
    }
};

TEST_F(DmabufTest, AsImagesNothingIsCopied) {
    if (!device_->abilities().drm_modifier) GTEST_SKIP() << "no VK_EXT_image_drm_format_modifier";
    for_each_layout([this](const ScatteredBuffer& pages, const Image& message) {
        auto files = pages.dmabuf();
        ASSERT_TRUE(files) << files.error().text;
        const ImageLayout layout = *check_layout(message);
        if (!can_draw(*layout.format)) return;
        prove(pages, import_dmabuf_image(device_, layout, *files));
    });
}

TEST_F(DmabufTest, AsBuffersNothingIsCopied) {
    for_each_layout([this](const ScatteredBuffer& pages, const Image& message) {
        auto files = pages.dmabuf();
        ASSERT_TRUE(files) << files.error().text;
        prove(pages, import_dmabuf_buffer(device_, *check_layout(message), *files));
    });
}

TEST_F(DmabufTest, SelfTestsPass) {
    for (const Way way : {Way::dmabuf_image, Way::dmabuf_image_any_pitch, Way::dmabuf_buffer}) {
        const Verdict verdict = self_test(device_, way);
        if (way == Way::dmabuf_buffer || device_->abilities().drm_modifier) {
            EXPECT_EQ(verdict.is, Verdict::Is::works) << to_string(way) << ": " << verdict.text;
        } else {
            EXPECT_NE(verdict.is, Verdict::Is::works) << to_string(way);
        }
    }
}

TEST_F(DmabufTest, TheLadderTakesThemFirst) {
    const ScatteredBuffer pages = make_pages(2048 * 304);
    auto files = pages.dmabuf();
    ASSERT_TRUE(files) << files.error().text;
    Importer importer(device_);
    EXPECT_TRUE(importer.takes_dmabufs());
    const ImportOutcome outcome =
        importer.import(image_message(pages, 500, 300, 2048), std::move(*files));
    ASSERT_TRUE(outcome.image) << outcome.reason;
    EXPECT_EQ(outcome.path, ImportPath::udmabuf);
    if (device_->abilities().drm_modifier) {
        EXPECT_EQ(outcome.reason, "VkImage");
        EXPECT_EQ(outcome.image->way(), Way::dmabuf_image);
    } else {
        EXPECT_EQ(outcome.reason, "VkBuffer (no VK_EXT_image_drm_format_modifier)");
        EXPECT_EQ(outcome.image->way(), Way::dmabuf_buffer);
    }
    EXPECT_EQ(outcome.image->prepare(), 0U);
    EXPECT_TRUE(importer.confirm(*outcome.image));
}

TEST_F(DmabufTest, ADmabufThatIsTooSmallIsRefused) {
    const ScatteredBuffer pages = make_pages(2048 * 304);
    Importer importer(device_);
    auto files = pages.dmabuf();
    ASSERT_TRUE(files) << files.error().text;
    files->size += 4096;
    Image message = image_message(pages, 500, 300, 2048);
    message.buffer_size += 4096;
    const ImportOutcome outcome = importer.import(message, std::move(*files));
    EXPECT_FALSE(outcome.image);
    EXPECT_EQ(outcome.path, ImportPath::none);
    EXPECT_THAT(outcome.reason, HasSubstr("the dmabuf has 622592 bytes, less than the 626688"));
}

TEST_F(DmabufTest, OtherModifiersThanTheDriversAreRefused) {
    const ScatteredBuffer pages = make_pages(2048 * 304);
    Importer importer(device_);
    auto files = pages.dmabuf();
    ASSERT_TRUE(files) << files.error().text;
    Image message = image_message(pages, 500, 300, 2048);
    message.modifier = 0x0100000000000001;  // I915_FORMAT_MOD_X_TILED
    const ImportOutcome outcome = importer.import(message, std::move(*files));
    EXPECT_FALSE(outcome.image);
    EXPECT_THAT(outcome.reason, HasSubstr("its modifier is not LINEAR"));
}

TEST_F(DmabufTest, LinearOfEveryFormatIsAnnounced) {
    Importer importer(device_);
    const auto formats = importer.formats();
    for (const PixelFormat& format : known_formats()) {
        if (!can_draw(format)) continue;
        EXPECT_TRUE(std::any_of(formats.begin(), formats.end(), [&](const auto& each) {
            return each.fourcc == format.fourcc && each.modifier == kModifierLinear;
        })) << fourcc_name(format.fourcc);
    }
    // Another rung is asked for: none is to be sent.
    EXPECT_TRUE(Importer(device_, ImportPath::copy).formats().empty());
    EXPECT_FALSE(Importer(device_, ImportPath::copy).takes_dmabufs());
    // Software drivers lack the two with red in the high bits.
    EXPECT_GE(formats.size(), known_formats().size() - 2);
}

// Where there is no /dev/udmabuf to test with, the first frame of each image is the test.
TEST_F(DmabufTest, TheFirstFrameDecidesWhatCouldNotBeTested) {
    constexpr std::uint64_t kPitch = 3072;
    constexpr std::uint32_t kHeight = 720;  // more than 2 MiB
    const ScatteredBuffer pages = make_pages(kPitch * kHeight);
    Importer importer(device_);
    const auto import = [&] {
        auto files = pages.dmabuf();
        EXPECT_TRUE(files) << files.error().text;
        return importer.import(image_message(pages, 733, kHeight, kPitch), std::move(*files));
    };
    const ImportOutcome outcome = import();
    ASSERT_TRUE(outcome.image) << outcome.reason;
    const Way way = *outcome.image->way();

    importer.trust().learn(way, {Verdict::Is::untested, "no test", false});
    EXPECT_TRUE(importer.takes_dmabufs());
    EXPECT_TRUE(importer.confirm(*outcome.image));  // black: proves nothing
    EXPECT_EQ(importer.trust().of(way).is, Verdict::Is::untested);
    paint(pages, outcome.image->layout(), 1);
    EXPECT_TRUE(importer.confirm(*outcome.image));
    EXPECT_EQ(importer.trust().of(way).is, Verdict::Is::works);

    // A GPU that reads other pages than it was given, as far as can be seen from here.
    const ScatteredBuffer others = make_pages(kPitch * kHeight);
    paint(others, outcome.image->layout(), 2);
    auto files = pages.dmabuf();
    ASSERT_TRUE(files) << files.error().text;
    auto parts = way == Way::dmabuf_buffer
                     ? import_dmabuf_buffer(device_, outcome.image->layout(), *files)
                     : import_dmabuf_image(device_, outcome.image->layout(), *files);
    ASSERT_TRUE(parts) << parts.error().text;
    auto other = others.dmabuf();
    ASSERT_TRUE(other) << other.error().text;
    parts->dmabuf = std::move(other->files.front());
    const ImportedImage astray(std::move(*parts));
    importer.trust().learn(way, {Verdict::Is::untested, "no test", false});
    const Status confirmed = importer.confirm(astray);
    ASSERT_FALSE(confirmed);
    EXPECT_THAT(confirmed.error().text, HasSubstr("wrong bytes"));
    EXPECT_EQ(importer.trust().of(way).is, Verdict::Is::broken);
    EXPECT_THAT(import().reason, HasSubstr("wrong bytes"));
}

}  // namespace
}  // namespace vdmabuf::consumer
