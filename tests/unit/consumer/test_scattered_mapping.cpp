// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <vector>

#include "runtime/consumer/scattered_mapping.hpp"
#include "tests/unit/consumer/scattered_buffer.hpp"

namespace vdmabuf::consumer {
namespace {

using test::ScatteredBuffer;

TEST(MapScattered, BytesAreInTheBuffersOrder) {
    for (const unsigned files : {1U, 3U}) {
        ScatteredBuffer buffer(700 * ScatteredBuffer::kPage, files, 5, files);
        for (std::uint64_t at = 0; at < buffer.size(); at += 8) buffer.put(at, at * 31);
        auto map = map_scattered(buffer.files());
        ASSERT_TRUE(map) << map.error().text;
        EXPECT_GE(map->size(), buffer.size());
        EXPECT_EQ(map->size() % kMappingUnit, 0U);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(map->data()) % (2U << 20), 0U);  // 2.7 MiB
        for (std::uint64_t at = 0; at < buffer.size(); at += 8) {
            std::uint64_t got = 0;
            std::memcpy(&got, map->bytes() + at, sizeof got);
            ASSERT_EQ(got, at * 31) << at;
        }
        for (std::size_t at = buffer.size(); at < map->size(); ++at) {
            ASSERT_EQ(map->bytes()[at], std::byte{0});
        }
        // Not a copy: what the producer writes later is seen.
        buffer.put(123456, std::uint64_t{0x1122334455667788});
        std::uint64_t got = 0;
        std::memcpy(&got, map->bytes() + 123456, sizeof got);
        EXPECT_EQ(got, 0x1122334455667788U);
        EXPECT_TRUE(buffer.foreign_untouched());
    }
}

TEST(MapScattered, MergesRunsThatAreNeighbours) {
    const ScatteredBuffer buffer(8 * ScatteredBuffer::kPage);
    BufferFiles files = buffer.files();
    files.runs.clear();
    for (std::uint64_t page = 0; page < 8; ++page) files.runs.push_back({0, 0, page * 4096, 4096});
    auto map = map_scattered(files);
    ASSERT_TRUE(map);
    EXPECT_EQ(map->size(), kMappingUnit);
}

using MapScatteredDeathTest = testing::Test;

TEST(MapScatteredDeathTest, IsReadOnlyAndNotForChildren) {
    const ScatteredBuffer buffer(64 * ScatteredBuffer::kPage);
    auto map = map_scattered(buffer.files());
    ASSERT_TRUE(map);
    const pid_t child = ::fork();
    if (child == 0) {
        const volatile std::byte* bytes = map->bytes();
        [[maybe_unused]] const std::byte first = bytes[0];  // must end here
        ::_exit(0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_FALSE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    // The files are open for reading only, so that no driver can be made to write.
    EXPECT_NE(::mprotect(map->data(), 4096, PROT_READ | PROT_WRITE), 0);
}

}  // namespace
}  // namespace vdmabuf::consumer
