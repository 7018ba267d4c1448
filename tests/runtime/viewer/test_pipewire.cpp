// SPDX-License-Identifier: MIT
// vdmabuf-viewer --pipewire: another program gets the app's pictures from a real PipeWire.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>

#include "tests/runtime/viewer/decoded_video.hpp"
#include "tests/runtime/viewer/pipewire_consumer.hpp"

namespace vdmabuf::test {
namespace {

using testing::HasSubstr;

bool is_whole(const Png& png) {
    return wrong_pixels(png, serial_in(png)) == 0;
}

constexpr const char* kNode = "vdmabuf.org.example.pattern";

class Pipewire : public testing::Test {
  protected:
    void SetUp() override {
        if (::access("/usr/bin/pipewire", X_OK) != 0) GTEST_SKIP() << "no PipeWire";
        ::unsetenv("PIPEWIRE_REMOTE");
        ::unsetenv("DBUS_SESSION_BUS_ADDRESS");
        scene_.start_broker();
        daemon_ = std::make_unique<Process>(std::vector<std::string>{"pipewire"},
                                            scene_.path("pipewire.log"));
        ASSERT_TRUE(wait_until([&] { return std::filesystem::exists(scene_.path("pipewire-0")); }));
    }
    std::string nodes() {
        const std::string file = scene_.path("nodes.txt");
        std::filesystem::remove(file);
        Process({"pw-cli", "ls", "Node"}, file).wait();
        return read_file(file);
    }
    bool has_node(const std::string& text) {
        return wait_until([&] { return nodes().find(text) != std::string::npos; });
    }
    // The newest picture is the app's.
    static bool shows(const PipewireConsumer& consumer, std::uint32_t width) {
        return wait_until([&] {
            const Png png = consumer.picture();
            return png.width == width && wrong_pixels(png, serial_in(png)) == 0;
        });
    }
    void end(Process& viewer) {
        viewer.signal(SIGTERM);
        EXPECT_EQ(viewer.wait(), 0);
    }
    Scene scene_;
    std::unique_ptr<Process> daemon_;
};

TEST_F(Pipewire, ANodeForEachStreamWithItsTitle) {
    auto viewer = scene_.viewer({"--headless", "--pipewire"});
    auto one = scene_.app({"--hz", "30", "--title", "the first"});
    auto two = scene_.app({"--hz", "30", "--title", "the second"});
    EXPECT_TRUE(has_node("node.description = \"the first\""));
    EXPECT_TRUE(has_node("node.description = \"the second\""));
    EXPECT_THAT(nodes(), HasSubstr("media.class = \"Video/Source\""));
    one.reset();
    EXPECT_TRUE(wait_until([&] { return nodes().find("the first") == std::string::npos; }));
    end(*viewer);
}

TEST_F(Pipewire, PicturesComeAsTheyAre) {
    auto viewer = scene_.viewer({"--headless", "--pipewire"});
    auto app = scene_.app({"--hz", "30", "--width", "333", "--height", "251", "--title", "video"});
    ASSERT_TRUE(has_node("\"video\""));
    auto consumer = PipewireConsumer::connect(kNode);
    ASSERT_TRUE(consumer);
    ASSERT_TRUE(wait_until([&] { return consumer->frames() > 20; }));
    EXPECT_TRUE(shows(*consumer, 333));
    EXPECT_EQ(consumer->format(), "BGRx");
    EXPECT_GT(serial_in(consumer->picture()), 10U);
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    const std::int64_t now_ns = now.tv_sec * std::int64_t{1'000'000'000} + now.tv_nsec;
    EXPECT_LE(consumer->time_ns(), now_ns);
    EXPECT_GT(consumer->time_ns(), now_ns - 5'000'000'000);
    end(*viewer);
    EXPECT_GT(scene_.stats()["cpu_copied_bytes_per_frame"], 0);
}

TEST_F(Pipewire, OtherComponentOrderAndRowsFromBelowAndANewSize) {
    auto viewer = scene_.viewer({"--headless", "--pipewire"});
    auto app = scene_.app(
        {"--hz", "30", "--fourcc", "XB24", "--y-flip", "--title", "video", "--resize-after", "90"});
    ASSERT_TRUE(has_node("\"video\""));
    auto consumer = PipewireConsumer::connect(kNode);
    ASSERT_TRUE(consumer);
    EXPECT_TRUE(shows(*consumer, 320));
    EXPECT_EQ(consumer->format(), "RGBx");
    app->signal(SIGUSR1);
    EXPECT_TRUE(shows(*consumer, 480));
    end(*viewer);
}

TEST_F(Pipewire, NothingIsReadBackForNobody) {
    auto viewer = scene_.viewer({"--headless", "--pipewire", "--frames", "30"});
    auto app = scene_.app({"--hz", "60"});
    ASSERT_EQ(viewer->wait(), 0);
    EXPECT_EQ(scene_.stats()["cpu_copied_bytes_per_frame"], 0);
}

TEST_F(Pipewire, AStillPictureIsShownToWhoComesLaterAndWakesNobody) {
    auto viewer = scene_.viewer({"--headless", "--pipewire"});
    auto app = scene_.app({"--once", "--title", "still"});
    ASSERT_TRUE(has_node("\"still\""));
    for (int times = 0; times < 2; ++times) {
        auto consumer = PipewireConsumer::connect(kNode);
        ASSERT_TRUE(consumer);
        EXPECT_TRUE(shows(*consumer, 320));
        if (times == 0) continue;
        ::sleep(2);  // the last figures are told within a second
        const std::uint64_t sleeps = viewer->sleeps();
        ASSERT_GT(sleeps, 0U);
        ::sleep(3);
        EXPECT_EQ(viewer->sleeps() - sleeps, 0U);
        EXPECT_LE(consumer->frames(), 5U);
    }
    end(*viewer);
}

TEST_F(Pipewire, RecordsAsWell) {
    auto viewer = scene_.viewer(
        {"--headless", "--pipewire", "--record", scene_.path("film.mkv"), "--codec", "ffv1"});
    auto app = scene_.app({"--hz", "30", "--title", "video"});
    ASSERT_TRUE(has_node("\"video\""));
    auto consumer = PipewireConsumer::connect(kNode);
    ASSERT_TRUE(consumer);
    ASSERT_TRUE(wait_until([&] { return consumer->frames() > 20; }));
    EXPECT_TRUE(shows(*consumer, 320));
    // Without PipeWire the window and the file go on.
    daemon_.reset();
    ::sleep(1);
    end(*viewer);
    const DecodedVideo video = decode(scene_.path("film.mkv"));
    ASSERT_GT(video.frames.size(), 20U);
    for (const DecodedFrame& frame : video.frames) {
        EXPECT_EQ(wrong_pixels(frame.picture, frame.serial), 0U);
    }
}

// Who asks for dmabufs, and gets copies where there are none.
TEST_F(Pipewire, CopiesForWhoWouldTakeDmabufs) {
    auto viewer = scene_.viewer({"--headless", "--pipewire", "--import", "copy"});
    auto app = scene_.app({"--hz", "30", "--title", "video"});
    ASSERT_TRUE(has_node("\"video\""));
    auto consumer = PipewireConsumer::connect(kNode, {}, is_whole);
    ASSERT_TRUE(consumer);
    ASSERT_TRUE(wait_until([&] { return consumer->frames() > 20; }));
    EXPECT_TRUE(shows(*consumer, 320));
    EXPECT_EQ(consumer->dmabuf_frames(), 0U);
    EXPECT_EQ(consumer->broken(), 0U);
    end(*viewer);
}

// With real dmabufs: in a guest.
class PipewireDmabuf : public Pipewire {
  protected:
    void SetUp() override {
        if (::access("/dev/udmabuf", R_OK | W_OK) != 0) GTEST_SKIP() << "no /dev/udmabuf";
        Pipewire::SetUp();
    }
};

// The consumer has a frame until two more have come. It is whole as long: the app does not get its
// image back before, although it has long been shown.
TEST_F(PipewireDmabuf, FramesComeAsTheyAreAndStayAsLongAsTheyAreRead) {
    auto viewer = scene_.viewer({"--headless", "--pipewire"});
    auto app = scene_.app({"--images", "5", "--title", "video"});
    ASSERT_TRUE(has_node("\"video\""));
    auto consumer = PipewireConsumer::connect(kNode, {}, is_whole, 2);
    ASSERT_TRUE(consumer);
    ASSERT_TRUE(wait_until([&] { return consumer->dmabuf_frames() > 100; }));
    // Who is too slow, on a busy machine, meets with the broker's patience, which ends after 500
    // ms.
    EXPECT_LT(consumer->broken() * 10, consumer->dmabuf_frames());
    EXPECT_TRUE(shows(*consumer, 320));
    EXPECT_EQ(consumer->format(), "BGRx");
    consumer.reset();
    end(*viewer);
    EXPECT_THAT(viewer->output(), HasSubstr("the frames' own dmabufs"));
    EXPECT_EQ(scene_.stats()["cpu_copied_bytes_per_frame"], 0);
}

TEST_F(PipewireDmabuf, ANewSizeAndANewPeer) {
    auto viewer = scene_.viewer({"--headless", "--pipewire"});
    auto app = scene_.app({"--hz", "60", "--title", "video", "--images", "4"});
    ASSERT_TRUE(has_node("\"video\""));
    auto consumer = PipewireConsumer::connect(kNode, {}, is_whole);
    ASSERT_TRUE(consumer);
    EXPECT_TRUE(shows(*consumer, 320));
    app->signal(SIGUSR1);
    EXPECT_TRUE(shows(*consumer, 480));
    const std::uint64_t before = consumer->dmabuf_frames();
    EXPECT_TRUE(wait_until([&] { return consumer->dmabuf_frames() > before + 20; }));
    // One that takes no dmabufs gets copies.
    consumer.reset();
    auto other = PipewireConsumer::connect(kNode);
    ASSERT_TRUE(other);
    EXPECT_TRUE(shows(*other, 480));
    other.reset();
    end(*viewer);
}

TEST_F(PipewireDmabuf, AStillPictureComesToWhoComesLater) {
    auto viewer = scene_.viewer({"--headless", "--pipewire"});
    auto app = scene_.app({"--once", "--title", "still"});
    ASSERT_TRUE(has_node("\"still\""));
    auto consumer = PipewireConsumer::connect(kNode, {}, is_whole);
    ASSERT_TRUE(consumer);
    EXPECT_TRUE(shows(*consumer, 320));
    EXPECT_GT(consumer->dmabuf_frames(), 0U);
    EXPECT_EQ(consumer->broken(), 0U);
    end(*viewer);
}

TEST(PipewireAway, SaysSo) {
    Scene scene;
    scene.start_broker();
    auto viewer = scene.viewer({"--headless", "--pipewire"});
    EXPECT_EQ(viewer->wait(), 1);
    EXPECT_THAT(viewer->output(), HasSubstr("no PipeWire answers"));
}

}  // namespace
}  // namespace vdmabuf::test
