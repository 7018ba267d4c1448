// SPDX-License-Identifier: MIT
// Which window's app hears when of what is in the host's clipboard.
#include <gtest/gtest.h>

#include "runtime/viewer/host_clipboard.hpp"

namespace vdmabuf::test {
namespace {

using clipboard::Policy;
using viewer::HostClipboard;

class HostClipboardTest : public testing::Test {
  protected:
    HostClipboard make(Policy policy = Policy::both) {
        return {policy,
                {[this] {
                     ++reads;
                     return text;
                 },
                 [this](const std::string& set) {
                     ++writes;
                     text = set;
                 }}};
    }
    // Somebody on the host copies this.
    void copy(HostClipboard& clipboard, const std::string& copied) {
        text = copied;
        clipboard.changed();
    }
    std::string text;
    int reads = 0;
    int writes = 0;
};

TEST_F(HostClipboardTest, EachWindowHearsOnce) {
    text = "one";
    auto clipboard = make();
    EXPECT_EQ(clipboard.news_for(1), "one");
    EXPECT_FALSE(clipboard.news_for(1));
    EXPECT_EQ(clipboard.news_for(2), "one");
    copy(clipboard, "two");
    EXPECT_EQ(clipboard.news_for(2), "two");
    EXPECT_EQ(clipboard.news_for(1), "two");
    EXPECT_EQ(reads, 2) << "it is read when it may have changed";
    copy(clipboard, "two");
    EXPECT_FALSE(clipboard.news_for(1)) << "nothing new";
    clipboard.forget(1);
    EXPECT_EQ(clipboard.news_for(1), "two");
}

TEST_F(HostClipboardTest, WhatIsNoTextIsNoNews) {
    auto clipboard = make();
    EXPECT_FALSE(clipboard.news_for(1));
    copy(clipboard, "text");
    EXPECT_EQ(clipboard.news_for(1), "text");
    copy(clipboard, "");  // a picture
    EXPECT_FALSE(clipboard.news_for(1));
    EXPECT_FALSE(clipboard.news_for(2)) << "and not the text before it";
    copy(clipboard, "text");
    EXPECT_EQ(clipboard.news_for(1), "text");
    copy(clipboard, "\xff");
    EXPECT_FALSE(clipboard.news_for(1));
}

TEST_F(HostClipboardTest, WhatWasCopiedInAWindowIsNewsForTheOthers) {
    text = "of the host";
    auto clipboard = make();
    EXPECT_TRUE(clipboard.news_for(1));
    EXPECT_TRUE(clipboard.news_for(2));
    clipboard.copied(1, "of the app");
    EXPECT_EQ(text, "of the app");
    clipboard.changed();  // as the display says of our own text, too
    EXPECT_FALSE(clipboard.news_for(1)) << "that would go round and round";
    EXPECT_EQ(clipboard.news_for(2), "of the app");
    clipboard.copied(2, "of the app");
    EXPECT_EQ(writes, 1) << "it is there already, and may be more than text";
    copy(clipboard, "of the host");
    EXPECT_EQ(clipboard.news_for(1), "of the host");
}

TEST_F(HostClipboardTest, PolicyIsTheUsers) {
    text = "of the host";
    for (const Policy policy : {Policy::from_guest, Policy::to_guest, Policy::off}) {
        auto clipboard = make(policy);
        EXPECT_EQ(clipboard.news_for(1).has_value(), policy == Policy::to_guest);
        clipboard.copied(1, "of the app");
        EXPECT_EQ(text == "of the app", policy == Policy::from_guest);
        text = "of the host";
        if (policy != Policy::to_guest) continue;
        clipboard.changed();
        EXPECT_FALSE(clipboard.news_for(1));
    }
}

}  // namespace
}  // namespace vdmabuf::test
