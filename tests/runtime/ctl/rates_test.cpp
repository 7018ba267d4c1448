// SPDX-License-Identifier: MIT
#include "runtime/tools/ctl_rates.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/consumer/client.hpp"

namespace vdmabuf::test {
namespace {

tools::BrokerState::Stream stream(std::uint64_t number, std::uint64_t presented,
                                  std::uint64_t copied) {
    tools::BrokerState::Stream stream;
    stream.status.stream = number;
    stream.status.frames_presented = presented;
    stream.status.consumer_copied_bytes = copied;
    return stream;
}

TEST(Rates, AreDifferencesOverTime) {
    tools::BrokerState before;
    before.streams = {stream(1, 100, 0), stream(2, 7, 0)};
    tools::BrokerState after;
    after.streams = {stream(1, 220, 4000), stream(3, 5, 0)};  // 2 is gone, 3 is new
    const auto rates = tools::rates_between(before, after, 2);
    ASSERT_EQ(rates.size(), 1U);
    EXPECT_EQ(rates[0].stream, 1U);
    EXPECT_DOUBLE_EQ(rates[0].presented, 60);
    EXPECT_DOUBLE_EQ(rates[0].copied_bytes, 2000);
}

TEST(Rates, NumberThatIsAnotherStreamNowIsNotNegative) {
    tools::BrokerState before;
    before.streams = {stream(1, 100, 0)};
    tools::BrokerState after;
    after.streams = {stream(1, 3, 0)};
    EXPECT_DOUBLE_EQ(tools::rates_between(before, after, 1)[0].presented, 0);
}

TEST(Rates, NamesOfGuestsDoNotReachTheTerminalAsTheyAre) {
    tools::BrokerState state;
    state.streams = {stream(1, 1, 0)};
    wire::put_text(state.streams[0].status.app, "a\033[2Jb");
    EXPECT_THAT(
        tools::rates_text(tools::rates_between(state, state, 1)),
        testing::AllOf(testing::HasSubstr("a?[2Jb"), testing::Not(testing::HasSubstr("\033"))));
}

}  // namespace
}  // namespace vdmabuf::test
