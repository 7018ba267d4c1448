// SPDX-License-Identifier: MIT
#include "runtime/device/guest_memory.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/device/fake_guest.hpp"

namespace vdmabuf::device {
namespace {

using test::make_memory_file;
using testing::HasSubstr;

constexpr std::uint64_t kMiB = 1 << 20;

// As with QEMU and more than 2 GiB: one file, two regions with a hole between.
std::vector<RegionState> two_regions() {
    const SharedFd file = make_memory_file(4 * kMiB);
    return {RegionState{0, 2 * kMiB, 0x10000000, 0, file},
            RegionState{8 * kMiB, 2 * kMiB, 0x20000000, 2 * kMiB, file}};
}

TEST(GuestMemoryTest, RefusesBadRegions) {
    const RegionState good{0x1000, 0x4000, 0x1000, 0, make_memory_file(0x4000)};
    EXPECT_TRUE(check_region(good));
    const auto bad = [&](auto change) {
        RegionState region = good;
        change(region);
        return !check_region(region);
    };
    EXPECT_TRUE(bad([](RegionState& r) { r.size = 0; }));
    EXPECT_TRUE(bad([](RegionState& r) { r.gpa = UINT64_MAX - 0xfff; }));
    EXPECT_TRUE(bad([](RegionState& r) { r.uva = UINT64_MAX - 0xfff; }));
    EXPECT_TRUE(bad([](RegionState& r) { r.offset = UINT64_MAX - 0xfff; }));
    EXPECT_TRUE(bad([](RegionState& r) { r.gpa = 0x1001; }));
    EXPECT_TRUE(bad([](RegionState& r) { r.offset = 0x10; }));
    EXPECT_TRUE(bad([](RegionState& r) { r.offset = 0x1000; })) << "longer than its file";
    EXPECT_TRUE(bad([](RegionState& r) { r.size = UINT64_MAX; }));
    EXPECT_TRUE(bad([](RegionState& r) { r.file = nullptr; }));
    EXPECT_TRUE(bad([](RegionState& r) { r.file = test::make_event(); }));
}

TEST(GuestMemoryTest, SaysWhatToDoWhenMemoryIsNotShared) {
    const Status none = check_region(RegionState{0, 0x1000, 0, 0, nullptr});
    ASSERT_FALSE(none);
    EXPECT_THAT(none.error().text, HasSubstr("memory-backend-memfd"));
    const SharedFd file = make_memory_file(0x1000);
    const std::string path = "/proc/self/fd/" + std::to_string(file->get());
    const Status read_only = check_region(
        RegionState{0, 0x1000, 0, 0, share_fd(UniqueFd(::open(path.c_str(), O_RDONLY)))});
    ASSERT_FALSE(read_only);
    EXPECT_THAT(read_only.error().text, HasSubstr("share=on"));
}

TEST(GuestMemoryTest, RefusesOverlapAndTooMany) {
    const SharedFd file = make_memory_file(0x10000);
    EXPECT_FALSE(check_regions(std::vector<RegionState>{{0, 0x2000, 0x100000, 0, file},
                                                        {0x1000, 0x1000, 0x200000, 0, file}}));
    EXPECT_FALSE(check_regions(std::vector<RegionState>{{0, 0x2000, 0x100000, 0, file},
                                                        {0x2000, 0x1000, 0x101000, 0, file}}));
    std::vector<RegionState> many;
    for (std::uint64_t i = 0; i <= kMaxRegions; ++i) {
        many.push_back({i * 0x1000, 0x1000, i * 0x1000, 0, file});
    }
    EXPECT_FALSE(check_regions(many));
    many.pop_back();
    EXPECT_TRUE(check_regions(many));
}

TEST(GuestMemoryTest, CoversOnlyWhatThereIs) {
    auto memory = GuestMemory::create(two_regions());
    ASSERT_TRUE(memory);
    const GuestMemory& guest = **memory;
    EXPECT_TRUE(guest.covers(0, 2 * kMiB));
    EXPECT_FALSE(guest.covers(0, 2 * kMiB + 1));
    EXPECT_FALSE(guest.covers(2 * kMiB, 1));
    EXPECT_FALSE(guest.covers(8 * kMiB - 1, 2));
    EXPECT_TRUE(guest.covers(8 * kMiB, 2 * kMiB));
    EXPECT_FALSE(guest.covers(10 * kMiB, 1));
    EXPECT_FALSE(guest.covers(UINT64_MAX, 1));
    EXPECT_FALSE(guest.covers(8 * kMiB, UINT64_MAX));
    EXPECT_EQ(guest.at_front(0x10000000 - 1, 1), nullptr);
    EXPECT_NE(guest.at_front(0x10000000, 2 * kMiB), nullptr);
    EXPECT_EQ(guest.at_front(0x10000000, 2 * kMiB + 1), nullptr);
    EXPECT_EQ(guest.at_front(0x20000000 + 2 * kMiB, 1), nullptr);
    EXPECT_EQ(guest.at_front(0x20000001, UINT64_MAX), nullptr);
}

TEST(GuestMemoryTest, CopiesAcrossAdjacentRegions) {
    const std::vector<RegionState> regions{{0x1000, 0x1000, 0x100000, 0, make_memory_file(0x1000)},
                                           {0x2000, 0x1000, 0x200000, 0, make_memory_file(0x1000)}};
    auto memory = GuestMemory::create(regions);
    ASSERT_TRUE(memory);
    const std::string text = "across the border";
    EXPECT_TRUE((*memory)->write(0x1ff8, std::as_bytes(std::span(text))));
    std::string back(text.size(), 0);
    EXPECT_TRUE((*memory)->read(0x1ff8, std::as_writable_bytes(std::span(back))));
    EXPECT_EQ(back, text);
    char second[9] = {};
    EXPECT_EQ(::pread(regions[1].file->get(), second, 8, 0), 8);
    EXPECT_EQ(std::string(second), text.substr(8, 8));
    EXPECT_FALSE((*memory)->read(0x2ff8, std::as_writable_bytes(std::span(back))));
}

TEST(GuestMemoryTest, TranslatesRuns) {
    auto memory = GuestMemory::create(two_regions());
    ASSERT_TRUE(memory);
    const std::vector<GuestRun> runs{{8 * kMiB, 0x1000}, {0x3000, 0x2000}, {0x5000, 0x1000}};
    auto buffer = (*memory)->translate(runs);
    ASSERT_TRUE(buffer);
    EXPECT_EQ(buffer->size, 0x4000U);
    EXPECT_EQ(buffer->files.size(), 1U) << "the same memfd is one file";
    ASSERT_EQ(buffer->runs.size(), 2U) << "the second and the third are contiguous";
    EXPECT_EQ(buffer->runs[0].offset, 2 * kMiB);
    EXPECT_EQ(buffer->runs[1].offset, 0x3000U);
    EXPECT_EQ(buffer->runs[1].length, 0x3000U);
}

TEST(GuestMemoryTest, SplitsRunsAtTheBorderOfRegions) {
    // In the guest's view one, in two files.
    const std::vector<RegionState> regions{
        {0x1000, 0x2000, 0x100000, 0x1000, make_memory_file(0x3000)},
        {0x3000, 0x2000, 0x200000, 0, make_memory_file(0x2000)}};
    auto memory = GuestMemory::create(regions);
    ASSERT_TRUE(memory);
    auto buffer = (*memory)->translate(std::vector<GuestRun>{{0x2000, 0x2000}});
    ASSERT_TRUE(buffer);
    ASSERT_EQ(buffer->runs.size(), 2U);
    EXPECT_EQ(buffer->files.size(), 2U);
    EXPECT_EQ(buffer->runs[0].offset, 0x2000U);
    EXPECT_EQ(buffer->runs[0].length, 0x1000U);
    EXPECT_EQ(buffer->runs[1].offset, 0U);
    EXPECT_NE(buffer->runs[0].file, buffer->runs[1].file);
}

TEST(GuestMemoryTest, RefusesBadRuns) {
    auto memory = GuestMemory::create(two_regions());
    ASSERT_TRUE(memory);
    const auto code = [&](std::vector<GuestRun> runs) {
        auto buffer = (*memory)->translate(runs);
        return buffer ? 0 : buffer.error().code;
    };
    EXPECT_EQ(code({{0, 0x1000}}), 0);
    EXPECT_EQ(code({{1, 0x1000}}), EINVAL);
    EXPECT_EQ(code({{0, 0x1001}}), EINVAL);
    EXPECT_EQ(code({{0, 0}}), EINVAL);
    EXPECT_EQ(code({{UINT64_MAX - 0xfff, 0x1000}}), EINVAL);
    EXPECT_EQ(code({{UINT64_MAX - 0xfff, 0x2000}}), EINVAL);
    EXPECT_EQ(code({{4 * kMiB, 0x1000}}), EFAULT) << "in the hole";
    EXPECT_EQ(code({{kMiB, 2 * kMiB}}), EFAULT) << "into the hole";
    EXPECT_EQ(code({{8 * kMiB, 4 * kMiB}}), EFAULT) << "beyond the end";
}

TEST(GuestMemoryTest, KnowsItselfAgain) {
    const auto regions = two_regions();
    auto memory = GuestMemory::create(regions);
    ASSERT_TRUE(memory);
    // The same file through other descriptors, as a second hand-over brings it.
    auto again = regions;
    for (RegionState& region : again) {
        region.file = share_fd(UniqueFd(::dup(region.file->get())));
    }
    EXPECT_TRUE((*memory)->same_as(again));
    again[1].gpa += 0x1000;
    EXPECT_FALSE((*memory)->same_as(again));
    again = regions;
    again[0].file = make_memory_file(4 * kMiB);
    EXPECT_FALSE((*memory)->same_as(again));
    again = regions;
    again.pop_back();
    EXPECT_FALSE((*memory)->same_as(again));
}

TEST(GuestMemoryTest, OutlivesItsTable) {
    BufferMemory buffer;
    {
        auto memory = GuestMemory::create(two_regions());
        ASSERT_TRUE(memory);
        auto translated = (*memory)->translate(std::vector<GuestRun>{{0, 0x1000}});
        ASSERT_TRUE(translated);
        buffer = std::move(*translated);
    }
    char byte = 0;
    EXPECT_EQ(::pread(buffer.files[0]->get(), &byte, 1, 0), 1);
}

}  // namespace
}  // namespace vdmabuf::device
