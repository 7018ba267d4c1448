// SPDX-License-Identifier: MIT
// ask_clock IPV4:PORT: asks another machine, which answers each datagram with its CLOCK_MONOTONIC
// in microseconds as text, how far that is ahead of this one's. Of many answers the quickest one
// counts; it is wrong by half of its way at most. Prints a JSON object.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "runtime/common/unique_fd.hpp"
#include "tests/bench/flip/options.hpp"
#include "tests/bench/flip/pixels.hpp"

int main(int argc, char** argv) {
    using namespace vdmabuf;
    using namespace vdmabuf::flip;
    const std::string where = argc == 2 ? argv[1] : "";
    const auto colon = where.find(':');
    sockaddr_in address{};
    address.sin_family = AF_INET;
    if (colon == std::string::npos ||
        ::inet_pton(AF_INET, where.substr(0, colon).c_str(), &address.sin_addr) != 1) {
        fail("usage: ask_clock IPV4:PORT");
    }
    address.sin_port =
        htons(static_cast<std::uint16_t>(std::strtoul(where.c_str() + colon + 1, nullptr, 10)));
    const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const timeval limit{0, 200'000};
    if (!socket || ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0 ||
        ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        fail("no socket");
    }
    std::uint64_t quickest = UINT64_MAX;
    std::int64_t ahead = 0;
    for (int i = 0; i < 60; ++i) {
        const std::uint64_t sent = now_us();
        if (::send(socket.get(), "?", 1, 0) != 1) continue;
        char text[32]{};
        if (::recv(socket.get(), text, sizeof text - 1, 0) <= 0) continue;
        const std::uint64_t took = now_us() - sent;
        if (took >= quickest) continue;
        quickest = took;
        ahead = std::strtoll(text, nullptr, 10) - static_cast<std::int64_t>(sent + took / 2);
    }
    if (quickest == UINT64_MAX) fail("no answer");
    std::printf("{\"ahead_us\": %lld, \"round_trip_us\": %llu}\n", static_cast<long long>(ahead),
                static_cast<unsigned long long>(quickest));
    return 0;
}
