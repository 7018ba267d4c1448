// SPDX-License-Identifier: MIT
// A window through the C interface: its images, frames, and what goes back to its app.
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <vector>

#include "runtime/common/clock.hpp"
#include "runtime/common/drm_format.hpp"
#include "runtime/producer/connection.hpp"
#include "tests/api/world.hpp"

namespace vdmabuf::test {
namespace {

// What the app hears.
class App final : public producer::StreamListener {
  public:
    void on_release(std::uint32_t, std::uint64_t serial) override { note(released, serial); }
    void on_presented(const stream::Presented& message) override {
        if (message.flags & stream::kPresentedShown) note(shown, message.serial);
    }
    void on_configure(const stream::Configure& message) override { note(width, message.width); }
    void on_close() override { note(closed, 1); }
    void on_lost() override {}

    // Whether the value has come, waiting for it.
    bool heard(const std::uint64_t& field, std::uint64_t value) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, std::chrono::seconds(5), [&] { return field >= value; });
    }

    std::uint64_t released = 0;
    std::uint64_t shown = 0;
    std::uint64_t width = 0;
    std::uint64_t closed = 0;

  private:
    void note(std::uint64_t& field, std::uint64_t value) {
        const std::lock_guard lock(mutex_);
        field = value;
        changed_.notify_all();
    }
    std::mutex mutex_;
    std::condition_variable changed_;
};

class StreamsTest : public World {
  protected:
    static constexpr std::uint32_t kWidth = 64;
    static constexpr std::uint32_t kHeight = 32;
    static constexpr std::uint64_t kPitch = 512;

    void SetUp() override {
        start_broker();
        auto opened =
            producer::Connection::open({producer::Endpoint::Kind::socket, producers()}, "the app");
        ASSERT_TRUE(opened);
        connection = *opened;
        auto made = connection->create_stream({"a title", "org.example", kWidth, kHeight}, &app);
        ASSERT_TRUE(made);
        window = std::move(*made);
        add_image();
        c = consumer();
    }
    void add_image() {
        auto slots = window->reserve_slots(1);
        ASSERT_TRUE(slots);
        slot = (*slots)[0];
        auto memory = connection->alloc(4096 + kPitch * kHeight);
        ASSERT_TRUE(memory);
        buffer = *memory;
        producer::ImageInfo info;
        info.width = kWidth;
        info.height = kHeight;
        info.fourcc = fourcc_of("XR24");
        info.flags = stream::kImageOpaque;
        info.planes[0] = {4096, kPitch};
        ASSERT_TRUE(window->set_image(slot, info, buffer, &app));
    }
    std::uint64_t present(char byte, std::vector<stream::Rect> damage = {}) {
        std::memset(buffer->mapping.bytes() + 4096, byte, kPitch * kHeight);
        producer::FrameInfo frame;
        frame.slot = slot;
        frame.called_ns = now_ns();
        frame.damage = damage;
        return window->present(frame);
    }
    void attach() {
        const auto added = await(c, VDMABUF_CONSUMER_STREAM_ADDED);
        ASSERT_EQ(added.type, VDMABUF_CONSUMER_STREAM_ADDED);
        stream = added.stream->id;
        ASSERT_EQ(vdmabuf_consumer_attach(c, stream), 0);
        image_comes();
    }
    void image_comes() {
        const auto event = await(c, VDMABUF_CONSUMER_IMAGE_ADDED);
        ASSERT_EQ(event.type, VDMABUF_CONSUMER_IMAGE_ADDED);
        image = event.image->id;
    }

    App app;
    std::shared_ptr<producer::Connection> connection;
    std::unique_ptr<producer::Stream> window;
    std::shared_ptr<producer::Buffer> buffer;
    std::uint32_t slot = 0;
    vdmabuf_consumer* c = nullptr;
    std::uint64_t stream = 0;
    std::uint64_t image = 0;
};

TEST_F(StreamsTest, StreamsAreListed) {
    const auto added = await(c, VDMABUF_CONSUMER_STREAM_ADDED);
    ASSERT_EQ(added.type, VDMABUF_CONSUMER_STREAM_ADDED);
    EXPECT_STREQ(added.stream->title, "a title");
    EXPECT_STREQ(added.stream->app, "the app");
    EXPECT_STREQ(added.stream->app_id, "org.example");
    EXPECT_STREQ(added.stream->vm, "");
    EXPECT_EQ(added.stream->width, kWidth);
    EXPECT_EQ(added.stream->height, kHeight);
    const std::uint64_t id = added.stream->id;
    window->set_title("a new title");
    EXPECT_STREQ(await(c, VDMABUF_CONSUMER_STREAM_TITLE).stream->title, "a new title");
    EXPECT_EQ(vdmabuf_consumer_stream_count(c), 1u);
    ASSERT_NE(vdmabuf_consumer_stream(c, id), nullptr);
    EXPECT_EQ(vdmabuf_consumer_stream_at(c, 0), vdmabuf_consumer_stream(c, id));
    EXPECT_EQ(vdmabuf_consumer_stream_at(c, 1), nullptr);
    window.reset();
    const auto removed = await(c, VDMABUF_CONSUMER_STREAM_REMOVED);
    ASSERT_EQ(removed.type, VDMABUF_CONSUMER_STREAM_REMOVED);
    EXPECT_EQ(removed.stream->id, id);
    EXPECT_EQ(vdmabuf_consumer_stream_count(c), 0u);
    EXPECT_EQ(vdmabuf_consumer_attach(c, id), -ENOENT);
}

TEST_F(StreamsTest, AFrameIsReadWhereItWasDrawn) {
    attach();
    EXPECT_EQ(vdmabuf_consumer_attach(c, stream), -EALREADY);
    const auto* info = vdmabuf_consumer_image(c, stream, image);
    ASSERT_NE(info, nullptr);
    EXPECT_EQ(info->width, kWidth);
    EXPECT_EQ(info->fourcc, fourcc_of("XR24"));
    EXPECT_EQ(info->modifier, 0u);
    EXPECT_EQ(info->nr_planes, 1u);
    EXPECT_EQ(info->planes[0].offset, 4096u);
    EXPECT_EQ(info->planes[0].pitch, kPitch);
    EXPECT_EQ(info->flags, VDMABUF_IMAGE_OPAQUE);
    EXPECT_EQ(info->memory->bytes, 4096 + kPitch * kHeight);
    const void* address = nullptr;
    std::size_t length = 0;
    ASSERT_EQ(vdmabuf_map(info->memory, &address, &length), 0);
    const std::uint64_t before = now_ns();
    const std::uint64_t serial = present('p', {{1, 2, 3, 4}});
    auto frame = await(c, VDMABUF_CONSUMER_FRAME);
    ASSERT_EQ(frame.type, VDMABUF_CONSUMER_FRAME);
    EXPECT_EQ(frame.frame->serial, serial);
    EXPECT_EQ(frame.frame->image, image);
    EXPECT_EQ(frame.frame->fence, -1);
    EXPECT_EQ(frame.frame->nr_damage, 0u) << "the first one is all new";
    EXPECT_GE(frame.frame->called_ns, before);
    EXPECT_GE(frame.frame->sent_ns, frame.frame->called_ns);
    EXPECT_GE(frame.frame->received_ns, frame.frame->sent_ns);
    EXPECT_GE(frame.frame->forwarded_ns, frame.frame->received_ns);
    EXPECT_EQ(static_cast<const char*>(address)[4096], 'p');
    EXPECT_EQ(static_cast<const char*>(address)[4096 + kPitch * kHeight - 1], 'p');
    // What never was is not said to the broker, which would end the connection.
    EXPECT_EQ(vdmabuf_consumer_presented(c, stream, serial + 1, 0, 0, 1), -ENOENT);
    EXPECT_EQ(vdmabuf_consumer_release(c, stream, serial + 1), -ENOENT);
    EXPECT_EQ(vdmabuf_consumer_presented(c, stream, serial, 0, 16'000'000, 1), 0);
    EXPECT_TRUE(app.heard(app.shown, serial));
    EXPECT_EQ(vdmabuf_consumer_release(c, stream, serial), 0);
    const std::uint64_t second = present('q', {{1, 2, 3, 4}});
    frame = await(c, VDMABUF_CONSUMER_FRAME);
    ASSERT_EQ(frame.type, VDMABUF_CONSUMER_FRAME);
    EXPECT_EQ(frame.frame->serial, second);
    ASSERT_EQ(frame.frame->nr_damage, 1u);
    EXPECT_EQ(frame.frame->damage[0].y, 2u);
    EXPECT_EQ(frame.frame->damage[0].height, 4u);
    EXPECT_EQ(static_cast<const char*>(address)[4096], 'q');
    vdmabuf_unmap(address, length);
}

TEST_F(StreamsTest, WishesReachTheApp) {
    await(c, VDMABUF_CONSUMER_STREAM_ADDED);
    const std::uint64_t id = vdmabuf_consumer_stream_at(c, 0)->id;
    EXPECT_EQ(vdmabuf_consumer_configure(c, id, 640, 480, 0, 0), -ENOENT) << "not attached";
    ASSERT_EQ(vdmabuf_consumer_attach(c, id), 0);
    EXPECT_EQ(vdmabuf_consumer_configure(c, id, 640, 480, 0, 2), -EINVAL);
    EXPECT_EQ(vdmabuf_consumer_configure(c, id, 32769, 480, 0, 0), -EINVAL);
    EXPECT_EQ(vdmabuf_consumer_configure(c, id, 640, 480, 0, VDMABUF_CONFIGURE_OCCLUDED), 0);
    EXPECT_TRUE(app.heard(app.width, 640));
    EXPECT_EQ(vdmabuf_consumer_close_stream(c, id), 0);
    EXPECT_TRUE(app.heard(app.closed, 1));
}

TEST_F(StreamsTest, ImagesAreGivenBack) {
    attach();
    EXPECT_EQ(vdmabuf_consumer_image_done(c, stream, image), -EBUSY);
    EXPECT_EQ(vdmabuf_consumer_image_done(c, stream, image + 1), -ENOENT);
    EXPECT_EQ(vdmabuf_consumer_image_again(c, stream, image), -EALREADY) << "it came as runs";
    EXPECT_EQ(vdmabuf_consumer_imported(c, stream, image, VDMABUF_IMPORT_COPY, "a test"), 0);
    EXPECT_EQ(vdmabuf_consumer_imported(c, stream, image, 17, ""), -EINVAL);
    window->remove_image(slot);
    const auto gone = await(c, VDMABUF_CONSUMER_IMAGE_GONE);
    ASSERT_EQ(gone.type, VDMABUF_CONSUMER_IMAGE_GONE);
    EXPECT_EQ(gone.image->id, image);
    EXPECT_NE(vdmabuf_consumer_image(c, stream, image), nullptr);
    EXPECT_EQ(vdmabuf_consumer_image_done(c, stream, image), 0);
    EXPECT_EQ(vdmabuf_consumer_image(c, stream, image), nullptr);
    EXPECT_EQ(vdmabuf_consumer_image_done(c, stream, image), -ENOENT);
    // And those of a window that has gone.
    add_image();
    image_comes();
    window.reset();
    EXPECT_EQ(await(c, VDMABUF_CONSUMER_STREAM_REMOVED).type, VDMABUF_CONSUMER_STREAM_REMOVED);
    EXPECT_NE(vdmabuf_consumer_image(c, stream, image), nullptr);
    EXPECT_EQ(vdmabuf_consumer_detach(c, stream), 0);
    EXPECT_EQ(vdmabuf_consumer_image(c, stream, image), nullptr);
    EXPECT_EQ(vdmabuf_consumer_detach(c, stream), -ENOENT);
    EXPECT_EQ(next(c, 50).type, 0u) << "the connection lives";
}

TEST_F(StreamsTest, DetachedAndAttachedAgainInTheMidstOfFrames) {
    attach();
    for (int round = 0; round < 50; ++round) {
        present('r');
        present('s');
        ASSERT_EQ(vdmabuf_consumer_detach(c, stream), 0);
        EXPECT_EQ(vdmabuf_consumer_image(c, stream, image), nullptr);
        ASSERT_EQ(vdmabuf_consumer_attach(c, stream), 0);
        image_comes();
        const auto frame = await(c, VDMABUF_CONSUMER_FRAME);
        ASSERT_EQ(frame.type, VDMABUF_CONSUMER_FRAME);
        ASSERT_EQ(frame.frame->image, image);
    }
}

TEST_F(StreamsTest, ANewBrokerTellsEverythingAgain) {
    attach();
    present('t');
    ASSERT_EQ(await(c, VDMABUF_CONSUMER_FRAME).type, VDMABUF_CONSUMER_FRAME);
    stop_broker();
    const auto over = await(c, VDMABUF_CONSUMER_DISCONNECTED);
    ASSERT_EQ(over.type, VDMABUF_CONSUMER_DISCONNECTED);
    EXPECT_STRNE(over.text, "");
    EXPECT_EQ(vdmabuf_consumer_stream_count(c), 0u);
    EXPECT_EQ(vdmabuf_consumer_attach(c, stream), -ENOTCONN);
    EXPECT_EQ(vdmabuf_consumer_image_done(c, stream, image), -ENOTCONN);
    start_broker();
    EXPECT_EQ(await(c, VDMABUF_CONSUMER_CONNECTED).type, VDMABUF_CONSUMER_CONNECTED);
    attach();
    EXPECT_EQ(await(c, VDMABUF_CONSUMER_FRAME).type, VDMABUF_CONSUMER_FRAME);
}

}  // namespace
}  // namespace vdmabuf::test
