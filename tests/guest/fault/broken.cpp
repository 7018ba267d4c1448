// SPDX-License-Identifier: MIT
// A host that breaks the rules: the device is of no use until it is bound again.
#include "tests/guest/binding.hpp"
#include "tests/guest/fault/tests.hpp"

namespace guest_test {
namespace {

void expect_broken(const std::string& how, bool close_first) {
    {
        const Fd channel = open_channel();
        const Fd idle = open_channel(O_NONBLOCK);
        const Fd buffer = alloc_buffer(channel, 65536);
        share_buffer(channel, buffer);
        try_send(channel, how.data(), how.size());
        // That a message has arrived is looked at with the next one only.
        EXPECT(eventually([&] {
            try_send(channel, "nothing", 7);
            return hung_up(idle);
        }));
        Id id{};
        EXPECT_ERRNO(try_alloc(channel, 4096), ENODEV);
        EXPECT_ERRNO(try_share(channel, buffer, id), ENODEV);
        EXPECT_ERRNO(try_send(channel, "echo", 4), ENODEV);
        EXPECT_ERRNO(::open(g_device.c_str(), O_RDWR), ENODEV);
        char raw[8];
        EXPECT_ERRNO(::read(idle, raw, sizeof raw), ENODEV);
        if (!close_first) {
            const std::string device = virtio_name();
            write_driver("unbind", device);
            bind_again(device);
        }
    }
    if (close_first) {
        const std::string device = virtio_name();
        write_driver("unbind", device);
        bind_again(device);
    }
    const Fd fresh = open_channel();
    EXPECT(ask(fresh, "echo alive") == "alive");
}

void test_broken() {
    bool close_first = false;
    for (const std::string& how : {
             std::string("length 0"),
             std::string("length 9"),
             std::string("raw 01000000"),
             raw_event(VIRTIO_VDMABUF_EVT_MESSAGE, 0, 1, "x"),
             raw_event(VIRTIO_VDMABUF_EVT_MESSAGE, 16, 1),
             raw_event(VIRTIO_VDMABUF_EVT_MESSAGE, 255, 1, "xx"),
             raw_event(VIRTIO_VDMABUF_EVT_MESSAGE, 20, 1, "four") + " 100000",
             raw_event(VIRTIO_VDMABUF_EVT_RESYNC, 16, 0),
         }) {
        expect_broken(how, close_first);
        close_first = !close_first;
    }
}

const Test kTests[] = {
    {"broken", test_broken},
};

}  // namespace

std::span<const Test> broken_tests() {
    return kTests;
}

}  // namespace guest_test
