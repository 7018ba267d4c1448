// SPDX-License-Identifier: MIT
// Implicit fences, of a driver that has them: vgem's can be signalled at will. Where there is no
// vgem, the tests are skipped; in a guest, where it is loaded for them, that is a failure.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/ioctl.h>

#include <atomic>
#include <string>
#include <thread>

#include "runtime/common/clock.hpp"
#include "runtime/consumer/gpu/commands.hpp"
#include "runtime/consumer/implicit_fence.hpp"
#include "runtime/consumer/import.hpp"
#include "runtime/consumer/rungs.hpp"
#include "runtime/consumer/writers_semaphore.hpp"
#include "tests/unit/consumer/scattered_buffer.hpp"
#include "tests/unit/consumer/vulkan_test.hpp"

namespace vdmabuf::consumer {
namespace {

using test::image_message;
using test::ScatteredBuffer;

// A dumb buffer of vgem's as a dmabuf, to which somebody writes when the test says so. Structures
// and numbers as drm.h and vgem_drm.h have them.
class Vgem {
  public:
    bool open() {
        for (int i = 0; i < 8; ++i) {
            const std::string path = "/dev/dri/card" + std::to_string(i);
            UniqueFd card(::open(path.c_str(), O_RDWR | O_CLOEXEC));
            if (card && driver_of(card.get()) == "vgem") {
                card_ = std::move(card);
                return true;
            }
        }
        return false;
    }
    BufferFiles make_dmabuf(std::uint32_t size) {
        struct {
            std::uint32_t height, width, bpp, flags, handle, pitch;
            std::uint64_t size;
        } dumb{size / 4096, 1024, 32, 0, 0, 0, 0};
        EXPECT_EQ(::ioctl(card_.get(), _IOWR('d', 0xb2, decltype(dumb)), &dumb), 0);
        struct {
            std::uint32_t handle, flags;
            std::int32_t fd;
        } prime{handle_ = dumb.handle, O_CLOEXEC | O_RDWR, -1};
        EXPECT_EQ(::ioctl(card_.get(), _IOWR('d', 0x2d, decltype(prime)), &prime), 0);
        BufferFiles files;
        files.kind = MemoryKind::dmabuf;
        files.size = dumb.size;
        files.files.emplace_back(prime.fd);
        return files;
    }
    std::uint32_t begin_writing() {
        struct {
            std::uint32_t handle, flags, fence, pad;
        } attach{handle_, 1, 0, 0};
        EXPECT_EQ(::ioctl(card_.get(), _IOWR('d', 0x41, decltype(attach)), &attach), 0);
        return attach.fence;
    }
    void finish_writing(std::uint32_t fence) {
        struct {
            std::uint32_t fence, flags;
        } signal{fence, 0};
        EXPECT_EQ(::ioctl(card_.get(), _IOW('d', 0x42, decltype(signal)), &signal), 0);
    }

  private:
    static std::string driver_of(int card) {
        char name[8] = {};
        struct {
            int major, minor, patch;
            std::size_t name_size;
            char* name;
            std::size_t date_size;
            char* date;
            std::size_t text_size;
            char* text;
        } version{0, 0, 0, sizeof name - 1, name, 0, nullptr, 0, nullptr};
        return ::ioctl(card, _IOWR('d', 0x00, decltype(version)), &version) == 0 ? name : "";
    }
    UniqueFd card_;
    std::uint32_t handle_ = 0;
};

class VgemTest : public test::VulkanTest {
  protected:
    void SetUp() override {
        VulkanTest::SetUp();
        if (HasFatalFailure()) return;
        if (!vgem_.open()) GTEST_SKIP() << "no vgem (modprobe vgem)";
    }
    Vgem vgem_;
};

TEST_F(VgemTest, ReadersWaitForImplicitFences) {
    BufferFiles files = vgem_.make_dmabuf(512 * 304 * 4);
    const int dmabuf = files.files.front().get();
    EXPECT_FALSE(writers_of(dmabuf));
    const std::uint32_t fence = vgem_.begin_writing();
    const UniqueFd writers = writers_of(dmabuf);
    ASSERT_TRUE(writers);
    EXPECT_EQ(wait_for(writers, 20 * kNsPerMs).error().code, ETIMEDOUT);
    std::thread writer([&] {
        ::poll(nullptr, 0, 50);
        vgem_.finish_writing(fence);
    });
    EXPECT_TRUE(wait_for(writers, 10 * kNsPerSecond));
    writer.join();
    EXPECT_FALSE(writers_of(dmabuf));
}

TEST_F(VgemTest, TheGpuWaitsForImplicitFences) {
    BufferFiles files = vgem_.make_dmabuf(512 * 304 * 4);
    Image message = image_message(ScatteredBuffer::whole(files.size), 500, 300, 2048);
    auto parts = import_dmabuf_buffer(device_, *check_layout(message), files);
    ASSERT_TRUE(parts) << parts.error().text;
    const ImportedImage image(std::move(*parts));
    const std::uint32_t fence = vgem_.begin_writing();
    std::atomic<bool> written = false;
    std::thread writer([&] {
        ::poll(nullptr, 0, 50);
        written = true;
        vgem_.finish_writing(fence);
    });
    auto semaphore = semaphore_of_writers(*device_, image.dmabuf());
    ASSERT_TRUE(semaphore) << semaphore.error().text;
    auto commands = gpu::Commands::create(device_);
    ASSERT_TRUE(commands) << commands.error().text;
    auto buffer = commands->begin();
    ASSERT_TRUE(buffer) << buffer.error().text;
    image.acquire(*buffer);
    image.give_back(*buffer);
    EXPECT_TRUE(commands->submit({semaphore->get()}));
    EXPECT_TRUE(commands->wait());
    EXPECT_TRUE(written);
    writer.join();
    EXPECT_EQ(semaphore->get() != VK_NULL_HANDLE, device_->abilities().sync_file);
}

}  // namespace
}  // namespace vdmabuf::consumer
