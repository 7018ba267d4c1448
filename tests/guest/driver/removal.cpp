// SPDX-License-Identifier: MIT
// The device, or the driver, goes while it is in use.
#include "tests/guest/binding.hpp"
#include "tests/guest/dmabufs.hpp"
#include "tests/guest/driver/tests.hpp"
#include "tests/guest/fences.hpp"

namespace guest_test {
namespace {

void test_module_is_held() {
    if (::geteuid() != 0) throw Skip("not root");
    if (::access("/sys/module/virtio_vdmabuf/refcnt", R_OK) != 0) throw Skip("built in");
    const auto refused = [] { return !unload_module() && errno == EAGAIN; };
    std::unique_ptr<Map> map;
    {
        Fd buffer;
        {
            const Fd channel = open_channel();
            EXPECT(refused());
            buffer = alloc_buffer(channel, 4096);
            share_buffer(channel, buffer);
        }
        EXPECT(refused());
        map = std::make_unique<Map>(buffer, 4096);
    }
    // No descriptor is left, only the memory.
    EXPECT(refused());
    map->bytes()[0] = 1;
}

void test_unbind() {
    if (g_options.keep) throw Skip("--keep");
    if (::geteuid() != 0) throw Skip("not root");
    const std::string device = virtio_name();
    Fd channel = open_channel();
    const Fd idle = open_channel();
    const Fd buffer = alloc_buffer(channel, 1u << 20);
    const Map map(buffer, 1u << 20);
    share_buffer(channel, buffer);
    Fd foreign;
    try {
        foreign = any_exporter()->buffer(65536);
        share_buffer(channel, foreign);
    } catch (const Skip&) {
    }
    std::atomic<int> read_error = 0;
    std::thread reader([&] {
        char raw[64];
        if (::read(channel, raw, sizeof raw) < 0) read_error = errno;
    });
    std::this_thread::sleep_for(50ms);
    write_driver("unbind", device);
    reader.join();
    EXPECT(read_error == ENODEV);
    EXPECT((poll_events(idle, POLLIN, 1s) & POLLHUP) != 0);
    std::memset(map.at, 0x77, map.size);  // the memory is still there
    expect_attachments(0);
    vdmabuf_info info{};
    EXPECT_ERRNO(::ioctl(channel, VDMABUF_IOCTL_INFO, &info), ENODEV);
    EXPECT_ERRNO(try_alloc(channel, 4096), ENODEV);
    Id id{};
    EXPECT_ERRNO(try_share(channel, buffer, id), ENODEV);
    EXPECT_ERRNO(try_unshare(channel, id), ENODEV);
    EXPECT_ERRNO(try_send(channel, hello().data(), hello().size()), ENODEV);
    bind_again(device);
    EXPECT_ERRNO(try_send(channel, hello().data(), hello().size()), ENODEV);
    const Fd fresh = open_channel();
    // The buffer of the old device is memory like any other to the new one.
    EXPECT_ERRNO(try_share(fresh, buffer, id), 0);
    if (foreign >= 0) EXPECT_ERRNO(try_share(fresh, foreign, id), 0);
    EXPECT_ERRNO(try_send(fresh, hello().data(), hello().size()), 0);
    expect_welcome(fresh);
    channel.reset();
    EXPECT(map.bytes()[5] == 0x77);
}

// What waits for fences goes with the device, before they signal, while they do, or after.
void test_unbind_with_fences() {
    if (g_options.keep) throw Skip("--keep");
    if (::geteuid() != 0) throw Skip("not root");
    const std::string device = virtio_name();
    for (int round = 0; round < 9; ++round) {
        const auto timeline = new_timeline();
        std::vector<Fd> channels;
        for (std::uint32_t i = 1; i <= 8; ++i) {
            channels.push_back(open_channel());
            const Fd fence = timeline->fence(i);
            for (int k = 0; k < 3; ++k) {
                EXPECT_ERRNO(try_send(channels.back(), hello().data(), hello().size(), fence), 0);
            }
        }
        {
            const std::jthread signaller([&] {
                if (round % 3 == 0) std::this_thread::sleep_for(20ms);
                for (int i = 0; i < 8 && round % 3 < 2; ++i) timeline->advance(1);
            });
            write_driver("unbind", device);
        }
        if (round % 2 == 0) channels.clear();
        timeline->end();
        for (const Fd& channel : channels) {
            EXPECT_ERRNO(try_send(channel, hello().data(), hello().size()), ENODEV);
        }
        bind_again(device);
    }
    const Fd channel = open_channel();
    EXPECT_ERRNO(try_send(channel, hello().data(), hello().size()), 0);
    expect_welcome(channel);
}

// In and out, each time from full use.
void test_reload() {
    if (g_options.module.empty()) throw Skip("no --module");
    for (int round = 0; round < 10; ++round) {
        {
            const Fd channel = open_channel();
            const Fd buffer = alloc_buffer(channel, 1u << 20);
            const Map map(buffer, 1u << 20);
            share_buffer(channel, buffer);
            try {
                share_buffer(channel, any_exporter()->buffer(65536));
                const auto timeline = new_timeline();
                const Fd fence = timeline->fence(1);
                const Fd stuck = open_channel();
                EXPECT_ERRNO(try_send(stuck, hello().data(), hello().size(), fence), 0);
            } catch (const Skip&) {
            }
            EXPECT_ERRNO(try_send(channel, hello().data(), hello().size()), 0);
            expect_welcome(channel);
            EXPECT(!unload_module() && errno == EAGAIN);
        }
        EXPECT(eventually(unload_module));
        EXPECT(attachments() <= 0);
        EXPECT(::access("/sys/class/vdmabuf", F_OK) != 0);
        EXPECT(::access(g_device.c_str(), F_OK) != 0);
        load_module(g_options.module);
        EXPECT(eventually([] { return ::access(g_device.c_str(), R_OK | W_OK) == 0; }));
    }
    const Fd channel = open_channel();
    EXPECT_ERRNO(try_send(channel, hello().data(), hello().size()), 0);
    expect_welcome(channel);
}

void test_unbind_under_load() {
    if (g_options.keep) throw Skip("--keep");
    if (::geteuid() != 0) throw Skip("not root");
    const std::string device = virtio_name();
    std::atomic<bool> stop = false;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            std::unique_ptr<Exporter> exporter;
            try {
                exporter = any_exporter();
            } catch (const Skip&) {
            }
            while (!stop) {
                const Fd channel(::open(g_device.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK));
                if (channel < 0) continue;
                for (int k = 0; k < 10; ++k) {
                    const Fd buffer = k % 3 == 0 && exporter ? exporter->buffer(65536)
                                                             : Fd(try_alloc(channel, 65536));
                    Id id{};
                    try_share(channel, buffer, id);
                    try_send(channel, hello().data(), hello().size());
                    if (k % 2 == 0) try_unshare(channel, id);
                }
            }
        });
    }
    std::string error;
    try {
        for (int round = 0; round < 10; ++round) {
            std::this_thread::sleep_for(100ms);
            write_driver("unbind", device);
            bind_again(device);
        }
    } catch (const std::exception& e) {
        error = e.what();
    }
    stop = true;
    for (auto& thread : threads) thread.join();
    if (!error.empty()) throw std::runtime_error(error);
    const Fd channel = open_channel();
    EXPECT_ERRNO(try_send(channel, hello().data(), hello().size()), 0);
    expect_welcome(channel);
}

const Test kTests[] = {
    {"the module is held", test_module_is_held},
    {"unbind while in use", test_unbind},
    {"unbind with fences", test_unbind_with_fences},
    {"unbind under load", test_unbind_under_load},
    {"unload and load", test_reload},
};

}  // namespace

std::span<const Test> removal_tests() {
    return kTests;
}

}  // namespace guest_test
