// SPDX-License-Identifier: MIT
// What is recorded of a window of HDR10 is sRGB: files would be taken for that.
#include <gtest/gtest.h>

#include "tests/runtime/viewer/colour_reference.hpp"
#include "tests/runtime/viewer/decoded_video.hpp"

namespace vdmabuf::test {
namespace {

TEST(RecordColours, Hdr10IsConverted) {
    Scene scene;
    scene.start_broker();
    auto viewer = scene.viewer(
        {"--headless", "--once", "--record", scene.path("hdr.mkv"), "--codec", "ffv1"});
    ASSERT_TRUE(
        wait_until([&] { return viewer->output().find("connected") != std::string::npos; }));
    const std::string grey = std::to_string(594 / 1023.0);  // 203 cd/m2 in the standards' tables
    auto app = std::make_unique<Process>(
        std::vector<std::string>{COLOUR_APP, "--endpoint", scene.path("vdmabuf/producer.sock"),
                                 "--space", "2", "--fourcc", "AB30", "--", grey, grey, grey, "0",
                                 "0", "0"},
        scene.path("colours.log"));
    ASSERT_TRUE(wait_until([&] {
        auto list = scene.ctl({"list"});
        return list->wait() == 0 && list->output().find("HDR10 converted") != std::string::npos;
    }));
    app.reset();
    ASSERT_EQ(viewer->wait(), 0) << viewer->output();
    const DecodedVideo video = decode(scene.path("hdr.mkv"));
    ASSERT_FALSE(video.frames.empty());
    for (const DecodedFrame& frame : video.frames) {
        ASSERT_EQ(frame.picture.width, 64U);
        const Rgb seen = frame.picture.at(16, 24);
        EXPECT_NEAR(seen.r, bytes_of_nits({203, 203, 203}, 1000)[0], 2);
        EXPECT_EQ(seen.r, seen.g);
        EXPECT_LE(frame.picture.at(48, 24).b, 1);
    }
}

}  // namespace
}  // namespace vdmabuf::test
