// SPDX-License-Identifier: MIT
#include "tests/unit/broker/harness.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace vdmabuf::broker::test {

std::uint32_t type_number(std::span<const std::byte> bytes) {
    stream::Header header{};
    if (bytes.size() < sizeof header) return 0;
    std::memcpy(&header, bytes.data(), sizeof header);
    return header.type;
}

// ---- SocketPeer

void SocketPeer::send_bytes(std::span<const std::byte> bytes, std::span<const int> fds) {
    int error = EAGAIN;
    harness_.turn_until([&] {
        error = send_message(socket_.get(), bytes, fds);
        return error != EAGAIN;
    });
    // EPIPE: the broker has ended the connection; the test sees that by what it reads.
    EXPECT_TRUE(error == 0 || error == EPIPE || error == ECONNRESET) << std::strerror(error);
}

std::optional<Received> SocketPeer::take(bool& end) {
    std::array<std::byte, stream::kMaxMessage> buffer{};
    end = false;
    auto got = receive_message(socket_.get(), buffer);
    if (!got) {
        end = got.error().code != EAGAIN;
        return std::nullopt;
    }
    if (got->size == 0) {
        end = true;
        return std::nullopt;
    }
    return Received{Bytes(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(got->size)),
                    std::move(got->fds)};
}

std::optional<Received> SocketPeer::next() {
    std::optional<Received> received;
    bool end = false;
    harness_.turn_until([&] {
        received = take(end);
        return received || end;
    });
    return received;
}

bool SocketPeer::ended() {
    bool end = false;
    harness_.turn_until([&] {
        take(end);
        return end;
    });
    return end;
}

bool SocketPeer::silent() {
    harness_.settle();
    bool end = false;
    return !take(end) && !end;
}

// ---- PortPeer

PortPeer::~PortPeer() {
    hang_up();
}

bool PortPeer::open(const std::string& vm) {
    ProducerInfo info;
    info.vm = vm;
    info.pid = 4711;
    info.uid = 1000;
    info.comm = "comm";
    open_ = handler_.opened(*this, info);
    return open_;
}

void PortPeer::hang_up() {
    if (std::exchange(open_, false)) handler_.closed(*this);
}

void PortPeer::send_bytes(std::span<const std::byte> bytes, std::span<const int>) {
    if (open_ && !close_reason) handler_.message(*this, bytes);
    if (close_reason) hang_up();
}

std::optional<Received> PortPeer::next() {
    harness_.turn_until([&] { return !received.empty() || close_reason; });
    if (received.empty()) return std::nullopt;
    Received message{std::move(received.front()), {}};
    received.pop_front();
    return message;
}

bool PortPeer::ended() {
    return harness_.turn_until([&] { return close_reason.has_value(); });
}

bool PortPeer::send(std::span<const std::byte> message) {
    if (close_reason) return false;
    received.emplace_back(message.begin(), message.end());
    return true;
}

void PortPeer::close(CloseReason reason) {
    if (!close_reason) close_reason = reason;
}

// ---- Harness

Harness::~Harness() {
    broker.reset();
    if (folder.empty()) return;
    ::unlink((folder + "/p").c_str());
    ::unlink((folder + "/c").c_str());
    ::rmdir(folder.c_str());
}

void Harness::start() {
    if (broker) return;
    const char* base = std::getenv("TMPDIR");
    folder = std::string(base ? base : "/tmp") + "/vdmabuf-broker-XXXXXX";
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    auto made = EventLoop::create();
    ASSERT_TRUE(made);
    loop = std::move(*made);
    auto producers = listen_at(folder + "/p", SOCK_SEQPACKET);
    auto consumers = listen_at(folder + "/c", SOCK_SEQPACKET);
    ASSERT_TRUE(producers && consumers);
    auto created = Broker::create(*loop, config, std::move(*producers), std::move(*consumers));
    ASSERT_TRUE(created);
    broker = std::move(*created);
}

void Harness::settle() {
    // A handler may cause the next event; ten rounds without waiting are more than any chain.
    for (int i = 0; i < 10; ++i) {
        if (around_turn) around_turn(true);
        loop->run_once(0);
        if (around_turn) around_turn(false);
    }
}

bool Harness::turn_until(const std::function<bool()>& done, std::uint64_t limit_ns) {
    const std::uint64_t limit = now_ns() + limit_ns;
    while (!done()) {
        if (now_ns() >= limit) return false;
        if (around_turn) around_turn(true);
        loop->run_once(static_cast<std::int64_t>(kNsPerMs));
        if (around_turn) around_turn(false);
    }
    return true;
}

std::unique_ptr<SocketPeer> Harness::producer() {
    start();
    auto socket = connect_to(folder + "/p", SOCK_SEQPACKET);
    EXPECT_TRUE(socket);
    return std::make_unique<SocketPeer>(*this, socket ? std::move(*socket) : UniqueFd());
}

std::unique_ptr<SocketPeer> Harness::consumer() {
    start();
    auto socket = connect_to(folder + "/c", SOCK_SEQPACKET);
    EXPECT_TRUE(socket);
    return std::make_unique<SocketPeer>(*this, socket ? std::move(*socket) : UniqueFd());
}

std::unique_ptr<SocketPeer> Harness::greeted_producer() {
    auto peer = producer();
    peer->send(hello());
    peer->expect<stream::Welcome>();
    return peer;
}

std::unique_ptr<SocketPeer> Harness::greeted_consumer() {
    auto peer = consumer();
    peer->send(consumer_hello());
    peer->expect<consumer::Welcome>();
    return peer;
}

std::unique_ptr<PortPeer> Harness::port(const std::string& vm) {
    start();
    auto peer = std::make_unique<PortPeer>(*this, broker->ports());
    EXPECT_TRUE(peer->open(vm));
    return peer;
}

// ---- messages

BufferId id_of(std::uint8_t number) {
    BufferId id{};
    id.fill(0xA5);
    id[0] = number;
    return id;
}

UniqueFd sealed_memfd(std::uint64_t size) {
    UniqueFd fd(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    EXPECT_EQ(::ftruncate(fd.get(), static_cast<off_t>(size)), 0);
    EXPECT_EQ(::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK), 0);
    return fd;
}

stream::Hello hello() {
    auto message = stream::make<stream::Hello>();
    message.pid = 42;
    stream::put_text(message.app, "test-app");
    return message;
}

stream::StreamCreate create(std::uint32_t number) {
    auto message = stream::make<stream::StreamCreate>();
    message.stream = number;
    message.width = 256;
    message.height = 256;
    stream::put_text(message.title, "a title");
    stream::put_text(message.app_id, "org.example.app");
    return message;
}

stream::StreamImage image(std::uint32_t number, std::uint32_t slot, const BufferId& buffer) {
    auto message = stream::make<stream::StreamImage>();
    message.stream = number;
    message.slot = slot;
    message.buffer = buffer;
    message.width = 256;
    message.height = 256;
    message.fourcc = fourcc_of("XR24");
    message.planes[0].pitch = 1024;
    message.strategy = static_cast<std::uint32_t>(stream::Strategy::host_pointer);
    return message;
}

stream::Present present(std::uint32_t number, std::uint32_t slot, std::uint64_t serial) {
    auto message = stream::make<stream::Present>();
    message.stream = number;
    message.slot = slot;
    message.serial = serial;
    const std::uint64_t now = now_ns();
    message.called_ns = now - 3000;
    message.gpu_done_ns = now - 2000;
    message.sent_ns = now - 1000;
    return message;
}

stream::BufferCreate buffer_create(const BufferId& id, std::uint64_t size) {
    auto message = stream::make<stream::BufferCreate>();
    message.id = id;
    message.size = size;
    return message;
}

consumer::Hello consumer_hello() {
    auto message = consumer::make<consumer::Hello>();
    consumer::put_text(message.name, "test-consumer");
    return message;
}

consumer::Presented presented(std::uint64_t stream, std::uint64_t serial, bool shown) {
    auto message = consumer::make<consumer::Presented>();
    message.stream = stream;
    message.serial = serial;
    message.time_ns = now_ns();
    message.refresh_ns = 10'000'000;
    message.flags = shown ? stream::kPresentedShown : 0;
    return message;
}

consumer::Release release(std::uint64_t stream, std::uint64_t serial) {
    auto message = consumer::make<consumer::Release>();
    message.stream = stream;
    message.serial = serial;
    return message;
}

consumer::Attach attach(std::uint64_t stream) {
    auto message = consumer::make<consumer::Attach>();
    message.stream = stream;
    return message;
}

void give_buffer(SocketPeer& producer, const BufferId& id, std::uint64_t size) {
    const auto fd = sealed_memfd(size);
    producer.send_bytes(packed(buffer_create(id, size)), std::array{fd.get()});
}

void give_stream(SocketPeer& producer, std::uint32_t count) {
    producer.send(create(1));
    for (std::uint32_t slot = 0; slot < count; ++slot) {
        const auto id = id_of(static_cast<std::uint8_t>(slot + 1));
        give_buffer(producer, id);
        producer.send(image(1, slot, id));
    }
}

}  // namespace vdmabuf::broker::test
