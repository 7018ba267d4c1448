// SPDX-License-Identifier: MIT
// Pictures of other colour spaces than sRGB: what people see of them, in windows, pictures, and
// recordings, against values that are reckoned here by the standards.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>

#include "tests/runtime/viewer/colour_reference.hpp"
#include "tests/runtime/viewer/harness.hpp"

namespace vdmabuf::test {
namespace {

using testing::HasSubstr;

constexpr int kScrgb = 1, kHdr10 = 2, kHlg = 3, kDisplayP3 = 4;

// Numbers of ten bits as the standards' tables have them: BT.2408 gives 58 % for 203 cd/m2.
constexpr double k100 = 520 / 1023.0, k203 = 594 / 1023.0, k1000 = 769 / 1023.0;

std::string text(double value) {
    std::ostringstream out;
    out.precision(9);
    out << value;
    return out.str();
}

class Colours : public testing::Test {
  protected:
    void SetUp() override { scene_.start_broker(); }

    std::unique_ptr<Process> app(const std::vector<Triple>& bars, int space,
                                 const std::string& fourcc, std::vector<std::string> options = {}) {
        options.insert(options.begin(),
                       {COLOUR_APP, "--endpoint", scene_.path("vdmabuf/producer.sock"), "--space",
                        std::to_string(space), "--fourcc", fourcc});
        options.emplace_back("--");
        for (const Triple& bar : bars) {
            for (const double value : bar) options.push_back(text(value));
        }
        const std::string log = scene_.path("colours-" + std::to_string(++apps_) + ".log");
        auto process = std::make_unique<Process>(options, log);
        EXPECT_TRUE(wait_until([&] {
            return process->output().find("presented") != std::string::npos;
        })) << process->output();
        return process;
    }
    // A screenshot by a viewer without a window.
    Png headless_shot(std::vector<std::string> options = {}) {
        options.insert(options.begin(), {"--headless", "--frames", "1"});
        auto viewer = scene_.viewer(options);
        EXPECT_EQ(viewer->wait(), 0)
            << viewer->output();  // 1 where validation had something to say
        return scene_.shot();
    }
    void end(Process& viewer) {
        viewer.signal(SIGTERM);
        EXPECT_EQ(viewer.wait(), 0) << viewer.output();
    }
    // Bars that are not `expected`, anywhere but at their edges. Empty: all are.
    static std::string differences(const Png& png, const std::vector<Triple>& expected,
                                   double tolerance) {
        std::ostringstream out;
        if (png.width != expected.size() * 32 || png.height != 48) {
            out << "the picture is of " << png.width << "x" << png.height;
            return out.str();
        }
        for (std::uint32_t i = 0; i < expected.size(); ++i) {
            double worst = 0;
            Rgb found{};
            for (std::uint32_t y = 2; y < 46; ++y) {
                for (std::uint32_t x = i * 32 + 2; x < i * 32 + 30; ++x) {
                    const Rgb is = png.at(x, y);
                    const double off = std::max({std::fabs(is.r - expected[i][0]),
                                                 std::fabs(is.g - expected[i][1]),
                                                 std::fabs(is.b - expected[i][2])});
                    if (off > worst) {
                        worst = off;
                        found = is;
                    }
                }
            }
            if (worst <= tolerance) continue;
            out << "bar " << i << ": " << int{found.r} << " " << int{found.g} << " " << int{found.b}
                << " in place of " << expected[i][0] << " " << expected[i][1] << " "
                << expected[i][2] << "\n";
        }
        return out.str();
    }

    Scene scene_;
    int apps_ = 0;
};

// Greys, the primaries of BT.2020, and a colour inside of sRGB.
const std::vector<Triple> kNits = {
    {0, 0, 0},   {1, 1, 1},   {100, 100, 100}, {203, 203, 203}, {600, 600, 600}, {1000, 1000, 1000},
    {100, 0, 0}, {0, 100, 0}, {0, 0, 100},     {800, 0, 0},     {120, 60, 30}};
std::vector<Triple> pq_bars() {
    std::vector<Triple> bars;
    for (const Triple& nits : kNits)
        bars.push_back({pq_of(nits[0]), pq_of(nits[1]), pq_of(nits[2])});
    // As the tables have it.
    EXPECT_NEAR(bars[2][0], k100, 0.5 / 1023);
    EXPECT_NEAR(bars[3][0], k203, 0.5 / 1023);
    EXPECT_NEAR(bars[5][0], k1000, 0.5 / 1023);
    return bars;
}
std::vector<Triple> expected_of(const std::vector<Triple>& nits, double peak) {
    std::vector<Triple> bytes;
    for (const Triple& each : nits) bytes.push_back(bytes_of_nits(each, peak));
    return bytes;
}
// Ten bits of PQ, and eight of sRGB with a dither of half a step.
constexpr double kTolerance = 2;

TEST_F(Colours, Hdr10InAPicture) {
    const auto bars = pq_bars();
    auto hdr = app(bars, kHdr10, "AB30");
    EXPECT_EQ(differences(headless_shot(), expected_of(kNits, 1000), kTolerance), "");
    EXPECT_EQ(scene_.stats()["colour_space"], "HDR10");
    EXPECT_EQ(scene_.stats()["colours_shown"], "converted");
    // What it must not be: the numbers themselves.
    EXPECT_GT(std::fabs(bytes_of_nits({203, 203, 203}, 1000)[0] - 255 * k203), 20);
}

TEST_F(Colours, Hdr10InEveryFormatByEveryWayAndFromBelow) {
    const auto bars = pq_bars();
    const auto expected = expected_of(kNits, 1000);
    for (const char* fourcc : {"AR30", "XB30", "AB4H"}) {
        for (const char* way : {"host-pointer", "copy"}) {
            SCOPED_TRACE(std::string(fourcc) + " " + way);
            auto hdr = app(bars, kHdr10, fourcc, {"--y-flip"});
            EXPECT_EQ(differences(headless_shot({"--import", way}), expected, kTolerance), "");
        }
    }
}

TEST_F(Colours, MetadataSayHowTonesAreMapped) {
    const std::vector<Triple> nits = {{100, 100, 100}, {203, 203, 203}, {400, 400, 400}};
    std::vector<Triple> bars;
    for (const Triple& each : nits)
        bars.push_back({pq_of(each[0]), pq_of(each[1]), pq_of(each[2])});
    const auto shot = [&](std::vector<std::string> options) {
        auto hdr = app(bars, kHdr10, "AB30", std::move(options));
        return headless_shot();
    };
    // The brightest pixel is no brighter than the display: nothing is mapped.
    const Png plain = shot({"--max-content-light", "203"});
    EXPECT_EQ(differences(plain, expected_of(nits, 203), kTolerance), "");
    EXPECT_GE(plain.at(48, 24).r, 253);
    const Png bright = shot({"--max-content-light", "4000"});
    EXPECT_EQ(differences(bright, expected_of(nits, 4000), kTolerance), "");
    EXPECT_LT(bright.at(48, 24).r, 220);
    // The mastering display's, in 1/10000, where the content is not known.
    const Png mastered = shot({"--max-luminance", "6000000"});
    EXPECT_EQ(differences(mastered, expected_of(nits, 600), kTolerance), "");
}

TEST_F(Colours, Scrgb) {
    const std::vector<Triple> light = {{0, 0, 0}, {0.5, 0.5, 0.5}, {1, 1, 1},         {0.25, 1, 0},
                                       {4, 4, 4}, {-0.5, 0.5, 0},  {0.01, 0.02, 0.03}};
    std::vector<Triple> expected;
    for (const Triple& each : light) expected.push_back(bytes_of(each));
    auto hdr = app(light, kScrgb, "AB4H");
    EXPECT_EQ(differences(headless_shot(), expected, 1), "");
    // Graded for five times its white: that is mapped.
    hdr.reset();
    hdr = app(light, kScrgb, "AB4H", {"--max-content-light", "400"});
    const double peak = 400 / 80.0 * 203;
    for (std::size_t i = 0; i < light.size(); ++i) {
        const double most = std::max({light[i][0], light[i][1], light[i][2]});
        const double scale = most > 0 ? mapped_nits(most * 203, peak) / 203 / most : 1;
        expected[i] = bytes_of({light[i][0] * scale, light[i][1] * scale, light[i][2] * scale});
    }
    EXPECT_LT(expected[2][0], 245);
    EXPECT_EQ(differences(headless_shot(), expected, kTolerance), "");
}

TEST_F(Colours, HlgAndDisplayP3) {
    const std::vector<Triple> signal = {{0, 0, 0}, {0.5, 0.5, 0.5}, {0.75, 0.75, 0.75},
                                        {1, 1, 1}, {0.6, 0.3, 0.1}, {0, 0.7, 0}};
    std::vector<Triple> expected;
    for (const Triple& each : signal) expected.push_back(bytes_of_nits(nits_of_hlg(each), 1000));
    // BT.2408: 75 % are 203 cd/m2.
    EXPECT_NEAR(nits_of_hlg(signal[2])[0], 203, 1);
    {
        auto hlg = app(signal, kHlg, "AB30");
        EXPECT_EQ(differences(headless_shot(), expected, kTolerance), "");
    }
    for (std::size_t i = 0; i < signal.size(); ++i) {
        Triple light{};
        for (std::size_t c = 0; c < 3; ++c) light[c] = light_of_srgb(signal[i][c]);
        expected[i] = bytes_of(converted(kP3, kBt709, light));
    }
    for (const char* fourcc : {"XR24", "AB24", "AB30"}) {
        SCOPED_TRACE(fourcc);
        auto p3 = app(signal, kDisplayP3, fourcc);
        EXPECT_EQ(differences(headless_shot(), expected, kTolerance), "");
    }
}

TEST_F(Colours, SrgbStaysAsItIs) {
    // Not converted: not even by the dither's half step.
    const std::vector<Triple> bars = {{10 / 255.0, 100 / 255.0, 201 / 255.0}, {1, 0.2, 0}};
    auto plain = app(bars, 0, "XR24");
    EXPECT_EQ(differences(headless_shot(), {{10, 100, 201}, {255, 51, 0}}, 0), "");
    EXPECT_EQ(scene_.stats()["colour_space"], "sRGB");
    EXPECT_EQ(scene_.stats()["colours_shown"], "native");
}

TEST_F(Colours, OfToolsThatTakePictures) {
    auto hdr = app(pq_bars(), kHdr10, "AB30");
    auto list = scene_.ctl({"list", "--json"});
    ASSERT_EQ(list->wait(), 0);
    const auto stream = nlohmann::json::parse(list->output())["streams"][0];
    EXPECT_EQ(stream["colour_space"], "HDR10");
    const std::string file = scene_.path("tool.png");
    auto shot = scene_.ctl({"screenshot", std::to_string(stream["stream"].get<int>()), file});
    ASSERT_EQ(shot->wait(), 0) << shot->output();
    EXPECT_EQ(differences(read_png(file), expected_of(kNits, 1000), kTolerance), "");
}

// The broker gives it to nobody who has not named the space: here because its user wants sRGB.
TEST_F(Colours, OneWhoWantsSrgbIsToldWhyThereIsNoPicture) {
    auto hdr = app(pq_bars(), kHdr10, "AB30");
    auto viewer = scene_.viewer({"--headless", "--hdr", "off"});
    ASSERT_TRUE(wait_until([&] {
        return viewer->output().find("does not show") != std::string::npos;
    })) << viewer->output();
    EXPECT_THAT(viewer->output(), HasSubstr("HDR10"));
    end(*viewer);
    EXPECT_EQ(scene_.shot().width, 0U);
}

TEST_F(Colours, InAWindow) {
    if (!scene_.start_display()) GTEST_SKIP() << "no Xvfb";
    auto viewer = scene_.viewer({});
    auto hdr = app(pq_bars(), kHdr10, "AB30", {"--title", "hdr"});
    const auto expected = expected_of(kNits, 1000);
    EXPECT_TRUE(wait_until([&] {
        return differences(scene_.window("hdr"), expected, kTolerance).empty();
    })) << differences(scene_.window("hdr"), expected, kTolerance);
    EXPECT_TRUE(wait_until([&] {
        auto list = scene_.ctl({"list"});
        return list->wait() == 0 && list->output().find("HDR10 converted") != std::string::npos;
    }));
    end(*viewer);
}

TEST_F(Colours, InAWindowWithTheHud) {
    if (!scene_.start_display()) GTEST_SKIP() << "no Xvfb";
    auto viewer = scene_.viewer({"--hud"});
    auto hdr = app(pq_bars(), kHdr10, "AB30", {"--title", "hdr"});
    EXPECT_TRUE(wait_until([&] {
        auto list = scene_.ctl({"list"});
        return list->wait() == 0 && list->output().find("HDR10 converted") != std::string::npos;
    }));
    end(*viewer);
    EXPECT_EQ(scene_.stats()["colours_shown"], "converted");
}

}  // namespace
}  // namespace vdmabuf::test
