// SPDX-License-Identifier: MIT
// What is large and not urgent waits for a host that does not read; frames do not wait for it.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "runtime/common/clipboard_messages.hpp"
#include "runtime/common/clock.hpp"
#include "runtime/common/input_messages.hpp"
#include "runtime/producer/connection.hpp"
#include "tests/unit/producer/fake_broker.hpp"

namespace vdmabuf::producer {
namespace {

class Nobody final : public StreamListener {
  public:
    void on_release(std::uint32_t, std::uint64_t) override {}
    void on_presented(const stream::Presented&) override {}
    void on_configure(const stream::Configure&) override {}
    void on_close() override {}
    void on_lost() override {}
};

TEST(Aside, AFrameDoesNotWaitForAText) {
    test::FakeBroker broker;
    broker.features = input::kFeatureInput | clipboard::kFeatureClipboard;
    std::shared_ptr<Connection> connection;
    std::thread open([&] {
        auto opened = Connection::open({Endpoint::Kind::socket, broker.path()}, "test");
        if (opened) connection = *opened;
    });
    EXPECT_TRUE(broker.accept());
    EXPECT_TRUE(broker.greet());
    open.join();
    ASSERT_TRUE(connection);
    Nobody listener;
    StreamInfo info{"title", "app", 64, 32};
    info.takes_input = info.takes_clipboard = true;
    auto window = connection->create_stream(info, &listener);
    ASSERT_TRUE(window);
    const auto slots = (*window)->reserve_slots(1);
    ASSERT_TRUE(slots);
    auto buffer = connection->alloc(64 * 32 * 4);
    ASSERT_TRUE(buffer);
    ImageInfo image;
    image.width = 64;
    image.height = 32;
    image.fourcc = 0x34325258;  // DRM_FORMAT_XRGB8888
    image.planes[0].pitch = 256;
    ASSERT_TRUE((*window)->set_image(slots->front(), image, *buffer, &listener));

    // More than the socket holds: it waits for room, for a second.
    std::thread copies([&] { (*window)->set_clipboard(std::string(clipboard::kMaxText, 'a')); });
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    FrameInfo frame;
    frame.slot = slots->front();
    const std::uint64_t start = now_ns();
    (*window)->present(frame);
    EXPECT_LT(now_ns() - start, 600 * kNsPerMs);
    copies.join();
}

}  // namespace
}  // namespace vdmabuf::producer
