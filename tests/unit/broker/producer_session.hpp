// SPDX-License-Identifier: MIT
// What the tests of a producer's session have in common.
#pragma once

#include <gmock/gmock.h>

#include <cstring>
#include <string>

#include "tests/unit/broker/harness.hpp"

namespace vdmabuf::broker::test {

class ProducerSessionTest : public Harness {
  protected:
    // The broker refuses what was sent last: says why, and ends the connection.
    void expect_refused(Peer& peer, stream::ErrorCode code, stream::Type request,
                        const std::string& text = "") {
        const auto error = peer.await<stream::ErrorMessage>();
        EXPECT_EQ(error.code, static_cast<std::uint32_t>(code)) << error.text;
        EXPECT_EQ(error.request, static_cast<std::uint32_t>(request)) << error.text;
        EXPECT_THAT(std::string(error.text), testing::HasSubstr(text));
        EXPECT_GT(std::strlen(error.text), 10u) << "a sentence for people";
        EXPECT_TRUE(peer.ended());
    }
    void expect_quota(Peer& peer, stream::Type request) {
        const auto error = peer.expect<stream::ErrorMessage>();
        EXPECT_EQ(error.code, static_cast<std::uint32_t>(stream::ErrorCode::quota)) << error.text;
        EXPECT_EQ(error.request, static_cast<std::uint32_t>(request)) << error.text;
    }
    // The connection works: a title reaches a new consumer. Stream 1 must be there.
    void expect_alive(SocketPeer& peer, const std::string& mark) {
        auto message = stream::make<stream::StreamTitle>();
        message.stream = 1;
        stream::put_text(message.title, mark);
        peer.send(message);
        settle();
        auto watcher = greeted_consumer();
        EXPECT_EQ(watcher->await<consumer::StreamAdded>().title, mark);
    }
};

}  // namespace vdmabuf::broker::test
