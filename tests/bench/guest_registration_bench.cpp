// SPDX-License-Identifier: MIT
// guest_registration_bench [--rounds N] [--reserve-mib N]: inside a guest, the time from asking the
// driver for memory for 3840x2160 pixels until a consumer on the host has imported it and answered
// the first frame in it: ALLOC (zeroed pages), SHARE, announcement, broker, import, and the way
// back. Turn and turn about from memory in which 2 MiB hang together, and from memory of which no
// more than 64 KiB do. One JSON object on standard output. The host runs a consumer that answers at
// once: vdmabuf-viewer
// --headless --refresh 0.
#include <fcntl.h>
#include <linux/virtio_vdmabuf.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <cinttypes>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "runtime/common/clock.hpp"
#include "runtime/producer/connection.hpp"
#include "tests/bench/need.hpp"

namespace {

using namespace vdmabuf;
using bench::fail;
using bench::need;

constexpr std::uint32_t kWidth = 3840;
constexpr std::uint32_t kHeight = 2160;
constexpr std::uint64_t kPitch = std::uint64_t{kWidth} * 4;
constexpr std::uint64_t kBytes = kPitch * kHeight;
constexpr std::uint64_t kPage = 4096;
constexpr std::uint32_t kXr24 = 0x34325258;  // DRM_FORMAT_XRGB8888

// Tells when a frame was answered, and when it came back.
class Answers : public producer::StreamListener {
  public:
    void on_release(std::uint32_t, std::uint64_t serial) override { note(released_, serial); }
    void on_presented(const stream::Presented& message) override {
        if (message.flags & stream::kPresentedShown) note(shown_, message.serial);
    }
    void on_configure(const stream::Configure&) override {}
    void on_close() override {}
    void on_lost() override {}

    void wait_shown(std::uint64_t serial) { wait(shown_, serial, "shown"); }

  private:
    void note(std::uint64_t& last, std::uint64_t serial) {
        const std::lock_guard lock(mutex_);
        last = std::max(last, serial);
        changed_.notify_all();
    }
    void wait(const std::uint64_t& last, std::uint64_t serial, const char* what) {
        std::unique_lock lock(mutex_);
        if (!changed_.wait_for(lock, std::chrono::seconds(5), [&] { return last >= serial; })) {
            fail(std::string("a frame was not ") + what + " within five seconds");
        }
    }
    std::mutex mutex_;
    std::condition_variable changed_;
    std::uint64_t shown_ = 0;
    std::uint64_t released_ = 0;
};

// A channel of its own, without any protocol on it.
class RawChannel {
  public:
    explicit RawChannel(const std::string& path) : fd_(::open(path.c_str(), O_RDWR | O_CLOEXEC)) {
        if (!fd_) fail("cannot open " + path);
    }
    UniqueFd alloc(std::uint64_t size) const {
        vdmabuf_alloc alloc{};
        alloc.size = size;
        return UniqueFd(::ioctl(fd_.get(), VDMABUF_IOCTL_ALLOC, &alloc) == 0 ? alloc.fd : -1);
    }
    // Runs that the memory of a frame comes in.
    std::uint32_t runs() const {
        const UniqueFd buffer = alloc(kBytes);
        if (!buffer) fail("ALLOC of a frame fails");
        vdmabuf_share share{};
        share.fd = buffer.get();
        if (::ioctl(fd_.get(), VDMABUF_IOCTL_SHARE, &share) != 0) fail("SHARE of a frame fails");
        vdmabuf_unshare unshare{};
        std::copy(std::begin(share.id), std::end(share.id), unshare.id);
        if (::ioctl(fd_.get(), VDMABUF_IOCTL_UNSHARE, &unshare) != 0) fail("UNSHARE fails");
        return share.nr_runs;
    }

  private:
    UniqueFd fd_;
};

// Free blocks of at least `order`, of all zones, in units of that order.
std::uint64_t free_blocks(unsigned least) {
    std::ifstream file("/proc/buddyinfo");
    std::uint64_t count = 0;
    for (std::string line; std::getline(file, line);) {
        const auto zone = line.find("zone");
        if (zone == std::string::npos) continue;
        std::istringstream words(line.substr(zone));
        std::string word;
        words >> word >> word;
        std::uint64_t blocks = 0;
        for (unsigned order = 0; words >> blocks; ++order) {
            if (order >= least) count += blocks << (order - least);
        }
    }
    return count;
}

std::uint64_t free_bytes() {
    std::ifstream file("/proc/meminfo");
    std::string name;
    std::uint64_t kib = 0;
    for (std::string line; std::getline(file, line);) {
        std::istringstream(line) >> name >> kib;
        if (name == "MemFree:") return kib * 1024;
    }
    fail("/proc/meminfo says nothing of MemFree");
}

// The guest's free memory: enough for a frame in pieces of 2 MiB, which can be held back, and
// enough for one in pieces of 64 KiB with held ones between them. Of the rest little is free, and
// no piece larger than those.
class FreeMemory {
  public:
    FreeMemory(const RawChannel& channel, std::uint64_t reserve) : channel_(channel) {
        const rlimit limit{1 << 20, 1 << 20};
        if (::setrlimit(RLIMIT_NOFILE, &limit) != 0)
            fail("cannot raise RLIMIT_NOFILE; run as root");
        // Pages that the kernel keeps for each processor do not hang together with their
        // neighbours: as few as it takes.
        std::ofstream("/proc/sys/vm/percpu_pagelist_high_fraction") << 1'000'000 << std::flush;
        // Of either more than a frame needs, as what it gives back is not whole at once.
        std::vector<UniqueFd> large;
        std::vector<UniqueFd> small;
        for (std::uint64_t i = 0; i < 3 * kLarge; ++i) large.push_back(take(kLargeOrder));
        for (std::uint64_t i = 0; i < 4 * kSmall; ++i) {
            small.push_back(take(kSmallOrder));
        }
        while (free_bytes() > reserve) held_.push_back(take(kLargeOrder));
        for (std::size_t i = 0; i < small.size(); i += 2) held_.push_back(std::move(small[i]));
        small.clear();
        fragmented();
        std::move(large.begin(), large.end(), std::back_inserter(large_));
    }

    // The next frame gets large pieces.
    void whole() {
        large_.clear();
        if (free_blocks(kLargeOrder) < kLarge) fail("too few pieces of 2 MiB are left");
    }
    // The next frame gets small ones.
    void fragmented() {
        for (unsigned order = kLargeOrder; order > kSmallOrder; --order) {
            // What the kernel keeps for emergencies is free too.
            for (std::uint64_t before = free_blocks(order), now = 0; before > 0; before = now) {
                UniqueFd piece = take(order);
                now = free_blocks(order);
                if (now >= before) break;
                large_.push_back(std::move(piece));
            }
        }
        if (free_blocks(kSmallOrder) < kSmall) fail("too few pieces of 64 KiB are left");
    }

  private:
    static constexpr unsigned kLargeOrder = 9;  // 2 MiB
    static constexpr unsigned kSmallOrder = 4;  // 64 KiB
    static constexpr std::uint64_t kLarge = kBytes / (kPage << kLargeOrder) + 1;
    static constexpr std::uint64_t kSmall = kBytes / (kPage << kSmallOrder) + 1;

    UniqueFd take(unsigned order) const {
        UniqueFd piece = channel_.alloc(kPage << order);
        if (!piece) {
            fail(
                "ALLOC of a piece fails; load the driver with larger max_channel_buffers, "
                "max_channel_mb and max_device_mb");
        }
        return piece;
    }

    const RawChannel& channel_;
    std::vector<UniqueFd> large_;
    std::vector<UniqueFd> held_;
};

// Until all is free again that was free once.
void await_free(std::uint64_t pages) {
    constexpr std::uint64_t kOnProcessors = 1024;  // pages that a kernel keeps at hand
    const auto deadline = now_ns() + 5'000'000'000;
    while (free_blocks(0) + kOnProcessors < pages) {
        if (now_ns() > deadline) fail("a frame's memory does not come back");
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
}

double us(std::vector<std::uint64_t> times, double part) {
    const auto at = static_cast<std::size_t>(part * static_cast<double>(times.size() - 1));
    std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(at), times.end());
    return static_cast<double>(times[at]) / 1000.0;
}

struct Times {
    std::uint32_t runs = 0;  // that a frame's memory came in, at most
    std::vector<std::uint64_t> alloc;
    std::vector<std::uint64_t> all;
    std::vector<std::uint64_t> share;
    std::vector<std::uint64_t> map;
};

// A stream whose frames each come in memory of their own.
class Registration {
  public:
    Registration(producer::Connection& connection, const RawChannel& channel)
        : connection_(connection),
          channel_(channel),
          window_(need(connection.create_stream({"bench", "bench", kWidth, kHeight}, &answers_))),
          small_slot_(set_image(need(connection.alloc(kPage)), 32, 32)) {}

    void once(Times& times) {
        // The same memory once before, so that neither kind comes colder than the other.
        times.runs = std::max(times.runs, channel_.runs());
        const std::uint64_t free_pages = free_blocks(0);
        const std::uint64_t start = now_ns();
        UniqueFd memory = channel_.alloc(kBytes);
        const std::uint64_t allocated = now_ns();
        if (!memory) fail("ALLOC of a frame fails");
        auto buffer = need(connection_.import(std::move(memory), kBytes, false));
        const std::uint32_t slot = set_image(buffer, kWidth, kHeight);
        const std::uint64_t shared = now_ns();
        show(slot);
        const std::uint64_t end = now_ns();
        // What a program that draws with the CPU needs besides.
        if (auto mapped = producer::map_buffer(*buffer); !mapped) fail(mapped.error().text);
        times.map.push_back(now_ns() - end);
        times.alloc.push_back(allocated - start);
        times.share.push_back(shared - allocated);
        times.all.push_back(end - start);
        show(small_slot_);
        window_->remove_image(slot);
        buffer.reset();
        await_free(free_pages);
    }

  private:
    std::uint32_t set_image(const std::shared_ptr<producer::Buffer>& buffer, std::uint32_t width,
                            std::uint32_t height) {
        const std::uint32_t slot = need(window_->reserve_slots(1)).front();
        producer::ImageInfo info;
        info.width = width;
        info.height = height;
        info.fourcc = kXr24;
        info.planes[0].pitch = std::uint64_t{width} * 4;
        if (auto set = window_->set_image(slot, info, buffer, &answers_); !set) {
            fail(set.error().text);
        }
        return slot;
    }
    void show(std::uint32_t slot) {
        producer::FrameInfo frame;
        frame.slot = slot;
        frame.mode = stream::PresentMode::mailbox;
        answers_.wait_shown(window_->present(frame));
    }

    producer::Connection& connection_;
    const RawChannel& channel_;
    Answers answers_;
    std::unique_ptr<producer::Stream> window_;
    const std::uint32_t small_slot_;  // shown meanwhile, so that the host lets go of the large ones
};

double median_ratio(const std::vector<std::uint64_t>& over,
                    const std::vector<std::uint64_t>& under) {
    std::vector<double> ratios;
    for (std::size_t i = 0; i < over.size(); ++i) {
        ratios.push_back(static_cast<double>(over[i]) / static_cast<double>(under[i]));
    }
    const auto middle = ratios.begin() + static_cast<std::ptrdiff_t>(ratios.size() / 2);
    std::nth_element(ratios.begin(), middle, ratios.end());
    return *middle;
}

void print(const char* name, const Times& times) {
    std::printf("\"%s\": {\"runs\": %" PRIu32
                ", \"median_us\": %.1f, \"p90_us\": %.1f, \"alloc_median_us\": %.1f, "
                "\"share_median_us\": %.1f, \"map_median_us\": %.1f}, ",
                name, times.runs, us(times.all, 0.5), us(times.all, 0.9), us(times.alloc, 0.5),
                us(times.share, 0.5), us(times.map, 0.5));
}

}  // namespace

int main(int argc, char** argv) {
    unsigned long rounds = 50;
    std::uint64_t reserve_mib = 32;  // nobody shall run out
    for (int i = 1; i + 1 < argc; i += 2) {
        const unsigned long value = std::strtoul(argv[i + 1], nullptr, 10);
        if (std::string(argv[i]) == "--rounds") rounds = value;
        if (std::string(argv[i]) == "--reserve-mib") reserve_mib = value;
    }
    const auto endpoint = need(producer::find_endpoint());
    if (endpoint.kind != producer::Endpoint::Kind::device || rounds == 0) {
        fail("runs in a guest, with /dev/vdmabuf0");
    }
    const auto connection = need(producer::Connection::open(endpoint, "registration"));
    const RawChannel channel(endpoint.path);
    FreeMemory memory(channel, reserve_mib << 20);
    Registration registration(*connection, channel);
    Times scattered;
    Times whole;
    // One more pair, which tests the consumer's driver and touches the memory for the first time.
    for (unsigned long round = 0; round < rounds + 1; ++round) {
        if (round == 1) whole = scattered = {};
        memory.whole();
        registration.once(whole);
        memory.fragmented();
        registration.once(scattered);
    }
    std::printf("{\"bytes\": %" PRIu64 ", ", kBytes);
    print("contiguous", whole);
    print("fragmented", scattered);
    std::printf("\"ratio\": %.3f}\n", median_ratio(scattered.all, whole.all));
    return 0;
}
