// SPDX-License-Identifier: MIT
// From a Vulkan program's swapchain through the layer to what people see.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>

#include "tests/runtime/viewer/colour_reference.hpp"
#include "tests/runtime/viewer/harness.hpp"

namespace vdmabuf::test {
namespace {

using testing::HasSubstr;

class HdrApp : public testing::Test {
  protected:
    void SetUp() override {
        if (!std::filesystem::exists(LAYER_MANIFEST)) GTEST_SKIP() << "no layer in this build";
        scene_.start_broker();
    }
    std::unique_ptr<Process> app(std::vector<std::string> words) {
        words.insert(
            words.begin(),
            {"env", "ENABLE_VDMABUF=1", "XDG_DATA_DIRS=" LAYER_DATA ":/usr/local/share:/usr/share",
             "VDMABUF_ENDPOINT=unix:" + scene_.path("vdmabuf/producer.sock"), HDR_APP});
        return std::make_unique<Process>(words, scene_.path("hdr_app.log"));
    }
    static bool says(const Process& process, const std::string& text) {
        return wait_until([&] { return process.output().find(text) != std::string::npos; });
    }
    Scene scene_;
};

TEST_F(HdrApp, IsSeenAsItsNumbersMean) {
    auto viewer = scene_.viewer({"--headless"});
    ASSERT_TRUE(says(*viewer, "connected"));
    auto game = app({"203", "2000"});
    ASSERT_TRUE(says(*game, "HDR10")) << game->output();
    ASSERT_TRUE(wait_until([&] {
        auto list = scene_.ctl({"list"});
        return list->wait() == 0 && list->output().find("HDR10 converted") != std::string::npos;
    }));
    viewer->signal(SIGTERM);
    ASSERT_EQ(viewer->wait(), 0) << viewer->output();
    const Png shot = scene_.shot();
    ASSERT_EQ(shot.width, 64U);
    EXPECT_NEAR(shot.at(32, 24).r, bytes_of_nits({203, 203, 203}, 2000)[0], 2);
    EXPECT_EQ(scene_.stats()["colour_space"], "HDR10");
}

TEST_F(HdrApp, TakesSrgbWhereNobodyShowsMoreAndWhenTheyStop) {
    auto game = app({"203"});
    ASSERT_TRUE(says(*game, "sRGB"));  // nobody is there
    game.reset();
    auto viewer = scene_.viewer({"--headless"});
    ASSERT_TRUE(says(*viewer, "connected"));
    game = app({"203"});
    ASSERT_TRUE(says(*game, "HDR10"));
    // One who wants sRGB: from now on everybody gets that, and this one its picture.
    auto plain = scene_.viewer({"--headless", "--hdr", "off"});
    ASSERT_TRUE(says(*game, "sRGB")) << plain->output();
    auto list = scene_.ctl({"list"});
    EXPECT_TRUE(wait_until([&] {
        list = scene_.ctl({"list"});
        return list->wait() == 0 && list->output().find("sRGB native") != std::string::npos;
    })) << list->output();
}

}  // namespace
}  // namespace vdmabuf::test
