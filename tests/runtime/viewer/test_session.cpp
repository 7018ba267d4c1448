// SPDX-License-Identifier: MIT
// The viewer's session against a broker that the test plays: images that come as dmabufs which will
// not do.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/common/clock.hpp"
#include "runtime/common/seqpacket.hpp"
#include "runtime/viewer/headless_output.hpp"
#include "runtime/viewer/session.hpp"
#include "tests/unit/consumer/scattered_buffer.hpp"
#include "tests/unit/consumer/vulkan_test.hpp"

namespace vdmabuf::viewer {
namespace {

using consumer::MemoryKind;
using test::image_message;
using test::ScatteredBuffer;
using testing::HasSubstr;

class SessionTest : public test::VulkanTest {
  protected:
    void SetUp() override {
        VulkanTest::SetUp();
        if (HasFatalFailure()) return;
        auto loop = EventLoop::create();
        ASSERT_TRUE(loop);
        loop_ = std::move(*loop);
        const std::string path = directory_ + "/consumer.sock";
        auto server = listen_at(path, SOCK_SEQPACKET);
        ASSERT_TRUE(server) << server.error().text;
        outputs_ = std::make_unique<HeadlessOutputs>(*loop_, 0);
        session_ = std::make_unique<Session>(*loop_, settings_, device_, *outputs_);
        session_->start(path);
        spin();
        broker_.reset(::accept4(server->get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        ASSERT_TRUE(broker_);
        spin();
        const auto hello = hear<consumer::Hello>();
        takes_dmabufs_ = hello.features & consumer::kFeatureDmabuf;
        formats_ = hear<consumer::Formats>();
        auto welcome = consumer::make<consumer::Welcome>();
        welcome.version = 1;
        say(welcome);
        auto added = consumer::make<consumer::StreamAdded>();
        added.stream = 1;
        added.width = 500;
        added.height = 300;
        say(added);
        EXPECT_EQ(hear<consumer::Attach>().stream, 1U);
    }
    void TearDown() override {
        session_.reset();
        VulkanTest::TearDown();
    }
    void spin() {
        for (int i = 0; i < 20; ++i) loop_->run_once(static_cast<std::int64_t>(kNsPerMs));
    }
    template <typename Message>
    void say(const Message& message, const std::vector<UniqueFd>& fds = {}) {
        std::vector<int> numbers;
        for (const UniqueFd& fd : fds) numbers.push_back(fd.get());
        ASSERT_EQ(send_message(broker_.get(), consumer::bytes_of(message), numbers), 0);
        spin();
    }
    // The next message of the viewer, which must be of this type.
    template <typename Message>
    Message hear() {
        std::array<std::byte, stream::kMaxMessage> buffer{};
        auto got = receive_message(broker_.get(), buffer);
        if (!got) {
            ADD_FAILURE() << got.error().text;
            return {};
        }
        auto message = consumer::decode<Message>(std::span(buffer).first(got->size));
        if (!message) {
            ADD_FAILURE() << message.error().text;
            return {};
        }
        return *message;
    }
    bool silent() {
        std::array<std::byte, stream::kMaxMessage> buffer{};
        return !receive_message(broker_.get(), buffer);
    }
    // An image as a dmabuf that is smaller than it should be: no driver may take it.
    void say_broken_dmabuf() {
        const ScatteredBuffer small = ScatteredBuffer::whole(4096);
        consumer::Image image = image_message(pages_, 500, 300, 2048);
        image.memory = static_cast<std::uint32_t>(MemoryKind::dmabuf);
        image.run_count = image.file_count = 0;
        auto files = small.dmabuf();
        ASSERT_TRUE(files);
        say(image, files->files);
    }
    void say_frame(std::uint64_t serial) {
        auto frame = consumer::make<consumer::Frame>();
        frame.stream = 1;
        frame.image = 1;
        frame.serial = serial;
        say(frame);
    }

    Settings settings_;
    std::unique_ptr<EventLoop> loop_;
    std::unique_ptr<HeadlessOutputs> outputs_;
    std::unique_ptr<Session> session_;
    UniqueFd broker_;
    bool takes_dmabufs_ = false;
    consumer::Formats formats_;
    ScatteredBuffer pages_{2048 * 304};
};

TEST_F(SessionTest, SaysWhatTheDeviceCan) {
    EXPECT_EQ(takes_dmabufs_, device_->abilities().dmabuf);
    for (std::uint32_t i = 0; i < formats_.format_count; ++i) {
        EXPECT_NE(formats_.formats[i].fourcc, 0U);
    }
}

TEST_F(SessionTest, AnImageWhoseDmabufFailsIsAskedForAgain) {
    say_broken_dmabuf();
    const auto again = hear<consumer::ImageAgain>();
    EXPECT_EQ(again.image, 1U);
    EXPECT_EQ(again.memory, static_cast<std::uint32_t>(MemoryKind::runs));
    // Its first frame waits for it: the app may not send another one.
    say_frame(5);
    EXPECT_TRUE(silent());
    consumer::Image image = image_message(pages_, 500, 300, 2048);
    consumer::put_text(image.reason, "asked for by the consumer");
    say(image, pages_.descriptors());
    const auto imported = hear<consumer::Imported>();
    EXPECT_EQ(imported.path, static_cast<std::uint32_t>(consumer::ImportPath::host_pointer));
    const std::string reason = consumer::get_text(imported.reason);
    EXPECT_THAT(reason, HasSubstr("VkImage; udmabuf: "));
    if (device_->abilities().dmabuf) {
        EXPECT_THAT(reason, HasSubstr("the dmabuf has 4096 bytes"));
    } else {
        EXPECT_THAT(reason, HasSubstr("no VK_EXT_external_memory_dma_buf"));
    }
    const auto presented = hear<consumer::Presented>();
    EXPECT_EQ(presented.serial, 5U);
    EXPECT_EQ(presented.flags, stream::kPresentedShown);
}

TEST_F(SessionTest, WithoutAnyMemoryTheReasonsAreTold) {
    say_broken_dmabuf();
    EXPECT_EQ(hear<consumer::ImageAgain>().image, 1U);
    say_frame(5);
    consumer::Image image = image_message(pages_, 500, 300, 2048);
    image.memory = static_cast<std::uint32_t>(MemoryKind::none);
    image.run_count = image.file_count = 0;
    consumer::put_text(image.reason, "kept from consumers");
    say(image);
    const auto imported = hear<consumer::Imported>();
    EXPECT_EQ(imported.path, static_cast<std::uint32_t>(consumer::ImportPath::none));
    EXPECT_THAT(consumer::get_text(imported.reason),
                HasSubstr("host-pointer and copy: kept from consumers"));
    const auto presented = hear<consumer::Presented>();
    EXPECT_EQ(presented.serial, 5U);
    EXPECT_EQ(presented.flags, 0U);
    EXPECT_EQ(hear<consumer::Release>().serial, 5U);
}

TEST_F(SessionTest, AFrameThatWaitsForAGoneImageIsGivenUp) {
    say_broken_dmabuf();
    EXPECT_EQ(hear<consumer::ImageAgain>().image, 1U);
    say_frame(5);
    auto gone = consumer::make<consumer::ImageGone>();
    gone.stream = 1;
    gone.image = 1;
    say(gone);
    EXPECT_EQ(hear<consumer::Presented>().flags, 0U);
    EXPECT_EQ(hear<consumer::Release>().serial, 5U);
    EXPECT_EQ(hear<consumer::ImageDone>().image, 1U);
}

}  // namespace
}  // namespace vdmabuf::viewer
