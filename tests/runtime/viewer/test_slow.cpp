// SPDX-License-Identifier: MIT
// Viewers that are slower than the app, and one that stands still.
#include <gtest/gtest.h>
#include <signal.h>

#include "tests/runtime/viewer/harness.hpp"

namespace vdmabuf::test {
namespace {

class Slow : public testing::Test {
  protected:
    void SetUp() override { scene_.start_broker(); }
    // Of the one stream that there is, over two seconds.
    nlohmann::json rates() {
        auto ctl = scene_.ctl({"stats", "--json", "--seconds", "2"});
        EXPECT_EQ(ctl->wait(), 0);
        const auto json = nlohmann::json::parse(ctl->output(), nullptr, false);
        if (!json.is_object() || json["streams"].size() != 1) {
            ADD_FAILURE() << ctl->output();
            return {{"presented_per_s", 0.0}, {"shown_per_s", 0.0}, {"skipped_per_s", 0.0}};
        }
        return json["streams"][0];
    }
    std::uint64_t frames(const char* member) {
        auto ctl = scene_.ctl({"list", "--json"});
        if (ctl->wait() != 0) return 0;
        const auto json = nlohmann::json::parse(ctl->output(), nullptr, false);
        return json["streams"].empty() ? 0 : json["streams"][0][member].get<std::uint64_t>();
    }
    bool flows(const char* member) {
        const std::uint64_t before = frames(member);
        return wait_until([&] { return frames(member) > before + 5; });
    }
    Scene scene_;
};

// The app is not held up, and what is shown is whole and the newest.
TEST_F(Slow, MailboxAppsRunOnAndTheNewestIsShown) {
    auto viewer = scene_.viewer({"--headless", "--refresh", "5"});
    // Three are the viewer's: the one that is seen, the one that is next, and one more, as the
    // broker does not wait for a refresh of 200 ms. The newest one is the broker's.
    auto app = scene_.app({"--mode", "1", "--hz", "100", "--images", "5"});
    ASSERT_TRUE(wait_until([&] { return frames("frames_shown") > 2; }));
    const auto now = rates();
    EXPECT_LE(now["shown_per_s"], 6.0);
    EXPECT_GT(now["presented_per_s"], 3 * now["shown_per_s"].get<double>());
    EXPECT_GT(now["skipped_per_s"], 0.0);
    viewer->signal(SIGTERM);
    ASSERT_EQ(viewer->wait(), 0);
    EXPECT_EQ(wrong_pixels(scene_.shot(), scene_.stats()["last_serial"]), 0U);
    EXPECT_TRUE(app->running());
}

// FIFO shows each frame: the app runs at the viewer's rate.
TEST_F(Slow, FifoAppsWait) {
    auto viewer = scene_.viewer({"--headless", "--refresh", "20"});
    auto app = scene_.app({});
    ASSERT_TRUE(wait_until([&] { return frames("frames_shown") > 5; }));
    const auto now = rates();
    EXPECT_LE(now["presented_per_s"], 23.0);
    EXPECT_GT(now["shown_per_s"], 0.0);
    EXPECT_EQ(now["skipped_per_s"], 0.0);
}

// It costs the app and another viewer nothing, and sees the picture again when it goes on.
TEST_F(Slow, OneThatStandsStillHoldsUpNobody) {
    auto stopped = scene_.viewer({"--headless"});
    const std::string figures = scene_.path("other.json");
    Process other({VIEWER, "--no-broker", "--headless", "--stats", figures},
                  scene_.path("other.log"));
    auto app = scene_.app({"--hz", "100"});
    ASSERT_TRUE(wait_until([&] { return frames("consumers") == 2 && frames("frames_shown") > 5; }));
    stopped->signal(SIGSTOP);
    const std::uint64_t at_stop = frames("frames_presented");
    EXPECT_TRUE(flows("frames_presented"));
    EXPECT_TRUE(flows("frames_shown"));
    other.signal(SIGTERM);
    EXPECT_EQ(other.wait(), 0);
    const auto json = nlohmann::json::parse(read_file(figures), nullptr, false);
    EXPECT_GT(json["last_serial"], at_stop);
    // Alone with it, the app goes on all the same.
    EXPECT_TRUE(flows("frames_presented"));
    const std::uint64_t before = frames("frames_presented");
    const std::uint64_t shown = frames("frames_shown");
    stopped->signal(SIGCONT);
    EXPECT_TRUE(wait_until([&] { return frames("frames_shown") > shown + 5; }));
    stopped->signal(SIGTERM);
    EXPECT_EQ(stopped->wait(), 0);
    EXPECT_GT(scene_.stats()["last_serial"], before);
    EXPECT_EQ(wrong_pixels(scene_.shot(), scene_.stats()["last_serial"]), 0U);
    EXPECT_TRUE(app->running());
}

}  // namespace
}  // namespace vdmabuf::test
