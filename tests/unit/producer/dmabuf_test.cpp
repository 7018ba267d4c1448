// SPDX-License-Identifier: MIT
// Fences and dmabufs of apps.
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstring>

#include "runtime/common/clock.hpp"
#include "runtime/common/dmabuf.hpp"
#include "runtime/common/sync_file.hpp"
#include "runtime/producer/buffer_dmabuf.hpp"
#include "runtime/producer/connection.hpp"
#include "tests/unit/producer/producer_fixture.hpp"
#include "tests/unit/support/udmabuf_fixture.hpp"
#include "tests/unit/support/vgem.hpp"

namespace vdmabuf::test {
namespace {

TEST_F(ProducerTest, AFencesDescriptorGoesWithItsFrame) {
    connect();
    make_stream(2);
    const UniqueFd fence(::eventfd(0, EFD_CLOEXEC));
    FrameInfo frame;
    frame.slot = slots[0];
    const std::uint64_t before = now_ns();
    const std::uint64_t serial = window->present(frame, UniqueFd(::dup(fence.get())));
    EXPECT_LT(now_ns() - before, 500 * kNsPerMs) << "nobody waits for a fence";
    const auto sent = broker.expect<stream::Present>();
    ASSERT_TRUE(sent);
    EXPECT_EQ(sent->serial, serial);
    ASSERT_EQ(broker.fds.size(), 1u);
    // All eventfds share an inode: what is written to one must be read from the other.
    const auto same = [&](const UniqueFd& other) {
        const std::uint64_t one = 1;
        std::uint64_t count = 0;
        return ::write(fence.get(), &one, sizeof one) == ssize_t{sizeof one} &&
               ::read(other.get(), &count, sizeof count) == ssize_t{sizeof count} && count == 1;
    };
    EXPECT_TRUE(same(broker.fds[0]));
    present(slots[1]);
    ASSERT_TRUE(broker.expect<stream::Present>());
    EXPECT_TRUE(broker.fds.empty());

    // The next broker gets the newest frame, with its fence.
    frame.slot = slots[0];
    broker.release(number, slots[0], serial);
    ASSERT_TRUE(listener.wait_released(slots[0], serial));
    window->present(frame, UniqueFd(::dup(fence.get())));
    ASSERT_TRUE(broker.expect<stream::Present>());
    broker.hang_up();
    ASSERT_TRUE(broker.accept());
    ASSERT_TRUE(broker.greet());
    std::vector<std::byte> message;
    std::uint32_t type = 0;
    do {
        message = broker.next();
        ASSERT_GE(message.size(), sizeof(stream::Header));
        std::memcpy(&type, message.data(), sizeof type);
    } while (type != static_cast<std::uint32_t>(stream::Type::present));
    ASSERT_EQ(broker.fds.size(), 1u);
    EXPECT_TRUE(same(broker.fds[0]));
}

TEST_F(ProducerTest, OnlyDmabufsAreImported) {
    connect();
    const auto buffer = connection->alloc(4096);
    ASSERT_TRUE(buffer);
    EXPECT_FALSE(connection->import(UniqueFd(::dup((*buffer)->fd.get())), 4096));
    EXPECT_FALSE(connection->import(UniqueFd(), 4096));
    EXPECT_FALSE(implicit_fence((*buffer)->fd.get()));
}

class OfDmabufTest : public ProducerTest {
  protected:
    void SetUp() override {
        VDMABUF_NEEDS_UDMABUF();
        card = open_vgem();
        if (!card) {
            ASSERT_FALSE(std::getenv("VDMABUF_TEST_NEEDS_UDMABUF")) << "vgem";
            GTEST_SKIP() << "this kernel has no vgem";
        }
    }
    UniqueFd card;
};

TEST_F(OfDmabufTest, AForeignOneBecomesABuffer) {
    connect();
    VgemBuffer foreign(card.get(), 16);
    EXPECT_FALSE(connection->import(UniqueFd(::dup(foreign.dmabuf.get())), 17 * 4096));
    auto buffer = connection->import(UniqueFd(::dup(foreign.dmabuf.get())), 15 * 4096, true);
    ASSERT_TRUE(buffer) << buffer.error().text;
    EXPECT_EQ((*buffer)->size, 16u * 4096);
    EXPECT_TRUE((*buffer)->is_dmabuf);
    (*buffer)->mapping.bytes()[77] = std::byte{5};
    auto unmapped = connection->import(UniqueFd(::dup(foreign.dmabuf.get())), 1);
    ASSERT_TRUE(unmapped);
    EXPECT_FALSE((*unmapped)->mapping);

    // The host gets that very dmabuf, whole.
    auto made = connection->create_stream({"title", "app", 64, 32}, &listener);
    ASSERT_TRUE(made);
    ASSERT_TRUE(broker.expect<stream::StreamCreate>());
    const auto reserved = (*made)->reserve_slots(1);
    ASSERT_TRUE(reserved);
    ASSERT_TRUE((*made)->set_image((*reserved)[0], image_info(), *buffer, &listener));
    const auto shared = broker.expect<stream::BufferCreate>();
    ASSERT_TRUE(shared);
    EXPECT_EQ(shared->offset, 0u);
    EXPECT_EQ(shared->size, 16u * 4096);
    ASSERT_EQ(broker.fds.size(), 1u);
    EXPECT_TRUE(is_dmabuf(broker.fds[0].get()));
    const auto view = test::map_all(broker.fds[0].get(), 16 * 4096);
    EXPECT_EQ(view.bytes()[77], std::byte{5});
}

TEST_F(OfDmabufTest, OneIsMadeOfABuffersPages) {
    connect();
    const auto buffer = connection->alloc(5 * 4096);
    ASSERT_TRUE(buffer);
    const auto made = producer::dmabuf_of(**buffer);
    ASSERT_TRUE(made) << made.error().text;
    EXPECT_TRUE(is_dmabuf(made->get()));
    const auto view = test::map_all(made->get(), 5 * 4096);
    (*buffer)->mapping.bytes()[3 * 4096 + 1] = std::byte{6};
    EXPECT_EQ(view.bytes()[3 * 4096 + 1], std::byte{6});
    // Of one that is a dmabuf: the same.
    const auto foreign = connection->import(UniqueFd(::dup(made->get())), 5 * 4096);
    ASSERT_TRUE(foreign);
    const auto same = producer::dmabuf_of(**foreign);
    ASSERT_TRUE(same);
    const auto other_view = test::map_all(same->get(), 5 * 4096);
    EXPECT_EQ(other_view.bytes()[3 * 4096 + 1], std::byte{6});
}

TEST_F(OfDmabufTest, ItsWritersAreItsFence) {
    VgemBuffer buffer(card.get(), 1);
    const auto idle = implicit_fence(buffer.dmabuf.get());
    ASSERT_TRUE(idle) << idle.error().text;
    EXPECT_TRUE(is_sync_file(idle->get()));
    EXPECT_TRUE(has_signalled(idle->get()));
    buffer.begin_write();
    const auto busy = implicit_fence(buffer.dmabuf.get());
    ASSERT_TRUE(busy);
    EXPECT_TRUE(is_sync_file(busy->get()));
    EXPECT_FALSE(has_signalled(busy->get()));
    EXPECT_TRUE(has_signalled(idle->get())) << "made before";
    const std::uint64_t before = now_ns();
    buffer.end_write();
    EXPECT_TRUE(has_signalled(busy->get()));
    EXPECT_GE(signal_time_ns(busy->get()), before);
    EXPECT_LE(signal_time_ns(busy->get()), now_ns());
    EXPECT_FALSE(is_sync_file(buffer.dmabuf.get()));
}

}  // namespace
}  // namespace vdmabuf::test
