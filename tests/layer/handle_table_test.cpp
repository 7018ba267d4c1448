// SPDX-License-Identifier: MIT
#include "runtime/common/handle_table.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <thread>
#include <vector>

#include "layer/guard.hpp"

namespace vdmabuf::layer {
namespace {

TEST(HandleTableTest, FindsWhatIsThere) {
    HandleTable<int> table;
    int one = 1;
    int two = 2;
    EXPECT_EQ(table.find(8), nullptr);
    table.insert(8, &one);
    table.insert(16, &two);
    EXPECT_EQ(table.find(8), &one);
    EXPECT_EQ(table.find(16), &two);
    EXPECT_EQ(table.find(24), nullptr);
    EXPECT_EQ(table.erase(8), &one);
    EXPECT_EQ(table.find(8), nullptr);
    EXPECT_EQ(table.find(16), &two);
    EXPECT_EQ(table.erase(8), nullptr);
    table.clear();
    EXPECT_EQ(table.find(16), nullptr);
}

// Room that was reserved is there, whoever else has come meanwhile; given up, it is anybody's.
TEST(HandleTableTest, ReservedEntries) {
    HandleTable<int> table;
    int value = 1;
    {
        ReservedEntry first(table);
        ReservedEntry second(table);
        ReservedEntry never(table);
        for (std::uint64_t key = 8; key <= 8 * 100; key += 8) table.insert(key, &value);
        first.take(8 * 101, &value);
        second.take(8 * 102, &value);
    }
    for (std::uint64_t key = 8; key <= 8 * 102; key += 8) EXPECT_EQ(table.find(key), &value);
    // For ever: nothing of it is left behind.
    for (int i = 0; i < 100000; ++i) {
        ReservedEntry entry(table);
        if (i % 2) continue;
        entry.take(8 * 200, &value);
        EXPECT_EQ(table.erase(8 * 200), &value);
    }
    table.clear();
}

// VK_NULL_HANDLE (oldSwapchain of most apps) must not lead to an object that has gone.
TEST(HandleTableTest, NoHandleIsNothing) {
    HandleTable<int> table;
    int value = 1;
    for (std::uint64_t key = 64; key <= 64 * 8; key += 64) table.insert(key, &value);
    for (std::uint64_t key = 64; key <= 64 * 8; key += 64) EXPECT_EQ(table.erase(key), &value);
    for (const std::uint64_t none : {std::uint64_t{0}, ~std::uint64_t{0}}) {
        EXPECT_EQ(table.find(none), nullptr);
        EXPECT_EQ(table.erase(none), nullptr);
    }
    table.insert(64, &value);
    EXPECT_EQ(table.find(64), &value);
    table.clear();
}

// Against std::map, over growth, gaps and reuse.
TEST(HandleTableTest, AgreesWithAMap) {
    HandleTable<int> table;
    std::map<std::uint64_t, int*> map;
    std::vector<int> values(512);
    std::minstd_rand random(1);
    for (int step = 0; step < 200000; ++step) {
        const std::uint64_t key = 0x7f0000000000u + 64 * (random() % values.size());
        int* value = &values[(key / 64) % values.size()];
        if (map.contains(key)) {
            ASSERT_EQ(table.find(key), map[key]);
            if (random() % 2) {
                ASSERT_EQ(table.erase(key), map[key]);
                map.erase(key);
            }
        } else {
            ASSERT_EQ(table.find(key), nullptr);
            // Mostly small, sometimes full.
            if (map.size() < 8 || random() % 16 == 0) {
                table.insert(key, value);
                map[key] = value;
            }
        }
    }
    std::size_t seen = 0;
    table.for_each([&](int&) { ++seen; });
    EXPECT_EQ(seen, map.size());
    table.clear();
}

// Readers need no lock while others come and go.
TEST(HandleTableTest, ReadersBesideAWriter) {
    HandleTable<int> table;
    int kept = 0;
    std::vector<int> values(300);
    table.insert(4096, &kept);
    std::atomic<bool> stop{false};
    std::atomic<std::uint64_t> reads{0};
    std::vector<std::thread> readers;
    for (int i = 0; i < 2; ++i) {
        readers.emplace_back([&] {
            while (!stop.load()) {
                ASSERT_EQ(table.find(4096), &kept);
                ASSERT_EQ(table.find(64), nullptr);
                ++reads;
            }
        });
    }
    while (reads.load() == 0) std::this_thread::yield();
    for (int round = 0; round < 50; ++round) {
        for (std::size_t i = 0; i < values.size(); ++i) table.insert(8192 + 64 * i, &values[i]);
        for (std::size_t i = 0; i < values.size(); ++i) table.erase(8192 + 64 * i);
    }
    stop.store(true);
    for (auto& reader : readers) reader.join();
    table.clear();
}

TEST(ReturnArrayTest, TwoCalls) {
    const std::vector<int> source = {1, 2, 3};
    std::uint32_t count = 99;
    EXPECT_EQ(return_array(source, &count, static_cast<int*>(nullptr)), VK_SUCCESS);
    EXPECT_EQ(count, 3u);
    int out[4] = {0, 0, 0, 7};
    count = 2;
    EXPECT_EQ(return_array(source, &count, out), VK_INCOMPLETE);
    EXPECT_EQ(count, 2u);
    EXPECT_EQ(out[2], 0);
    count = 4;
    EXPECT_EQ(return_array(source, &count, out), VK_SUCCESS);
    EXPECT_EQ(count, 3u);
    EXPECT_EQ(out[2], 3);
    EXPECT_EQ(out[3], 7);
}

TEST(GuardTest, ExceptionsBecomeResults) {
    EXPECT_EQ(guarded([]() -> VkResult { throw std::bad_alloc(); }), VK_ERROR_OUT_OF_HOST_MEMORY);
    EXPECT_EQ(guarded([]() -> VkResult {
                  throw std::system_error(std::make_error_code(std::errc::no_child_process));
              }),
              VK_ERROR_OUT_OF_HOST_MEMORY);
    EXPECT_EQ(guarded([]() -> VkResult { throw 1; }), VK_ERROR_INITIALIZATION_FAILED);
    EXPECT_EQ(guarded([] { return VK_TIMEOUT; }), VK_TIMEOUT);
}

}  // namespace
}  // namespace vdmabuf::layer
