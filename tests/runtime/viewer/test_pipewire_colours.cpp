// SPDX-License-Identifier: MIT
// What PipeWire's peers get of a window of HDR10 is sRGB, as they take it for.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>

#include "tests/runtime/viewer/colour_reference.hpp"
#include "tests/runtime/viewer/pipewire_consumer.hpp"

namespace vdmabuf::test {
namespace {

TEST(PipewireColours, Hdr10IsConverted) {
    if (::access("/usr/bin/pipewire", X_OK) != 0) GTEST_SKIP() << "no PipeWire";
    ::unsetenv("PIPEWIRE_REMOTE");
    ::unsetenv("DBUS_SESSION_BUS_ADDRESS");
    Scene scene;
    scene.start_broker();
    Process daemon({"pipewire"}, scene.path("pipewire.log"));
    ASSERT_TRUE(wait_until([&] { return std::filesystem::exists(scene.path("pipewire-0")); }));
    auto viewer = scene.viewer({"--headless", "--pipewire"});
    const std::string grey = std::to_string(594 / 1023.0);  // 203 cd/m2 in the standards' tables
    Process app({COLOUR_APP, "--endpoint", scene.path("vdmabuf/producer.sock"), "--space", "2",
                 "--fourcc", "AB30", "--", grey, grey, grey, "0", "0", "0"},
                scene.path("colours.log"));
    ASSERT_TRUE(wait_until([&] {
        const std::string file = scene.path("nodes.txt");
        std::filesystem::remove(file);
        Process({"pw-cli", "ls", "Node"}, file).wait();
        return read_file(file).find("\"colours\"") != std::string::npos;
    }));
    auto consumer = PipewireConsumer::connect("vdmabuf.org.example.colours");
    ASSERT_TRUE(consumer);
    ASSERT_TRUE(wait_until([&] { return consumer->picture().width == 64; }));
    const Png png = consumer->picture();
    EXPECT_NEAR(png.at(16, 24).r, bytes_of_nits({203, 203, 203}, 1000)[0], 2);
    EXPECT_EQ(png.at(16, 24).r, png.at(16, 24).b);
    EXPECT_LE(png.at(48, 24).g, 1);
    EXPECT_EQ(consumer->format(), "RGBx");
    EXPECT_EQ(consumer->dmabuf_frames(), 0U);
    viewer->signal(SIGTERM);
    EXPECT_EQ(viewer->wait(), 0) << viewer->output();
}

}  // namespace
}  // namespace vdmabuf::test
