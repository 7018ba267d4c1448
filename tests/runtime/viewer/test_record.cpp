// SPDX-License-Identifier: MIT
// vdmabuf-viewer --record: what is in the file is what was shown, when it was shown.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "tests/runtime/viewer/decoded_video.hpp"

namespace vdmabuf::test {
namespace {

using testing::HasSubstr;

class Record : public testing::Test {
  protected:
    void SetUp() override { scene_.start_broker(); }

    std::unique_ptr<Process> recorder(const std::string& file,
                                      const std::vector<std::string>& options = {}) {
        std::vector<std::string> words{"--record", scene_.path(file)};
        words.insert(words.end(), options.begin(), options.end());
        auto viewer = scene_.viewer(words);
        EXPECT_TRUE(wait_until(
            [&] { return viewer->output().find("connected to broker") != std::string::npos; }));
        return viewer;
    }
    // When the app was told that its frames were shown, by their serials.
    static std::map<std::uint64_t, std::int64_t> times_of(const Process& app) {
        std::map<std::uint64_t, std::int64_t> times;
        std::istringstream lines(app.output());
        std::string word;
        while (lines >> word) {
            std::uint64_t serial = 0;
            std::int64_t time = 0;
            if (word == "shown" && lines >> serial && lines >> time) times[serial] = time;
        }
        return times;
    }
    // The frames in the file are those that the app was told of, at their times, give or take what
    // the container can say. The last picture comes once more, for its end.
    static void check_times(const DecodedVideo& video,
                            const std::map<std::uint64_t, std::int64_t>& times,
                            std::int64_t tolerance_ns) {
        ASSERT_GT(video.frames.size(), 10U);
        // The first one may have been told of before the viewer had it: by a broker without
        // consumers.
        const DecodedFrame& base = video.frames[1];
        const auto first = times.find(base.serial);
        ASSERT_NE(first, times.end());
        for (std::size_t i = 1; i + 1 < video.frames.size(); ++i) {
            const DecodedFrame& frame = video.frames[i];
            // An app that ends does not wait to be told of its last frames.
            if (frame.serial > times.rbegin()->first) continue;
            const auto time = times.find(frame.serial);
            ASSERT_NE(time, times.end()) << frame.serial;
            EXPECT_NEAR(static_cast<double>(frame.time_ns - base.time_ns),
                        static_cast<double>(time->second - first->second),
                        static_cast<double>(tolerance_ns))
                << frame.serial;
            EXPECT_GT(frame.serial, video.frames[i - 1].serial);
        }
        const auto& last = video.frames.back();
        EXPECT_EQ(last.serial, video.frames[video.frames.size() - 2].serial);
    }
    Scene scene_;
};

TEST_F(Record, LosslessFramesAreTheAppsAtTheirTimes) {
    auto viewer = recorder("exact.mkv", {"--headless", "--once", "--codec", "ffv1"});
    auto app = scene_.app({"--frames", "40", "--hz", "40", "--width", "333", "--height", "251",
                           "--times", "--title", "a film"});
    ASSERT_EQ(app->wait(), 0);
    ASSERT_EQ(viewer->wait(), 0);
    const DecodedVideo video = decode(scene_.path("exact.mkv"));
    EXPECT_EQ(video.codec, "ffv1");
    EXPECT_EQ(video.title, "a film");
    for (const DecodedFrame& frame : video.frames) {
        ASSERT_EQ(frame.picture.width, 333U);
        ASSERT_EQ(frame.picture.height, 251U);
        EXPECT_EQ(wrong_pixels(frame.picture, frame.serial), 0U);
    }
    check_times(video, times_of(*app), 1'000'000);  // Matroska has milliseconds
    EXPECT_GE(video.frames.size(), 15U);
    // Reading back is no way without a copy, and is not said to be one.
    EXPECT_GE(scene_.stats()["cpu_copied_bytes_per_frame"], 333 * 251 * 4 / 4);
}

TEST_F(Record, RowsFromBelowAndOtherComponentOrder) {
    auto viewer = recorder("flipped.mkv", {"--headless", "--once", "--codec", "ffv1"});
    auto app = scene_.app({"--frames", "12", "--hz", "40", "--y-flip", "--fourcc", "XB24"});
    ASSERT_EQ(viewer->wait(), 0);
    const DecodedVideo video = decode(scene_.path("flipped.mkv"));
    ASSERT_GT(video.frames.size(), 5U);
    for (const DecodedFrame& frame : video.frames) {
        EXPECT_EQ(wrong_pixels(frame.picture, frame.serial), 0U);
    }
}

TEST_F(Record, Mp4HasTheTimesToTheNanosecond) {
    auto viewer = recorder("film.mp4", {"--headless", "--once"});
    auto app = scene_.app({"--frames", "40", "--hz", "40", "--times"});
    ASSERT_EQ(viewer->wait(), 0);
    const DecodedVideo video = decode(scene_.path("film.mp4"));
    check_times(video, times_of(*app), 1);
    for (const DecodedFrame& frame : video.frames) {
        EXPECT_LE(largest_difference(frame.picture, frame.serial, 4), 12);
    }
}

TEST_F(Record, WebmTakesACodecOfItsOwn) {
    auto viewer = recorder("film.webm", {"--headless", "--once"});
    auto app = scene_.app({"--frames", "30", "--hz", "30", "--times", "--width", "321"});
    ASSERT_EQ(viewer->wait(), 0);
    const DecodedVideo video = decode(scene_.path("film.webm"));
    EXPECT_EQ(video.codec, "vp9");
    check_times(video, times_of(*app), 1'000'000);
    ASSERT_FALSE(video.frames.empty());
    EXPECT_EQ(video.frames[0].picture.width, 322U) << "chroma is halved: sizes are even";
}

TEST_F(Record, ANewSizeIsScaledIntoTheFirst) {
    auto viewer = recorder("film.mkv", {"--headless", "--once"});
    auto app = scene_.app({"--frames", "60", "--resize-after", "30", "--hz", "50"});
    ASSERT_EQ(viewer->wait(), 0);
    const DecodedVideo video = decode(scene_.path("film.mkv"));
    EXPECT_EQ(video.codec, "h264");
    bool larger = false;
    for (const DecodedFrame& frame : video.frames) {
        EXPECT_EQ(frame.picture.width, 320U);
        EXPECT_LE(largest_difference(frame.picture, frame.serial, 4), 12) << frame.serial;
        larger = larger || frame.serial > 30;
    }
    EXPECT_TRUE(larger);
}

TEST_F(Record, TheWindowIsAsBefore) {
    if (!scene_.start_display()) GTEST_SKIP() << "no Xvfb";
    auto viewer = recorder("window.mkv", {"--codec", "ffv1"});
    auto app = scene_.app({"--frames", "0", "--title", "recorded", "--hz", "30", "--times"});
    ASSERT_TRUE(wait_until([&] { return times_of(*app).size() > 30; }));
    ASSERT_GT(scene_.window("recorded").width, 0U);
    viewer->signal(SIGINT);
    ASSERT_EQ(viewer->wait(), 0);
    const DecodedVideo video = decode(scene_.path("window.mkv"));
    check_times(video, times_of(*app), 1'000'000);
    for (const DecodedFrame& frame : video.frames) {
        EXPECT_EQ(wrong_pixels(frame.picture, frame.serial), 0U);
    }
}

TEST_F(Record, KilledInTheMiddleLeavesWhatCanBePlayed) {
    auto viewer = recorder("killed.mkv", {"--headless"});
    auto app = scene_.app({"--frames", "0", "--hz", "60", "--times"});
    ASSERT_TRUE(wait_until([&] { return times_of(*app).size() > 200; }));
    viewer->signal(SIGKILL);
    viewer->wait();
    const DecodedVideo video = decode(scene_.path("killed.mkv"));
    const auto times = times_of(*app);
    // No more than the last cluster, of a second, is missing, and what a busy machine had not
    // encoded yet.
    EXPECT_GE(video.frames.size(), 60U);
    EXPECT_GE(video.frames.back().time_ns,
              times.rbegin()->second - times.begin()->second - 2'500'000'000);
    for (const DecodedFrame& frame : video.frames) {
        EXPECT_LE(largest_difference(frame.picture, frame.serial, 4), 12) << frame.serial;
    }
}

TEST_F(Record, EachStreamHasAFileAndNoneIsWrittenOver) {
    { std::ofstream(scene_.path("film-2.mkv")) << "dear"; }
    auto viewer = recorder("film.mkv", {"--headless", "--once", "--codec", "ffv1"});
    auto one = scene_.app({"--frames", "30", "--hz", "30", "--width", "64", "--height", "64"});
    auto two = scene_.app({"--frames", "30", "--hz", "30", "--width", "128", "--height", "64"});
    ASSERT_EQ(viewer->wait(), 0);
    EXPECT_EQ(read_file(scene_.path("film-2.mkv")), "dear");
    const DecodedVideo first = decode(scene_.path("film.mkv"));
    const DecodedVideo second = decode(scene_.path("film-3.mkv"));
    ASSERT_GT(first.frames.size(), 10U);
    ASSERT_GT(second.frames.size(), 10U);
    EXPECT_EQ(first.frames[0].picture.width + second.frames[0].picture.width, 64U + 128U);
}

TEST_F(Record, AStillPictureWakesNobodyAndLastsAsLongAsItStood) {
    auto viewer = recorder("still.mkv", {"--headless"});
    auto app = scene_.app({"--once"});
    ASSERT_TRUE(
        wait_until([&] { return viewer->output().find("recording") != std::string::npos; }));
    ::sleep(2);  // the last figures are told within a second
    const std::uint64_t sleeps = viewer->sleeps();
    ASSERT_GT(sleeps, 0U);
    ::sleep(3);
    EXPECT_EQ(viewer->sleeps() - sleeps, 0U);
    viewer->signal(SIGTERM);
    ASSERT_EQ(viewer->wait(), 0);
    const DecodedVideo video = decode(scene_.path("still.mkv"));
    ASSERT_EQ(video.frames.size(), 2U);
    EXPECT_GE(video.frames[1].time_ns, 5'000'000'000);
    EXPECT_EQ(largest_difference(video.frames[1].picture, 1, 4) <= 12, true);
}

// A pipe that nobody reads stands for a disk that stands still.
TEST_F(Record, ADiskThatStandsStillHoldsUpNobody) {
    const std::string pipe = scene_.path("stuck.mkv");
    ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    auto viewer = recorder("stuck.mkv", {"--headless", "--codec", "ffv1", "--once"});
    auto app = scene_.app({"--frames", "90", "--hz", "60", "--times"});
    ASSERT_EQ(app->wait(), 0);
    // Paced by the viewer, as if there were no recording: a broker that goes on without a consumer
    // takes 100 ms for each frame.
    const auto times = times_of(*app);
    ASSERT_GT(times.size(), 60U);
    EXPECT_LT(times.rbegin()->second - times.begin()->second, 8'000'000'000);
    Process reader({"sh", "-c", "cat " + pipe + " >" + scene_.path("read.mkv")},
                   scene_.path("cat.log"));
    ASSERT_EQ(viewer->wait(), 0);
    ASSERT_EQ(reader.wait(), 0);
    EXPECT_THAT(viewer->output(), testing::ContainsRegex("left out [1-9][0-9]"));
    const DecodedVideo video = decode(scene_.path("read.mkv"));
    ASSERT_GE(video.frames.size(), 5U);
    for (const DecodedFrame& frame : video.frames) {
        EXPECT_EQ(wrong_pixels(frame.picture, frame.serial), 0U);
    }
}

TEST_F(Record, AFullDiskIsAFailure) {
    if (::access("/dev/full", W_OK) != 0) GTEST_SKIP() << "no /dev/full";
    std::filesystem::create_symlink("/dev/full", scene_.path("full.mkv"));
    auto viewer = recorder("full.mkv", {"--headless", "--once"});
    auto app = scene_.app({"--frames", "30", "--hz", "60"});
    EXPECT_EQ(viewer->wait(), 1);
    EXPECT_THAT(viewer->output(), HasSubstr("No space left"));
}

TEST_F(Record, WrongUse) {
    const auto fails = [&](const std::string& file, const std::string& codec,
                           const std::string& says) {
        std::vector<std::string> words{"--headless", "--record", scene_.path(file)};
        if (!codec.empty()) words.insert(words.end(), {"--codec", codec});
        auto viewer = scene_.viewer(words);
        EXPECT_EQ(viewer->wait(), 2);
        EXPECT_THAT(viewer->output(), HasSubstr(says));
    };
    fails("film", "", "what kind of file?");
    fails("film.mkv", "nosuchcodec", "no encoder");
    fails("film.webm", "ffv1", "cannot have ffv1");
    EXPECT_EQ(scene_.viewer({"--headless", "--codec", "ffv1"})->wait(), 2);
}

}  // namespace
}  // namespace vdmabuf::test
