// SPDX-License-Identifier: MIT
// Whatever producers and consumers send, in whatever order: the broker stays up, those who behave
// are served, and in the end nothing is left over. Seeded, so that a failure can be repeated.
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "tests/unit/broker/harness.hpp"

namespace vdmabuf::broker::test {
namespace {

class Random {
  public:
    explicit Random(std::uint32_t seed) : engine_(seed) {}
    std::uint32_t below(std::uint32_t limit) {
        return static_cast<std::uint32_t>(engine_() % limit);
    }
    bool one_in(std::uint32_t n) { return below(n) == 0; }
    // Small numbers are often the interesting ones.
    std::uint64_t number() {
        switch (below(4)) {
            case 0:
                return below(4);
            case 1:
                return below(70);
            case 2:
                return ~std::uint64_t{0} - below(3);
            default:
                return (std::uint64_t{below(1u << 30)} << 32) | below(1u << 30);
        }
    }

  private:
    std::mt19937 engine_;
};

// Turns some bytes of a message into others.
Bytes damaged(Bytes bytes, Random& random) {
    if (bytes.empty()) return bytes;
    const std::uint32_t changes = 1 + random.below(3);
    for (std::uint32_t i = 0; i < changes; ++i) {
        const auto at = random.below(static_cast<std::uint32_t>(bytes.size()));
        bytes[at] = static_cast<std::byte>(random.below(256));
    }
    if (random.one_in(8)) bytes.resize(random.below(4096) + 1);
    return bytes;
}

Bytes producer_message(Random& random) {
    const std::uint32_t number = random.below(3);
    const std::uint32_t slot = random.below(4);
    const auto id = id_of(static_cast<std::uint8_t>(1 + random.below(4)));
    static std::uint64_t serial = 1;
    switch (random.below(14)) {
        case 0:
            return random.one_in(20) ? packed(hello()) : packed(stream::make<stream::Pong>());
        case 1: {
            auto message = create(number);
            message.flags = random.below(2) * (1 + 2 * random.below(2));
            return packed(message);
        }
        case 2:
        case 3: {
            auto message = image(number, slot, id);
            if (random.one_in(5)) message.planes[0].offset = random.number();
            if (random.one_in(5)) message.planes[0].pitch = random.number();
            return packed(message);
        }
        case 4: {
            auto message = stream::make<stream::StreamImageGone>();
            message.stream = number;
            message.slot = slot;
            return packed(message);
        }
        case 5: {
            auto message = stream::make<stream::StreamDestroy>();
            message.stream = number;
            return random.one_in(3) ? packed(message) : packed(present(number, slot, ++serial));
        }
        case 6: {
            auto message = stream::make<stream::StreamTitle>();
            message.stream = number;
            stream::put_text(message.title, "random");
            return packed(message);
        }
        case 7: {
            auto message = clipboard::make<clipboard::PartOfProducer>();
            message.stream = number;
            clipboard::put_part(message, "copied", 0);
            return packed(message);
        }
        case 8: {
            if (!random.one_in(20)) return packed(present(number, slot, ++serial));
            auto message = clipboard::make<clipboard::TakenByProducer>();
            message.stream = number;
            message.count = 1 + random.below(2);
            return packed(message);
        }
        default: {
            auto message = present(number, slot, ++serial);
            message.mode = random.below(3);
            message.target_ns = random.one_in(5) ? random.number() : 0;
            message.called_ns = random.number();
            message.sent_ns = random.number();
            message.damage_count = random.below(17);
            return packed(message);
        }
    }
}

Bytes consumer_message(Random& random, std::uint64_t newest_stream, std::uint64_t newest_serial) {
    const std::uint64_t id =
        newest_stream - std::min<std::uint64_t>(newest_stream - 1, random.below(4));
    const std::uint64_t serial =
        newest_serial - std::min<std::uint64_t>(newest_serial, random.below(5));
    const auto with = [id](auto message) {
        message.stream = id;
        return message;
    };
    switch (random.below(16)) {
        case 14:
        case 15: {
            auto message = with(clipboard::make<clipboard::PartOfConsumer>());
            clipboard::put_part(message, "to paste", 0);
            return packed(message);
        }
        case 12:
        case 13: {
            auto message = with(input::make<input::FromConsumer>());
            message.width = message.height = 256;
            message.count = 1 + random.below(input::kMaxEvents);
            for (auto& event : message.events) {
                event = input::make_event(input::Kind::key, 30, random.below(2));
                if (random.one_in(3)) event = input::make_event(input::Kind::focus, 0, 1);
            }
            return packed(message);
        }
        case 0:
            return packed(attach(id));
        case 1:
            return packed(with(consumer::make<consumer::Detach>()));
        case 2:
        case 3:
            return packed(release(id, serial));
        case 4:
            return packed(with(consumer::make<consumer::Configure>()));
        case 5:
            return packed(with(consumer::make<consumer::CloseStream>()));
        case 6: {
            auto message = with(consumer::make<consumer::Imported>());
            message.image = random.number();
            message.path = random.below(4);
            return packed(message);
        }
        case 7: {
            auto message = with(consumer::make<consumer::ImageDone>());
            message.image = random.below(100);
            return packed(message);
        }
        case 8:
            return packed(consumer::make<consumer::Query>());
        case 9: {
            auto message = with(consumer::make<consumer::Statistics>());
            message.cpu_copied_bytes = random.number();
            return packed(message);
        }
        default:
            return packed(presented(id, serial, random.one_in(2)));
    }
}

class RandomMessagesTest : public Harness, public testing::WithParamInterface<std::uint32_t> {
  protected:
    std::shared_ptr<const BufferMemory> memory() {
        auto* made = new BufferMemory;
        made->files.push_back(std::make_shared<const UniqueFd>(sealed_memfd(kImageBytes)));
        made->runs.push_back({0, 0, kImageBytes});
        made->size = kImageBytes;
        ++buffers;
        return {made, [this](const BufferMemory* over) {
                    delete over;
                    --buffers;
                }};
    }
    int buffers = 0;
};

TEST_P(RandomMessagesTest, TheBrokerStaysUpAndServesTheOthers) {
    config.vms["evil"].streams = 2;
    config.vms["evil"].buffers = 6;
    config.vms["evil"].images = 7;
    Random random(GetParam());

    // Those who behave.
    auto app = greeted_producer();
    give_stream(*app, 3);
    settle();
    auto viewer = greeted_consumer();
    const auto mine = viewer->expect<consumer::StreamAdded>().stream;
    viewer->send(attach(mine));
    for (int i = 0; i < 3; ++i) viewer->expect<consumer::Image>();
    std::uint64_t serial = 0;
    std::uint32_t slot = 0;

    std::vector<std::unique_ptr<PortPeer>> guests(3);
    std::vector<std::unique_ptr<SocketPeer>> others(2);
    std::uint64_t newest_stream = mine;
    std::uint64_t newest_serial = 1;
    for (int step = 0; step < 3000; ++step) {
        auto& guest = guests[random.below(3)];
        if (!guest || guest->close_reason || random.one_in(200)) {
            guest.reset();
            guest = port("evil");
            guest->send(hello());
        }
        if (random.one_in(10)) {
            const auto id = id_of(static_cast<std::uint8_t>(1 + random.below(4)));
            if (random.one_in(3)) {
                broker->ports().buffer_destroyed(*guest, id);
            } else {
                broker->ports().buffer_created(*guest, id, memory());
            }
        }
        auto bytes = producer_message(random);
        guest->send_bytes(random.one_in(40) ? damaged(std::move(bytes), random) : bytes);
        guest->received.clear();

        auto& other = others[random.below(2)];
        if (!other || random.one_in(100)) {
            other.reset();
            settle();
            other = greeted_consumer();
        }
        bytes = consumer_message(random, newest_stream, newest_serial);
        if (random.one_in(40)) bytes = damaged(std::move(bytes), random);
        if (!bytes.empty()) {
            other->send_bytes(bytes);
        }
        // What it hears steers what it says next.
        settle();
        for (int i = 0; i < 50; ++i) {
            std::array<std::byte, stream::kMaxMessage> buffer{};
            auto got = receive_message(other->socket(), buffer);
            if (!got && got.error().code == EAGAIN) break;
            if (!got || got->size == 0) {
                other.reset();
                break;
            }
            const auto view = std::span(buffer).first(got->size);
            if (const auto added = consumer::decode<consumer::StreamAdded>(view)) {
                newest_stream = std::max(newest_stream, added->stream);
            } else if (const auto frame = consumer::decode<consumer::Frame>(view)) {
                newest_serial = frame->serial;
            }
        }

        if (step % 10 == 0) {
            app->send(present(1, slot, ++serial));
            slot = (slot + 1) % 3;
            const auto frame = viewer->await<consumer::Frame>();
            ASSERT_EQ(frame.stream, mine);
            ASSERT_EQ(frame.serial, serial);
            viewer->send(presented(mine, serial));
            if (serial > 1) {
                viewer->send(release(mine, serial - 1));
                // A random consumer may hold it as well, for half a second at most.
                ASSERT_EQ(app->await<stream::Release>().serial, serial - 1);
            }
        }
    }
    for (auto& guest : guests) guest.reset();
    for (auto& other : others) other.reset();
    settle();
    EXPECT_EQ(broker->connections(), 2u);
    EXPECT_EQ(buffers, 0);
    app->hang_up();
    viewer->hang_up();
    settle();
    EXPECT_EQ(broker->connections(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomMessagesTest, testing::Range(1u, 9u));

}  // namespace
}  // namespace vdmabuf::broker::test
