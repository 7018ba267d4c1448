// SPDX-License-Identifier: MIT
#include "tests/unit/producer/fake_broker.hpp"

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

namespace vdmabuf::test {

FakeBroker::FakeBroker() {
    char pattern[] = "/tmp/vdmabuf-test-XXXXXX";
    directory_ = ::mkdtemp(pattern);
    path_ = directory_ + "/producer.sock";
    listen_again();
}

FakeBroker::~FakeBroker() {
    ::unlink(path_.c_str());
    ::rmdir(directory_.c_str());
}

void FakeBroker::stop_listening() {
    listener_.reset();
    ::unlink(path_.c_str());
}

void FakeBroker::listen_again() {
    listener_ = std::move(*listen_at(path_, SOCK_SEQPACKET));
}

bool FakeBroker::accept(int timeout_ms) {
    pollfd wait{listener_.get(), POLLIN, 0};
    if (::poll(&wait, 1, timeout_ms) != 1) return false;
    peer_.reset(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    return static_cast<bool>(peer_);
}

std::vector<std::byte> FakeBroker::next(int timeout_ms) {
    for (;;) {
        std::vector<std::byte> bytes(stream::kMaxMessage);
        pollfd wait{peer_.get(), POLLIN, 0};
        if (::poll(&wait, 1, timeout_ms) != 1) return {};
        auto got = receive_message(peer_.get(), bytes);
        if (!got) return {};
        bytes.resize(got->size);
        fds = std::move(got->fds);
        if (auto pong = stream::decode<stream::Pong>(bytes)) {
            pongs.push_back(pong->token);
            continue;
        }
        return bytes;
    }
}

bool FakeBroker::greet(std::uint16_t version) {
    if (!expect<stream::Hello>()) return false;
    auto welcome = stream::make<stream::Welcome>();
    welcome.version = version;
    welcome.features = features;
    welcome.max_streams = 16;
    send(welcome);
    return true;
}

void FakeBroker::release(std::uint32_t stream, std::uint32_t slot, std::uint64_t serial) {
    auto message = stream::make<stream::Release>();
    message.stream = stream;
    message.slot = slot;
    message.serial = serial;
    send(message);
}

}  // namespace vdmabuf::test
