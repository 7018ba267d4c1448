// SPDX-License-Identifier: MIT
// ALLOC and the memory that it gives.
#include <sstream>

#include "tests/guest/driver/tests.hpp"

namespace guest_test {
namespace {

void test_alloc_arguments() {
    const Fd channel = open_channel();
    const vdmabuf_info info = info_of(channel);
    for (const std::uint64_t size :
         std::initializer_list<std::uint64_t>{0, info.max_buffer_bytes + 1, 1ull << 62, ~0ull}) {
        EXPECT_ERRNO(try_alloc(channel, size), EINVAL);
    }
    vdmabuf_alloc alloc{};
    alloc.size = 4096;
    alloc.flags = 1;
    EXPECT_ERRNO(::ioctl(channel, VDMABUF_IOCTL_ALLOC, &alloc), EINVAL);
    alloc = {};
    alloc.size = 5000;
    EXPECT_ERRNO(::ioctl(channel, VDMABUF_IOCTL_ALLOC, &alloc), 0);
    const Fd buffer(alloc.fd);
    EXPECT(alloc.size == 8192);
    EXPECT(::lseek(buffer, 0, SEEK_END) == 8192);
    EXPECT((::fcntl(buffer, F_GETFD) & FD_CLOEXEC) != 0);
}

void test_alloc_zeroed() {
    const Fd channel = open_channel();
    constexpr std::size_t size = 5u << 20;
    for (int round = 0; round < 3; ++round) {
        const Fd buffer = alloc_buffer(channel, size);
        const Map map(buffer, size);
        EXPECT(std::all_of(map.bytes(), map.bytes() + size, [](auto byte) { return byte == 0; }));
        std::memset(map.at, 0xa5, size);
    }
}

void test_mmap() {
    const Fd channel = open_channel();
    constexpr std::size_t size = 3u << 20;
    const Fd buffer = alloc_buffer(channel, size);
    const Map first(buffer, size);
    const Map second(buffer, size);
    for (std::size_t i = 0; i < size; i += 4096)
        first.bytes()[i] = static_cast<unsigned char>(i / 4096);
    for (std::size_t i = 0; i < size; i += 4096) {
        EXPECT(second.bytes()[i] == static_cast<unsigned char>(i / 4096));
    }
    const Map part(buffer, 8192, 1 << 20);
    EXPECT(part.bytes()[4096] == static_cast<unsigned char>(257));
    EXPECT(::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, buffer, size) == MAP_FAILED);
    EXPECT(::mmap(nullptr, size + 4096, PROT_READ, MAP_SHARED, buffer, 0) == MAP_FAILED);
    EXPECT(::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, buffer, 0) == MAP_FAILED);
    EXPECT(::mmap(nullptr, size, PROT_READ, MAP_SHARED, channel, 0) == MAP_FAILED);
    // Taken out of the page table, not out of the buffer.
    EXPECT_ERRNO(::madvise(first.at, size, MADV_DONTNEED), 0);
    EXPECT(first.bytes()[300 * 4096] == static_cast<unsigned char>(300));
    for (const int flags :
         {DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW}) {
        dma_buf_sync sync{static_cast<std::uint64_t>(flags)};
        EXPECT_ERRNO(::ioctl(buffer, DMA_BUF_IOCTL_SYNC, &sync), 0);
    }
}

// Drivers that import host pointers pin the pages.
void test_pages_can_be_pinned() {
    const Fd channel = open_channel();
    const Fd buffer = alloc_buffer(channel, 8192);
    const Map map(buffer, 8192);
    std::strcpy(static_cast<char*>(map.at), "pinned");
    // vmsplice() puts the pages themselves into the pipe.
    int ends[2];
    EXPECT_ERRNO(::pipe2(ends, O_CLOEXEC), 0);
    const Fd out(ends[0]);
    const Fd in(ends[1]);
    char copy[16] = {};
    const iovec pages{map.at, sizeof copy};
    EXPECT(::vmsplice(in, &pages, 1, 0) == sizeof copy);
    EXPECT(::read(out, copy, sizeof copy) == sizeof copy);
    EXPECT(std::string(copy) == "pinned");
}

void put(const std::string& path, const std::string& text) {
    std::ofstream file(path);
    file << text << std::flush;
    if (!file) throw std::runtime_error("cannot write '" + text + "' to " + path);
}

// While it lives, this thread's calls get so many pages, and then none. Needs a kernel that can be
// made to fail.
class FewPages {
  public:
    explicit FewPages(unsigned pages) {
        const std::string folder = kFolder;
        for (const char* name : {"ignore-gfp-wait", "ignore-gfp-highmem"}) put(folder + name, "N");
        put(folder + "task-filter", "Y");
        put(folder + "min-order", "0");
        put(folder + "verbose", "0");
        put(folder + "times", "-1");
        put(folder + "interval", "1");
        put(folder + "space", std::to_string(pages));
        put(folder + "probability", "100");
        // Open already when nothing can be had any more.
        if (make_it_fail_ < 0) throw std::runtime_error("/proc/thread-self/make-it-fail");
        EXPECT(::write(make_it_fail_, "1", 1) == 1);
    }
    ~FewPages() {
        if (::write(make_it_fail_, "0", 1) != 1) std::abort();
        std::ofstream(std::string(kFolder) + "probability") << "0";
        std::ofstream(std::string(kFolder) + "space") << "0";
        std::ofstream(std::string(kFolder) + "task-filter") << "N";
    }
    FewPages(const FewPages&) = delete;
    FewPages& operator=(const FewPages&) = delete;

    static constexpr const char* kFolder = "/sys/kernel/debug/fail_page_alloc/";

  private:
    const Fd make_it_fail_{::open("/proc/thread-self/make-it-fail", O_WRONLY | O_CLOEXEC)};
};

std::uint64_t free_kib() {
    std::ifstream file("/proc/meminfo");
    std::string name;
    std::uint64_t kib = 0;
    for (std::string line; std::getline(file, line);) {
        std::istringstream(line) >> name >> kib;
        if (name == "MemFree:") return kib;
    }
    throw std::runtime_error("/proc/meminfo says nothing of MemFree");
}

void test_alloc_without_memory() {
    if (::access(FewPages::kFolder, F_OK) != 0) throw Skip("this kernel makes nothing fail");
    const Fd channel = open_channel();
    constexpr std::size_t size = 4u << 20;
    alloc_buffer(channel, size);
    const std::uint64_t before = free_kib();
    for (int round = 0; round < 10; ++round) {
        // Blocks of each size have been had when it fails, and once all but one page.
        for (const unsigned pages : {0u, 2u, 20u, 100u, 300u, 600u, 1000u, 1023u}) {
            const FewPages few(pages);
            EXPECT_ERRNO(try_alloc(channel, size), ENOMEM);
        }
    }
    // All of it would be 120 MB.
    EXPECT(free_kib() + 16 * 1024 > before);
    // Nor is anything of the quota lost.
    const vdmabuf_info info = info_of(channel);
    const Fd largest =
        alloc_buffer(channel, std::min<std::uint64_t>(info.max_buffer_bytes, 64u << 20));
}

const Test kTests[] = {
    {"ALLOC arguments", test_alloc_arguments},
    {"ALLOC gives zeroed memory", test_alloc_zeroed},
    {"ALLOC without memory", test_alloc_without_memory},
    {"mmap", test_mmap},
    {"pages can be pinned", test_pages_can_be_pinned},
};

}  // namespace

std::span<const Test> memory_tests() {
    return kTests;
}

}  // namespace guest_test
