// SPDX-License-Identifier: MIT
// How images come to a consumer, and when their pages go back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "tests/unit/broker/consumer_session.hpp"

namespace vdmabuf::broker::test {
namespace {

using consumer::Type;
using stream::ErrorCode;
using testing::HasSubstr;

TEST_F(ConsumerSessionTest, AnImageComesWithItsPagesReadOnly) {
    app = greeted_producer();
    app->send(create(1));
    const auto memory = sealed_memfd(kImageBytes + kPage);
    auto with_offset = buffer_create(id_of(1));
    with_offset.offset = kPage;
    app->send_bytes(packed(with_offset), std::array{memory.get()});
    auto announced = image(1, 7, id_of(1));
    announced.flags = stream::kImageOpaque;
    announced.height = 255;
    announced.planes[0].offset = 1024;
    app->send(announced);
    settle();

    auto peer = greeted_consumer();
    id = peer->expect<consumer::StreamAdded>().stream;
    peer->send(attach(id));
    auto received = peer->next();
    ASSERT_TRUE(received);
    const auto got = consumer::decode<consumer::Image>(received->bytes);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->stream, id);
    EXPECT_NE(got->image, 0u);
    EXPECT_EQ(got->slot, 7u);
    EXPECT_EQ(got->width, 256u);
    EXPECT_EQ(got->height, 255u);
    EXPECT_EQ(got->fourcc, fourcc_of("XR24"));
    EXPECT_EQ(got->modifier, 0u);
    EXPECT_EQ(got->flags, stream::kImageOpaque);
    EXPECT_EQ(got->strategy, 1u);
    EXPECT_EQ(got->plane_count, 1u);
    EXPECT_EQ(got->planes[0].offset, 1024u);
    EXPECT_EQ(got->planes[0].pitch, 1024u);
    EXPECT_EQ(got->buffer_size, kImageBytes);
    EXPECT_EQ(got->memory, static_cast<std::uint32_t>(consumer::MemoryKind::runs));
    EXPECT_EQ(got->run_count, 1u);
    EXPECT_EQ(got->file_count, 1u);
    ASSERT_EQ(received->fds.size(), 2u);
    consumer::Run run;
    ASSERT_EQ(::pread(received->fds[0].get(), &run, sizeof run, 0),
              static_cast<ssize_t>(sizeof run));
    EXPECT_EQ(run.file, 0u);
    EXPECT_EQ(run.offset, kPage);
    EXPECT_EQ(run.length, kImageBytes);

    // Zero copy: what the producer writes later is seen without any message.
    const int file = received->fds[1].get();
    void* view =
        ::mmap(nullptr, run.length, PROT_READ, MAP_SHARED, file, static_cast<off_t>(run.offset));
    ASSERT_NE(view, MAP_FAILED);
    ASSERT_EQ(::pwrite(memory.get(), "after", 5, static_cast<off_t>(kPage)), 5);
    EXPECT_EQ(std::memcmp(view, "after", 5), 0);
    ::munmap(view, run.length);
    EXPECT_EQ(::mmap(nullptr, kPage, PROT_WRITE, MAP_SHARED, file, 0), MAP_FAILED);
    EXPECT_EQ(::pwrite(file, "x", 1, 0), -1);
}

TEST_F(ConsumerSessionTest, WithoutADmabufThereIsNothingToAskAgainFor) {
    make_stream(1);
    auto peer = viewer(1);
    auto again = of_stream<consumer::ImageAgain>();
    again.image = images[0].image + 1;
    peer->send(again);  // none of its images: it may have gone
    settle();
    again.image = images[0].image;
    peer->send(again);
    expect_refused(*peer, ErrorCode::protocol, Type::image_again, "IMAGE_AGAIN");
}

TEST_F(ConsumerSessionTest, WhereNoDmabufCanBeMadeTheReasonIsTold) {
    if (::access("/dev/udmabuf", R_OK | W_OK) == 0) GTEST_SKIP() << "here one can be made";
    config.share_vm_memory = false;
    make_stream(1);
    auto peer = consumer();
    auto message = consumer_hello();
    message.features = consumer::kFeatureDmabuf;
    peer->send(message);
    peer->expect<consumer::Welcome>();
    id = peer->expect<consumer::StreamAdded>().stream;
    peer->send(attach(id));
    const auto local = peer->expect<consumer::Image>();
    EXPECT_EQ(local.memory, static_cast<std::uint32_t>(consumer::MemoryKind::runs));
    EXPECT_THAT(std::string(local.reason), HasSubstr("no /dev/udmabuf"));
    // Of a VM's memory it may not even have the runs, but the connection and the stream go on.
    auto guest = port("vm");
    guest->send(hello());
    EXPECT_EQ(guest->expect<stream::Welcome>().format_count, known_formats().size());
    auto memory = std::make_shared<BufferMemory>();
    memory->files.push_back(std::make_shared<const UniqueFd>(sealed_memfd(kImageBytes)));
    memory->runs.push_back({0, 0, kImageBytes});
    memory->size = kImageBytes;
    ASSERT_EQ(broker->ports().buffer_created(*guest, id_of(1), memory), Created::ok);
    guest->send(create(1));
    guest->send(image(1, 0, id_of(1)));
    id = peer->expect<consumer::StreamAdded>().stream;
    peer->send(attach(id));
    const auto kept = peer->expect<consumer::Image>();
    EXPECT_EQ(kept.memory, static_cast<std::uint32_t>(consumer::MemoryKind::none));
    EXPECT_THAT(std::string(kept.reason), HasSubstr("share_vm_memory"));
    EXPECT_THAT(std::string(kept.reason), HasSubstr("no /dev/udmabuf"));
    guest->send(present(1, 0, 1));
    EXPECT_EQ(peer->expect<consumer::Frame>().image, kept.image);
    peer->send(consumer::make<consumer::Query>());
    peer->await<consumer::ImageStatus>();
    const auto status = peer->await<consumer::ImageStatus>();
    EXPECT_EQ(status.memory, static_cast<std::uint32_t>(consumer::MemoryKind::none));
    EXPECT_STREQ(status.memory_reason, kept.reason);
    // A tiled format is of no use to a guest whose pages cannot become dmabufs.
    peer->send(imports({5}));
    EXPECT_EQ(app->await<stream::Formats>().format_count, known_formats().size() + 1);
    turn_until([] { return false; }, 50 * kNsPerMs);
    for (const auto& bytes : guest->received) {
        EXPECT_NE(type_number(bytes), static_cast<std::uint32_t>(stream::Type::formats));
    }
}

TEST_F(ConsumerSessionTest, ImagesThatComeLaterAreSentToo) {
    make_stream(1);
    auto peer = viewer(1);
    app->send(image(1, 9, id_of(1)));
    const auto added = peer->expect<consumer::Image>();
    EXPECT_EQ(added.slot, 9u);
    EXPECT_GT(added.image, images[0].image);
}

// The pages go back to the producer exactly when the last one who may read them has let go.
class LifetimeTest : public ConsumerSessionTest {
  protected:
    void SetUp() override {
        guest = port("vm");
        guest->send(hello());
        guest->expect<stream::Welcome>();
        auto* memory = new BufferMemory;
        memory->files.push_back(std::make_shared<const UniqueFd>(sealed_memfd(kImageBytes)));
        memory->runs.push_back({0, 0, kImageBytes});
        memory->size = kImageBytes;
        std::shared_ptr<const BufferMemory> shared(memory, [this](const BufferMemory* over) {
            delete over;
            let_go = true;
        });
        ASSERT_EQ(broker->ports().buffer_created(*guest, id_of(1), std::move(shared)), Created::ok);
        guest->send(create(1));
        guest->send(image(1, 0, id_of(1)));
    }
    void TearDown() override {
        guest.reset();
        broker.reset();
        EXPECT_TRUE(let_go);
    }
    void withdraw() {
        auto gone = stream::make<stream::StreamImageGone>();
        gone.stream = 1;
        guest->send(gone);
    }
    void destroy_buffer() { EXPECT_TRUE(broker->ports().buffer_destroyed(*guest, id_of(1))); }

    std::unique_ptr<PortPeer> guest;
    bool let_go = false;
};

TEST_F(LifetimeTest, WithoutConsumers) {
    destroy_buffer();
    EXPECT_FALSE(let_go) << "the image has it";
    EXPECT_FALSE(broker->ports().buffer_destroyed(*guest, id_of(1)));
    withdraw();
    EXPECT_TRUE(let_go);
}

TEST_F(LifetimeTest, UntilImageDone) {
    auto peer = viewer(1);
    guest->send(present(1, 0, 1));
    peer->expect<consumer::Frame>();
    destroy_buffer();
    withdraw();
    EXPECT_EQ(peer->expect<consumer::ImageGone>().image, images[0].image);
    auto wrong = of_stream<consumer::ImageDone>();
    wrong.image = images[0].image + 1;
    peer->send(wrong);
    settle();
    EXPECT_FALSE(let_go);
    auto done = of_stream<consumer::ImageDone>();
    done.image = images[0].image;
    peer->send(done);
    peer->send(done);
    settle();
    EXPECT_TRUE(let_go);
    // The consumer is still served.
    peer->send(consumer::make<consumer::Query>());
    peer->expect<consumer::StreamStatus>();
}

TEST_F(LifetimeTest, UntilDetach) {
    auto peer = viewer(1);
    destroy_buffer();
    withdraw();
    settle();
    EXPECT_FALSE(let_go);
    peer->send(of_stream<consumer::Detach>());
    settle();
    EXPECT_TRUE(let_go);
}

TEST_F(LifetimeTest, UntilTheConsumerIsGone) {
    auto peer = viewer(1);
    auto other = viewer(1);
    destroy_buffer();
    withdraw();
    peer->hang_up();
    settle();
    EXPECT_FALSE(let_go);
    other->hang_up();
    settle();
    EXPECT_TRUE(let_go);
}

TEST_F(LifetimeTest, AfterTheProducersEndForAShortTimeOnly) {
    auto peer = viewer(1);
    guest->hang_up();
    peer->expect<consumer::StreamRemoved>();
    settle();
    EXPECT_FALSE(let_go) << "it may be drawing";
    EXPECT_TRUE(turn_until([this] { return let_go; }, 3 * kNsPerSecond));
}

TEST_F(LifetimeTest, AfterTheProducersEndUntilImageDone) {
    auto peer = viewer(1);
    guest->hang_up();
    peer->expect<consumer::StreamRemoved>();
    auto done = of_stream<consumer::ImageDone>();
    done.image = images[0].image;
    peer->send(done);
    EXPECT_TRUE(turn_until([this] { return let_go; }, kNsPerSecond));
}

TEST_F(LifetimeTest, ImageDoneBeforeImageGoneIsRefused) {
    auto peer = viewer(1);
    auto done = of_stream<consumer::ImageDone>();
    done.image = images[0].image;
    peer->send(done);
    expect_refused(*peer, ErrorCode::protocol, Type::image_done);
}

TEST_F(ConsumerSessionTest, AVmsMemoryMayBeKeptFromConsumers) {
    config.share_vm_memory = false;
    make_stream(1);
    auto guest = port("vm");
    guest->send(hello());
    auto memory = std::make_shared<BufferMemory>();
    memory->files.push_back(std::make_shared<const UniqueFd>(sealed_memfd(kImageBytes)));
    memory->runs.push_back({0, 0, kImageBytes});
    memory->size = kImageBytes;
    ASSERT_EQ(broker->ports().buffer_created(*guest, id_of(1), memory), Created::ok);
    guest->send(create(1));
    guest->send(image(1, 0, id_of(1)));
    auto peer = greeted_consumer();
    id = peer->expect<consumer::StreamAdded>().stream;
    const auto of_vm = peer->expect<consumer::StreamAdded>();
    EXPECT_STREQ(of_vm.vm, "vm");
    peer->send(attach(id));
    peer->expect<consumer::Image>();
    peer->send(attach(of_vm.stream));
    const auto error = peer->expect<consumer::ErrorMessage>();
    EXPECT_EQ(error.code, static_cast<std::uint32_t>(ErrorCode::policy));
    EXPECT_EQ(error.request, static_cast<std::uint32_t>(Type::attach));
    EXPECT_THAT(std::string(error.text), HasSubstr("share_vm_memory"));
    // No frame of it comes, and the connection lives.
    guest->send(present(1, 0, 1));
    app->send(present(1, 0, 1));
    EXPECT_EQ(peer->expect<consumer::Frame>().stream, id);
    EXPECT_TRUE(peer->silent());
}

}  // namespace
}  // namespace vdmabuf::broker::test
