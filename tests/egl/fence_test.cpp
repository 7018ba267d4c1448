// SPDX-License-Identifier: MIT
// Frames that wait for fences: the driver's, an app's that a test signals (vgem's, of cards in
// VDMABUF_TEST_DRI where Mesa shall not see them), and both. Where there is no vgem, the tests are
// skipped; in a guest, where it is loaded for them, that is a failure.
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "runtime/common/sync_file.hpp"
#include "tests/egl/extension.hpp"
#include "tests/unit/support/vgem.hpp"

namespace vdmabuf::test {
namespace {

constexpr std::uint64_t kPatienceNs = 8 * kNsPerSecond;  // vgem's fences signal after ten
constexpr std::uint64_t kSoonNs = 300 * kNsPerMs;

class EglFenceTest : public EglHostTest {
  protected:
    void SetUp() override {
        EglHostTest::SetUp();
        if (HasFatalFailure()) return;
        egl_.emplace();
        const char* folder = std::getenv("VDMABUF_TEST_DRI");
        card_ = open_vgem(folder ? folder : "/dev/dri");
        if (!card_) GTEST_SKIP() << "no vgem (modprobe vgem)";
        ASSERT_TRUE(std::strstr(eglQueryString(app->display, EGL_EXTENSIONS),
                                "EGL_ANDROID_native_fence_sync"));
    }

    // A fence that signals when its buffer's writer ends.
    static UniqueFd fence_of(const VgemBuffer& buffer) {
        auto fence = implicit_fence(buffer.dmabuf.get());
        EXPECT_TRUE(fence) << fence.error().text;
        return fence ? *std::move(fence) : UniqueFd();
    }
    // The driver's, of what the app has drawn.
    UniqueFd drawn() const {
        const auto create = Extension::load<PFNEGLCREATESYNCKHRPROC>("eglCreateSyncKHR");
        const auto destroy = Extension::load<PFNEGLDESTROYSYNCKHRPROC>("eglDestroySyncKHR");
        const auto duplicate =
            Extension::load<PFNEGLDUPNATIVEFENCEFDANDROIDPROC>("eglDupNativeFenceFDANDROID");
        EGLSyncKHR sync = create(app->display, EGL_SYNC_NATIVE_FENCE_ANDROID, nullptr);
        EXPECT_NE(sync, EGL_NO_SYNC_KHR);
        glFlush();
        UniqueFd fd(duplicate(app->display, sync));
        EXPECT_TRUE(destroy(app->display, sync));
        EXPECT_TRUE(fd);
        return fd;
    }
    EGLuint64KHR swap(UniqueFd fence, std::uint32_t seed) {
        draw_quarters(kEglWidth, kEglHeight, seed);
        EGLuint64KHR serial = 0;
        EXPECT_TRUE(egl_->swap(app->display, surface, fence.release(), nullptr, 0, &serial))
            << std::hex << eglGetError();
        return serial;
    }
    EGLHostEventVDMABUF frame_event(std::uint64_t timeout_ns) const {
        return egl_->wait(app->display, surface, EGL_FRAME_EVENT_VDMABUF, timeout_ns);
    }
    static std::size_t open_files() {
        std::size_t count = 0;
        for (int fd = 0; fd < 1024; ++fd) count += ::fcntl(fd, F_GETFD) >= 0;
        return count;
    }

    std::optional<Extension> egl_;  // asked for when the environment is set
    UniqueFd card_;
};

TEST_F(EglFenceTest, AFrameWaitsForItsFence) {
    host();
    ASSERT_TRUE(show(1));
    const auto first = expect_quarters(1);
    ASSERT_TRUE(first);
    EXPECT_EQ(first->image.strategy, static_cast<std::uint32_t>(expected_strategy()));
    ASSERT_NE(frame_event(kPatienceNs).type, unsigned{EGL_NONE});
    VgemBuffer buffer(card_.get(), 16);
    buffer.begin_write();
    UniqueFd fence = fence_of(buffer);
    ASSERT_FALSE(has_signalled(fence.get()));
    const EGLuint64KHR serial = swap(std::move(fence), 2);
    EXPECT_NE(serial, 0u);
    EXPECT_EQ(frame_event(kSoonNs).type, unsigned{EGL_NONE}) << "shown before its fence";
    buffer.end_write();
    EXPECT_EQ(frame_event(kPatienceNs).serial, serial);
    expect_quarters(2);
}

TEST_F(EglFenceTest, FencesOfTheDriverServe) {
    host();
    for (std::uint32_t seed = 1; seed < 6; ++seed) {
        draw_quarters(kEglWidth, kEglHeight, seed);
        UniqueFd fence = drawn();
        ASSERT_TRUE(is_sync_file(fence.get()));
        EXPECT_EQ(swap(std::move(fence), seed), seed);
        ASSERT_TRUE(expect_quarters(seed));
    }
}

// The fence is the library's from a swap on that goes well, and nothing is left of it.
TEST_F(EglFenceTest, NoDescriptorIsLeft) {
    host();
    VgemBuffer buffer(card_.get(), 16);
    const auto some = [&] {
        for (std::uint32_t seed = 1; seed < 9; ++seed) {
            buffer.begin_write();
            UniqueFd fence = fence_of(buffer);
            buffer.end_write();
            EXPECT_NE(swap(std::move(fence), seed), 0u);
            EXPECT_NE(frame_event(kPatienceNs).type, unsigned{EGL_NONE});
        }
    };
    some();
    const std::size_t before = open_files();
    some();
    EXPECT_EQ(open_files(), before);
}

// A window that is destroyed while its frame waits.
TEST_F(EglFenceTest, AWindowGoesBeforeItsFence) {
    host();
    ASSERT_TRUE(host().wait_streams(1));
    VgemBuffer buffer(card_.get(), 16);
    buffer.begin_write();
    EXPECT_NE(swap(fence_of(buffer), 1), 0u);
    EXPECT_TRUE(eglDestroySurface(app->display, surface));
    EXPECT_TRUE(app->not_current());
    EXPECT_TRUE(host().wait_streams(0));
    buffer.end_write();
}

}  // namespace
}  // namespace vdmabuf::test
