// SPDX-License-Identifier: MIT
// The broker with real dmabufs and sync_files, on kernels that have them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>

#include "runtime/common/dmabuf.hpp"
#include "runtime/common/sync_file.hpp"
#include "runtime/common/udmabuf.hpp"
#include "tests/unit/broker/harness.hpp"
#include "tests/unit/support/udmabuf_fixture.hpp"
#include "tests/unit/support/vgem.hpp"

namespace vdmabuf::broker::test {
namespace {

using testing::HasSubstr;
using vdmabuf::test::map_all;
using vdmabuf::test::open_vgem;
using vdmabuf::test::Pages;
using vdmabuf::test::VgemBuffer;

std::uint32_t number(consumer::MemoryKind kind) {
    return static_cast<std::uint32_t>(kind);
}

consumer::Hello dmabuf_hello() {
    auto message = consumer_hello();
    message.features = consumer::kFeatureDmabuf;
    return message;
}

class UdmabufSessionTest : public Harness {
  protected:
    void SetUp() override { VDMABUF_NEEDS_UDMABUF(); }
    void TearDown() override {
        guest.reset();
        broker.reset();
    }

    // A guest with stream 1 and one image in pages 8 .. 71 of its memory.
    void start_guest() {
        guest = port("vm");
        guest->send(hello());
        guest->expect<stream::Welcome>();
        create_buffer(1);
        guest->send(create(1));
        guest->send(image(1, 0, id_of(1)));
    }
    Created create_buffer(std::uint8_t buffer) {
        auto* memory = new BufferMemory;
        memory->files.push_back(std::make_shared<const UniqueFd>(::dup(pages.fd.get())));
        memory->runs.push_back({0, 8 * kPage, kImageBytes});
        memory->size = kImageBytes;
        std::shared_ptr<const BufferMemory> shared(memory, [this](const BufferMemory* over) {
            delete over;
            ++let_go;
        });
        return broker->ports().buffer_created(*guest, id_of(buffer), std::move(shared));
    }
    void withdraw() {
        auto gone = stream::make<stream::StreamImageGone>();
        gone.stream = 1;
        guest->send(gone);
        EXPECT_TRUE(broker->ports().buffer_destroyed(*guest, id_of(1)));
        settle();
    }
    // A consumer that takes dmabufs and is attached; what IMAGE brought is in `got` and `fds`.
    std::unique_ptr<SocketPeer> viewer() {
        auto peer = consumer();
        peer->send(dmabuf_hello());
        peer->expect<consumer::Welcome>();
        id = peer->expect<consumer::StreamAdded>().stream;
        peer->send(attach(id));
        take_image(*peer);
        return peer;
    }
    void take_image(SocketPeer& peer) {
        auto received = peer.next();
        ASSERT_TRUE(received);
        const auto message = consumer::decode<consumer::Image>(received->bytes);
        ASSERT_TRUE(message) << message.error().text;
        got = *message;
        fds = std::move(received->fds);
    }
    consumer::ImageStatus status(SocketPeer& peer) {
        peer.send(consumer::make<consumer::Query>());
        return peer.await<consumer::ImageStatus>();
    }
    template <typename Message>
    Message of_image() {
        auto message = consumer::make<Message>();
        message.stream = id;
        if constexpr (requires { message.image; }) message.image = got.image;
        return message;
    }

    const Pages pages{80};
    std::unique_ptr<PortPeer> guest;
    int let_go = 0;
    std::uint64_t id = 0;
    consumer::Image got;
    std::vector<UniqueFd> fds;
};

TEST_F(UdmabufSessionTest, AConsumerGetsADmabufOfExactlyTheBuffersPages) {
    start_guest();
    auto peer = viewer();
    EXPECT_EQ(got.memory, number(consumer::MemoryKind::dmabuf));
    EXPECT_EQ(got.run_count, 0u);
    EXPECT_STREQ(got.reason, "");
    ASSERT_EQ(fds.size(), 1u);
    const auto size = dmabuf_size(fds[0].get());
    ASSERT_TRUE(size);
    EXPECT_EQ(*size, kImageBytes);
    const auto view = map_all(fds[0].get(), kImageBytes);
    std::memset(pages.page(8), 0x42, kImageBytes);
    for (std::uint64_t i = 0; i < kImageBytes; ++i) {
        ASSERT_EQ(view.bytes()[i], std::byte{0x42}) << i;
    }
    EXPECT_EQ(status(*peer).memory, number(consumer::MemoryKind::dmabuf));
    // Another consumer gets the same one.
    const int first = fds[0].get();
    EXPECT_EQ(dmabuf_references(first), 3u) << "ours, the mapping's, the broker's";
    const auto kept = std::move(fds);
    auto other = viewer();
    EXPECT_EQ(dmabuf_references(first), 4u);
    // One that does not say that it takes dmabufs gets runs.
    auto old = greeted_consumer();
    old->expect<consumer::StreamAdded>();
    old->send(attach(id));
    EXPECT_EQ(old->expect<consumer::Image>().memory, number(consumer::MemoryKind::runs));
}

TEST_F(UdmabufSessionTest, RunsForOneThatCannotImportIt) {
    start_guest();
    auto peer = viewer();
    const std::uint64_t image = got.image;
    peer->send(of_image<consumer::ImageAgain>());
    take_image(*peer);
    EXPECT_EQ(got.image, image);
    EXPECT_EQ(got.memory, number(consumer::MemoryKind::runs));
    EXPECT_EQ(fds.size(), 2u);
    EXPECT_EQ(status(*peer).memory, number(consumer::MemoryKind::runs));
    // Once only.
    peer->send(of_image<consumer::ImageAgain>());
    EXPECT_THAT(std::string(peer->await<consumer::ErrorMessage>().text), HasSubstr("IMAGE_AGAIN"));
    EXPECT_TRUE(peer->ended());
}

TEST_F(UdmabufSessionTest, NothingButTheDmabufWhereTheConfigurationKeepsTheMemory) {
    config.share_vm_memory = false;
    start_guest();
    auto peer = viewer();
    EXPECT_EQ(got.memory, number(consumer::MemoryKind::dmabuf));
    peer->send(of_image<consumer::ImageAgain>());
    take_image(*peer);
    EXPECT_EQ(got.memory, number(consumer::MemoryKind::none));
    EXPECT_TRUE(fds.empty());
    EXPECT_THAT(std::string(got.reason), HasSubstr("share_vm_memory"));
    EXPECT_THAT(std::string(status(*peer).memory_reason), HasSubstr("share_vm_memory"));
    auto old = greeted_consumer();
    old->expect<consumer::StreamAdded>();
    old->send(attach(id));
    EXPECT_THAT(std::string(old->expect<consumer::ErrorMessage>().text),
                HasSubstr("share_vm_memory"));
}

TEST_F(UdmabufSessionTest, AGuestMayRenderTiledWhereItsPagesBecomeDmabufs) {
    auto peer = consumer();
    peer->send(dmabuf_hello());
    auto imports = consumer::make<consumer::Formats>();
    imports.format_count = 1;
    imports.formats[0] = {fourcc_of("XR24"), 0, 5};
    peer->send(imports);
    settle();
    guest = port("vm");
    guest->send(hello());
    EXPECT_EQ(guest->expect<stream::Welcome>().format_count, known_formats().size() + 1);
}

TEST_F(UdmabufSessionTest, PagesAreTheConsumersUntilItHasReallyLetGo) {
    start_guest();
    auto peer = viewer();
    auto kept = std::move(fds);
    withdraw();
    EXPECT_EQ(let_go, 0);
    // It says that it is done, and is not.
    peer->expect<consumer::ImageGone>();
    peer->send(of_image<consumer::ImageDone>());
    settle();
    EXPECT_EQ(let_go, 0);
    auto view = map_all(kept[0].get(), kImageBytes);
    kept.clear();
    EXPECT_FALSE(turn_until([this] { return let_go > 0; }, 100 * kNsPerMs));
    view.reset();
    EXPECT_TRUE(turn_until([this] { return let_go == 1; }));
}

TEST_F(UdmabufSessionTest, OneThatHasLetGoInTimeDelaysNothing) {
    start_guest();
    auto peer = viewer();
    fds.clear();
    peer->send(of_image<consumer::Detach>());
    settle();
    EXPECT_EQ(let_go, 0);
    auto gone = stream::make<stream::StreamImageGone>();
    gone.stream = 1;
    guest->send(gone);
    broker->ports().buffer_destroyed(*guest, id_of(1));
    EXPECT_EQ(let_go, 1) << "within the call: BUFFER_DESTROY answers OK";
}

TEST_F(UdmabufSessionTest, WhatConsumersHoldCountsWhateverBecomesOfTheGuest) {
    Limits limits;
    limits.buffers = 2;
    config.vms["vm"] = limits;
    start_guest();
    auto peer = viewer();
    auto kept = std::move(fds);
    withdraw();
    peer->expect<consumer::ImageGone>();
    EXPECT_EQ(create_buffer(2), Created::ok);
    EXPECT_EQ(create_buffer(3), Created::quota);
    EXPECT_EQ(let_go, 1) << "the refused one";
    // The guest dies (its VMM, its driver: the channel ends), and comes again.
    guest->hang_up();
    settle();
    EXPECT_EQ(let_go, 2) << "the second, which nobody else had";
    guest = port("vm");
    guest->send(hello());
    guest->expect<stream::Welcome>();
    EXPECT_EQ(create_buffer(4), Created::ok);
    EXPECT_EQ(create_buffer(5), Created::quota) << "the first is still held";
    // The consumer has two seconds for the images of a stream that is over, but its descriptor
    // counts for as long as it has it.
    EXPECT_FALSE(turn_until([this] { return let_go > 3; }, 2500 * kNsPerMs));
    EXPECT_EQ(create_buffer(6), Created::quota);
    kept.clear();
    EXPECT_TRUE(turn_until([this] { return let_go == 5; }));
    EXPECT_EQ(create_buffer(7), Created::ok);
}

TEST_F(UdmabufSessionTest, WithADeadConsumerItsHoldsEnd) {
    start_guest();
    std::array<int, 2> ready{};
    ASSERT_EQ(::pipe2(ready.data(), O_CLOEXEC), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        // A consumer of its own process, with the dmabuf mapped.
        const auto socket = connect_to(folder + "/c", SOCK_SEQPACKET);
        if (!socket) ::_exit(1);
        const auto say = [&](const auto& message) {
            send_message(socket->get(), consumer::bytes_of(message));
        };
        const auto hear = [&] {
            pollfd wait{socket->get(), POLLIN, 0};
            ::poll(&wait, 1, 5000);
            std::array<std::byte, stream::kMaxMessage> buffer{};
            return receive_message(socket->get(), buffer);
        };
        say(dmabuf_hello());
        if (!hear()) ::_exit(1);
        if (!hear()) ::_exit(1);
        say(attach(1));
        auto got_image = hear();
        if (!got_image || got_image->fds.size() != 1) ::_exit(1);
        void* view =
            ::mmap(nullptr, kImageBytes, PROT_READ, MAP_SHARED, got_image->fds[0].get(), 0);
        if (view == MAP_FAILED || ::write(ready[1], "r", 1) != 1) ::_exit(1);
        for (;;) ::pause();
    }
    pollfd wait{ready[0], POLLIN, 0};
    EXPECT_TRUE(turn_until([&] { return ::poll(&wait, 1, 0) == 1; }, 5 * kNsPerSecond));
    withdraw();
    EXPECT_FALSE(turn_until([this] { return let_go > 0; }, 100 * kNsPerMs));
    ::kill(child, SIGKILL);
    EXPECT_TRUE(turn_until([this] { return let_go == 1; }));
    ::waitpid(child, nullptr, 0);
    ::close(ready[0]);
    ::close(ready[1]);
}

// ---- producers on this kernel

// All of the producer's pages as a dmabuf of its own.
UniqueFd dmabuf_of(const Pages& pages, std::uint64_t count) {
    BufferMemory memory;
    memory.files.push_back(std::make_shared<const UniqueFd>(::dup(pages.fd.get())));
    memory.runs.push_back({0, 0, count * kPage});
    memory.size = count * kPage;
    auto made = Udmabuf().create(memory);
    EXPECT_TRUE(made);
    return made ? std::move(*made) : UniqueFd();
}

TEST_F(UdmabufSessionTest, ALocalProducersDmabufIsHandedOn) {
    auto app = greeted_producer();
    const UniqueFd dmabuf = dmabuf_of(pages, 64);
    app->send_bytes(packed(buffer_create(id_of(1))), std::array{dmabuf.get()});
    app->send(create(1));
    app->send(image(1, 0, id_of(1)));
    settle();
    auto peer = viewer();
    EXPECT_EQ(got.memory, number(consumer::MemoryKind::dmabuf));
    ASSERT_EQ(fds.size(), 1u);
    const auto view = map_all(fds[0].get(), kImageBytes);
    pages.page(0)[100] = std::byte{9};
    EXPECT_EQ(view.bytes()[100], std::byte{9});
    // For those that do not import it, a file to map: asked for, and of themselves.
    peer->send(of_image<consumer::ImageAgain>());
    take_image(*peer);
    auto old = greeted_consumer();
    old->expect<consumer::StreamAdded>();
    for (int i = 0; i < 2; ++i) {
        if (i == 1) {
            old->send(attach(id));
            take_image(*old);
        }
        EXPECT_EQ(got.memory, number(consumer::MemoryKind::runs));
        EXPECT_EQ(got.run_count, 1u);
        ASSERT_EQ(fds.size(), 2u);
        const auto run = map_all(fds[1].get(), kImageBytes);
        pages.page(1)[7] = static_cast<std::byte>(i + 3);
        EXPECT_EQ(run.bytes()[kPage + 7], static_cast<std::byte>(i + 3));
    }
    old->hang_up();
    // It is nobody's but the producer's in the end.
    fds.clear();
    auto destroy = stream::make<stream::BufferDestroy>();
    destroy.id = id_of(1);
    app->send(destroy);
    app->hang_up();
    settle();
    peer->send(of_image<consumer::Detach>());
    settle();
    EXPECT_EQ(dmabuf_references(dmabuf.get()), 2u) << "our descriptor, our mapping";
}

TEST_F(UdmabufSessionTest, ADmabufComesWholeOrNotAtAll) {
    const UniqueFd dmabuf = dmabuf_of(pages, 64);
    auto part = buffer_create(id_of(1));
    part.size = 32 * kPage;
    auto shifted = buffer_create(id_of(1));
    shifted.offset = kPage;
    auto longer = buffer_create(id_of(1));
    longer.size = 65 * kPage;
    for (const auto& message : {part, shifted, longer}) {
        auto app = greeted_producer();
        app->send_bytes(packed(message), std::array{dmabuf.get()});
        EXPECT_THAT(std::string(app->await<stream::ErrorMessage>().text),
                    HasSubstr("not all of the dmabuf"));
        EXPECT_TRUE(app->ended());
    }
}

TEST_F(UdmabufSessionTest, AFrameWaitsForItsSyncFile) {
    const UniqueFd card = open_vgem();
    if (!card) {
        ASSERT_FALSE(std::getenv("VDMABUF_TEST_NEEDS_UDMABUF")) << "vgem";
        GTEST_SKIP() << "this kernel has no vgem";
    }
    VgemBuffer slow(card.get(), 64);
    VgemBuffer fast(card.get(), 64);
    auto app = greeted_producer();
    app->send(create(1));
    std::uint8_t slot = 0;
    for (const VgemBuffer* each : {&slow, &fast}) {
        const auto buffer = id_of(static_cast<std::uint8_t>(slot + 1));
        app->send_bytes(packed(buffer_create(buffer)), std::array{each->dmabuf.get()});
        app->send(image(1, slot++, buffer));
    }
    settle();
    auto peer = consumer();
    peer->send(dmabuf_hello());
    peer->expect<consumer::Welcome>();
    id = peer->expect<consumer::StreamAdded>().stream;
    peer->send(attach(id));
    peer->expect<consumer::Image>();
    peer->expect<consumer::Image>();

    slow.begin_write();
    fast.begin_write();
    const auto slow_fence = implicit_fence(slow.dmabuf.get());
    const auto fast_fence = implicit_fence(fast.dmabuf.get());
    ASSERT_TRUE(slow_fence && fast_fence);
    const std::uint64_t begin = now_ns();
    auto frame = present(1, 0, 1);
    frame.gpu_done_ns = 0;  // the fence will tell
    app->send_bytes(packed(frame), std::array{slow_fence->get()});
    app->send_bytes(packed(present(1, 1, 2)), std::array{fast_fence->get()});
    fast.end_write();
    EXPECT_FALSE(turn_until([&] { return !peer->silent(); }, 50 * kNsPerMs));
    slow.end_write();
    const auto first = peer->expect<consumer::Frame>();
    EXPECT_EQ(first.serial, 1u);
    EXPECT_GE(first.gpu_done_ns, begin + 50 * kNsPerMs);
    EXPECT_LE(first.gpu_done_ns, now_ns());
    EXPECT_GE(first.received_ns, first.gpu_done_ns);
    peer->send(presented(id, 1));
    EXPECT_EQ(peer->expect<consumer::Frame>().serial, 2u);

    // Nobody writes any more: such a fence has signalled, and delays nothing.
    peer->send(presented(id, 2));
    const auto idle = implicit_fence(slow.dmabuf.get());
    ASSERT_TRUE(idle);
    app->send_bytes(packed(present(1, 0, 3)), std::array{idle->get()});
    EXPECT_EQ(peer->expect<consumer::Frame>().serial, 3u);
}

}  // namespace
}  // namespace vdmabuf::broker::test
