// SPDX-License-Identifier: MIT
// Implicit fences, of a driver that has them: vgem's can be signalled at will. Where there is no
// vgem, the tests are skipped; in a guest, where it is loaded for them, that is a failure.
#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <thread>

#include "runtime/common/clock.hpp"
#include "runtime/consumer/gpu/commands.hpp"
#include "runtime/consumer/implicit_fence.hpp"
#include "runtime/consumer/import.hpp"
#include "runtime/consumer/rungs.hpp"
#include "runtime/consumer/writers_semaphore.hpp"
#include "tests/unit/consumer/scattered_buffer.hpp"
#include "tests/unit/consumer/vulkan_test.hpp"
#include "tests/unit/support/vgem.hpp"

namespace vdmabuf::consumer {
namespace {

using test::image_message;
using test::ScatteredBuffer;

class VgemTest : public test::VulkanTest {
  protected:
    void SetUp() override {
        VulkanTest::SetUp();
        if (HasFatalFailure()) return;
        card_ = test::open_vgem();
        if (!card_) GTEST_SKIP() << "no vgem (modprobe vgem)";
    }
    UniqueFd card_;
};

TEST_F(VgemTest, ReadersWaitForImplicitFences) {
    test::VgemBuffer buffer(card_.get(), 152);
    const int dmabuf = buffer.dmabuf.get();
    EXPECT_FALSE(writers_of(dmabuf));
    buffer.begin_write();
    const UniqueFd writers = writers_of(dmabuf);
    ASSERT_TRUE(writers);
    EXPECT_EQ(wait_for(writers, 20 * kNsPerMs).error().code, ETIMEDOUT);
    std::thread writer([&] {
        ::poll(nullptr, 0, 50);
        buffer.end_write();
    });
    EXPECT_TRUE(wait_for(writers, 10 * kNsPerSecond));
    writer.join();
    EXPECT_FALSE(writers_of(dmabuf));
}

TEST_F(VgemTest, TheGpuWaitsForImplicitFences) {
    test::VgemBuffer buffer(card_.get(), 152);
    BufferFiles files;
    files.kind = MemoryKind::dmabuf;
    files.size = 512 * 304 * 4;
    files.files.push_back(std::move(buffer.dmabuf));
    Image message = image_message(ScatteredBuffer::whole(files.size), 500, 300, 2048);
    auto parts = import_dmabuf_buffer(device_, *check_layout(message), files);
    ASSERT_TRUE(parts) << parts.error().text;
    const ImportedImage image(std::move(*parts));
    buffer.begin_write();
    std::atomic<bool> written = false;
    std::thread writer([&] {
        ::poll(nullptr, 0, 50);
        written = true;
        buffer.end_write();
    });
    auto semaphore = semaphore_of_writers(*device_, image.dmabuf());
    ASSERT_TRUE(semaphore) << semaphore.error().text;
    auto commands = gpu::Commands::create(device_);
    ASSERT_TRUE(commands) << commands.error().text;
    auto recording = commands->begin();
    ASSERT_TRUE(recording) << recording.error().text;
    image.acquire(*recording);
    image.give_back(*recording);
    EXPECT_TRUE(commands->submit({semaphore->get()}));
    EXPECT_TRUE(commands->wait());
    EXPECT_TRUE(written);
    writer.join();
    EXPECT_EQ(semaphore->get() != VK_NULL_HANDLE, device_->abilities().sync_file);
}

}  // namespace
}  // namespace vdmabuf::consumer
