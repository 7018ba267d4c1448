// SPDX-License-Identifier: MIT
// The driver's binding to its device, in sysfs.
#ifndef VDMABUF_TESTS_GUEST_BINDING_HPP
#define VDMABUF_TESTS_GUEST_BINDING_HPP

#include "tests/guest/guest_test.hpp"

namespace guest_test {

// "virtio3", by which sysfs unbinds it.
inline std::string virtio_name() {
    const std::string node = g_device.substr(g_device.rfind('/') + 1);
    const std::string link = "/sys/class/vdmabuf/" + node + "/device";
    char* real = ::realpath(link.c_str(), nullptr);
    if (real == nullptr) throw Skip("no " + link);
    const std::string path = real;
    std::free(real);
    return path.substr(path.rfind('/') + 1);
}

inline void write_driver(const char* what, const std::string& device) {
    std::ofstream file(std::string("/sys/bus/virtio/drivers/virtio_vdmabuf/") + what);
    file << device << std::flush;
    if (!file) throw std::runtime_error(std::string("cannot ") + what + " " + device);
}

inline bool unload_module() {
    return ::syscall(SYS_delete_module, "virtio_vdmabuf", O_NONBLOCK) == 0;
}

inline void load_module(const std::string& path) {
    const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file < 0) throw std::runtime_error(path + ": " + std::strerror(errno));
    EXPECT_ERRNO(::syscall(SYS_finit_module, int{file}, "", 0), 0);
}

inline void bind_again(const std::string& device) {
    write_driver("bind", device);
    EXPECT(eventually([] { return ::access(g_device.c_str(), R_OK | W_OK) == 0; }));
}

}  // namespace guest_test

#endif  // VDMABUF_TESTS_GUEST_BINDING_HPP
