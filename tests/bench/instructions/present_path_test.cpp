// SPDX-License-Identifier: MIT
// Frames of an app in the steady state, under callgrind (instruction_counts.py): what the layer and
// the producer library do for each, on the app's thread and their own. The driver is the fake one,
// which is another object and not counted.
#include <valgrind/callgrind.h>

#include <thread>

#include "tests/layer/fake/ready_app.hpp"

namespace vdmabuf::fake {
namespace {

constexpr int kWarmUp = 20;
constexpr int kFrames = 200;  // as instruction_counts.py has it

class PresentPath : public FakeHostTest {};

TEST_F(PresentPath, Frames) {
    ReadyApp app(nullptr, VK_PRESENT_MODE_MAILBOX_KHR);
    ASSERT_EQ(app.created, VK_SUCCESS);
    for (int frame = 0; frame < kWarmUp + kFrames; ++frame) {
        if (frame == kWarmUp) CALLGRIND_START_INSTRUMENTATION;
        ASSERT_EQ(app.acquire(), VK_SUCCESS);
        ASSERT_EQ(app.draw(), VK_SUCCESS);
        ASSERT_EQ(app.present(), VK_SUCCESS);
        app.wait();
        // The frame before comes back meanwhile, so that each is counted with what follows it.
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    CALLGRIND_STOP_INSTRUMENTATION;
}

}  // namespace
}  // namespace vdmabuf::fake
