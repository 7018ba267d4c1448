// SPDX-License-Identifier: MIT
#include "runtime/common/udmabuf.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/memfd.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <numeric>

#include "runtime/common/dmabuf.hpp"
#include "tests/unit/support/udmabuf_fixture.hpp"

namespace vdmabuf::broker {
namespace {

using testing::HasSubstr;
using vdmabuf::test::map_all;
using vdmabuf::test::Pages;
using vdmabuf::test::Setting;

constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kMiB = 1 << 20;

BufferMemory memory_of(std::vector<const Pages*> files, std::vector<MemoryRun> runs) {
    BufferMemory memory;
    for (const Pages* pages : files) {
        memory.files.push_back(std::make_shared<const UniqueFd>(::dup(pages->fd.get())));
    }
    for (const MemoryRun& run : runs) memory.size += run.length;
    memory.runs = std::move(runs);
    return memory;
}

// ---- what needs no driver

TEST(UdmabufRunsTest, NeighboursBecomeOne) {
    BufferMemory memory;
    memory.runs = {{0, 0, kPage},         {0, kPage, 2 * kPage},
                   {0, 3 * kPage, kPage}, {1, 4 * kPage, kPage},  // the next page, of another file
                   {1, 6 * kPage, kPage},                         // not the next
                   {1, 5 * kPage, kPage}, {1, 6 * kPage, kPage},  // before and after
                   {0, 7 * kPage, kPage}};
    const auto merged = merged_runs(memory);
    const std::vector<MemoryRun> expected = {{0, 0, 4 * kPage},
                                             {1, 4 * kPage, kPage},
                                             {1, 6 * kPage, kPage},
                                             {1, 5 * kPage, 2 * kPage},
                                             {0, 7 * kPage, kPage}};
    ASSERT_EQ(merged.size(), expected.size());
    for (std::size_t i = 0; i < merged.size(); ++i) {
        EXPECT_EQ(merged[i].file, expected[i].file) << i;
        EXPECT_EQ(merged[i].offset, expected[i].offset) << i;
        EXPECT_EQ(merged[i].length, expected[i].length) << i;
    }
}

TEST(UdmabufLimitsTest, AreThoseOfTheModule) {
    char folder[] = "/tmp/vdmabuf-limits-XXXXXX";
    ASSERT_TRUE(::mkdtemp(folder));
    const std::string path = folder;
    EXPECT_EQ(UdmabufLimits::read(path).list_limit, 1024u);
    EXPECT_EQ(UdmabufLimits::read(path).size_limit_mb, 64u);
    std::ofstream(path + "/list_limit") << "4096\n";
    std::ofstream(path + "/size_limit_mb") << "rubbish\n";
    EXPECT_EQ(UdmabufLimits::read(path).list_limit, 4096u);
    EXPECT_EQ(UdmabufLimits::read(path).size_limit_mb, 64u);
    std::ofstream(path + "/size_limit_mb") << "256\n";
    EXPECT_EQ(UdmabufLimits::read(path).size_limit_mb, 256u);
    ::unlink((path + "/list_limit").c_str());
    ::unlink((path + "/size_limit_mb").c_str());
    ::rmdir(folder);
}

TEST(UdmabufLimitsTest, AreNamedWhereTheyAreTooLow) {
    const UdmabufLimits limits;
    EXPECT_TRUE(check_udmabuf_size(1024, 64 * kMiB, limits));
    const auto runs = check_udmabuf_size(1025, kPage, limits);
    ASSERT_FALSE(runs);
    EXPECT_EQ(runs.error().text,
              "1025 runs of memory, udmabuf's list_limit is 1024 "
              "(echo 2048 >/sys/module/udmabuf/parameters/list_limit)");
    const auto size = check_udmabuf_size(1, 64 * kMiB + 1, limits);
    ASSERT_FALSE(size);
    EXPECT_EQ(size.error().text,
              "65 MiB, udmabuf's size_limit_mb is 64 "
              "(echo 65 >/sys/module/udmabuf/parameters/size_limit_mb)");
    EXPECT_FALSE(check_udmabuf_size(1, ~std::uint64_t{0}, limits));
    // The longest ones still fit where they are shown.
    EXPECT_LT(check_udmabuf_size(65536, 1, limits).error().text.size(), 160u);
}

TEST(UdmabufFileTest, OnlyMemoryThatStaysAndMayBeWritten) {
    EXPECT_TRUE(check_udmabuf_file(Pages(1).fd.get()));
    EXPECT_TRUE(check_udmabuf_file(Pages(1, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL).fd.get()));
    EXPECT_THAT(check_udmabuf_file(Pages(1, 0).fd.get()).error().text, HasSubstr("not sealed"));
    EXPECT_THAT(check_udmabuf_file(Pages(1, F_SEAL_GROW).fd.get()).error().text,
                HasSubstr("not sealed"));
    EXPECT_THAT(check_udmabuf_file(Pages(1, F_SEAL_SHRINK | F_SEAL_WRITE).fd.get()).error().text,
                HasSubstr("against writing"));
    const Pages later(1);
    ASSERT_EQ(::fcntl(later.fd.get(), F_ADD_SEALS, F_SEAL_FUTURE_WRITE), 0);
    EXPECT_THAT(check_udmabuf_file(later.fd.get()).error().text, HasSubstr("against writing"));
    const UniqueFd file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
    EXPECT_THAT(check_udmabuf_file(file.get()).error().text, HasSubstr("no memfd"));
}

TEST(UdmabufDeviceTest, ItsAbsenceIsTold) {
    const Pages pages(1);
    Udmabuf none("/nonexistent/udmabuf");
    EXPECT_FALSE(none.usable());
    const auto made = none.create(memory_of({&pages}, {{0, 0, kPage}}));
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().text, "no /nonexistent/udmabuf on this host (CONFIG_UDMABUF)");
    // A file that is there, but is something else.
    Udmabuf other("/dev/null");
    const auto refused = other.create(memory_of({&pages}, {{0, 0, kPage}}));
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().text, HasSubstr("udmabuf refuses the pages"));
}

TEST(DmabufTest, NothingElseIsOne) {
    const Pages pages(1);
    EXPECT_FALSE(is_dmabuf(pages.fd.get()));
    EXPECT_FALSE(is_dmabuf(-1));
    EXPECT_FALSE(dmabuf_size(pages.fd.get()));
    EXPECT_EQ(dmabuf_references(pages.fd.get()), std::nullopt);
}

TEST(DmabufTest, ReferencesAreReadOutOfFdinfo) {
    const auto text = [](const std::string& count) {
        return "pos:\t0\nflags:\t02\nmnt_id:\t14\nino:\t2\nsize:\t8192\n" + count +
               "exp_name:\tudmabuf\nname:\tcount:\t9\n";
    };
    EXPECT_EQ(references_in_fdinfo(text("count:\t1\n")), 1u);
    EXPECT_EQ(references_in_fdinfo(text("count:\t12\n")), 12u);
    EXPECT_EQ(references_in_fdinfo("count:\t3"), 3u);
    EXPECT_EQ(references_in_fdinfo(text("")), std::nullopt);
    EXPECT_EQ(references_in_fdinfo(text("count:\t\n")), std::nullopt);
    EXPECT_EQ(references_in_fdinfo(text("count:\t-1\n")), std::nullopt);
    EXPECT_EQ(references_in_fdinfo(text("count:\t1x\n")), std::nullopt);
    EXPECT_EQ(references_in_fdinfo(""), std::nullopt);
}

// ---- with the driver

class UdmabufTest : public testing::Test {
  protected:
    void SetUp() override { VDMABUF_NEEDS_UDMABUF(); }
    // The dmabuf of these pages, mapped.
    Mapping mapped(const BufferMemory& memory) {
        auto made = driver.create(memory);
        if (!made) {
            ADD_FAILURE() << made.error().text;
            return {};
        }
        dmabuf = std::move(*made);
        EXPECT_TRUE(is_dmabuf(dmabuf.get()));
        const auto size = dmabuf_size(dmabuf.get());
        EXPECT_TRUE(size && *size == memory.size);
        EXPECT_TRUE(::fcntl(dmabuf.get(), F_GETFD) & FD_CLOEXEC);
        return map_all(dmabuf.get(), memory.size);
    }
    std::string refusal(const BufferMemory& memory) {
        auto made = driver.create(memory);
        EXPECT_FALSE(made);
        return made ? "" : made.error().text;
    }
    static const std::string kParameters;

    Udmabuf driver;
    UniqueFd dmabuf;
};
const std::string UdmabufTest::kParameters = "/sys/module/udmabuf/parameters/";

TEST_F(UdmabufTest, ThePagesAreTheSame) {
    EXPECT_TRUE(driver.usable());
    const Pages pages(16);
    std::memset(pages.view.data(), 0x11, 16 * kPage);
    const Mapping view = mapped(memory_of({&pages}, {{0, 4 * kPage, 8 * kPage}}));
    ASSERT_TRUE(view);
    EXPECT_EQ(view.bytes()[0], std::byte{0x11});
    // What is written through the memfd later is there, and the other way round.
    std::memset(pages.page(4), 0x22, 8 * kPage);
    for (std::uint64_t i = 0; i < 8 * kPage; ++i) ASSERT_EQ(view.bytes()[i], std::byte{0x22}) << i;
    std::memset(view.data(), 0x33, 8 * kPage);
    for (std::uint64_t i = 0; i < 16 * kPage; ++i) {
        const bool inside = i >= 4 * kPage && i < 12 * kPage;
        ASSERT_EQ(pages.view.bytes()[i], std::byte(inside ? 0x33 : 0x11)) << i;
    }
}

TEST_F(UdmabufTest, PagesThatWereNeverTouchedAreTheSameToo) {
    const Pages pages(4);
    const Mapping view = mapped(memory_of({&pages}, {{0, 0, 4 * kPage}}));
    ASSERT_TRUE(view);
    pages.page(2)[5] = std::byte{7};
    EXPECT_EQ(view.bytes()[2 * kPage + 5], std::byte{7});
    view.bytes()[3 * kPage] = std::byte{8};
    EXPECT_EQ(pages.page(3)[0], std::byte{8});
}

TEST_F(UdmabufTest, ScatteredRunsOfSeveralFilesInTheirOrder) {
    const Pages a(64);
    const Pages b(64);
    // Every second page of one file, backwards, between pages of another.
    std::vector<MemoryRun> runs;
    for (std::uint64_t i = 0; i < 30; ++i) {
        runs.push_back({0, (62 - 2 * i) * kPage, kPage});
        runs.push_back({1, (3 * i % 61) * kPage, (1 + i % 2) * kPage});
    }
    const BufferMemory memory = memory_of({&a, &b}, runs);
    std::memset(a.view.data(), 0xEE, a.view.size());
    std::memset(b.view.data(), 0xEE, b.view.size());
    const Mapping view = mapped(memory);
    ASSERT_TRUE(view);
    std::uint64_t at = 0;
    std::uint8_t number = 0;
    std::vector<bool> in_a(64);
    for (const MemoryRun& run : runs) {
        const Pages& file = run.file == 0 ? a : b;
        if (run.file == 0) in_a[run.offset / kPage] = true;
        std::memset(view.bytes() + at, ++number, run.length);
        EXPECT_EQ(file.view.bytes()[run.offset], std::byte{number});
        EXPECT_EQ(file.view.bytes()[run.offset + run.length - 1], std::byte{number});
        at += run.length;
    }
    for (std::uint64_t page = 0; page < 64; ++page) {
        if (in_a[page]) continue;
        EXPECT_EQ(a.page(page)[0], std::byte{0xEE}) << page;
        EXPECT_EQ(a.page(page)[kPage - 1], std::byte{0xEE}) << page;
    }
}

TEST_F(UdmabufTest, AsManyRunsAsTheLimitAllowsAndNotOneMore) {
    const Pages pages(2100);
    std::vector<MemoryRun> runs;
    for (std::uint64_t i = 0; i < 1024; ++i) runs.push_back({0, 2 * i * kPage, kPage});
    EXPECT_TRUE(mapped(memory_of({&pages}, runs)));
    runs.push_back({0, 2 * 1024 * kPage, kPage});
    EXPECT_THAT(refusal(memory_of({&pages}, runs)), HasSubstr("list_limit is 1024"));
    const Setting more(kParameters + "list_limit", "2048");
    EXPECT_TRUE(mapped(memory_of({&pages}, runs)));
    // Neighbours do not count.
    const Setting one(kParameters + "list_limit", "1");
    runs.clear();
    for (std::uint64_t i = 0; i < 2000; ++i) runs.push_back({0, i * kPage, kPage});
    EXPECT_TRUE(mapped(memory_of({&pages}, runs)));
}

TEST_F(UdmabufTest, AsManyBytesAsTheLimitAllowsAndNotOnePageMore) {
    const Setting two(kParameters + "size_limit_mb", "2");
    const Pages pages(1024);
    EXPECT_TRUE(mapped(memory_of({&pages}, {{0, 0, 2 * kMiB}})));
    EXPECT_THAT(refusal(memory_of({&pages}, {{0, 0, 2 * kMiB + kPage}})),
                HasSubstr("size_limit_mb is 2"));
    const Setting three(kParameters + "size_limit_mb", "3");
    EXPECT_TRUE(mapped(memory_of({&pages}, {{0, 0, 2 * kMiB + kPage}})));
}

TEST_F(UdmabufTest, MemoryOfHugePages) {
    const Setting huge("/proc/sys/vm/nr_hugepages", "4");
    const Pages pages(4, F_SEAL_SHRINK, MFD_HUGETLB | 21u << MFD_HUGE_SHIFT, 2 * kMiB);
    ASSERT_TRUE(pages.view);
    std::memset(pages.view.data(), 0x11, 8 * kMiB);
    // Neither begins nor ends with a huge page, and crosses one; then a part of another, before it.
    const Mapping view =
        mapped(memory_of({&pages}, {{0, 2 * kMiB + 3 * kPage, 2 * kMiB}, {0, kMiB, 5 * kPage}}));
    ASSERT_TRUE(view);
    std::memset(pages.page(512 + 3), 0x22, 2 * kMiB);
    for (std::uint64_t i = 0; i < 2 * kMiB; ++i) ASSERT_EQ(view.bytes()[i], std::byte{0x22}) << i;
    std::memset(view.bytes() + 2 * kMiB, 0x33, 5 * kPage);
    for (std::uint64_t i = 0; i < 8 * kMiB; ++i) {
        const std::uint64_t first = 2 * kMiB + 3 * kPage;
        std::byte expected{0x11};
        if (i >= first && i < first + 2 * kMiB) expected = std::byte{0x22};
        if (i >= kMiB && i < kMiB + 5 * kPage) expected = std::byte{0x33};
        ASSERT_EQ(pages.view.bytes()[i], expected) << i;
    }
}

TEST_F(UdmabufTest, WhatTheDriverWouldRefuseIsToldBefore) {
    const Pages unsealed(1, 0);
    EXPECT_THAT(refusal(memory_of({&unsealed}, {{0, 0, kPage}})), HasSubstr("not sealed"));
    const Pages read_only(1, F_SEAL_SHRINK | F_SEAL_WRITE);
    EXPECT_THAT(refusal(memory_of({&read_only}, {{0, 0, kPage}})), HasSubstr("against writing"));
    const Pages good(1);
    EXPECT_THAT(refusal(memory_of({&good, &unsealed}, {{0, 0, kPage}, {1, 0, kPage}})),
                HasSubstr("not sealed"));
    // And what only it can know: pages beyond the end.
    EXPECT_THAT(refusal(memory_of({&good}, {{0, 8 * kPage, kPage}})),
                HasSubstr("udmabuf refuses the pages"));
}

TEST_F(UdmabufTest, EveryReferenceCounts) {
    const Pages pages(4);
    const auto made = driver.create(memory_of({&pages}, {{0, 0, 4 * kPage}}));
    ASSERT_TRUE(made);
    const int fd = made->get();
    EXPECT_EQ(dmabuf_references(fd), 1u);
    {
        const UniqueFd copy(::dup(fd));
        EXPECT_EQ(dmabuf_references(fd), 2u);
        const Mapping view = map_all(fd, 4 * kPage);
        EXPECT_EQ(dmabuf_references(fd), 3u);
    }
    EXPECT_EQ(dmabuf_references(fd), 1u);
}

TEST_F(UdmabufTest, ThePagesOutliveTheirFile) {
    Mapping view;
    {
        const Pages pages(4);
        view = mapped(memory_of({&pages}, {{0, 0, 4 * kPage}}));
        std::memset(pages.view.data(), 0x5A, 4 * kPage);
    }
    ASSERT_TRUE(view);
    for (std::uint64_t i = 0; i < 4 * kPage; ++i) ASSERT_EQ(view.bytes()[i], std::byte{0x5A}) << i;
}

}  // namespace
}  // namespace vdmabuf::broker
