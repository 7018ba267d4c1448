// SPDX-License-Identifier: MIT
// Programs of other people, unmodified.
#include <algorithm>
#include <set>

#include "tests/layer/support/fixture.hpp"

namespace vdmabuf::test {
namespace {

using ProgramsTest = LayerTest;

TEST_F(ProgramsTest, Vkcube) {
    ::setenv("DISPLAY", x.display().c_str(), 1);
    host();
    Process cube({"vkcube", "--c", "60"}, 2);
    const auto frame = host().wait_frame([&](const SeenFrame& seen) {
        std::set<std::uint32_t> colours;
        for (const std::uint32_t pixel : seen.pixels) {
            colours.insert(pixel);
            if (colours.size() > 100) return true;  // a cube, not a blank window
        }
        return false;
    });
    EXPECT_TRUE(frame);
    // Nothing is printed unless VDMABUF_LOG asks: one line is the program's own.
    const std::string printed = cube.read_all();
    EXPECT_EQ(std::count(printed.begin(), printed.end(), '\n'), 1) << printed;
    EXPECT_TRUE(printed.starts_with("Selected GPU")) << printed;
    EXPECT_EQ(cube.wait(), 0);
    if (frame) {
        EXPECT_EQ(frame->message.cpu_copied_bytes, 0u);
        EXPECT_EQ(frame->image.width, 500u);
    }
    EXPECT_GE(host().frame_count(), 50u);
}

}  // namespace
}  // namespace vdmabuf::test
