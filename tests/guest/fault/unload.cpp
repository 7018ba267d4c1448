// SPDX-License-Identifier: MIT
// The end: nothing works afterwards.
#include "tests/guest/binding.hpp"
#include "tests/guest/dmabufs.hpp"
#include "tests/guest/fault/tests.hpp"

namespace guest_test {
namespace {

// The host still has buffers, one of them foreign, of a channel that was closed.
void test_unload() {
    if (::access("/sys/module/virtio_vdmabuf/refcnt", R_OK) != 0) throw Skip("built in");
    std::unique_ptr<Exporter> exporter;
    try {
        exporter = any_exporter();
    } catch (const Skip&) {
    }
    {
        const Fd channel = open_channel();
        order(channel, "hold 2");
        share_buffer(channel, alloc_buffer(channel, 65536));
        if (exporter) share_buffer(channel, exporter->buffer(65536));
        count(channel);
    }
    EXPECT(eventually(unload_module));
    EXPECT(attachments() <= 0);
    EXPECT_ERRNO(::open(g_device.c_str(), O_RDWR), ENOENT);
}

const Test kTests[] = {
    {"unload", test_unload},
};

}  // namespace

std::span<const Test> unload_tests() {
    return kTests;
}

}  // namespace guest_test
