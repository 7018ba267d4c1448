// SPDX-License-Identifier: MIT
// evdev_reader: prints what vdmabuf's input devices in this guest are, and each of their events, as
// programs without a display server read them. Devices that come later are found as well, those
// that go are forgotten. On SIGUSR1 it prints what is down. Ends with SIGTERM.
#include <dirent.h>
#include <fcntl.h>
#include <linux/input.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

namespace {

volatile std::sig_atomic_t ask_wanted = 0;
volatile std::sig_atomic_t end_wanted = 0;

template <std::size_t kBits>
std::array<unsigned char, kBits / 8> bits_of(int fd, unsigned long request) {
    std::array<unsigned char, kBits / 8> bits{};
    ::ioctl(fd, request, bits.data());
    return bits;
}

template <typename Bits>
std::string listed(const Bits& bits, unsigned first, unsigned last) {
    std::string text;
    for (unsigned i = first; i <= last && i / 8 < bits.size(); ++i) {
        if (bits[i / 8] & 1 << i % 8) text += (text.empty() ? "" : ",") + std::to_string(i);
    }
    return text.empty() ? "none" : text;
}

struct Device {
    int fd = -1;
    std::string name;
};

void describe(const Device& device) {
    const int fd = device.fd;
    const auto keys = bits_of<KEY_CNT>(fd, EVIOCGBIT(EV_KEY, KEY_CNT / 8));
    const auto relative = bits_of<16>(fd, EVIOCGBIT(EV_REL, 2));
    const auto absolute = bits_of<ABS_CNT>(fd, EVIOCGBIT(EV_ABS, ABS_CNT / 8));
    const auto properties = bits_of<INPUT_PROP_CNT>(fd, EVIOCGPROP(INPUT_PROP_CNT / 8));
    unsigned count = 0;
    for (const unsigned char byte : keys) count += static_cast<unsigned>(__builtin_popcount(byte));
    input_absinfo x{};
    ::ioctl(fd, EVIOCGABS(ABS_X), &x);
    char serial[64] = {};
    ::ioctl(fd, EVIOCGUNIQ(sizeof serial - 1), serial);
    std::printf("device %s: serial %s, %u keys, rel %s, abs %s, x up to %d, properties %s\n",
                device.name.c_str(), serial, count, listed(relative, 0, 15).c_str(),
                listed(absolute, 0, ABS_MAX).c_str(), x.maximum,
                listed(properties, 0, INPUT_PROP_MAX).c_str());
}

void find(std::map<std::string, Device>& devices) {
    DIR* folder = ::opendir("/dev/input");
    if (!folder) return;
    while (const dirent* entry = ::readdir(folder)) {
        if (std::strncmp(entry->d_name, "event", 5) != 0 || devices.contains(entry->d_name))
            continue;
        const int fd = ::open((std::string("/dev/input/") + entry->d_name).c_str(),
                              O_RDWR | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0) continue;
        char name[64] = {};
        ::ioctl(fd, EVIOCGNAME(sizeof name - 1), name);
        if (std::strncmp(name, "vdmabuf", 7) != 0) {
            ::close(fd);
            continue;
        }
        Device& device = devices[entry->d_name];
        device = {fd, name};
        describe(device);
        // A light, which goes to the host by the status queue.
        input_event light{};
        light.type = EV_LED;
        light.code = LED_CAPSL;
        light.value = 1;
        [[maybe_unused]] const ssize_t written = ::write(fd, &light, sizeof light);
    }
    ::closedir(folder);
}

// False: the device has gone.
bool read_events(const Device& device) {
    input_event event{};
    ssize_t got = 0;
    while ((got = ::read(device.fd, &event, sizeof event)) == sizeof event) {
        std::printf("%s: %u %u %d\n", device.name.c_str(), event.type, event.code, event.value);
    }
    return got < 0 && errno == EAGAIN;
}

}  // namespace

int main() {
    struct sigaction action {};
    action.sa_handler = [](int signal) { (signal == SIGUSR1 ? ask_wanted : end_wanted) = 1; };
    ::sigaction(SIGUSR1, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
    std::map<std::string, Device> devices;
    while (!end_wanted) {
        find(devices);
        std::vector<pollfd> poll_fds;
        for (const auto& [path, device] : devices) poll_fds.push_back({device.fd, POLLIN, 0});
        ::poll(poll_fds.data(), poll_fds.size(), 100);
        for (auto each = devices.begin(); each != devices.end();) {
            if (read_events(each->second)) {
                ++each;
                continue;
            }
            std::printf("gone %s\n", each->second.name.c_str());
            ::close(each->second.fd);
            each = devices.erase(each);
        }
        if (ask_wanted) {
            ask_wanted = 0;
            for (const auto& [path, device] : devices) {
                const auto down = bits_of<KEY_CNT>(device.fd, EVIOCGKEY(KEY_CNT / 8));
                std::printf("down %s: %s\n", device.name.c_str(), listed(down, 0, KEY_MAX).c_str());
            }
        }
        std::fflush(stdout);
    }
    return 0;
}
