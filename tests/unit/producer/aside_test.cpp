// SPDX-License-Identifier: MIT
// What is large and not urgent waits for a host that does not read; frames do not wait for it.
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>

#include "runtime/common/clipboard_messages.hpp"
#include "runtime/common/input_messages.hpp"
#include "tests/unit/producer/producer_fixture.hpp"

namespace vdmabuf::test {
namespace {

TEST_F(ProducerTest, AFrameDoesNotWaitForAText) {
    broker.features = input::kFeatureInput | clipboard::kFeatureClipboard;
    info.takes_input = info.takes_clipboard = true;
    connect();
    make_stream(1);
    // More than the socket holds: it waits for room, for a second.
    std::thread copies([this] { window->set_clipboard(std::string(clipboard::kMaxText, 'a')); });
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    const std::uint64_t start = now_ns();
    present(slots[0]);
    EXPECT_LT(now_ns() - start, 600 * kNsPerMs);
    copies.join();
}

}  // namespace
}  // namespace vdmabuf::test
