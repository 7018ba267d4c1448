// SPDX-License-Identifier: MIT
// Text of the X server's clipboard and of the host's, for the app's window that has the focus.
#include <gmock/gmock.h>

#include <chrono>
#include <thread>

#include "tests/layer/support/fixture.hpp"
#include "tests/layer/support/x_clipboard.hpp"

namespace vdmabuf::test {
namespace {

using input::Kind;
using input::make_event;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

const std::string kText = "Gr\xc3\xbc\xc3\x9f\x65 \xe2\x82\xac\n";  // more than Latin-1
const std::string kMark = "_VDMABUF_FROM_HOST";

std::string long_text(std::size_t size) {
    std::string text;
    for (int line = 0; text.size() < size; ++line) {
        text += "line " + std::to_string(line) + " \xe2\x82\xac\n";
    }
    while (text.size() > size || (static_cast<unsigned char>(text.back()) & 0x80) != 0) {
        text.pop_back();
    }
    return text;
}

// A window that the layer shows.
struct Shown {
    Shown(const std::string& display, const std::string& title) : window(display, kWidth, kHeight) {
        window.set_title(title);
        surface = app.xcb_surface(window);
        swap = std::make_unique<Swap>(app, swapchain_info(surface, kWidth, kHeight));
        EXPECT_EQ(swap->created, VK_SUCCESS);
    }
    App app;
    XWindow window;
    VkSurfaceKHR surface = VK_NULL_HANDLE;
    std::unique_ptr<Swap> swap;
};

class ClipboardTest : public LayerTest {
  protected:
    std::unique_ptr<Shown> show(const std::string& title) {
        auto shown = std::make_unique<Shown>(x.display(), title);
        EXPECT_TRUE(host().wait_title(title));
        return shown;
    }
    // The app's X server has been told, once somebody owns the clipboard there.
    void focus(const std::string& title, bool has = true) {
        host().input(title, {make_event(Kind::focus, 0, has)}, kWidth, kHeight);
    }
    void offer(const std::string& title, const std::string& text) {
        host().clipboard(title, text);
        EXPECT_TRUE(x_wait_pasted(x.display(), text)) << "not offered: " << text.substr(0, 40);
    }
    // The window has the focus, and its server is listened to.
    void follow(const std::string& title) {
        focus(title);
        offer(title, "followed");
    }
};

TEST_F(ClipboardTest, WhatTheHostOffersIsPasted) {
    auto one = show("one");
    focus("one");
    offer("one", kText);
    EXPECT_THAT(x_targets(x.display()), ElementsAre("TARGETS", "TIMESTAMP", "UTF8_STRING",
                                                    "text/plain;charset=utf-8", kMark));
    EXPECT_EQ(x_paste(x.display(), "text/plain;charset=utf-8")->bytes, kText);
    EXPECT_FALSE(x_paste(x.display(), "STRING")) << "it is no Latin-1";
    EXPECT_FALSE(x_paste(x.display(), "image/png"));
    const auto since = x_paste(x.display(), "TIMESTAMP");
    ASSERT_TRUE(since);
    EXPECT_EQ(since->type, "INTEGER");
    EXPECT_NE(since->bytes, std::string(4, '\0')) << "the server's time, not CurrentTime";
    offer("one", "Gr\xc3\xbc\xc3\x9f\x65");
    const auto latin1 = x_paste(x.display(), "STRING");
    ASSERT_TRUE(latin1);
    EXPECT_EQ(latin1->bytes, "Gr\xfc\xdf\x65");
    EXPECT_EQ(latin1->type, "STRING");
    EXPECT_THAT(host().wait_copied(1, 300), IsEmpty()) << "what came from the host went back";
}

TEST_F(ClipboardTest, LargeTextsComeInParts) {
    auto one = show("one");
    focus("one");
    const std::string text = long_text(clipboard::kMaxText);
    offer("one", text);
    const auto pasted = x_paste(x.display());
    ASSERT_TRUE(pasted);
    EXPECT_TRUE(pasted->in_parts);
    EXPECT_EQ(pasted->type, "UTF8_STRING");
    EXPECT_TRUE(pasted->bytes == text);
    // Two at a time, of texts that differ.
    std::optional<XPasted> other;
    std::thread thread([&] { other = x_paste(x.display(), "text/plain;charset=utf-8"); });
    const auto again = x_paste(x.display());
    thread.join();
    EXPECT_TRUE(again && again->bytes == text);
    EXPECT_TRUE(other && other->bytes == text);
}

TEST_F(ClipboardTest, WhatIsCopiedIsTheHosts) {
    auto one = show("one");
    follow("one");
    const XCopied copied(x.display(), kText);
    EXPECT_THAT(host().wait_copied(1), ElementsAre(kText));
    {
        const XCopied latin1(x.display(), "Gr\xfc\xdf\x65", {{"image/png", "STRING"}});
        EXPECT_THAT(host().wait_copied(2), ElementsAre(kText, "Gr\xc3\xbc\xc3\x9f\x65"));
    }
    const XCopied old(x.display(), "old", {{"UTF8_STRING"}, 0, false});
    EXPECT_THAT(host().wait_copied(3), ElementsAre(kText, "Gr\xc3\xbc\xc3\x9f\x65", "old"));
}

TEST_F(ClipboardTest, LargeTextsAreReadInParts) {
    auto one = show("one");
    follow("one");
    const std::string text = long_text(clipboard::kMaxText);
    const XCopied copied(x.display(), text, {{"UTF8_STRING"}, 50001});
    const auto came = host().wait_copied(1, 20000);
    ASSERT_EQ(came.size(), 1U);
    EXPECT_TRUE(came[0] == text);
}

TEST_F(ClipboardTest, WhatIsNoTextLeavesTheHostAlone) {
    auto one = show("one");
    follow("one");
    {
        const XCopied picture(x.display(), "\x89PNG", {{"image/png"}});
        EXPECT_THAT(host().wait_copied(1, 300), IsEmpty());
    }
    {
        const XCopied binary(x.display(), "no\xff text");
        EXPECT_THAT(host().wait_copied(1, 300), IsEmpty());
    }
    {
        const XCopied empty(x.display(), "");
        EXPECT_THAT(host().wait_copied(1, 300), IsEmpty());
    }
    {
        const XCopied large(x.display(), std::string(clipboard::kMaxText + 1, 'x'));
        EXPECT_THAT(host().wait_copied(1, 300), IsEmpty());
    }
    {
        const XCopied larger(x.display(), std::string(2 * clipboard::kMaxText, 'x'),
                             {{"UTF8_STRING"}, 100000});
        EXPECT_THAT(host().wait_copied(1, 300), IsEmpty());
    }
    // Programs that never answer, or stop in the middle, hold up nobody.
    const XCopied mute(x.display(), "mute", {{"UTF8_STRING"}, 0, true, false});
    const XCopied half(x.display(), "some text", {{"UTF8_STRING"}, 4, true, true, 1});
    const XCopied good(x.display(), "good");
    EXPECT_THAT(host().wait_copied(1), ElementsAre("good"));
}

TEST_F(ClipboardTest, OnlyTheWindowWithTheFocusTakesPart) {
    auto one = show("one");
    auto two = show("two");
    follow("one");
    focus("one", false);
    host().clipboard("one", "secret");
    host().clipboard("two", "secret");
    std::this_thread::sleep_for(std::chrono::milliseconds(1500));  // what is just late has passed
    EXPECT_EQ(x_paste(x.display())->bytes, "followed");
    const XCopied copied(x.display(), "unseen");
    EXPECT_THAT(host().wait_copied(1, 300), IsEmpty());
    focus("two");
    EXPECT_THAT(host().wait_copied(1, 300), IsEmpty());
    const XCopied seen(x.display(), "seen");
    EXPECT_THAT(host().wait_copied(1), ElementsAre("seen"));
}

// Two apps of a guest, whose server has one clipboard: each is offered what the other has copied.
TEST_F(ClipboardTest, ProgramsThatHaveTheTextKeepIt) {
    auto one = show("one");
    auto two = show("two");
    follow("one");
    const XCopied copied(x.display(), kText, {{"UTF8_STRING", "text/html"}});
    EXPECT_THAT(host().wait_copied(1), ElementsAre(kText));
    focus("one", false);
    focus("two");
    const int before = copied.requests();
    host().clipboard("two", kText);
    for (int i = 0; i < 250 && copied.requests() < before + 2; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    EXPECT_GE(copied.requests(), before + 2) << "it was not asked";
    EXPECT_THAT(x_targets(x.display()), Contains("text/html"));
    EXPECT_FALSE(copied.lost());
    offer("two", "other");
    EXPECT_TRUE(copied.lost());
    EXPECT_THAT(x_targets(x.display()), Not(Contains("text/html")));
    EXPECT_THAT(host().wait_copied(2, 300), ElementsAre(kText));
}

TEST_F(ClipboardTest, TheHostsTextOutlivesTheAppThatGaveIt) {
    auto one = show("one");
    {
        auto two = show("two");
        follow("one");
        focus("one", false);
        focus("two");
        offer("two", kText);
    }
    ASSERT_FALSE(x_paste(x.display()));
    focus("one");
    EXPECT_TRUE(x_wait_pasted(x.display(), "followed")) << "what it knows of the host";
}

}  // namespace
}  // namespace vdmabuf::test
