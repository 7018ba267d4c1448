// SPDX-License-Identifier: MIT
#include "runtime/producer/connection.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <new>
#include <system_error>
#include <utility>

#include "runtime/common/dmabuf.hpp"
#include "runtime/common/log.hpp"
#include "runtime/producer/core.hpp"

namespace vdmabuf::producer {

// ---- Connection ---------------------------------------------------------------------------------

Result<std::shared_ptr<Connection>> Connection::open(const Endpoint& endpoint,
                                                     const std::string& app) {
    auto core = std::make_shared<Core>();
    core->endpoint = endpoint;
    core->app = app;
    auto guard = ForkGuard::create();
    if (!guard) return guard.error();
    core->fork_guard = std::move(*guard);
    core->wake.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!core->wake) return system_error("eventfd");
    auto transport = open_transport(endpoint);
    if (!transport) return transport.error();
    core->transport = std::move(*transport);
    if (auto shaken = core->handshake(); !shaken) return shaken.error();

    // Nothing can fail once the thread runs.
    std::shared_ptr<Connection> connection(new Connection(core));
    // The app's signal handlers run on the app's threads.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    Error failed{0, {}};
    try {
        core->reader = std::thread([raw = core.get()] { raw->run(); });
    } catch (const std::system_error& error) {
        failed = Error{EAGAIN, std::string("cannot make a thread: ") + error.what()};
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (failed.code) return failed;
    return connection;
}

Connection::~Connection() {
    if (core_->fork_guard.in_child()) {
        // The reader thread is not here, and its locks may be: forget everything.
        new (std::nothrow) std::shared_ptr<Core>(std::move(core_));
        return;
    }
    core_->stopping = true;
    core_->wake_reader();
    if (core_->reader.joinable()) core_->reader.join();
}

Result<std::unique_ptr<Stream>> Connection::create_stream(const StreamInfo& info,
                                                          StreamListener* listener) {
    Core& core = *core_;
    if (core.fork_guard.in_child()) return Error{ECHILD, "in a child of fork(2)"};
    if (core.refused) return Error{EACCES, "the broker refuses this program"};
    auto state = std::make_shared<Stream::State>();
    state->core = &core;
    state->keep = core_;
    state->info = info;
    state->listener = listener;
    const std::lock_guard lock(core.mutex);
    state->number = core.next_stream++;
    core.streams[state->number] = state;
    const std::lock_guard stream_lock(state->mutex);
    // While the host is away, the reader announces the stream when it is back.
    if (core.online) core.send_stream(*state);
    return std::unique_ptr<Stream>(new Stream(std::move(state)));
}

Result<std::shared_ptr<Buffer>> Connection::alloc(std::uint64_t size) {
    if (core_->fork_guard.in_child()) return Error{ECHILD, "in a child of fork(2)"};
    return core_->transport->alloc(size);
}

Result<std::shared_ptr<Buffer>> Connection::import(UniqueFd dmabuf, std::uint64_t size, bool map) {
    if (core_->fork_guard.in_child()) return Error{ECHILD, "in a child of fork(2)"};
    const auto whole = dmabuf_size(dmabuf.get());
    if (!whole) return whole.error();
    if (*whole < size || *whole == 0 || *whole % 4096 != 0) {
        return Error{EINVAL, "a dmabuf of " + std::to_string(*whole) + " bytes, " +
                                 std::to_string(size) + " are needed"};
    }
    auto buffer = std::make_shared<Buffer>();
    buffer->fd = std::move(dmabuf);
    buffer->size = *whole;
    buffer->is_dmabuf = true;
    if (map) {
        if (auto mapped = map_buffer(*buffer); !mapped) return mapped.error();
    }
    return buffer;
}

Status Connection::can_share(const std::shared_ptr<Buffer>& buffer) {
    if (core_->fork_guard.in_child()) return Error{ECHILD, "in a child of fork(2)"};
    if (core_->endpoint.kind == Endpoint::Kind::socket) return {};  // any dmabuf
    const auto shared = core_->shared_buffer(buffer);
    if (shared->id) return {};
    auto id = core_->transport->share(*buffer);
    if (id) shared->id = *id;  // unshared below, with `shared`
    return id || id.error().code == ESTALE ? Status{} : Status{id.error()};
}

std::vector<stream::FormatModifier> Connection::formats() const {
    if (core_->fork_guard.in_child()) return {};
    const std::lock_guard lock(core_->formats_mutex);
    return core_->formats;
}

std::uint64_t Connection::formats_version() const noexcept {
    return core_->formats_version;
}

stream::ColourSpaces Connection::colour_spaces() const noexcept {
    return core_->colour_spaces;
}

bool Connection::usable() const {
    return !core_->fork_guard.in_child() && !core_->refused;
}

const Endpoint& Connection::endpoint() const {
    return core_->endpoint;
}

// ---- Core: of any thread ------------------------------------------------------------------------

Connection::Core::~Core() = default;

void Connection::Core::wake_reader() noexcept {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(wake.get(), &one, sizeof one);
}

stream::Hello Connection::Core::hello() const {
    auto hello = stream::make<stream::Hello>();
    hello.pid = static_cast<std::uint32_t>(::getpid());
    hello.features = stream::kFeatureColours;
    stream::put_text(hello.app, app);
    return hello;
}

Status Connection::Core::handshake() {
    const auto hello = this->hello();
    if (const int error = transport->send_waiting(stream::bytes_of(hello))) {
        return system_error("HELLO to the broker", error);
    }
    const std::uint64_t deadline = now_ns() + kHandshakeNs;
    std::array<std::byte, stream::kMaxMessage> buffer{};
    for (std::uint64_t now = now_ns(); now < deadline; now = now_ns()) {
        pollfd wait{transport->fd(), POLLIN, 0};
        ::poll(&wait, 1, static_cast<int>((deadline - now) / kNsPerMs) + 1);
        const auto got = transport->receive(buffer);
        const auto bytes = std::span<const std::byte>(buffer).first(got.size);
        switch (got.event) {
            case Transport::Event::none:
                continue;
            case Transport::Event::resync:
                if (const int error = transport->send_waiting(stream::bytes_of(hello))) {
                    return system_error("HELLO to the broker", error);
                }
                continue;
            case Transport::Event::closed:
            case Transport::Event::gone:
                return Error{ECONNREFUSED, "the broker has closed the connection"};
            case Transport::Event::message:
                break;
        }
        if (auto welcome = stream::decode<stream::Welcome>(bytes)) {
            if (welcome->version < stream::kVersionMin || welcome->version > stream::kVersionMax) {
                return Error{EPROTO, "the broker speaks another version of the stream protocol"};
            }
            last_heard_ns = now_ns();
            features = welcome->features;
            take_formats(std::span(welcome->formats).first(welcome->format_count),
                         welcome->colour_spaces);
            return {};
        }
        if (auto error = stream::decode<stream::ErrorMessage>(bytes)) {
            return Error{EPROTO, "the broker refuses: " + stream::get_text(error->text)};
        }
    }
    return Error{ETIMEDOUT, "no answer from the broker within two seconds (is it running?)"};
}

std::shared_ptr<SharedBuffer> Connection::Core::shared_buffer(
    const std::shared_ptr<Buffer>& buffer) {
    // Unshared by the last image in it. The core outlives it: streams keep the core.
    // Made before the lock is taken: what ends it, even for want of memory here, takes the lock.
    std::shared_ptr<SharedBuffer> fresh(new SharedBuffer{buffer, {}}, [this](SharedBuffer* ending) {
        if (!fork_guard.in_child()) unshare(*ending);
        delete ending;
    });
    const std::lock_guard lock(mutex);
    auto& entry = buffers[buffer.get()];
    if (auto known = entry.lock()) return known;
    entry = fresh;
    return fresh;
}

void Connection::Core::unshare(const SharedBuffer& ending) {
    {
        const std::lock_guard lock(mutex);
        const auto found = buffers.find(ending.buffer.get());
        if (found != buffers.end() && found->second.expired()) buffers.erase(found);
        if (endpoint.kind == Endpoint::Kind::socket) {
            // A new connection does not know the id, and must begin with HELLO.
            if (ending.id && online) transport->unshare(*ending.id);
            return;
        }
    }
    // The driver keeps its ids over a restart of the host, and may wait for the host's answer.
    if (ending.id) transport->unshare(*ending.id);
}

bool Connection::Core::send_stream(Stream::State& stream) {
    auto message = stream::make<stream::StreamCreate>();
    message.stream = stream.number;
    message.width = stream.info.width;
    message.height = stream.info.height;
    if (stream.info.takes_input && features & input::kFeatureInput) {
        message.flags = stream::kStreamTakesInput;
        if (takes_clipboard(stream)) message.flags |= stream::kStreamTakesClipboard;
    }
    stream::put_text(message.title, stream.info.title);
    stream::put_text(message.app_id, stream.info.app_id);
    stream.announced = transport->send_waiting(stream::bytes_of(message)) == 0;
    if (stream.announced && stream.info.hdr != stream::HdrMetadata{}) send_hdr(stream);
    return stream.announced;
}

void Connection::Core::send_hdr(Stream::State& stream) {
    auto message = stream::make<stream::StreamHdr>();
    message.stream = stream.number;
    message.metadata = stream.info.hdr;
    transport->send_waiting(stream::bytes_of(message));
}

Status Connection::Core::send_image(Stream::State& stream, std::uint32_t number) {
    Slot& slot = stream.slots[number];
    if (!slot.memory->id) {
        auto id = transport->share(*slot.memory->buffer);
        if (!id) {
            LOG_WARNING("a buffer cannot be shared with the host: %s", id.error().text.c_str());
            return id.error();
        }
        slot.memory->id = *id;
    }
    auto message = stream::make<stream::StreamImage>();
    message.stream = stream.number;
    message.slot = number;
    message.buffer = *slot.memory->id;
    message.width = slot.info.width;
    message.height = slot.info.height;
    message.fourcc = slot.info.fourcc;
    message.modifier = slot.info.modifier;
    message.flags = slot.info.flags;
    message.colour_space = static_cast<std::uint32_t>(slot.info.colour_space);
    message.strategy = static_cast<std::uint32_t>(slot.info.strategy);
    message.scaling = slot.info.scaling;
    message.plane_count = slot.info.plane_count;
    std::copy(std::begin(slot.info.planes), std::end(slot.info.planes), message.planes);
    const int error = transport->send_waiting(stream::bytes_of(message));
    slot.told = error == 0;
    // A lost connection is no failure: the reader announces the image again.
    return {};
}

}  // namespace vdmabuf::producer
