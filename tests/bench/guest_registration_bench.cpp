// SPDX-License-Identifier: MIT
// guest_registration_bench [--rounds N]: inside a guest, the time from asking the driver for memory
// for 3840x2160 pixels until a consumer on the host has imported it and answered the first frame in
// it: ALLOC (zeroed pages), SHARE, announcement, broker, import, and the way back. First from free
// memory as it is, then from memory of which no more than 64 KiB hang together. One JSON object on
// standard output. The host runs a consumer that answers at once: vdmabuf-viewer --headless
// --refresh 0.
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
#include <mutex>
#include <sstream>
#include <string>
#include <vector>

#include "runtime/common/clock.hpp"
#include "runtime/producer/connection.hpp"

namespace {

using namespace vdmabuf;

constexpr std::uint32_t kWidth = 3840;
constexpr std::uint32_t kHeight = 2160;
constexpr std::uint64_t kPitch = std::uint64_t{kWidth} * 4;
constexpr std::uint64_t kBytes = kPitch * kHeight;
constexpr std::uint32_t kXr24 = 0x34325258;  // DRM_FORMAT_XRGB8888
constexpr std::uint64_t kPiece = 64 * 1024;

[[noreturn]] void fail(const std::string& text) {
    std::fprintf(stderr, "guest_registration_bench: %s\n", text.c_str());
    std::exit(1);
}

template <typename T>
T need(Result<T> result) {
    if (!result) fail(result.error().text);
    return std::move(*result);
}

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

// Free blocks of at least 2 MiB, the largest that the driver asks for, of all zones.
std::uint64_t large_free_blocks() {
    constexpr unsigned kLargeOrder = 9;
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
            if (order >= kLargeOrder) count += blocks;
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

UniqueFd piece_of(const RawChannel& channel, std::uint64_t size) {
    UniqueFd piece = channel.alloc(size);
    if (!piece) {
        fail(
            "ALLOC of a piece fails; load the driver with larger max_channel_buffers, "
            "max_channel_mb and max_device_mb");
    }
    return piece;
}

// Takes free memory in pieces of 64 KiB, gives every other piece back, and takes what is still
// whole. What is returned has to stay open.
std::vector<UniqueFd> fragment(const RawChannel& channel) {
    constexpr std::uint64_t kReserve = std::uint64_t{48} << 20;  // nobody shall run out
    const rlimit limit{1 << 20, 1 << 20};
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) fail("cannot raise RLIMIT_NOFILE; run as root");
    std::vector<UniqueFd> pieces;
    // A look costs more than a piece.
    while (pieces.size() % 16 != 0 || free_bytes() > kReserve) {
        pieces.push_back(piece_of(channel, kPiece));
    }
    for (std::size_t i = 0; i < pieces.size(); i += 2) pieces[i].reset();
    while (large_free_blocks() > 0) pieces.push_back(piece_of(channel, std::uint64_t{2} << 20));
    std::erase_if(pieces, [](const UniqueFd& fd) { return !fd; });
    return pieces;
}

double us(std::vector<std::uint64_t> times, double part) {
    const auto at = static_cast<std::size_t>(part * static_cast<double>(times.size() - 1));
    std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(at), times.end());
    return static_cast<double>(times[at]) / 1000.0;
}

struct Times {
    std::vector<std::uint64_t> alloc;
    std::vector<std::uint64_t> all;
};

Times measure(producer::Connection& connection, unsigned long rounds) {
    Answers answers;
    const auto window =
        need(connection.create_stream({"bench", "bench", kWidth, kHeight}, &answers));
    producer::ImageInfo info;
    info.width = kWidth;
    info.height = kHeight;
    info.fourcc = kXr24;
    info.planes[0].pitch = kPitch;
    Times times;
    // One more, which tests the consumer's driver and touches the memory for the first time.
    for (unsigned long round = 0; round < rounds + 1; ++round) {
        const std::uint32_t slot = need(window->reserve_slots(1)).front();
        const std::uint64_t start = now_ns();
        auto buffer = need(connection.alloc(kBytes));
        const std::uint64_t allocated = now_ns();
        if (auto set = window->set_image(slot, info, buffer, &answers); !set) {
            fail(set.error().text);
        }
        producer::FrameInfo frame;
        frame.slot = slot;
        frame.mode = stream::PresentMode::mailbox;
        answers.wait_shown(window->present(frame));
        const std::uint64_t end = now_ns();
        window->remove_image(slot);
        if (round == 0) continue;
        times.alloc.push_back(allocated - start);
        times.all.push_back(end - start);
    }
    return times;
}

void print(const char* name, const Times& times, std::uint32_t runs, const char* after) {
    std::printf("\"%s\": {\"runs\": %" PRIu32
                ", \"median_us\": %.1f, \"p90_us\": %.1f, \"alloc_median_us\": %.1f}%s",
                name, runs, us(times.all, 0.5), us(times.all, 0.9), us(times.alloc, 0.5), after);
}

}  // namespace

int main(int argc, char** argv) {
    unsigned long rounds = 50;
    if (argc == 3 && std::string(argv[1]) == "--rounds")
        rounds = std::strtoul(argv[2], nullptr, 10);
    const auto endpoint = need(producer::find_endpoint());
    if (endpoint.kind != producer::Endpoint::Kind::device || rounds == 0) {
        fail("runs in a guest, with /dev/vdmabuf0");
    }
    const auto connection = need(producer::Connection::open(endpoint, "registration"));
    const RawChannel channel(endpoint.path);
    const std::uint32_t whole_runs = channel.runs();
    const Times whole = measure(*connection, rounds);
    const auto held = fragment(channel);
    const std::uint32_t scattered_runs = channel.runs();
    const Times scattered = measure(*connection, rounds);
    std::printf("{\"bytes\": %" PRIu64 ", ", kBytes);
    print("contiguous", whole, whole_runs, ", ");
    print("fragmented", scattered, scattered_runs, "}\n");
    return 0;
}
