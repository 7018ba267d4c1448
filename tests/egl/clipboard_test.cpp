// SPDX-License-Identifier: MIT
// The clipboard of an EGL app's X server. How it is read and given is the layer's tests' matter:
// the code is the same (runtime/window).
#include <gmock/gmock.h>

#include "tests/egl/gl_app.hpp"
#include "tests/layer/support/x_clipboard.hpp"

namespace vdmabuf::test {
namespace {

using testing::ElementsAre;

class EglClipboardTest : public EglWindowTest {
  protected:
    void SetUp() override {
        EglWindowTest::SetUp();
        if (HasFatalFailure()) return;
        window->set_title("copies");
        ASSERT_TRUE(host().wait_title("copies"));
        ASSERT_TRUE(show(1));
        host().input("copies", {input::make_event(input::Kind::focus, 0, 1)}, kEglWidth,
                     kEglHeight);
    }
};

TEST_F(EglClipboardTest, BothWays) {
    host().clipboard("copies", "of the host");
    EXPECT_TRUE(x_wait_pasted(x.display(), "of the host"));
    const XCopied copied(x.display(), "of the app");
    EXPECT_THAT(host().wait_copied(1), ElementsAre("of the app"));
    host().clipboard("copies", "again");
    EXPECT_TRUE(x_wait_pasted(x.display(), "again"));
    EXPECT_TRUE(copied.lost());
}

}  // namespace
}  // namespace vdmabuf::test
