// SPDX-License-Identifier: MIT
// Pixels whose numbers mean another colour than a consumer believes do not reach it.
#include <gmock/gmock.h>

#include "runtime/common/drm_format.hpp"
#include "tests/unit/broker/harness.hpp"

namespace vdmabuf::broker::test {
namespace {

using stream::ColourSpace;
using testing::HasSubstr;

constexpr std::uint32_t kHdr10 = static_cast<std::uint32_t>(ColourSpace::hdr10_st2084);
constexpr stream::ColourSpaces kSrgbAndHdr10 =
    stream::kSrgbAlone | stream::bit_of(ColourSpace::hdr10_st2084);

class ColourSessionTest : public Harness {
  protected:
    // A producer that wants to hear of colour spaces.
    std::unique_ptr<SocketPeer> colourful_producer() {
        auto peer = producer();
        auto greeting = hello();
        greeting.features = stream::kFeatureColours;
        peer->send(greeting);
        welcome = peer->expect<stream::Welcome>();
        return peer;
    }
    std::unique_ptr<SocketPeer> consumer_of(stream::ColourSpaces spaces,
                                            std::uint32_t features = 0) {
        auto peer = consumer();
        auto greeting = consumer_hello();
        greeting.features = features;
        peer->send(greeting);
        const auto answer = peer->expect<consumer::Welcome>();
        EXPECT_TRUE(answer.features & stream::kFeatureColours);
        if (spaces) {
            auto shown = consumer::make<consumer::ShownColourSpaces>();
            shown.spaces = spaces;
            peer->send(shown);
        }
        return peer;
    }
    // Stream 1 with an image of HDR10 in slot 0, and a frame in it.
    static void give_hdr_stream(SocketPeer& app) {
        give_buffer(app, id_of(1));
        app.send(create(1));
        auto metadata = stream::make<stream::StreamHdr>();
        metadata.stream = 1;
        metadata.metadata.max_luminance = 10'000'000;
        app.send(metadata);
        auto message = image(1, 0, id_of(1));
        message.fourcc = fourcc_of("AB30");
        message.colour_space = kHdr10;
        app.send(message);
        app.send(present(1, 0, 1));
    }

    stream::Welcome welcome{};
};

TEST_F(ColourSessionTest, ProducersThatAskAreToldWhatAllConsumersShow) {
    auto plain = greeted_producer();
    auto app = colourful_producer();
    EXPECT_TRUE(welcome.features & stream::kFeatureColours);
    EXPECT_EQ(welcome.colour_spaces, stream::kSrgbAlone);
    auto first = consumer_of(kSrgbAndHdr10);
    EXPECT_EQ(app->expect<stream::Formats>().colour_spaces, kSrgbAndHdr10);
    // To one that does not know of them nothing has changed.
    EXPECT_TRUE(plain->silent());
    auto late = colourful_producer();
    EXPECT_EQ(welcome.colour_spaces, kSrgbAndHdr10);
    auto second = consumer_of(stream::kAllColourSpaces);
    settle();
    EXPECT_TRUE(app->silent());
    // One that asks for a stream and has said nothing shows sRGB alone.
    give_stream(*late, 1);
    auto third = consumer_of(0);
    third->send(attach(third->expect<consumer::StreamAdded>().stream));
    EXPECT_EQ(app->expect<stream::Formats>().colour_spaces, stream::kSrgbAlone);
    third->hang_up();
    EXPECT_EQ(app->expect<stream::Formats>().colour_spaces, kSrgbAndHdr10);
    first->hang_up();
    EXPECT_EQ(app->expect<stream::Formats>().colour_spaces, stream::kAllColourSpaces);
    second->hang_up();
    turn_until([] { return false; }, 50 * kNsPerMs);
    EXPECT_TRUE(app->silent());
}

TEST_F(ColourSessionTest, OneThatKnowsTheSpaceGetsMetadataThenTheFrame) {
    auto peer = consumer_of(kSrgbAndHdr10);
    auto app = colourful_producer();
    EXPECT_EQ(welcome.colour_spaces, kSrgbAndHdr10);
    give_hdr_stream(*app);
    const std::uint64_t id = peer->expect<consumer::StreamAdded>().stream;
    settle();
    peer->send(attach(id));
    const auto given = peer->expect<consumer::Image>();
    EXPECT_EQ(given.colour_space, kHdr10);
    EXPECT_NE(given.memory, static_cast<std::uint32_t>(consumer::MemoryKind::none));
    EXPECT_EQ(peer->expect<consumer::StreamHdr>().metadata.max_luminance, 10'000'000u);
    EXPECT_EQ(peer->expect<consumer::Frame>().serial, 1u);

    auto shown = consumer::make<consumer::StreamColourShown>();
    shown.stream = id;
    shown.shown = static_cast<std::uint32_t>(stream::ColourShown::converted);
    peer->send(shown);
    peer->send(consumer::make<consumer::Query>());
    const auto status = peer->await<consumer::StreamStatus>();
    EXPECT_EQ(status.colour_space, kHdr10);
    EXPECT_EQ(status.colour_shown, shown.shown);
}

TEST_F(ColourSessionTest, OneThatDoesNotIsRefusedTheStreamAndToldWhy) {
    auto app = colourful_producer();
    give_hdr_stream(*app);
    auto peer = consumer_of(0);
    const std::uint64_t id = peer->expect<consumer::StreamAdded>().stream;
    peer->send(attach(id));
    const auto refused = peer->expect<consumer::ErrorMessage>();
    EXPECT_EQ(refused.code, static_cast<std::uint32_t>(stream::ErrorCode::policy));
    EXPECT_EQ(refused.request, static_cast<std::uint32_t>(consumer::Type::attach));
    EXPECT_THAT(std::string(refused.text), HasSubstr("HDR10"));
    // It counts for nothing then, and the connection goes on.
    EXPECT_TRUE(peer->silent());
    EXPECT_FALSE(peer->ended());
}

TEST_F(ColourSessionTest, OneThatTakesDmabufsGetsTheImageWithoutMemoryUntilTheAppHasAnother) {
    auto app = colourful_producer();
    give_stream(*app, 1);
    auto peer = consumer_of(0, consumer::kFeatureDmabuf);
    const std::uint64_t id = peer->expect<consumer::StreamAdded>().stream;
    peer->send(attach(id));
    EXPECT_NE(peer->expect<consumer::Image>().memory,
              static_cast<std::uint32_t>(consumer::MemoryKind::none));
    // A space that it has never named, from an app that does not care.
    auto message = image(1, 5, id_of(1));
    message.fourcc = fourcc_of("AB30");
    message.colour_space = kHdr10;
    app->send(message);
    const auto without = peer->expect<consumer::Image>();
    EXPECT_EQ(without.memory, static_cast<std::uint32_t>(consumer::MemoryKind::none));
    EXPECT_THAT(std::string(without.reason), HasSubstr("HDR10"));
    message.slot = 6;
    message.colour_space = 0;
    app->send(message);
    EXPECT_NE(peer->expect<consumer::Image>().memory,
              static_cast<std::uint32_t>(consumer::MemoryKind::none));
}

}  // namespace
}  // namespace vdmabuf::broker::test
