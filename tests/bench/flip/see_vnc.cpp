// SPDX-License-Identifier: MIT
// see_vnc --path HOST:PORT: a VNC client (RFB 3.8, raw) that looks at three pixels of each update
// as soon as all of that is here. Prints a JSON object.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "runtime/common/unique_fd.hpp"
#include "tests/bench/flip/figures.hpp"
#include "tests/bench/flip/options.hpp"

namespace {

using namespace vdmabuf;
using namespace vdmabuf::flip;

constexpr std::int32_t kRaw = 0;
constexpr std::int32_t kDesktopSize = -223;

UniqueFd connect_to(const std::string& path, double patience) {
    const auto colon = path.find(':');
    sockaddr_in address{};
    address.sin_family = AF_INET;
    if (colon == std::string::npos ||
        ::inet_pton(AF_INET, path.substr(0, colon).c_str(), &address.sin_addr) != 1) {
        fail("--path must be like 127.0.0.1:5900");
    }
    address.sin_port =
        htons(static_cast<std::uint16_t>(std::strtoul(path.c_str() + colon + 1, nullptr, 10)));
    for (double waited = 0; waited < patience; waited += 0.05) {
        UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        if (socket && ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address),
                                sizeof address) == 0) {
            const int at_once = 1;
            ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once);
            return socket;
        }
        const timespec pause{0, 50'000'000};
        ::nanosleep(&pause, nullptr);
    }
    fail("no VNC server");
}

class Client {
  public:
    explicit Client(const Options& options)
        : figures_(options), socket_(connect_to(options.path, options.patience)) {}

    void run() {
        if (!greet()) fail("no VNC server of version 3.8 without a password");
        ask(false);
        while (!figures_.done() && !figures_.stalled() && message()) continue;
        figures_.print();
    }

  private:
    // False: the time is up, or the server has gone.
    bool read(void* to, std::size_t size) {
        auto* at = static_cast<std::uint8_t*>(to);
        while (size > 0) {
            pollfd ready{socket_.get(), POLLIN, 0};
            if (::poll(&ready, 1, 100) == 0) {
                if (figures_.done() || figures_.stalled()) return false;
                continue;
            }
            const ssize_t got = ::recv(socket_.get(), at, size, 0);
            if (got <= 0) return false;
            at += got;
            size -= static_cast<std::size_t>(got);
        }
        return true;
    }
    std::uint32_t number(int bytes) {
        std::uint8_t from[4]{};
        good_ = good_ && read(from, static_cast<std::size_t>(bytes));
        std::uint32_t value = 0;
        for (int i = 0; i < bytes; ++i) value = value << 8 | from[i];
        return value;
    }
    bool skip(std::size_t size) {
        if (size > (std::size_t{1} << 28)) return false;
        if (buffer_.size() < size) buffer_.resize(size);
        return read(buffer_.data(), size);
    }
    bool send(std::initializer_list<int> bytes) {
        const std::vector<std::uint8_t> out(bytes.begin(), bytes.end());
        return ::send(socket_.get(), out.data(), out.size(), MSG_NOSIGNAL) ==
               static_cast<ssize_t>(out.size());
    }

    bool greet() {
        if (!skip(12) || ::send(socket_.get(), "RFB 003.008\n", 12, MSG_NOSIGNAL) != 12)
            return false;
        if (!skip(number(1)) || !send({1})) return false;          // no password
        if (number(4) != 0 || !good_ || !send({1})) return false;  // shared
        width_ = number(2);
        height_ = number(2);
        if (!skip(16) || !skip(number(4))) return false;
        // 32 bits, depth 24, little-endian, red at bit 16.
        send({0, 0, 0, 0, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0});
        send({2, 0, 0, 2, 0, 0, 0, kRaw, 0xff, 0xff, 0xff, 0x21});  // raw, DesktopSize
        return good_;
    }
    void ask(bool only_changes) {
        const auto high = [](std::uint32_t value) { return static_cast<int>(value >> 8 & 0xff); };
        const auto low = [](std::uint32_t value) { return static_cast<int>(value & 0xff); };
        send({3, only_changes ? 1 : 0, 0, 0, 0, 0, high(width_), low(width_), high(height_),
              low(height_)});
    }

    bool message() {
        switch (number(1)) {
            case 0:
                return good_ && update();
            case 1: {
                number(3);
                return skip(std::size_t{number(2)} * 6) && good_;
            }
            case 2:
                return good_;
            case 3: {
                number(3);
                return skip(number(4)) && good_;
            }
            default:
                return false;
        }
    }
    bool update() {
        number(1);
        const std::uint32_t count = number(2);
        bool resized = false;
        for (std::uint32_t i = 0; i < count && good_; ++i) {
            const std::uint32_t x = number(2);
            const std::uint32_t y = number(2);
            const std::uint32_t width = number(2);
            const std::uint32_t height = number(2);
            const auto encoding = static_cast<std::int32_t>(number(4));
            if (encoding == kDesktopSize) {
                width_ = width;
                height_ = height;
                resized = true;
                continue;
            }
            if (encoding != kRaw || !skip(std::size_t{width} * height * 4)) return false;
            if (x == 0 && y == 0 && width >= kStampPixels && height > 0) {
                std::memcpy(stamp_, buffer_.data(), sizeof stamp_);
            }
        }
        if (!good_) return false;
        ask(!resized);
        figures_.see(stamp_);
        return true;
    }

    Figures figures_;
    const UniqueFd socket_;
    bool good_ = true;
    std::uint32_t width_ = 0;
    std::uint32_t height_ = 0;
    std::vector<std::uint8_t> buffer_;
    std::uint32_t stamp_[kStampPixels]{};
};

}  // namespace

int main(int argc, char** argv) {
    Client(parse(argc, argv)).run();
    return 0;
}
