// SPDX-License-Identifier: MIT
#include "runtime/device/buffer_table.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "tests/unit/device/fake_guest.hpp"

namespace vdmabuf::device {
namespace {

using test::make_id;
using Added = BufferTable::Added;
using Removed = BufferTable::Removed;

BufferMemory memory(std::uint64_t size) {
    BufferMemory memory;
    memory.size = size;
    return memory;
}

class BufferTableTest : public testing::Test {
  protected:
    BufferTableTest() : table_(Limits{.buffers = 3, .total_bytes = 100}) {
        table_.released = [this](std::uint32_t, const stream::BufferId&, std::uint64_t token) {
            tokens_.push_back(token);
        };
    }
    BufferTable table_;
    std::vector<std::uint64_t> tokens_;
};

TEST_F(BufferTableTest, AnswersAtOnceWhenNobodyHoldsIt) {
    auto held = table_.add(1, make_id(1), memory(10));
    held.reset();
    EXPECT_EQ(table_.remove(1, make_id(1)), Removed::released);
    EXPECT_EQ(table_.size(), 0U);
    EXPECT_TRUE(tokens_.empty());
}

TEST_F(BufferTableTest, WaitsForTheLastHolder) {
    auto held = table_.add(1, make_id(1), memory(10));
    auto second = held;
    EXPECT_EQ(table_.remove(1, make_id(1)), Removed::held);
    held.reset();
    EXPECT_TRUE(tokens_.empty());
    second.reset();
    ASSERT_EQ(tokens_.size(), 1U);
    EXPECT_EQ(table_.bytes(), 10U) << "counted until the driver knows";
    table_.forget(tokens_[0]);
    EXPECT_EQ(table_.size(), 0U);
    EXPECT_EQ(table_.bytes(), 0U);
}

TEST_F(BufferTableTest, AnswersPendingAgain) {
    auto held = table_.add(1, make_id(1), memory(10));
    EXPECT_EQ(table_.remove(1, make_id(1)), Removed::held);
    EXPECT_EQ(table_.remove(1, make_id(1)), Removed::held);
    held.reset();
    EXPECT_EQ(tokens_.size(), 1U);
}

TEST_F(BufferTableTest, IdsBelongToTheirChannel) {
    auto first = table_.add(1, make_id(1), memory(10));
    EXPECT_EQ(table_.check(1, make_id(1), 10), Added::exists);
    EXPECT_EQ(table_.check(2, make_id(1), 10), Added::ok);
    EXPECT_EQ(table_.remove(2, make_id(1)), Removed::unknown);
    EXPECT_TRUE(table_.contains(1, make_id(1)));
}

TEST_F(BufferTableTest, CountsWhatIsHeld) {
    auto first = table_.add(1, make_id(1), memory(60));
    EXPECT_EQ(table_.check(1, make_id(2), 41), Added::quota);
    EXPECT_EQ(table_.check(1, make_id(2), 40), Added::ok);
    EXPECT_EQ(table_.check(1, make_id(2), UINT64_MAX), Added::quota);
    EXPECT_EQ(table_.remove(1, make_id(1)), Removed::held);
    EXPECT_EQ(table_.check(1, make_id(2), 41), Added::quota) << "still held";
    auto second = table_.add(1, make_id(2), memory(1));
    auto third = table_.add(1, make_id(3), memory(1));
    EXPECT_EQ(table_.check(1, make_id(4), 1), Added::quota);
}

TEST_F(BufferTableTest, EndsAChannel) {
    auto held = table_.add(1, make_id(1), memory(10));
    table_.add(1, make_id(2), memory(10)).reset();
    auto other = table_.add(2, make_id(1), memory(10));
    std::vector<stream::BufferId> removed;
    table_.remove_channel(
        1, [&](const stream::BufferId& id, std::uint64_t) { removed.push_back(id); });
    EXPECT_EQ(removed, std::vector{make_id(2)});
    held.reset();
    EXPECT_EQ(tokens_.size(), 1U);
    other.reset();
    EXPECT_EQ(tokens_.size(), 1U) << "another channel's";
}

TEST_F(BufferTableTest, CancelAndClearForget) {
    auto first = table_.add(1, make_id(1), memory(10));
    table_.cancel(1, make_id(1));
    EXPECT_EQ(table_.bytes(), 0U);
    auto second = table_.add(1, make_id(1), memory(10));
    EXPECT_EQ(table_.remove(1, make_id(1)), Removed::held);
    first.reset();
    EXPECT_TRUE(tokens_.empty()) << "the id is another buffer's by now";
    table_.clear();
    second.reset();
    EXPECT_TRUE(tokens_.empty());
}

TEST(BufferTableLifeTest, MemoryMayOutliveTheTable) {
    std::shared_ptr<const BufferMemory> held;
    {
        BufferTable table{Limits{}};
        held = table.add(1, make_id(1), memory(10));
    }
    held.reset();
}

}  // namespace
}  // namespace vdmabuf::device
