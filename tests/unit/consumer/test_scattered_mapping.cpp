// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <fstream>
#include <iterator>
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

// The kernel says no to MAP_FIXED_NOREPLACE for what lies at `file_offset`, as it does where
// another thread has taken the address. Little-endian.
bool refuse_noreplace(std::uint64_t file_offset) {
    constexpr auto kLow = [](std::size_t argument) {
        return static_cast<std::uint32_t>(offsetof(seccomp_data, args) + argument * 8);
    };
    sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 0, 5),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kLow(3)),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, MAP_FIXED_NOREPLACE, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kLow(5)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(file_offset), 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EEXIST),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog program{static_cast<unsigned short>(std::size(code)), code};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

std::size_t mappings() {
    std::ifstream maps("/proc/self/maps");
    return static_cast<std::size_t>(
        std::count(std::istreambuf_iterator<char>(maps), std::istreambuf_iterator<char>(), '\n'));
}

TEST(MapScattered, AddressesThatSomebodyTakesMeanwhileDoNotMatter) {
    ScatteredBuffer buffer(700 * ScatteredBuffer::kPage, 1, 5, 1);
    for (std::uint64_t at = 0; at < buffer.size(); at += 8) buffer.put(at, at * 31);
    const auto& runs = buffer.runs();
    ASSERT_GE(runs.size(), 100U);
    for (const std::size_t run : {std::size_t{0}, runs.size() / 2, runs.size() - 1}) {
        // The first run that makes a mapping of its own there.
        const std::uint64_t offset = runs[run].offset;
        const pid_t child = ::fork();
        if (child == 0) {
            if (!refuse_noreplace(offset)) ::_exit(2);
            const BufferFiles files = buffer.files();
            const std::size_t before = mappings();
            {
                auto map = map_scattered(files);
                if (!map) ::_exit(3);
                for (std::uint64_t at = 0; at < buffer.size(); at += 8) {
                    std::uint64_t got = 0;
                    std::memcpy(&got, map->bytes() + at, sizeof got);
                    if (got != at * 31) ::_exit(4);
                }
            }
            // Neither what was mapped in vain is left.
            ::_exit(mappings() <= before + 2 ? 0 : 5);
        }
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        ASSERT_TRUE(WIFEXITED(status));
        EXPECT_EQ(WEXITSTATUS(status), 0) << "run " << run;
    }
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
