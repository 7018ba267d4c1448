// SPDX-License-Identifier: MIT
// micro_bench: the single steps of a frame and of a buffer, beside what the machine does in the
// same run. Google Benchmark's options; --benchmark_format=json for ./bench.
#include <benchmark/benchmark.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <thread>
#include <vector>

#include "runtime/common/clock.hpp"
#include "runtime/common/stream_messages.hpp"
#include "runtime/consumer/scattered_mapping.hpp"
#include "runtime/device/vring.hpp"
#include "tests/unit/device/fake_guest.hpp"

namespace {

using namespace vdmabuf;

constexpr std::uint64_t kFrameBytes = std::uint64_t{3840} * 2160 * 4;

// ---- messages

void encode_present(benchmark::State& state) {
    for (auto _ : state) {
        auto message = stream::make<stream::Present>();
        message.stream = 1;
        message.serial = 7;
        message.mode = static_cast<std::uint32_t>(stream::PresentMode::mailbox);
        benchmark::DoNotOptimize(message);
    }
}
BENCHMARK(encode_present);

void validate_present(benchmark::State& state) {
    auto message = stream::make<stream::Present>();
    message.stream = 1;
    message.serial = 7;
    message.mode = static_cast<std::uint32_t>(stream::PresentMode::mailbox);
    message.damage_count = static_cast<std::uint32_t>(state.range(0));
    for (auto& rect : message.damage) rect = {0, 0, 64, 64};
    std::fill(std::begin(message.damage) + state.range(0), std::end(message.damage),
              stream::Rect{});
    for (auto _ : state) {
        auto decoded = stream::decode<stream::Present>(stream::bytes_of(message));
        if (!decoded) state.SkipWithError(decoded.error().text.c_str());
        benchmark::DoNotOptimize(decoded);
    }
}
BENCHMARK(validate_present)->ArgName("damage")->Arg(0)->Arg(16);

// ---- vrings

// A chain of a command, as the driver makes it for a PRESENT: out of the ring, and back into it.
void vring_pop_push(benchmark::State& state) {
    test::FakeGuest guest;
    const auto memory = device::GuestMemory::create(guest.state().regions);
    auto ring = device::Vring::create(*memory, guest.ring(0));
    device::Chain chain;
    guest.set_descriptor(0, 0, {test::FakeGuest::kScratch, 344, 1, 1});
    guest.set_descriptor(0, 1, {test::FakeGuest::kScratch + 4096, 8, 2, 0});
    for (auto _ : state) {
        guest.make_available(0, 0);
        auto next = ring->next(chain);
        if (!next || !*next) state.SkipWithError("no chain");
        ring->push(chain, 8);
    }
}
BENCHMARK(vring_pop_push);

// ---- buffers

UniqueFd memory_file(std::uint64_t size) {
    UniqueFd fd(::memfd_create("bench", MFD_CLOEXEC));
    if (::ftruncate(fd.get(), static_cast<off_t>(size)) != 0) fd.reset();
    return fd;
}

// The runs of a 4K buffer out of guest memory, of so many KiB each: checked, and joined where they
// follow one another (every other one does).
void run_merging(benchmark::State& state) {
    const auto run = static_cast<std::uint64_t>(state.range(0)) << 10;
    const std::vector<device::RegionState> regions = {
        {0, 4 * kFrameBytes, 0x7f0000000000, 0, device::share_fd(memory_file(4 * kFrameBytes))}};
    const auto memory = device::GuestMemory::create(regions);
    std::vector<device::GuestRun> runs;
    std::uint64_t gpa = 0;
    for (std::uint64_t have = 0; have < kFrameBytes; have += run) {
        runs.push_back({gpa, std::min(run, kFrameBytes - have)});
        gpa += runs.size() % 2 ? run : 2 * run;
    }
    for (auto _ : state) {
        auto translated = (*memory)->translate(runs);
        if (!translated) state.SkipWithError(translated.error().text.c_str());
        benchmark::DoNotOptimize(translated);
    }
    state.counters["runs"] = static_cast<double>(runs.size());
}
BENCHMARK(run_merging)
    ->ArgName("run_kib")
    ->Arg(4)
    ->Arg(64)
    ->Arg(2048)
    ->Unit(benchmark::kMicrosecond);

// Scattered runs of so many KiB into one range of addresses, and away again.
void map_4k(benchmark::State& state) {
    const auto run = static_cast<std::uint64_t>(state.range(0)) << 10;
    const UniqueFd file = memory_file(2 * kFrameBytes);
    const int files[] = {file.get()};
    std::vector<consumer::Run> runs;
    for (std::uint64_t have = 0; have < kFrameBytes; have += run) {
        consumer::Run part;
        part.offset = 2 * have;
        part.length = std::min(run, kFrameBytes - have);
        runs.push_back(part);
    }
    for (auto _ : state) {
        auto mapping = consumer::map_runs(files, runs, kFrameBytes);
        if (!mapping) state.SkipWithError(mapping.error().text.c_str());
    }
    state.counters["runs"] = static_cast<double>(runs.size());
}
BENCHMARK(map_4k)->ArgName("run_kib")->Arg(4)->Arg(64)->Arg(2048)->Arg(32400)->Unit(
    benchmark::kMicrosecond);

// ---- the machine

void memcpy_4k(benchmark::State& state) {
    std::vector<std::byte> from(kFrameBytes, std::byte{1});
    std::vector<std::byte> to(kFrameBytes, std::byte{2});
    for (auto _ : state) {
        std::memcpy(to.data(), from.data(), kFrameBytes);
        benchmark::ClobberMemory();
    }
}
BENCHMARK(memcpy_4k)->Unit(benchmark::kMicrosecond);

// Half a round trip between two threads.
void socket_one_way(benchmark::State& state) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return;
    const UniqueFd here(ends[0]);
    UniqueFd there(ends[1]);
    std::thread echo([fd = there.get()] {
        std::byte bytes[512];
        while (const ssize_t got = ::recv(fd, bytes, sizeof bytes, 0)) {
            if (got < 0 || ::send(fd, bytes, static_cast<std::size_t>(got), MSG_NOSIGNAL) < 0)
                return;
        }
    });
    auto message = stream::make<stream::Present>();
    std::byte answer[512];
    for (auto _ : state) {
        const std::uint64_t start = now_ns();
        if (::send(here.get(), &message, sizeof message, MSG_NOSIGNAL) < 0 ||
            ::recv(here.get(), answer, sizeof answer, 0) < 0) {
            state.SkipWithError("the socket fails");
        }
        state.SetIterationTime(static_cast<double>(now_ns() - start) / 2e9);
    }
    ::shutdown(here.get(), SHUT_RDWR);
    echo.join();
}
BENCHMARK(socket_one_way)->UseManualTime()->Unit(benchmark::kMicrosecond);

void eventfd_one_way(benchmark::State& state) {
    const UniqueFd there(::eventfd(0, EFD_CLOEXEC));
    const UniqueFd back(::eventfd(0, EFD_CLOEXEC));
    std::thread echo([&] {
        eventfd_t value = 0;
        while (::eventfd_read(there.get(), &value) == 0 && value == 1)
            ::eventfd_write(back.get(), 1);
    });
    eventfd_t value = 0;
    for (auto _ : state) {
        const std::uint64_t start = now_ns();
        ::eventfd_write(there.get(), 1);
        ::eventfd_read(back.get(), &value);
        state.SetIterationTime(static_cast<double>(now_ns() - start) / 2e9);
    }
    ::eventfd_write(there.get(), 2);
    echo.join();
}
BENCHMARK(eventfd_one_way)->UseManualTime()->Unit(benchmark::kMicrosecond);

}  // namespace

BENCHMARK_MAIN();
