// SPDX-License-Identifier: MIT
// The host's whole side as programs: vdmabufd with a VM behind it (guest memory as QEMU gives it, a
// sealed memfd) and a consumer on a real driver. The proof of zero copy on each path for each
// format: what the guest writes after the import, with no message in between, is what the GPU
// reads. VDMABUF_TEST_PATHS names the paths that must work here (default: those that need no
// /dev/udmabuf); one that cannot be taken fails.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <sstream>
#include <stdexcept>

#include "runtime/common/clock.hpp"
#include "runtime/common/seqpacket.hpp"
#include "runtime/consumer/client.hpp"
#include "runtime/consumer/import.hpp"
#include "runtime/consumer/read_back.hpp"
#include "tests/runtime/host_chain/fake_app.hpp"
#include "tests/unit/keeper/daemon.hpp"

namespace vdmabuf {
namespace {

using consumer::ImportOutcome;
using consumer::ImportPath;
using test::Daemon;
using test::FakeApp;

constexpr int kLimitMs = 20000;  // a guest without KVM is slow

constexpr std::uint32_t kWidth = 250;  // odd rows, and a pitch that no driver would choose
constexpr std::uint32_t kHeight = 131;
constexpr std::uint64_t kOffset = 4096;

struct Case {
    const char* fourcc;
    std::uint64_t bytes;  // per pixel
};
constexpr Case kFormats[] = {
    {"XR24", 4}, {"AR24", 4}, {"XB24", 4}, {"AB24", 4}, {"XR30", 4}, {"AR30", 4},
    {"XB30", 4}, {"AB30", 4}, {"RG16", 2}, {"XB4H", 8}, {"AB4H", 8},
};

std::uint32_t fourcc(const char* name) {
    std::uint32_t value = 0;
    std::memcpy(&value, name, sizeof value);
    return value;
}

std::optional<ImportPath> path_named(const std::string& name) {
    for (const ImportPath path :
         {ImportPath::udmabuf, ImportPath::host_pointer, ImportPath::copy}) {
        if (name == consumer::to_string(path)) return path;
    }
    return std::nullopt;
}

std::vector<ImportPath> wanted_paths() {
    const char* list = std::getenv("VDMABUF_TEST_PATHS");
    std::istringstream words(list ? list : "host-pointer copy");
    std::vector<ImportPath> paths;
    for (std::string word; words >> word;) {
        const auto path = path_named(word);
        if (!path) throw std::invalid_argument("VDMABUF_TEST_PATHS: " + word);
        paths.push_back(*path);
    }
    return paths;
}

// Bytes that are a finite number in half floats too, so that no driver may change them.
std::byte pattern(std::uint64_t at, unsigned salt) {
    return std::byte(static_cast<unsigned>(at * 7 + at / 256 * 13 + salt * 91) & 0x3f);
}

// A consumer that imports every image of every stream by one path. The test runs its loop.
class Screen : public consumer::ClientListener {
  public:
    Screen(const std::shared_ptr<gpu::Device>& device, ImportPath path)
        : loop_(std::move(*EventLoop::create())),
          importer_(device, path),
          client_(*loop_,
                  {Daemon::directory() + "/vdmabuf/consumer.sock", "host-chain",
                   importer_.takes_dmabufs() ? consumer::kFeatureDmabuf : 0},
                  *this) {}
    Screen(const Screen&) = delete;
    Screen& operator=(const Screen&) = delete;

    bool connect() {
        return until([this] { return client_.is_connected(); });
    }
    // Until a frame of an image that could be imported (or could not) is there.
    bool next_frame() {
        const unsigned before = frames_;
        return until([&] { return frames_ > before || (seen_ && !outcome.image); });
    }
    // Until the producer has withdrawn the image.
    bool image_withdrawn() {
        return until([this] { return gone_; });
    }
    // Forgets the image; its pages may go back.
    void let_go() {
        outcome = {};
        client_.image_done(stream_, image_);
        seen_ = gone_ = false;
        until([] { return true; });
    }

    ImportOutcome outcome;

  private:
    template <typename Condition>
    bool until(Condition condition) {
        const std::uint64_t end = now_ns() + kLimitMs * kNsPerMs;
        do {
            loop_->run_once(kNsPerMs);
        } while (!condition() && now_ns() < end);
        return condition();
    }
    void stream_added(const consumer::StreamAdded& message) override {
        client_.attach(message.stream);
    }
    void image(const consumer::Image& message, consumer::BufferFiles files) override {
        stream_ = message.stream;
        image_ = message.image;
        outcome = importer_.import(message, std::move(files));
        seen_ = true;
        client_.imported(stream_, image_, outcome.path, outcome.reason);
    }
    void frame(const consumer::Frame& message) override {
        ++frames_;
        client_.presented(message.stream, message.serial, 0, 0, true);
    }
    void image_gone(std::uint64_t, std::uint64_t) override { gone_ = true; }
    void stream_removed(std::uint64_t) override { gone_ = true; }

    std::unique_ptr<EventLoop> loop_;
    consumer::Importer importer_;
    consumer::Client client_;
    std::uint64_t stream_ = 0;
    std::uint64_t image_ = 0;
    unsigned frames_ = 0;
    bool seen_ = false;
    bool gone_ = false;
};

UniqueFd connect_vmm(const std::string& path) {
    for (int i = 0; i < kLimitMs; ++i) {
        if (auto socket = connect_to(path, SOCK_STREAM)) return std::move(*socket);
        ::poll(nullptr, 0, 1);
    }
    return UniqueFd();
}

class HostChainTest : public testing::TestWithParam<ImportPath> {
  protected:
    void SetUp() override {
        gpu::leave_layer_out();
        auto instance = gpu::Instance::create({}, true);
        ASSERT_TRUE(instance) << instance.error().text;
        instance_ = *instance;
        auto device = gpu::Device::create(instance_, "");
        ASSERT_TRUE(device) << device.error().text;
        device_ = *device;
    }
    void TearDown() override {
        device_.reset();
        if (instance_) {
            EXPECT_EQ(instance_->validation_messages(), 0U);
        }
    }

    static void paint(FakeApp& app, const stream::StreamImage& image, std::uint64_t row_bytes,
                      unsigned salt) {
        std::vector<std::byte> row(row_bytes);
        for (std::uint32_t y = 0; y < kHeight; ++y) {
            for (std::uint64_t i = 0; i < row_bytes; ++i) row[i] = pattern(y * row_bytes + i, salt);
            app.write(image.planes[0].offset + y * image.planes[0].pitch, row.data(), row.size());
        }
    }
    // Bytes that the GPU sees and that are not the painted ones.
    std::size_t wrong_bytes(const ImportOutcome& outcome, unsigned salt) const {
        const auto seen = consumer::read_back(device_, *outcome.image);
        if (!seen) {
            ADD_FAILURE() << seen.error().text;
            return ~std::size_t{0};
        }
        std::size_t wrong = 0;
        for (std::size_t i = 0; i < seen->size(); ++i) wrong += (*seen)[i] != pattern(i, salt);
        return wrong;
    }

    std::shared_ptr<gpu::Instance> instance_;
    std::shared_ptr<gpu::Device> device_;
};

// An image of kWidth x kHeight at an odd place: whole pixels, and for most formats a pitch that is
// not a multiple of 256.
stream::StreamImage image_of(const Case& format) {
    const std::uint64_t pitch = (kWidth * format.bytes + 63) / 64 * 64 + 64;
    stream::StreamImage image;
    image.width = kWidth;
    image.height = kHeight;
    image.fourcc = fourcc(format.fourcc);
    image.planes[0] = {kOffset, pitch};
    return image;
}
std::uint64_t buffer_size(const stream::StreamImage& image) {
    return (image.planes[0].offset + image.planes[0].pitch * (kHeight + 15) + 4095) / 4096 * 4096;
}

TEST_P(HostChainTest, WhatTheGuestWritesIsWhatTheGpuReads) {
    const ImportPath path = GetParam();
    const std::string vmm = Daemon::directory() + "/vmm.sock";
    Daemon daemon({"--vm", "test=" + vmm});
    ASSERT_TRUE(daemon.ready()) << daemon.log();
    FakeApp app(connect_vmm(vmm));
    ASSERT_TRUE(app.start()) << daemon.log();
    Screen screen(device_, path);
    ASSERT_TRUE(screen.connect());

    for (const Case& format : kFormats) {
        SCOPED_TRACE(format.fourcc);
        const std::uint64_t row_bytes = kWidth * format.bytes;
        const stream::StreamImage image = image_of(format);
        ASSERT_TRUE(app.show(buffer_size(image), image)) << daemon.log();
        paint(app, image, row_bytes, 1);
        ASSERT_TRUE(app.present()) << daemon.log();
        ASSERT_TRUE(screen.next_frame()) << daemon.log();
        const ImportOutcome& outcome = screen.outcome;
        ASSERT_TRUE(outcome.image) << outcome.reason;
        ASSERT_EQ(outcome.path, path) << outcome.reason;

        const std::uint64_t copied = outcome.image->prepare();
        EXPECT_EQ(wrong_bytes(outcome, 1), 0U) << outcome.reason;
        paint(app, image, row_bytes, 2);
        if (path == ImportPath::copy) {
            EXPECT_EQ(copied, row_bytes * kHeight);
            EXPECT_EQ(wrong_bytes(outcome, 1), 0U) << "a copy does not follow the guest";
        } else {
            EXPECT_EQ(copied, 0U);
            EXPECT_EQ(wrong_bytes(outcome, 2), 0U) << outcome.reason;
        }
        EXPECT_TRUE(app.foreign_untouched());

        // The pages belong to the host until the last consumer has let go.
        EXPECT_EQ(app.withdraw(), std::uint32_t{VIRTIO_VDMABUF_PENDING});
        ASSERT_TRUE(screen.image_withdrawn());
        EXPECT_FALSE(app.released(50));
        screen.let_go();
        EXPECT_TRUE(app.released(kLimitMs));
    }
}

TEST_P(HostChainTest, ThePictureOutlivesVmAndBroker) {
    const std::string vmm = Daemon::directory() + "/vmm.sock";
    auto daemon = std::make_unique<Daemon>(std::vector<std::string>{"--vm", "test=" + vmm});
    ASSERT_TRUE(daemon->ready()) << daemon->log();
    auto app = std::make_unique<FakeApp>(connect_vmm(vmm));
    ASSERT_TRUE(app->start()) << daemon->log();
    Screen screen(device_, GetParam());
    ASSERT_TRUE(screen.connect());
    const Case& format = kFormats[0];
    const stream::StreamImage image = image_of(format);
    ASSERT_TRUE(app->show(buffer_size(image), image)) << daemon->log();
    paint(*app, image, kWidth * format.bytes, 1);
    ASSERT_TRUE(app->present());
    ASSERT_TRUE(screen.next_frame()) << daemon->log();
    const ImportOutcome& outcome = screen.outcome;
    ASSERT_TRUE(outcome.image) << outcome.reason;
    outcome.image->prepare();

    // The guest's memory is unmapped and its file closed; broker and keeper are killed.
    app.reset();
    daemon.reset();
    EXPECT_EQ(wrong_bytes(outcome, 1), 0U) << outcome.reason;
}

std::string test_name(const testing::TestParamInfo<ImportPath>& tested) {
    std::string name = consumer::to_string(tested.param);
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
}
INSTANTIATE_TEST_SUITE_P(Paths, HostChainTest, testing::ValuesIn(wanted_paths()), test_name);

}  // namespace
}  // namespace vdmabuf
