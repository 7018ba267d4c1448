// SPDX-License-Identifier: MIT
// guest_micro_bench [ROUNDS]: inside a guest, what the driver's calls cost, and how long a frame's
// answer takes: from Stream::present() until the host's PRESENTED is there, with a consumer on the
// host that answers at once. One JSON object on standard output; microseconds.
#include <fcntl.h>
#include <linux/virtio_vdmabuf.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/common/clock.hpp"
#include "runtime/producer/connection.hpp"
#include "tests/bench/need.hpp"

namespace {

using namespace vdmabuf;
using bench::fail;
using bench::need;

constexpr std::uint64_t kFrameBytes = std::uint64_t{3840} * 2160 * 4;
constexpr std::uint32_t kXr24 = 0x34325258;  // DRM_FORMAT_XRGB8888

class Answers : public producer::StreamListener {
  public:
    void on_release(std::uint32_t, std::uint64_t) override {}
    void on_presented(const stream::Presented& message) override {
        const std::lock_guard lock(mutex_);
        presented_ = message.serial;
        came_ns_ = now_ns();
        changed_.notify_all();
    }
    void on_configure(const stream::Configure&) override {}
    void on_close() override {}
    void on_lost() override {}
    std::uint64_t wait(std::uint64_t serial) {
        std::unique_lock lock(mutex_);
        if (!changed_.wait_for(lock, std::chrono::seconds(5),
                               [&] { return presented_ >= serial; })) {
            fail("a frame was not answered within five seconds");
        }
        return came_ns_;
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::uint64_t presented_ = 0;
    std::uint64_t came_ns_ = 0;
};

class Timed {
  public:
    template <typename Call>
    void time(Call call) {
        const std::uint64_t start = now_ns();
        call();
        times_.push_back(now_ns() - start);
    }
    void add(std::uint64_t ns) { times_.push_back(ns); }
    double median_us() {
        std::sort(times_.begin(), times_.end());
        return static_cast<double>(times_.at(times_.size() / 2)) / 1000.0;
    }

  private:
    std::vector<std::uint64_t> times_;
};

}  // namespace

int main(int argc, char** argv) {
    const unsigned long rounds = argc == 2 ? std::strtoul(argv[1], nullptr, 10) : 200;
    const auto endpoint = need(producer::find_endpoint());
    if (endpoint.kind != producer::Endpoint::Kind::device || rounds == 0) {
        fail("runs in a guest, with /dev/vdmabuf0");
    }
    const UniqueFd channel(::open(endpoint.path.c_str(), O_RDWR | O_CLOEXEC));
    if (!channel) fail("cannot open " + endpoint.path);
    Timed ioctl_times, alloc_times, share_times, unshare_times, trips;
    for (unsigned long i = 0; i < rounds * 10; ++i) {
        vdmabuf_info info{};
        ioctl_times.time([&] {
            if (::ioctl(channel.get(), VDMABUF_IOCTL_INFO, &info) != 0) fail("INFO fails");
        });
    }
    for (unsigned long i = 0; i < rounds / 4 + 1; ++i) {
        vdmabuf_alloc alloc{};
        alloc.size = kFrameBytes;
        alloc_times.time([&] {
            if (::ioctl(channel.get(), VDMABUF_IOCTL_ALLOC, &alloc) != 0) fail("ALLOC fails");
        });
        const UniqueFd buffer(alloc.fd);
        vdmabuf_share share{};
        share.fd = buffer.get();
        share_times.time([&] {
            if (::ioctl(channel.get(), VDMABUF_IOCTL_SHARE, &share) != 0) fail("SHARE fails");
        });
        vdmabuf_unshare unshare{};
        std::copy(std::begin(share.id), std::end(share.id), unshare.id);
        unshare_times.time([&] {
            if (::ioctl(channel.get(), VDMABUF_IOCTL_UNSHARE, &unshare) != 0) fail("UNSHARE fails");
        });
    }
    Answers answers;
    const auto connection = need(producer::Connection::open(endpoint, "guest_micro_bench"));
    const auto window = need(connection->create_stream({"bench", "bench", 64, 64}, &answers));
    for (const std::uint32_t slot : need(window->reserve_slots(2))) {
        producer::ImageInfo info;
        info.width = 64;
        info.height = 64;
        info.fourcc = kXr24;
        info.planes[0].pitch = 256;
        auto buffer = need(connection->alloc(64 * 256));
        if (auto set = window->set_image(slot, info, buffer, &answers); !set)
            fail(set.error().text);
    }
    for (unsigned long i = 0; i < rounds; ++i) {
        producer::FrameInfo frame;
        frame.slot = i % 2;
        frame.mode = stream::PresentMode::fifo;
        const std::uint64_t start = now_ns();
        const std::uint64_t end = answers.wait(window->present(frame));
        if (i >= 20) trips.add(end - start);  // the consumer imports, and tests its driver
    }
    std::printf(
        "{\"ioctl\": %.3f, \"alloc\": %.1f, \"share\": %.1f, \"unshare\": %.1f, \"round_trip\": "
        "%.1f}\n",
        ioctl_times.median_us(), alloc_times.median_us(), share_times.median_us(),
        unshare_times.median_us(), trips.median_us());
    return 0;
}
