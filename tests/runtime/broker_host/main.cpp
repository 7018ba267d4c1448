// SPDX-License-Identifier: MIT
// broker_host PRODUCER_SOCKET CONSUMER_SOCKET: runs a broker on the two paths until SIGTERM or
// SIGINT. Prints "ready" when both can be connected to. For tests.
#include <sys/socket.h>

#include <csignal>
#include <cstdio>
#include <memory>
#include <utility>

#include "runtime/broker/broker.hpp"
#include "runtime/common/event_loop.hpp"
#include "runtime/common/log.hpp"
#include "runtime/common/seqpacket.hpp"

namespace {

vdmabuf::EventLoop* running = nullptr;

void on_signal(int) {
    if (running) running->stop();
}

int fail(const vdmabuf::Error& error) {
    std::fprintf(stderr, "broker_host: %s\n", error.text.c_str());
    return 1;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fprintf(stderr, "usage: broker_host PRODUCER_SOCKET CONSUMER_SOCKET\n");
        return 2;
    }
    auto loop = vdmabuf::EventLoop::create();
    if (!loop) return fail(loop.error());
    auto producers = vdmabuf::listen_at(argv[1], SOCK_SEQPACKET);
    if (!producers) return fail(producers.error());
    auto consumers = vdmabuf::listen_at(argv[2], SOCK_SEQPACKET);
    if (!consumers) return fail(consumers.error());
    auto broker =
        vdmabuf::broker::Broker::create(**loop, {}, std::move(*producers), std::move(*consumers));
    if (!broker) return fail(broker.error());
    running = loop->get();
    std::signal(SIGTERM, on_signal);
    std::signal(SIGINT, on_signal);
    std::printf("ready\n");
    std::fflush(stdout);
    (*loop)->run();
    return 0;
}
