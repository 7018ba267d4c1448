// SPDX-License-Identifier: MIT
// import_bench [--rounds N]: what the host does for a buffer of 3840x2160 pixels of a VM before its
// first frame can be shown: the broker exports the memory, a consumer imports it and has the GPU's
// image. By each path that works here, from memory in 2 MiB pieces and from memory in 64 KiB pieces
// with others between them, turn and turn about. One JSON object on standard output.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "runtime/broker/memory_export.hpp"
#include "runtime/common/clock.hpp"
#include "runtime/common/mapping.hpp"
#include "runtime/consumer/import.hpp"
#include "tests/bench/need.hpp"

namespace {

using namespace vdmabuf;
using bench::fail;
using bench::need;

constexpr std::uint32_t kWidth = 3840;
constexpr std::uint32_t kHeight = 2160;
constexpr std::uint64_t kPitch = std::uint64_t{kWidth} * 4;
constexpr std::uint64_t kBytes = kPitch * kHeight;
constexpr std::uint32_t kXr24 = 0x34325258;  // DRM_FORMAT_XRGB8888
constexpr std::uint64_t kWhole = std::uint64_t{2} << 20;
constexpr std::uint64_t kPiece = std::uint64_t{64} << 10;

// A VM's memory as QEMU gives it, all of it there.
std::shared_ptr<const UniqueFd> guest_memory(std::uint64_t size) {
    UniqueFd fd(::memfd_create("import_bench", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!fd || ::ftruncate(fd.get(), static_cast<off_t>(size)) != 0 ||
        ::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK) != 0) {
        fail("no memory");
    }
    void* at = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
    if (at == MAP_FAILED) fail("no memory");
    const Mapping mapping(at, size);
    std::memset(at, 1, size);
    return std::make_shared<const UniqueFd>(std::move(fd));
}

// Every other piece of the file.
std::shared_ptr<const BufferMemory> memory_in_pieces(const std::shared_ptr<const UniqueFd>& file,
                                                     std::uint64_t piece) {
    auto memory = std::make_shared<BufferMemory>();
    memory->files.push_back(file);
    memory->size = kBytes;
    for (std::uint64_t done = 0; done < kBytes; done += piece) {
        memory->runs.push_back({0, 2 * done, std::min(piece, kBytes - done)});
    }
    return memory;
}

struct Times {
    std::vector<std::uint64_t> exported;
    std::vector<std::uint64_t> all;
};

// Empty, or why there is no such path here.
std::string once(broker::MemoryExporter& exporter, consumer::Importer& importer,
                 consumer::ImportPath path, const std::shared_ptr<const BufferMemory>& memory,
                 Times& times) {
    broker::Buffer buffer;
    buffer.memory = memory;
    buffer.from_vm = true;
    const std::uint64_t start = now_ns();
    auto exported = exporter.give(buffer, path == consumer::ImportPath::udmabuf);
    const std::uint64_t given = now_ns();
    if (!exported) return exported.error().text;
    if (!exported->reason.empty()) return exported->reason;
    auto message = consumer::make<consumer::Image>();
    message.width = kWidth;
    message.height = kHeight;
    message.fourcc = kXr24;
    message.plane_count = 1;
    message.planes[0] = {0, kPitch};
    message.buffer_size = kBytes;
    message.memory = static_cast<std::uint32_t>(exported->kind);
    message.run_count = exported->run_count;
    message.file_count = exported->file_count;
    std::vector<UniqueFd> fds;
    for (const auto& fd : exported->fds) fds.emplace_back(::dup(fd->get()));
    auto files = consumer::take_buffer(message, std::move(fds));
    if (!files) return files.error().text;
    const auto outcome = importer.import(message, std::move(*files), {});
    const std::uint64_t end = now_ns();
    if (!outcome.image || outcome.path != path) return outcome.reason;
    times.exported.push_back(given - start);
    times.all.push_back(end - start);
    return {};
}

double median_us(std::vector<std::uint64_t> times) {
    const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
    std::nth_element(times.begin(), middle, times.end());
    return static_cast<double>(*middle) / 1000.0;
}

double median_ratio(const std::vector<std::uint64_t>& over,
                    const std::vector<std::uint64_t>& under) {
    std::vector<double> ratios;
    for (std::size_t i = 0; i < over.size(); ++i) {
        ratios.push_back(static_cast<double>(over[i]) / static_cast<double>(under[i]));
    }
    const auto middle = ratios.begin() + static_cast<std::ptrdiff_t>(ratios.size() / 2);
    std::nth_element(ratios.begin(), middle, ratios.end());
    return *middle;
}

void print(const char* name, const Times& times, std::size_t runs) {
    std::printf("\"%s\": {\"runs\": %zu, \"median_us\": %.1f, \"export_median_us\": %.1f}, ", name,
                runs, median_us(times.all), median_us(times.exported));
}

void measure(const std::shared_ptr<gpu::Device>& device, consumer::ImportPath path,
             const std::shared_ptr<const UniqueFd>& file, unsigned long rounds) {
    broker::MemoryExporter exporter(true);
    consumer::Importer importer(device, path);
    const auto whole = memory_in_pieces(file, kWhole);
    const auto pieces = memory_in_pieces(file, kPiece);
    Times of_whole;
    Times of_pieces;
    std::string no;
    // One more pair, in which the importer tests the driver.
    for (unsigned long round = 0; round < rounds + 1 && no.empty(); ++round) {
        if (round == 1) of_whole = of_pieces = {};
        no = once(exporter, importer, path, whole, of_whole);
        if (no.empty()) no = once(exporter, importer, path, pieces, of_pieces);
    }
    std::printf("\"%s\": ", consumer::to_string(path));
    if (!no.empty()) {
        std::fprintf(stderr, "%s: %s\n", consumer::to_string(path), no.c_str());
        std::printf("null");
        return;
    }
    std::printf("{");
    print("contiguous", of_whole, whole->runs.size());
    print("fragmented", of_pieces, pieces->runs.size());
    std::printf("\"ratio\": %.3f}", median_ratio(of_pieces.all, of_whole.all));
}

}  // namespace

int main(int argc, char** argv) {
    unsigned long rounds = 50;
    if (argc == 3 && std::string(argv[1]) == "--rounds") {
        rounds = std::strtoul(argv[2], nullptr, 10);
    }
    if (rounds == 0) fail("--rounds N");
    const auto device = need(gpu::Device::create(need(gpu::Instance::create({})), ""));
    const auto file = guest_memory(2 * kBytes + 2 * kWhole);
    std::printf("{");
    measure(device, consumer::ImportPath::host_pointer, file, rounds);
    std::printf(", ");
    measure(device, consumer::ImportPath::udmabuf, file, rounds);
    std::printf("}\n");
    return 0;
}
