// SPDX-License-Identifier: MIT
// Copy and paste between two X servers, with other people's programs on both: vkcube's, where the
// layer has the window with the focus, and that of the viewer's windows. xclip copies and pastes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "tests/runtime/viewer/harness.hpp"

namespace vdmabuf::test {
namespace {

class Clipboard : public testing::Test {
  protected:
    void SetUp() override {
        for (const char* program : {"xclip", "vkcube"}) {
            if (Process({"which", program}, scene_.path("which.log")).wait() != 0) {
                GTEST_SKIP() << "no " << program;
            }
        }
        if (!app_scene_.start_display()) GTEST_SKIP() << "no Xvfb";
        app_display_ = std::getenv("DISPLAY");
        ASSERT_TRUE(scene_.start_display());
        host_display_ = std::getenv("DISPLAY");
        scene_.start_broker();
        app_ = std::make_unique<Process>(
            std::vector<std::string>{
                "env", "DISPLAY=" + app_display_, "ENABLE_VDMABUF=1", "LP_NUM_THREADS=1",
                "VDMABUF_ENDPOINT=unix:" + scene_.path("vdmabuf/producer.sock"),
                "XDG_DATA_DIRS=" LAYER_MANIFESTS ":/usr/local/share:/usr/share", "vkcube"},
            scene_.path("vkcube.log"));
    }
    void open(std::vector<std::string> options) {
        viewer_ = scene_.viewer(std::move(options));
        other_ = scene_.app({"--once", "--title", "other"});
        ASSERT_TRUE(wait_until([&] {
            return scene_.window("vkcube").width != 0 && scene_.window("other").width != 0;
        })) << app_->output()
            << viewer_->output();
        focus("vkcube");
    }
    void focus(const std::string& title) {
        EXPECT_EQ(run("DISPLAY=" + host_display_ + " xdotool search --name '^" + title +
                      "$' windowfocus --sync"),
                  0);
    }
    int run(const std::string& command) {
        return Process({"sh", "-c", command}, scene_.path("commands.log")).wait();
    }
    void copy(const std::string& display, const std::string& text) {
        std::ofstream(scene_.path("copied"), std::ios::binary) << text;
        EXPECT_EQ(
            run("DISPLAY=" + display + " xclip -selection clipboard -i " + scene_.path("copied")),
            0);
    }
    // As somebody does who goes to another window for that, and comes back.
    void copy_on_host(const std::string& text) {
        focus("other");
        copy(host_display_, text);
        focus("vkcube");
    }
    std::string paste(const std::string& display) {
        const std::string file = scene_.path("pasted");
        (void)run("DISPLAY=" + display +
                  " timeout 10 xclip -selection clipboard -o -t UTF8_STRING >" + file);
        return read_file(file);
    }
    bool comes(const std::string& display, const std::string& text) {
        return wait_until([&] { return paste(display) == text; });
    }
    void end() {
        viewer_->signal(SIGTERM);
        EXPECT_EQ(viewer_->wait(), 0);
    }

    Scene app_scene_;
    Scene scene_;
    std::string app_display_;
    std::string host_display_;
    std::unique_ptr<Process> app_;
    std::unique_ptr<Process> other_;
    std::unique_ptr<Process> viewer_;
};

TEST_F(Clipboard, BothWays) {
    copy(host_display_, "before");
    open({});
    EXPECT_TRUE(comes(app_display_, "before"));
    copy(app_display_, "of the app: \xe2\x82\xac\n");
    EXPECT_TRUE(comes(host_display_, "of the app: \xe2\x82\xac\n"));
    copy_on_host("of the host: \xe2\x82\xac\n");
    EXPECT_TRUE(comes(app_display_, "of the host: \xe2\x82\xac\n"));
    // Larger than what SDL and we give in one piece.
    std::string large;
    for (int i = 0; large.size() < 1000000; ++i) large += "line " + std::to_string(i) + "\n";
    copy_on_host(large);
    EXPECT_TRUE(comes(app_display_, large));
    large.insert(0, "and back\n");
    copy(app_display_, large);
    EXPECT_TRUE(comes(host_display_, large));
    // Of a window without the focus nothing is heard, and to it nothing is said.
    focus("other");
    std::this_thread::sleep_for(std::chrono::milliseconds(1500));  // what is just late has passed
    copy(host_display_, "secret");
    copy(app_display_, "unseen");
    copy(host_display_, "newer");
    EXPECT_FALSE(wait_until(
        [&] { return paste(app_display_) != "unseen" || paste(host_display_) != "newer"; }, 2));
    focus("vkcube");
    EXPECT_TRUE(comes(app_display_, "newer"));
    end();
}

TEST_F(Clipboard, OneWayOnly) {
    open({"--clipboard", "from-guest"});
    copy(host_display_, "secret");
    copy(app_display_, "of the app");
    EXPECT_TRUE(comes(host_display_, "of the app"));
    copy_on_host("secret");
    EXPECT_FALSE(wait_until([&] { return paste(app_display_) != "of the app"; }, 1));
    end();
    viewer_ = scene_.viewer({"--clipboard", "to-guest"});
    ASSERT_TRUE(wait_until([&] { return scene_.window("vkcube").width != 0; }));
    focus("vkcube");
    EXPECT_TRUE(comes(app_display_, "secret"));
    copy(app_display_, "of the app");
    EXPECT_FALSE(wait_until([&] { return paste(host_display_) != "secret"; }, 1));
    end();
}

}  // namespace
}  // namespace vdmabuf::test
