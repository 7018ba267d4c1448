// SPDX-License-Identifier: MIT
// Dmabufs as EGLImages on a real driver without a display. VDMABUF_TEST_DMABUF as in
// test_dmabuf.cpp.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "runtime/consumer/egl/egl_formats.hpp"
#include "runtime/consumer/egl/egl_image.hpp"
#include "runtime/consumer/egl/egl_self_test.hpp"
#include "runtime/consumer/egl/gl_sampler.hpp"
#include "runtime/consumer/egl/scratch_context.hpp"
#include "tests/unit/consumer/scattered_buffer.hpp"

namespace vdmabuf::consumer::egl {
namespace {

using test::image_message;
using test::ScatteredBuffer;
using testing::HasSubstr;

// Bytes that are a finite number in half floats too, so that no driver may change them.
std::byte pattern(std::uint64_t at, unsigned salt) {
    return std::byte(static_cast<unsigned>(at * 7 + at / 256 * 13 + salt * 91) & 0x3f);
}

class EglTest : public testing::Test {
  protected:
    void SetUp() override {
        const char* wanted = std::getenv("VDMABUF_TEST_DMABUF");
        auto egl = Functions::load();
        if (!egl && !wanted) GTEST_SKIP() << egl.error().text;
        ASSERT_TRUE(egl) << egl.error().text;
        egl_ = *egl;
        const auto get_display = reinterpret_cast<PFNEGLGETPLATFORMDISPLAYEXTPROC>(
            egl_.get_proc_address("eglGetPlatformDisplayEXT"));
        const auto initialize =
            reinterpret_cast<PFNEGLINITIALIZEPROC>(egl_.get_proc_address("eglInitialize"));
        ASSERT_TRUE(get_display && initialize);
        display_ = get_display(EGL_PLATFORM_SURFACELESS_MESA, EGL_DEFAULT_DISPLAY, nullptr);
        ASSERT_TRUE(initialize(display_, nullptr, nullptr)) << egl_.error("eglInitialize").text;
        if (!egl_.has(display_, "EGL_EXT_image_dma_buf_import")) {
            if (!wanted) GTEST_SKIP() << "this driver imports no dmabufs";
            FAIL() << egl_.query_string(display_, EGL_EXTENSIONS);
        }
        if (wanted && std::string(wanted) == "udmabuf") {
            ASSERT_EQ(::access("/dev/udmabuf", R_OK | W_OK), 0);
        }
        char name[] = "/tmp/vdmabuf-test-XXXXXX";
        ASSERT_NE(::mkdtemp(name), nullptr);
        directory_ = name;
        ::setenv("XDG_CACHE_HOME", name, 1);
    }
    void TearDown() override {
        if (directory_.empty()) return;
        std::filesystem::remove_all(directory_);
        ::unsetenv("XDG_CACHE_HOME");
    }

    static ScatteredBuffer make_pages(std::size_t size) {
        if (::access("/dev/udmabuf", R_OK | W_OK) == 0) return ScatteredBuffer(size);
        return ScatteredBuffer::whole(size);
    }
    bool imports(const PixelFormat& format) const {
        const auto formats = importable_formats(egl_, display_);
        return std::any_of(formats.begin(), formats.end(), [&](const auto& each) {
            return each.fourcc == format.fourcc && each.modifier == kModifierLinear;
        });
    }

    static void paint(const ScatteredBuffer& pages, const ImageLayout& layout, unsigned salt) {
        const std::uint64_t row = layout.row_bytes();
        std::vector<std::byte> bytes(row);
        for (std::uint32_t y = 0; y < layout.height; ++y) {
            for (std::uint64_t i = 0; i < row; ++i) bytes[i] = pattern(y * row + i, salt);
            pages.write(layout.offset + y * layout.pitch, bytes.data(), bytes.size());
        }
    }
    // Pixels of which a component is off by more than rounding.
    static std::size_t wrong(const ImageLayout& layout, const std::vector<std::uint8_t>& seen,
                             unsigned salt) {
        std::size_t count = 0;
        for (std::uint64_t i = 0; i < std::uint64_t{layout.width} * layout.height; ++i) {
            std::uint8_t pixel[8];
            for (std::uint32_t b = 0; b < layout.format->bytes; ++b) {
                pixel[b] = static_cast<std::uint8_t>(pattern(i * layout.format->bytes + b, salt));
            }
            std::uint8_t expected[4];
            layout.format->to_rgba8(pixel, expected);
            if (layout.opaque) expected[3] = 255;
            for (int c = 0; c < 4; ++c) {
                if (std::abs(int{expected[c]} - int{seen[i * 4 + static_cast<std::size_t>(c)]}) >
                    1) {
                    ++count;
                    break;
                }
            }
        }
        return count;
    }

    Functions egl_;
    EGLDisplay display_ = EGL_NO_DISPLAY;
    std::string directory_;
};

// What is written after the import is what a shader reads.
TEST_F(EglTest, NothingIsCopied) {
    auto context = ScratchContext::create(egl_, display_);
    ASSERT_TRUE(context) << context.error().text;
    auto gl = GlFunctions::load(egl_);
    ASSERT_TRUE(gl) << gl.error().text;
    constexpr std::uint32_t kWidth = 251;  // odd
    constexpr std::uint32_t kHeight = 35;
    std::size_t tried = 0;
    for (const PixelFormat& format : known_formats()) {
        if (!imports(format)) continue;
        ++tried;
        const std::uint64_t row = std::uint64_t{kWidth} * format.bytes;
        for (const std::uint64_t pitch : {(row + 255) / 256 * 256, row / 64 * 64 + 192}) {
            for (const std::uint64_t offset : {0, 256 * 23}) {
                SCOPED_TRACE(fourcc_name(format.fourcc) + " pitch " + std::to_string(pitch) +
                             " offset " + std::to_string(offset));
                const ScatteredBuffer pages = make_pages(offset + pitch * 48);
                Image message = image_message(pages, kWidth, kHeight, pitch, offset);
                message.fourcc = format.fourcc;
                const ImageLayout layout = *check_layout(message);
                auto files = pages.dmabuf();
                ASSERT_TRUE(files) << files.error().text;
                auto image = EglImage::import(egl_, display_, layout, *files);
                ASSERT_TRUE(image) << image.error().text;
                for (const unsigned salt : {1U, 2U}) {
                    paint(pages, layout, salt);
                    auto seen = sample(*gl, *image);
                    ASSERT_TRUE(seen) << seen.error().text;
                    EXPECT_EQ(wrong(layout, *seen, salt), 0U);
                }
                EXPECT_TRUE(pages.foreign_untouched());
            }
        }
    }
    EXPECT_GE(tried, 4U);
}

TEST_F(EglTest, TheSelfTestPassesAndIsRemembered) {
    const Verdict verdict = self_test(egl_, display_);
    EXPECT_EQ(verdict.is, Verdict::Is::works) << verdict.text;
    const std::string path = directory_ + "/vdmabuf/self-tests";
    ASSERT_TRUE(std::filesystem::exists(path));
    EXPECT_EQ(trust(egl_, display_).is, Verdict::Is::works);
    EXPECT_EQ(egl_.current_context(), EGL_NO_CONTEXT);
}

// What the program had current is so again after a test.
TEST_F(EglTest, ContextsOfTheProgramAreLeftAlone) {
    auto mine = ScratchContext::create(egl_, display_);
    ASSERT_TRUE(mine) << mine.error().text;
    const EGLContext before = egl_.current_context();
    ASSERT_NE(before, EGL_NO_CONTEXT);
    self_test(egl_, display_);
    EXPECT_EQ(egl_.current_context(), before);
    EXPECT_EQ(egl_.current_display(), display_);
}

TEST_F(EglTest, WhatCannotBeImportedSaysWhy) {
    const ScatteredBuffer pages = make_pages(2048 * 304);
    const Image message = image_message(pages, 500, 300, 2048);
    BufferFiles runs = pages.files();
    auto image = EglImage::import(egl_, display_, *check_layout(message), runs);
    ASSERT_FALSE(image);
    EXPECT_THAT(image.error().text, HasSubstr("dmabufs only"));

    auto files = pages.dmabuf();
    ASSERT_TRUE(files);
    files->size += 4096;
    image = EglImage::import(egl_, display_, *check_layout(message), *files);
    ASSERT_FALSE(image);
    EXPECT_THAT(image.error().text, HasSubstr("smaller than announced"));
    EXPECT_TRUE(files->files.front()) << "kept for another try";

    files->size -= 4096;
    ImageLayout layout = *check_layout(message);
    layout.planes[0].pitch = std::uint64_t{1} << 31;
    image = EglImage::import(egl_, display_, layout, *files);
    ASSERT_FALSE(image);
    EXPECT_THAT(image.error().text, HasSubstr("2 GiB"));

    layout = *check_layout(message);
    layout.modifier = 0x0100000000000001;  // I915_FORMAT_MOD_X_TILED
    image = EglImage::import(egl_, display_, layout, *files);
    ASSERT_FALSE(image);
    EXPECT_THAT(image.error().text, HasSubstr("the driver refuses the dmabuf: EGL_BAD"));
}

}  // namespace
}  // namespace vdmabuf::consumer::egl
