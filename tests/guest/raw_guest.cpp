// SPDX-License-Identifier: MIT
// raw_guest: dmabufs of every driver that exports some, and offers and messages with fences,
// through libvdmabuf-producer in a guest; raw_consumer on the host compares what it sees with the
// pattern and answers how many bytes differ. Every test hands one buffer to one run of
// raw_consumer.
#include <poll.h>
#include <vdmabuf/producer.h>

#include <cstdio>
#include <cstring>
#include <optional>
#include <string>

#include "docs/examples/pattern.h"
#include "tests/guest/dmabufs.hpp"
#include "tests/guest/fences.hpp"
#include "tests/guest/guest_test.hpp"

namespace {

using namespace guest_test;

constexpr std::uint32_t kWidth = 256;
constexpr std::uint32_t kHeight = 64;
constexpr std::size_t kBytes = std::size_t{kWidth} * kHeight * 4;
constexpr const char* kLayout = "256 64 1024";

class Producer {
  public:
    Producer() {
        vdmabuf_producer_options options{};
        options.size = sizeof options;
        options.endpoint = g_device.c_str();
        if (vdmabuf_producer_open(&options, &producer_) < 0) {
            throw std::runtime_error(vdmabuf_producer_error(nullptr));
        }
    }
    Producer(const Producer&) = delete;
    Producer& operator=(const Producer&) = delete;
    ~Producer() {
        vdmabuf_buffer_free(buffer);
        vdmabuf_producer_close(producer_);
    }

    void check(int rc) const {
        if (rc < 0) throw std::runtime_error(vdmabuf_producer_error(producer_));
    }
    int import(int fd) { return vdmabuf_buffer_import(producer_, fd, &buffer); }
    void alloc() { check(vdmabuf_buffer_alloc(producer_, kBytes, &buffer)); }
    int offer(int fence = -1) {
        return vdmabuf_buffer_offer(buffer, "pattern", kLayout, std::strlen(kLayout), fence);
    }
    void say(const std::string& text, int fence = -1) {
        check(vdmabuf_buffer_send(buffer, receiver, text.data(), text.size(), fence));
    }
    // The next event of this type; nothing after `limit`.
    std::optional<vdmabuf_producer_event> await(std::uint32_t type,
                                                std::chrono::milliseconds limit = 60s) {
        const auto until = Clock::now() + limit;
        for (;;) {
            vdmabuf_producer_event event{};
            event.size = sizeof event;
            const int rc = vdmabuf_producer_dispatch(producer_, &event);
            check(rc);
            if (rc > 0) {
                if (event.type == type) return event;
                continue;
            }
            const auto left =
                std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now());
            if (left <= 0ms) return std::nullopt;
            pollfd wait{vdmabuf_producer_fd(producer_), POLLIN, 0};
            ::poll(&wait, 1, static_cast<int>(left.count()));
        }
    }
    void expect_taken() {
        const auto taken = await(VDMABUF_PRODUCER_TAKEN);
        EXPECT(taken);
        receiver = taken->receiver;
    }
    // What raw_consumer says of a frame.
    void expect_right(unsigned frame) {
        const auto answer = await(VDMABUF_PRODUCER_MESSAGE);
        EXPECT(answer);
        const std::string text(static_cast<const char*>(answer->data), answer->bytes);
        const std::string right = "frame " + std::to_string(frame) + ": 0 bytes differ so far";
        if (text != right) throw std::runtime_error("the host says: " + text);
    }
    void finish() {
        say("end");
        const auto done = await(VDMABUF_PRODUCER_DONE);
        EXPECT(done && !done->died);
    }

    vdmabuf_buffer* buffer = nullptr;
    std::uint64_t receiver = 0;

  private:
    vdmabuf_producer* producer_ = nullptr;
};

void draw(void* memory, std::uint32_t frame) {
    auto* pixels = static_cast<std::uint32_t*>(memory);
    for (std::uint32_t y = 0; y < kHeight; ++y) {
        for (std::uint32_t x = 0; x < kWidth; ++x) pixels[y * kWidth + x] = pattern(x, y, frame);
    }
}

// Frames are drawn by the CPU through the exporter's own mapping, after the hand-over.
void hand_over_foreign(const char* name) {
    const auto exporter = new_exporter(name);
    const Fd dmabuf = exporter->buffer(kBytes);
    const Map map(dmabuf, kBytes);
    Producer producer;
    producer.check(producer.import(dmabuf));
    EXPECT(vdmabuf_buffer_bytes(producer.buffer) == kBytes);
    producer.check(producer.offer());
    producer.expect_taken();
    for (unsigned frame = 0; frame < 10; ++frame) {
        dma_buf_sync sync{DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE};
        EXPECT_ERRNO(::ioctl(dmabuf, DMA_BUF_IOCTL_SYNC, &sync), 0);
        draw(map.at, frame);
        sync.flags = DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE;
        EXPECT_ERRNO(::ioctl(dmabuf, DMA_BUF_IOCTL_SYNC, &sync), 0);
        producer.say("frame " + std::to_string(frame));
        producer.expect_right(frame);
    }
    producer.finish();
}

void an_offer_waits_for_its_fence() {
    const auto timeline = new_timeline();
    const Fd fence = timeline->fence(1);
    Producer producer;
    producer.alloc();
    producer.check(producer.offer(fence));
    EXPECT(!producer.await(VDMABUF_PRODUCER_TAKEN, 300ms));
    draw(vdmabuf_buffer_data(producer.buffer), 7);
    timeline->advance(1);
    producer.expect_taken();
    producer.say("frame 7");
    producer.expect_right(7);
    producer.finish();
}

// Sent before the picture is drawn: it arrives when the fence says that it is there. What is sent
// after it stays after it.
void a_message_waits_for_its_fence() {
    const auto timeline = new_timeline();
    const Fd fence = timeline->fence(1);
    Producer producer;
    producer.alloc();
    producer.check(producer.offer());
    producer.expect_taken();
    producer.say("frame 3", fence);
    producer.say("frame 3");
    EXPECT(!producer.await(VDMABUF_PRODUCER_MESSAGE, 300ms));
    draw(vdmabuf_buffer_data(producer.buffer), 3);
    timeline->advance(1);
    producer.expect_right(3);
    producer.expect_right(3);
    producer.finish();
}

void what_cannot_be_shared_is_refused() {
    Producer producer;
    const Fd memory(::memfd_create("test", MFD_CLOEXEC));
    EXPECT_ERRNO(::ftruncate(memory, kBytes), 0);
    producer.check(producer.import(memory));
    EXPECT(producer.offer() == -EBADF);  // no dmabuf
    vdmabuf_buffer_free(std::exchange(producer.buffer, nullptr));
    producer.alloc();
    EXPECT(producer.offer(memory) == -EBADF);  // no fence
    // And nothing of it has harmed the channel.
    draw(vdmabuf_buffer_data(producer.buffer), 1);
    producer.check(producer.offer());
    producer.expect_taken();
    producer.say("frame 1");
    producer.expect_right(1);
    producer.finish();
}

const Test kTests[] = {
    {"a dmabuf of udmabuf", [] { hand_over_foreign("udmabuf"); }},
    {"a dmabuf of the system heap", [] { hand_over_foreign("system heap"); }},
    {"a dmabuf of vgem", [] { hand_over_foreign("vgem"); }},
    {"a dmabuf of virtio_gpu", [] { hand_over_foreign("virtio_gpu"); }},
    {"an offer waits for its fence", an_offer_waits_for_its_fence},
    {"a message waits for its fence", a_message_waits_for_its_fence},
    {"what cannot be shared is refused", what_cannot_be_shared_is_refused},
};

}  // namespace

int main(int argc, char** argv) {
    return run_tests({std::span<const Test>(kTests)}, argc > 1 ? argv[1] : "");
}
