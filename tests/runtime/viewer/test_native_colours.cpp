// SPDX-License-Identifier: MIT
// Colours that go to the display as they are. No X server here has HDR, but our layer offers what
// its host shows: a viewer whose window goes through the layer to another viewer has such a
// display.
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>

#include "tests/runtime/viewer/colour_reference.hpp"
#include "tests/runtime/viewer/harness.hpp"

namespace vdmabuf::test {
namespace {

class NativeColours : public testing::Test {
  protected:
    void SetUp() override {
        if (!std::filesystem::exists(LAYER_MANIFEST)) GTEST_SKIP() << "no layer in this build";
        if (!scene_.start_display()) GTEST_SKIP() << "no Xvfb";
        scene_.start_broker();
        consumers_ = scene_.path("display-consumer.sock");
        producers_ = scene_.path("display-producer.sock");
        broker_ =
            std::make_unique<Process>(std::vector<std::string>{BROKER_HOST, producers_, consumers_},
                                      scene_.path("display-broker.log"));
        ASSERT_TRUE(
            wait_until([&] { return broker_->output().find("ready") != std::string::npos; }));
        // Under another name, as viewers leave the layer of its own out; and implicit: of explicit
        // ones no instance extensions are listed, which real drivers bring.
        nlohmann::json manifest = nlohmann::json::parse(read_file(LAYER_MANIFEST));
        manifest["layer"]["name"] = "VK_LAYER_VDMABUF_display";
        manifest["layer"]["enable_environment"] = {{"ENABLE_VDMABUF_DISPLAY", "1"}};
        manifest["layer"]["disable_environment"] = {{"DISABLE_VDMABUF_DISPLAY", "1"}};
        const std::string folder = scene_.path("data/vulkan/implicit_layer.d");
        std::filesystem::create_directories(folder);
        std::ofstream(folder + "/layer.json") << manifest;
    }
    // A viewer that is the display of the other one.
    std::unique_ptr<Process> display() {
        auto started = std::make_unique<Process>(
            std::vector<std::string>{VIEWER, "--no-broker", "--headless", "--socket", consumers_,
                                     "--screenshot", scene_.path("display.png")},
            scene_.path("display.log"));
        EXPECT_TRUE(
            wait_until([&] { return started->output().find("connected") != std::string::npos; }));
        return started;
    }
    std::unique_ptr<Process> viewer(std::vector<std::string> options = {}) {
        // No validation: below the layer it sees extensions that the driver does not have.
        options.insert(options.begin(),
                       {"env", "VDMABUF_VALIDATION=0", "XDG_DATA_HOME=" + scene_.path("data"),
                        "ENABLE_VDMABUF_DISPLAY=1", "VDMABUF_ENDPOINT=unix:" + producers_, VIEWER,
                        "--no-broker"});
        auto started = std::make_unique<Process>(options, scene_.path("viewer.log"));
        EXPECT_TRUE(
            wait_until([&] { return started->output().find("connected") != std::string::npos; }));
        return started;
    }
    std::unique_ptr<Process> app(const char* space, const char* fourcc,
                                 std::vector<std::string> options = {}) {
        options.insert(options.begin(),
                       {COLOUR_APP, "--endpoint", scene_.path("vdmabuf/producer.sock"), "--space",
                        space, "--fourcc", fourcc});
        // 203 cd/m2, and a step of ten bits above it that eight bits do not have.
        const std::string grey = std::to_string(594 / 1023.0);
        const std::string more = std::to_string(595 / 1023.0);
        options.insert(options.end(), {"--", grey, grey, grey, more, more, more});
        return std::make_unique<Process>(options, scene_.path("app.log"));
    }
    // The only stream of a broker; null before it is there.
    nlohmann::json stream(const std::string& socket) {
        std::vector<std::string> words{"list", "--json"};
        if (!socket.empty()) words.insert(words.end(), {"--socket", socket});
        auto list = scene_.ctl(words);
        if (list->wait() != 0) return {};
        const auto parsed = nlohmann::json::parse(list->output(), nullptr, false);
        if (parsed.is_discarded() || parsed["streams"].empty()) return {};
        return parsed["streams"][0];
    }
    bool wait_stream(const std::string& socket, const char* space, const char* shown) {
        return wait_until([&] {
            const auto found = stream(socket);
            return found.is_object() && found["colour_space"] == space &&
                   found["colours_shown"] == shown;
        });
    }
    Scene scene_;
    std::string consumers_;
    std::string producers_;
    std::unique_ptr<Process> broker_;
};

TEST_F(NativeColours, GoWithTheirMetadataToADisplayThatTakesThem) {
    auto seen = display();
    auto shows = viewer();
    auto hdr = app("2", "AB30", {"--max-content-light", "4000"});
    EXPECT_TRUE(wait_stream("", "HDR10", "native")) << shows->output();
    // To the display the viewer's window is a stream of HDR10.
    EXPECT_TRUE(wait_stream(consumers_, "HDR10", "converted")) << stream(consumers_);
    EXPECT_EQ(stream(consumers_)["images"][0]["fourcc"], "AB30");
    seen->signal(SIGTERM);
    EXPECT_EQ(seen->wait(), 0) << seen->output();
    const Png png = read_png(scene_.path("display.png"));
    ASSERT_EQ(png.width, 64U);
    // By the metadata that the app gave: without them it would be brighter.
    const double expected = bytes_of_nits({203, 203, 203}, 4000)[0];
    EXPECT_NEAR(png.at(16, 24).r, expected, 2);
    EXPECT_GT(bytes_of_nits({203, 203, 203}, 1000)[0], expected + 6);
}

TEST_F(NativeColours, AreConvertedWhereTheUserWantsIt) {
    auto seen = display();
    auto shows = viewer({"--hdr", "tone-map"});
    auto hdr = app("2", "AB30");
    EXPECT_TRUE(wait_stream("", "HDR10", "converted")) << shows->output();
    EXPECT_TRUE(wait_stream(consumers_, "sRGB", "native"));
    // In ten bits, as the display has them.
    EXPECT_EQ(stream(consumers_)["images"][0]["fourcc"], "AB30");
}

TEST_F(NativeColours, TenBitsOfSrgbStayTenBits) {
    auto seen = display();
    auto shows = viewer();
    for (const char* fourcc : {"AB30", "AR30"}) {
        SCOPED_TRACE(fourcc);
        auto deep = app("0", fourcc);
        EXPECT_TRUE(wait_stream("", "sRGB", "native")) << shows->output();
        EXPECT_TRUE(wait_until([&] {
            const auto found = stream(consumers_);
            return found.is_object() && !found["images"].empty() &&
                   found["images"][0]["fourcc"] == fourcc;
        })) << stream(consumers_);
    }
}

}  // namespace
}  // namespace vdmabuf::test
