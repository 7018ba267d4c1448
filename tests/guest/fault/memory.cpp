// SPDX-License-Identifier: MIT
// The host sees what the guest has written, and the other way round.
#include "tests/guest/dmabufs.hpp"
#include "tests/guest/fault/tests.hpp"

namespace guest_test {
namespace {

void test_messages() {
    const Fd channel = open_channel();
    for (const std::size_t size : {1u, 100u, 490u, 507u, 508u, 1000u, 4091u}) {
        std::string text(size, 'a');
        text.back() = 'z';
        EXPECT(ask(channel, "echo " + text) == text);
    }
    for (int i = 0; i < 1000; i += 50) {
        for (int k = i; k < i + 50; ++k) order(channel, "echo " + std::to_string(k));
        for (int k = i; k < i + 50; ++k) EXPECT(answer(channel) == std::to_string(k));
    }
}

// The host sees what the guest has written, and the other way round.
void expect_same_pages(int channel, const Id& id, const Map& map) {
    for (std::size_t offset = 0; offset < map.size; offset += map.size < 65536 ? 4096 : 69632) {
        const std::string text = "guest at " + std::to_string(offset);
        std::memcpy(map.bytes() + offset, text.data(), text.size());
        EXPECT(peek(channel, id, offset, text.size()) == text);
        poke(channel, id, offset, "HOST");
        EXPECT(std::memcmp(map.bytes() + offset, "HOST", 4) == 0);
    }
}

void test_pages() {
    const Fd channel = open_channel();
    for (const std::size_t size : {4096u, 9u << 20}) {
        const Fd buffer = alloc_buffer(channel, size);
        const Map map(buffer, size);
        expect_same_pages(channel, share_buffer(channel, buffer), map);
    }
}

void foreign_pages(const std::string& name) {
    const auto exporter = new_exporter(name);
    const Fd channel = open_channel();
    for (const std::size_t size : {4096u, 40960u, 5u << 20}) {
        const Fd buffer = exporter->buffer(size);
        const Map map(buffer, size);
        const Id id = share_buffer(channel, buffer);
        expect_same_pages(channel, id, map);
        order(channel, "resync 1");
        expect_resync(channel);
        expect_same_pages(channel, id, map);
        EXPECT_ERRNO(try_unshare(channel, id), 0);
    }
}

void test_pages_of_udmabuf() {
    foreign_pages("udmabuf");
}

void test_pages_of_system_heap() {
    foreign_pages("system heap");
}

void test_pages_of_vgem() {
    foreign_pages("vgem");
}

const Test kTests[] = {
    {"messages", test_messages},
    {"the host sees the pages", test_pages},
    {"pages of a udmabuf", test_pages_of_udmabuf},
    {"pages of the system heap", test_pages_of_system_heap},
    {"pages of vgem", test_pages_of_vgem},
};

}  // namespace

std::span<const Test> memory_tests() {
    return kTests;
}

}  // namespace guest_test
