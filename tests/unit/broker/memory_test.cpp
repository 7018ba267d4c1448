// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <utility>

#include "runtime/broker/local_producers.hpp"
#include "runtime/broker/memory_export.hpp"

namespace vdmabuf::broker {
namespace {

constexpr std::uint64_t kPage = 4096;

UniqueFd memfd(std::uint64_t size, int seals) {
    UniqueFd fd(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    EXPECT_EQ(::ftruncate(fd.get(), static_cast<off_t>(size)), 0);
    if (seals) {
        EXPECT_EQ(::fcntl(fd.get(), F_ADD_SEALS, seals), 0);
    }
    return fd;
}

std::shared_ptr<const UniqueFd> shared(UniqueFd fd) {
    return std::make_shared<const UniqueFd>(std::move(fd));
}

TEST(CheckMemoryFileTest, TakesOnlySealedMemfdsThatAreLargeEnough) {
    const auto sealed = memfd(4 * kPage, F_SEAL_SHRINK);
    EXPECT_TRUE(check_memory_file(sealed.get(), 0, 4 * kPage));
    EXPECT_TRUE(check_memory_file(sealed.get(), kPage, 3 * kPage));
    EXPECT_FALSE(check_memory_file(sealed.get(), 0, 5 * kPage));
    EXPECT_FALSE(check_memory_file(sealed.get(), kPage, 4 * kPage));
    EXPECT_FALSE(check_memory_file(sealed.get(), 5 * kPage, kPage));
    EXPECT_FALSE(check_memory_file(sealed.get(), ~std::uint64_t{0} - kPage + 1, 2 * kPage));

    const auto unsealed = memfd(kPage, 0);
    EXPECT_FALSE(check_memory_file(unsealed.get(), 0, kPage));
    const auto other_seal = memfd(kPage, F_SEAL_GROW);
    EXPECT_FALSE(check_memory_file(other_seal.get(), 0, kPage));
    EXPECT_TRUE(check_memory_file(memfd(kPage, F_SEAL_SHRINK | F_SEAL_GROW).get(), 0, kPage));
}

TEST(CheckMemoryFileTest, OtherKindsOfFilesAreRefused) {
    std::array<int, 2> pipe{};
    ASSERT_EQ(::pipe(pipe.data()), 0);
    const UniqueFd reader(pipe[0]);
    const UniqueFd writer(pipe[1]);
    EXPECT_FALSE(check_memory_file(reader.get(), 0, kPage));
    const UniqueFd zero(::open("/dev/zero", O_RDWR | O_CLOEXEC));
    EXPECT_FALSE(check_memory_file(zero.get(), 0, kPage));
    const UniqueFd program(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
    EXPECT_FALSE(check_memory_file(program.get(), 0, kPage));
    const UniqueFd folder(::open("/", O_RDONLY | O_CLOEXEC | O_DIRECTORY));
    EXPECT_FALSE(check_memory_file(folder.get(), 0, kPage));
    EXPECT_FALSE(check_memory_file(-1, 0, kPage));
}

Buffer buffer_of(std::vector<std::shared_ptr<const UniqueFd>> files, std::vector<MemoryRun> runs) {
    auto memory = std::make_shared<BufferMemory>();
    memory->files = std::move(files);
    memory->runs = std::move(runs);
    for (const auto& run : memory->runs) memory->size += run.length;
    Buffer buffer;
    buffer.memory = std::move(memory);
    return buffer;
}

TEST(ExportMemoryTest, TheRunTableSaysWhereThePagesAre) {
    auto a = shared(memfd(8 * kPage, 0));
    auto b = shared(memfd(8 * kPage, 0));
    auto buffer = buffer_of({a, b}, {{1, kPage, 2 * kPage}, {0, 0, kPage}, {1, 5 * kPage, kPage}});
    MemoryExporter exporter(true);
    const auto exported = exporter.give(buffer, false);
    ASSERT_TRUE(exported);
    EXPECT_EQ(exported->kind, consumer::MemoryKind::runs);
    EXPECT_EQ(exported->run_count, 3u);
    EXPECT_EQ(exported->file_count, 2u);
    ASSERT_EQ(exported->fds.size(), 3u);
    std::array<consumer::Run, 4> runs{};
    ASSERT_EQ(::pread(exported->fds[0]->get(), runs.data(), sizeof runs, 0),
              static_cast<ssize_t>(3 * sizeof(consumer::Run)));
    EXPECT_EQ(runs[0].file, 1u);
    EXPECT_EQ(runs[0].offset, kPage);
    EXPECT_EQ(runs[0].length, 2 * kPage);
    EXPECT_EQ(runs[1].file, 0u);
    EXPECT_EQ(runs[2].offset, 5 * kPage);
    for (const auto& run : runs) EXPECT_EQ(run.reserved, 0u);
}

TEST(ExportMemoryTest, NeitherTheTableNorThePagesCanBeWritten) {
    auto source = shared(memfd(kPage, 0));
    auto buffer = buffer_of({source}, {{0, 0, kPage}});
    MemoryExporter exporter(true);
    const auto exported = exporter.give(buffer, false);
    ASSERT_TRUE(exported);
    const int table = exported->fds[0]->get();
    const int pages = exported->fds[1]->get();
    EXPECT_EQ(::pwrite(table, "x", 1, 0), -1);
    EXPECT_EQ(errno, EPERM);
    EXPECT_EQ(::ftruncate(table, 0), -1);
    EXPECT_EQ(::mmap(nullptr, kPage, PROT_WRITE, MAP_SHARED, table, 0), MAP_FAILED);
    EXPECT_EQ(::pwrite(pages, "x", 1, 0), -1);
    EXPECT_EQ(::ftruncate(pages, 0), -1);
    EXPECT_EQ(::mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED, pages, 0), MAP_FAILED);
    // The same pages nevertheless: what the producer writes is seen.
    void* view = ::mmap(nullptr, kPage, PROT_READ, MAP_SHARED, pages, 0);
    ASSERT_NE(view, MAP_FAILED);
    ASSERT_EQ(::pwrite(source->get(), "pixels", 6, 0), 6);
    EXPECT_EQ(std::string(static_cast<const char*>(view), 6), "pixels");
    EXPECT_EQ(::mprotect(view, kPage, PROT_READ | PROT_WRITE), -1);
    ::munmap(view, kPage);
}

TEST(ExportMemoryTest, OneDescriptorForAFileClosedWithItsLastBuffer) {
    auto source = shared(memfd(4 * kPage, 0));
    MemoryExporter exporter(true);
    std::weak_ptr<const UniqueFd> read_only;
    {
        auto first = buffer_of({source}, {{0, 0, kPage}});
        auto second = buffer_of({source}, {{0, kPage, kPage}});
        const auto a = exporter.give(first, false);
        const auto b = exporter.give(second, false);
        const auto c = exporter.give(first, false);
        ASSERT_TRUE(a && b && c);
        EXPECT_EQ(a->fds[1], b->fds[1]);
        EXPECT_EQ(a->fds[1], c->fds[1]);
        EXPECT_NE(a->fds[0], c->fds[0]);
        read_only = a->fds[1];
    }
    EXPECT_TRUE(read_only.expired());
}

TEST(ExportMemoryTest, ForgottenFilesDoNotPileUp) {
    ReadOnlyFiles files;
    for (int i = 0; i < 200; ++i) {
        ASSERT_TRUE(files.open(shared(memfd(kPage, 0))));
    }
    EXPECT_LE(files.size(), 32u);
}

// A driver that is not there.
Udmabuf no_driver() {
    return Udmabuf("/nonexistent/udmabuf");
}

TEST(ExportMemoryTest, TheConfigurationMayKeepAVmsMemory) {
    auto buffer = buffer_of({shared(memfd(kPage, 0))}, {{0, 0, kPage}});
    MemoryExporter keeps(false, no_driver());
    EXPECT_TRUE(keeps.give(buffer, false)) << "not of a VM";
    buffer.from_vm = true;
    for (const bool as_dmabuf : {false, true}) {
        const auto refused = keeps.give(buffer, as_dmabuf);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, EACCES);
        EXPECT_NE(refused.error().text.find("share_vm_memory"), std::string::npos);
    }
    MemoryExporter gives(true, no_driver());
    EXPECT_TRUE(gives.give(buffer, false));
}

TEST(ExportMemoryTest, WithoutADmabufTheReasonGoesAlong) {
    auto buffer = buffer_of({shared(memfd(kPage, 0))}, {{0, 0, kPage}});
    MemoryExporter exporter(true, no_driver());
    EXPECT_FALSE(exporter.makes_dmabufs());
    const auto wanted = exporter.give(buffer, true);
    ASSERT_TRUE(wanted);
    EXPECT_EQ(wanted->kind, consumer::MemoryKind::runs);
    EXPECT_EQ(wanted->reason, "no /nonexistent/udmabuf on this host (CONFIG_UDMABUF)");
    const auto not_wanted = exporter.give(buffer, false);
    ASSERT_TRUE(not_wanted);
    EXPECT_EQ(not_wanted->reason, "");
}

TEST(ExportMemoryTest, AProducersDmabufIsHandedOnAsItIs) {
    const auto dmabuf = shared(memfd(kPage, 0));  // what it is, the exporter does not ask
    auto memory = std::make_shared<BufferMemory>();
    memory->dmabuf = dmabuf;
    memory->size = kPage;
    Buffer buffer;
    buffer.memory = memory;
    MemoryExporter exporter(true, no_driver());
    const auto exported = exporter.give(buffer, true);
    ASSERT_TRUE(exported);
    EXPECT_EQ(exported->kind, consumer::MemoryKind::dmabuf);
    ASSERT_EQ(exported->fds.size(), 1u);
    EXPECT_EQ(exported->fds[0], dmabuf);
    EXPECT_EQ(exported->reason, "");
}

TEST(ExportMemoryTest, AProducersDmabufIsMappedByWhoImportsNone) {
    auto memory = std::make_shared<BufferMemory>();
    memory->dmabuf = shared(memfd(2 * kPage, 0));
    memory->size = 2 * kPage;
    Buffer buffer;
    buffer.memory = memory;
    MemoryExporter exporter(true, no_driver());
    const auto exported = exporter.give(buffer, false);
    ASSERT_TRUE(exported);
    EXPECT_EQ(exported->kind, consumer::MemoryKind::runs);
    EXPECT_EQ(exported->run_count, 1u);
    EXPECT_EQ(exported->file_count, 1u);
    ASSERT_EQ(exported->fds.size(), 2u);
    EXPECT_EQ(exported->fds[1], memory->dmabuf);
    consumer::Run run;
    ASSERT_EQ(::pread(exported->fds[0]->get(), &run, sizeof run, 0), ssize_t{sizeof run});
    EXPECT_EQ(run.offset, 0u);
    EXPECT_EQ(run.length, 2 * kPage);

    // Of a GPU whose memory no process can map.
    memory->dmabuf = shared(UniqueFd(::eventfd(0, EFD_CLOEXEC)));
    const auto refused = exporter.give(buffer, false);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ENOTSUP);
}

}  // namespace
}  // namespace vdmabuf::broker
