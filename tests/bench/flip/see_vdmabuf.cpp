// SPDX-License-Identifier: MIT
// see_vdmabuf --path SOCKET: a consumer that looks at three pixels of every frame of every stream
// (the first stream is the one that is measured), and gives it back at once. Prints a JSON object.
#include <map>

#include "runtime/common/event_loop.hpp"
#include "runtime/consumer/client.hpp"
#include "runtime/consumer/scattered_mapping.hpp"
#include "tests/bench/flip/figures.hpp"
#include "tests/bench/flip/options.hpp"

namespace {

using namespace vdmabuf;
using namespace vdmabuf::flip;

class Seeing final : public consumer::ClientListener {
  public:
    Seeing(EventLoop& loop, const Options& options)
        : loop_(loop),
          options_(options),
          client_(loop, {options.path, "see_vdmabuf"}, *this),
          figures_(options) {
        watch();
    }
    const Figures& figures() const { return figures_; }
    void watch() {
        if (figures_.stalled() || figures_.done()) loop_.stop();
        loop_.at(now_ns() + 100 * kNsPerMs, [this] { watch(); });
    }

    void stream_added(const consumer::StreamAdded& message) override {
        client_.attach(message.stream);
    }
    void stream_removed(std::uint64_t stream) override { shown_.erase(stream); }
    void image(const consumer::Image& message, consumer::BufferFiles files) override {
        auto mapping = consumer::map_scattered(files);
        if (!mapping) fail(mapping.error().text);
        images_[message.image] = std::move(*mapping);
    }
    void image_gone(std::uint64_t stream, std::uint64_t image) override {
        images_.erase(image);
        client_.image_done(stream, image);
    }
    void frame(const consumer::Frame& message) override {
        const auto found = images_.find(message.image);
        if (found == images_.end()) fail("a frame of no image");
        if (first_ == 0) first_ = message.stream;
        const auto* pixels = static_cast<const std::uint32_t*>(found->second.data());
        if (message.stream == first_) {
            figures_.see(pixels);
        } else {
            Stamp stamp;
            if (!read_stamp(pixels, stamp)) fail("a frame without a stamp");
        }
        client_.presented(message.stream, message.serial, now_ns(), 0, true);
        if (auto& before = shown_[message.stream]; before != 0)
            client_.release(message.stream, before);
        shown_[message.stream] = message.serial;
    }

  private:
    EventLoop& loop_;
    const Options options_;
    consumer::Client client_;
    std::map<std::uint64_t, Mapping> images_;
    std::map<std::uint64_t, std::uint64_t> shown_;  // serial, by stream
    std::uint64_t first_ = 0;
    Figures figures_;
};

}  // namespace

int main(int argc, char** argv) {
    auto loop = EventLoop::create();
    if (!loop) fail(loop.error().text);
    Seeing seeing(**loop, parse(argc, argv));
    (*loop)->run();
    seeing.figures().print();
    return 0;
}
