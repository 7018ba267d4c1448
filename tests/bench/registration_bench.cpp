// SPDX-License-Identifier: MIT
// registration_bench --producer SOCKET --consumer SOCKET [--rounds N]: time from handing a buffer
// of 3840x2160 pixels to the producer library until a consumer has imported it by host pointer:
// share, announce, broker, mapping, vkAllocateMemory. The memory itself is allocated before. One
// JSON object on standard output. Beside it, in the same run, the time of one memcpy of the same
// bytes.
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "runtime/common/clock.hpp"
#include "runtime/consumer/client.hpp"
#include "runtime/consumer/import.hpp"
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
constexpr std::uint32_t kXr24 = 0x34325258;  // DRM_FORMAT_XRGB8888

// Imports every image of every stream of this process's producer; on a thread of its own.
class Importing : public consumer::ClientListener {
  public:
    Importing(const std::string& socket, std::uint32_t pid)
        : pid_(pid),
          loop_(need(EventLoop::create())),
          importer_(need(gpu::Device::create(need(gpu::Instance::create({})), ""))),
          client_(*loop_, {socket, "registration_bench"}, *this),
          thread_([this] { loop_->run(); }) {}
    ~Importing() override {
        loop_->stop();
        thread_.join();
    }
    Importing(const Importing&) = delete;
    Importing& operator=(const Importing&) = delete;

    void stream_added(const consumer::StreamAdded& message) override {
        if (message.pid == pid_) client_.attach(message.stream);
    }
    void image(const consumer::Image& message, consumer::BufferFiles files) override {
        const auto outcome = importer_.import(message, std::move(files));
        if (!outcome.image) fail("import: " + outcome.reason);
        const std::uint64_t now = now_ns();
        const std::lock_guard lock(mutex_);
        image_ = outcome.image;
        path_ = outcome.path;
        imported_ns_ = now;
        changed_.notify_all();
    }
    void image_gone(std::uint64_t stream, std::uint64_t image) override {
        const std::lock_guard lock(mutex_);
        image_.reset();
        client_.image_done(stream, image);
        changed_.notify_all();
    }

    // When the next image was imported.
    std::uint64_t wait_imported() {
        std::unique_lock lock(mutex_);
        if (!changed_.wait_for(lock, std::chrono::seconds(5), [&] { return imported_ns_ != 0; })) {
            fail("nothing was imported within five seconds");
        }
        return std::exchange(imported_ns_, 0);
    }
    void wait_gone() {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, std::chrono::seconds(5), [&] { return !image_; });
    }
    consumer::ImportPath path() {
        const std::lock_guard lock(mutex_);
        return path_;
    }

  private:
    const std::uint32_t pid_;
    std::unique_ptr<EventLoop> loop_;
    consumer::Importer importer_;
    consumer::Client client_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::shared_ptr<consumer::ImportedImage> image_;
    consumer::ImportPath path_ = consumer::ImportPath::none;
    std::uint64_t imported_ns_ = 0;
    std::thread thread_;
};

class Deaf : public producer::StreamListener {
    void on_release(std::uint32_t, std::uint64_t) override {}
    void on_presented(const stream::Presented&) override {}
    void on_configure(const stream::Configure&) override {}
    void on_close() override {}
    void on_lost() override {}
};

double us(std::vector<std::uint64_t> times, double part) {
    const auto at = static_cast<std::size_t>(part * static_cast<double>(times.size() - 1));
    std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(at), times.end());
    return static_cast<double>(times[at]) / 1000.0;
}

}  // namespace

int main(int argc, char** argv) {
    std::string producer_socket;
    std::string consumer_socket;
    unsigned long rounds = 50;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string option = argv[i];
        if (option == "--producer") producer_socket = argv[i + 1];
        if (option == "--consumer") consumer_socket = argv[i + 1];
        if (option == "--rounds") rounds = std::strtoul(argv[i + 1], nullptr, 10);
    }
    if (producer_socket.empty() || consumer_socket.empty() || rounds == 0) {
        std::fprintf(stderr, "usage: registration_bench --producer S --consumer S [--rounds N]\n");
        return 2;
    }
    Importing importing(consumer_socket, static_cast<std::uint32_t>(::getpid()));
    Deaf deaf;
    const auto connection = need(producer::Connection::open(
        {producer::Endpoint::Kind::socket, producer_socket}, "registration_bench"));
    const auto window = need(connection->create_stream({"bench", "bench", kWidth, kHeight}, &deaf));
    producer::ImageInfo info;
    info.width = kWidth;
    info.height = kHeight;
    info.fourcc = kXr24;
    info.planes[0].pitch = kPitch;

    std::vector<std::uint64_t> times;
    std::vector<std::uint64_t> copies;
    std::vector<std::byte> private_pages(kBytes);
    for (unsigned long round = 0; round < rounds + 1; ++round) {
        const std::uint32_t slot = need(window->reserve_slots(1)).front();
        auto buffer = need(connection->alloc(kBytes));
        const std::uint64_t start = now_ns();
        if (auto set = window->set_image(slot, info, buffer, &deaf); !set) fail(set.error().text);
        const std::uint64_t imported = importing.wait_imported();
        // Once before, for the page faults of a fresh mapping.
        std::memcpy(private_pages.data(), buffer->mapping.data(), kBytes);
        const std::uint64_t copy_start = now_ns();
        std::memcpy(private_pages.data(), buffer->mapping.data(), kBytes);
        const std::uint64_t copy_end = now_ns();
        window->remove_image(slot);
        importing.wait_gone();
        if (round == 0) continue;  // tests the driver once, touches private_pages
        times.push_back(imported - start);
        copies.push_back(copy_end - copy_start);
    }
    std::printf(
        "{\"bytes\": %llu, \"path\": \"%s\", \"median_us\": %.1f, \"p90_us\": %.1f, "
        "\"memcpy_us\": %.1f}\n",
        static_cast<unsigned long long>(kBytes), consumer::to_string(importing.path()),
        us(times, 0.5), us(times, 0.9), us(copies, 0.5));
    return 0;
}
