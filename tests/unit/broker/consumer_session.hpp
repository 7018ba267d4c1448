// SPDX-License-Identifier: MIT
// What the tests of a consumer's session have in common.
#pragma once

#include <gmock/gmock.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/unit/broker/harness.hpp"

namespace vdmabuf::broker::test {

class ConsumerSessionTest : public Harness {
  protected:
    void expect_refused(Peer& peer, stream::ErrorCode code, consumer::Type request,
                        const std::string& text = "") {
        const auto error = peer.await<consumer::ErrorMessage>();
        EXPECT_EQ(error.code, static_cast<std::uint32_t>(code)) << error.text;
        EXPECT_EQ(error.request, static_cast<std::uint32_t>(request)) << error.text;
        EXPECT_THAT(std::string(error.text), testing::HasSubstr(text));
        EXPECT_TRUE(peer.ended());
    }

    // A producer with stream 1 of `count` images.
    void make_stream(std::uint32_t count = 3) {
        app = greeted_producer();
        give_stream(*app, count);
        settle();
    }
    // A consumer that is attached to it and has its images.
    std::unique_ptr<SocketPeer> viewer(std::uint32_t count = 3) {
        auto peer = greeted_consumer();
        id = peer->expect<consumer::StreamAdded>().stream;
        peer->send(attach(id));
        images.clear();
        for (std::uint32_t i = 0; i < count; ++i) images.push_back(peer->expect<consumer::Image>());
        return peer;
    }
    template <typename Message>
    Message of_stream() {
        auto message = consumer::make<Message>();
        message.stream = id;
        return message;
    }

    std::unique_ptr<SocketPeer> app;
    std::uint64_t id = 0;
    std::vector<consumer::Image> images;
};

inline consumer::Formats imports(std::vector<std::uint64_t> modifiers) {
    auto message = consumer::make<consumer::Formats>();
    for (const std::uint64_t modifier : modifiers) {
        message.formats[message.format_count++] = {fourcc_of("XR24"), 0, modifier};
    }
    return message;
}

}  // namespace vdmabuf::broker::test
