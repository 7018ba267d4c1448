// SPDX-License-Identifier: MIT
// docs/examples/egl_window.c, as another program.
#include <unistd.h>

#include <set>
#include <string>

#include "runtime/common/drm_format.hpp"
#include "runtime/common/stream_messages.hpp"
#include "tests/egl/gl_app.hpp"
#include "tests/layer/support/process.hpp"

namespace vdmabuf::test {
namespace {

// The strongest colour at a place from the upper left corner, in parts of the size: "red", ...;
// "none": the background.
std::string colour_at(const SeenFrame& frame, double right, double down) {
    const auto x = static_cast<std::uint32_t>(right * frame.image.width);
    auto y = static_cast<std::uint32_t>(down * frame.image.height);
    if (frame.image.flags & stream::kImageYFlip) y = frame.image.height - 1 - y;
    const std::uint32_t pixel = frame.at(x, y);
    unsigned low = pixel & 0xFF;
    const unsigned green = pixel >> 8 & 0xFF;
    unsigned high = pixel >> 16 & 0xFF;
    if (frame.image.fourcc != fourcc_of("XR24")) std::swap(low, high);
    if (high > 180 && high > 2 * green) return "red";
    if (green > 180 && green > 2 * low) return "green";
    if (low > 180 && low > 2 * high) return "blue";
    return "none";
}

TEST_F(EglBrokerTest, TheExampleDrawsATriangleUpright) {
    host();
    Process example({VDMABUF_TEST_EXAMPLE, "60", "0"});
    EXPECT_TRUE(host().wait_title("a triangle"));
    EXPECT_TRUE(host().wait_app_id("org.vdmabuf.egl_window"));
    const auto frame = host().wait_frame([](const SeenFrame& seen) {
        return colour_at(seen, 0.5, 0.1) == "red" && colour_at(seen, 0.13, 0.73) == "green" &&
               colour_at(seen, 0.87, 0.73) == "blue" && colour_at(seen, 0.5, 0.9) == "none";
    });
    EXPECT_TRUE(frame && frame->image.width == 400 && frame->image.height == 300);
    const std::string said = example.read_all();
    EXPECT_EQ(example.wait(), 0);
    // The last three may be on their way when it ends.
    for (int i = 1; i <= 57; ++i) {
        const std::string line = "frame " + std::to_string(i) + " ";
        const std::size_t at = said.find(line);
        ASSERT_NE(at, std::string::npos) << line << "of:\n" << said;
        EXPECT_EQ(said.find(line, at + 1), std::string::npos) << line;
    }
    EXPECT_NE(said.find("shown at "), std::string::npos) << said;
    const bool dmabufs = ::access("/dev/udmabuf", R_OK | W_OK) == 0;
    EXPECT_NE(said.find(dmabufs ? "frame 60 is a dmabuf: 400x300, format X"
                                : "no dmabuf of the last frame: EGL error 0x3003"),
              std::string::npos)
        << said;
}

TEST_F(EglBrokerTest, TheExampleTakesTheHostsSizeAndGoesWhenClosed) {
    host();
    Process example({VDMABUF_TEST_EXAMPLE, "0"});
    const auto wait_size = [&](std::uint32_t width, std::uint32_t height) {
        return host().wait_frame([=](const SeenFrame& seen) {
            return seen.image.width == width && seen.image.height == height;
        });
    };
    ASSERT_TRUE(wait_size(400, 300));
    host().resize_streams(222, 111);
    ASSERT_TRUE(wait_size(222, 111));
    // It turns: many pictures.
    std::set<std::uint32_t> centres;
    for (int i = 0; i < 10; ++i) {
        const auto frame = host().wait_frame([&](const SeenFrame& seen) {
            return seen.image.width == 222 && !centres.contains(seen.at(111, 30));
        });
        ASSERT_TRUE(frame);
        centres.insert(frame->at(111, 30));
    }
    host().close_streams();
    EXPECT_EQ(example.wait(), 0);
    EXPECT_TRUE(host().wait_streams(0));
}

}  // namespace
}  // namespace vdmabuf::test
