// SPDX-License-Identifier: MIT
#include "runtime/producer/connection.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <new>
#include <system_error>
#include <utility>

#include "runtime/common/dmabuf.hpp"
#include "runtime/common/log.hpp"
#include "runtime/producer/core.hpp"

namespace vdmabuf::producer {
namespace {

constexpr std::uint64_t kHandshakeNs = 2 * kNsPerSecond;
constexpr std::uint64_t kRetryMinNs = 20 * kNsPerMs;
constexpr std::uint64_t kRetryMaxNs = 500 * kNsPerMs;

stream::Hello hello_of(const std::string& app) {
    auto hello = stream::make<stream::Hello>();
    hello.pid = static_cast<std::uint32_t>(::getpid());
    hello.features = stream::kFeatureColours;
    stream::put_text(hello.app, app);
    return hello;
}

}  // namespace

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

Status Connection::Core::handshake() {
    const auto hello = hello_of(app);
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

// ---- Core: of the reader thread -----------------------------------------------------------------

void Connection::Core::run() {
    while (!stopping) {
        const int timeout = next_timeout_ms();
        std::array<pollfd, 2> wait{pollfd{wake.get(), POLLIN, 0},
                                   pollfd{transport->fd(), POLLIN, 0}};
        // A lost connection is readable for ever: not watched until there is a new one.
        const bool deaf = phase == Phase::offline || phase == Phase::refused;
        ::poll(wait.data(), deaf ? 1 : 2, timeout);
        if (wait[0].revents) {
            std::uint64_t count = 0;
            [[maybe_unused]] const ssize_t got = ::read(wake.get(), &count, sizeof count);
        }
        if (stopping) return;
        if (!deaf && wait[1].revents) read_all();

        const std::uint64_t now = now_ns();
        if (phase == Phase::handshake && now >= phase_deadline_ns) lost();
        if (phase == Phase::offline && now >= phase_deadline_ns) try_again();
        if (phase != Phase::online) {
            release_older(kTickNs);
        } else if (to_watch() >= Watch::held) {
            // Nothing to release while the host answers, but what could not be sent is sent again.
            release_older(now - last_heard_ns >= kStalledNs ? kStalledNs : UINT64_MAX);
        }
    }
}

// How long the reader may sleep: not at all longer than the next thing that it has to do.
int Connection::Core::next_timeout_ms() {
    // Set before the check: a present() after the check sees it and wakes us.
    reader_wakes_ns = UINT64_MAX;
    const int timeout = timeout_ms();
    if (timeout >= 0) reader_wakes_ns = now_ns() + static_cast<std::uint64_t>(timeout) * kNsPerMs;
    return timeout;
}

int Connection::Core::timeout_ms() {
    const auto in_ms = [](std::uint64_t ns) { return static_cast<int>(ns / kNsPerMs) + 1; };
    if (phase == Phase::handshake || phase == Phase::offline) {
        const std::uint64_t now = now_ns();
        const std::uint64_t left = phase_deadline_ns > now ? phase_deadline_ns - now : 0;
        return in_ms(to_watch() < Watch::held ? left : std::min(left, kTickNs));
    }
    const Watch watch = to_watch();
    if (watch == Watch::nothing) return -1;
    // So that the presents of an app that goes on need not wake us each time.
    if (watch == Watch::flowing) return in_ms(kStalledNs);
    const bool soon =
        phase == Phase::refused || watch == Watch::unsent || now_ns() - last_heard_ns >= kStalledNs;
    return in_ms(soon ? kTickNs : kStalledNs);
}

Connection::Core::Watch Connection::Core::to_watch() {
    Watch watch = Watch::nothing;
    const std::uint64_t now = now_ns();
    const std::lock_guard lock(mutex);
    for (auto& [number, state] : streams) {
        const std::lock_guard stream_lock(state->mutex);
        if (state->unsent) return Watch::unsent;
        if (state->held_count > 1) {
            watch = Watch::held;
        } else if (watch == Watch::nothing && now - state->presented_ns < kStalledNs) {
            watch = Watch::flowing;
        }
    }
    return watch;
}

void Connection::Core::read_all() {
    // Only what has been received is read.
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init)
    std::array<std::byte, stream::kMaxMessage> buffer;
    for (;;) {
        const auto got = transport->receive(buffer);
        switch (got.event) {
            case Transport::Event::none:
                return;
            case Transport::Event::message:
                last_heard_ns = now_ns();
                handle(std::span<const std::byte>(buffer).first(got.size));
                break;
            case Transport::Event::resync:
                LOG_INFO("the host has started anew: announcing everything again");
                last_heard_ns = now_ns();
                say_hello();
                break;
            case Transport::Event::closed:
                // CLOSE_SHUTDOWN: the host may come back.
                if (got.reason == static_cast<std::uint32_t>(3)) {
                    lost();
                } else {
                    refuse("the host has closed the channel");
                }
                return;
            case Transport::Event::gone:
                lost();
                return;
        }
        if (phase == Phase::refused || phase == Phase::offline) return;
    }
}

void Connection::Core::handle(std::span<const std::byte> bytes) {
    const auto type = stream::type_of(bytes);
    if (!type) {
        LOG_WARNING("the broker sent a malformed message, ignored");
        return;
    }
    if (input::to_producer(static_cast<std::uint32_t>(*type))) return handle_input(bytes);
    if (clipboard::to_producer(static_cast<std::uint32_t>(*type))) return handle_clipboard(bytes);
    // The stream that a message is for, with its dispatch lock held around `call`.
    const auto dispatch = [this](std::uint32_t number, auto&& call) {
        std::shared_ptr<Stream::State> state;
        {
            const std::lock_guard lock(mutex);
            const auto found = streams.find(number);
            if (found == streams.end()) return;
            state = found->second;
        }
        const std::lock_guard lock(state->dispatch);
        call(*state);
    };
    switch (*type) {
        case stream::Type::welcome:
            if (const auto message = stream::decode<stream::Welcome>(bytes)) {
                if (phase != Phase::handshake) return;
                features = message->features;
                take_formats(std::span(message->formats).first(message->format_count),
                             message->colour_spaces);
                announce();
            }
            return;
        case stream::Type::formats:
            if (const auto message = stream::decode<stream::Formats>(bytes)) {
                take_formats(std::span(message->formats).first(message->format_count),
                             message->colour_spaces);
            }
            return;
        case stream::Type::release:
            if (const auto message = stream::decode<stream::Release>(bytes)) {
                dispatch(message->stream, [&](Stream::State& state) {
                    StreamListener* listener = nullptr;
                    {
                        const std::lock_guard lock(state.mutex);
                        Slot& slot = state.slots[message->slot];
                        // Of an image before this one in the slot, or released here already.
                        if (!slot.held || slot.present.serial != message->serial) return;
                        slot.held = false;
                        slot.fence.reset();
                        --state.held_count;
                        listener = slot.listener;
                    }
                    if (listener) listener->on_release(message->slot, message->serial);
                });
            }
            return;
        case stream::Type::presented:
            if (const auto message = stream::decode<stream::Presented>(bytes)) {
                dispatch(message->stream, [&](Stream::State& state) {
                    if (state.listener) state.listener->on_presented(*message);
                });
            }
            return;
        case stream::Type::configure:
            if (const auto message = stream::decode<stream::Configure>(bytes)) {
                dispatch(message->stream, [&](Stream::State& state) {
                    if (state.listener) state.listener->on_configure(*message);
                });
            }
            return;
        case stream::Type::close:
            if (const auto message = stream::decode<stream::Close>(bytes)) {
                dispatch(message->stream, [&](Stream::State& state) {
                    if (state.listener) state.listener->on_close();
                });
            }
            return;
        case stream::Type::ping:
            if (const auto message = stream::decode<stream::Ping>(bytes)) {
                auto pong = stream::make<stream::Pong>();
                pong.token = message->token;
                pong.producer_ns = now_ns();
                transport->send(stream::bytes_of(pong), {});
            }
            return;
        case stream::Type::error:
            if (const auto message = stream::decode<stream::ErrorMessage>(bytes)) {
                const std::string text = stream::get_text(message->text);
                if (static_cast<stream::ErrorCode>(message->code) == stream::ErrorCode::quota) {
                    LOG_WARNING("the broker refuses a request: %s", text.c_str());
                } else {
                    refuse(text.c_str());
                }
            }
            return;
        default:
            LOG_DEBUG("message type 0x%x of a newer broker ignored", static_cast<unsigned>(*type));
            return;
    }
}

void Connection::Core::handle_input(std::span<const std::byte> bytes) {
    // One from before our HELLO is about streams that the broker has forgotten.
    const auto message = input::decode<input::ToProducer>(bytes);
    if (!message || phase != Phase::online) return;
    std::shared_ptr<Stream::State> state;
    {
        const std::lock_guard lock(mutex);
        const auto found = streams.find(message->stream);
        if (found == streams.end() || !found->second->info.takes_input) return;
        state = found->second;
    }
    // With the lock until the acknowledgement is sent: STREAM_DESTROY must not overtake it.
    const std::lock_guard lock(state->dispatch);
    if (!state->listener) return;
    const auto events = std::span(message->events).first(message->count);
    for (const input::Event& event : events) {
        if (input::kind_of(event) == input::Kind::focus) state->has_focus = event.value == 1;
    }
    state->listener->on_input(events, message->width, message->height);
    auto ack = input::make<input::Ack>();
    ack.stream = message->stream;
    ack.sequence = message->sequence;
    transport->send_waiting(input::bytes_of(ack));
}

void Connection::Core::end_input() {
    std::vector<std::shared_ptr<Stream::State>> all;
    {
        const std::lock_guard lock(mutex);
        for (auto& [number, state] : streams) all.push_back(state);
    }
    const input::Event over = input::make_event(input::Kind::focus);
    for (auto& state : all) {
        const std::lock_guard dispatch(state->dispatch);
        if (!std::exchange(state->has_focus, false)) continue;
        if (state->listener) state->listener->on_input({&over, 1}, 1, 1);
    }
}

void Connection::Core::take_formats(std::span<const stream::FormatModifier> list,
                                    stream::ColourSpaces spaces) {
    const auto same = [](const stream::FormatModifier& a, const stream::FormatModifier& b) {
        return a.fourcc == b.fourcc && a.modifier == b.modifier;
    };
    // A broker that does not know them says 0.
    spaces = (spaces & stream::kAllColourSpaces) | stream::kSrgbAlone;
    const std::lock_guard lock(formats_mutex);
    const bool known = std::equal(list.begin(), list.end(), formats.begin(), formats.end(), same);
    if (known && spaces == colour_spaces) return;
    formats.assign(list.begin(), list.end());
    colour_spaces = spaces;
    ++formats_version;
}

void Connection::Core::say_hello() {
    forget_host(false);
    const auto hello = hello_of(app);
    if (transport->send_waiting(stream::bytes_of(hello)) != 0) {
        lost();
        return;
    }
    phase = Phase::handshake;
    phase_deadline_ns = now_ns() + kHandshakeNs;
}

// The host knows nothing of us: streams, images, and the newest frame of each stream again.
void Connection::Core::announce() {
    phase = Phase::online;
    retry_ns = kRetryMinNs;
    {
        const std::lock_guard lock(mutex);
        online = true;
        for (auto& [number, state] : streams) {
            const std::lock_guard stream_lock(state->mutex);
            if (!send_stream(*state)) continue;
            Slot* newest = nullptr;
            for (std::uint32_t i = 0; i < stream::kMaxSlots; ++i) {
                Slot& slot = state->slots[i];
                if (!slot.bound) continue;
                if (!send_image(*state, i)) LOG_WARNING("an image of the app stays unseen");
                if (!slot.held) continue;
                slot.sent = false;
                if (!newest || slot.present.serial > newest->present.serial) newest = &slot;
            }
            if (newest) {
                newest->sent =
                    newest->told && transport->send(stream::bytes_of(newest->present),
                                                    fence_of_present(newest->fence.get())) == 0;
                newest->held_since_ns = now_ns();
                state->unsent = !newest->sent;
            }
        }
    }
    release_older(0);
    LOG_INFO("connected to the broker again");
}

void Connection::Core::lost() {
    if (phase != Phase::offline) {
        LOG_INFO("the connection to the broker is lost, trying again");
        retry_ns = kRetryMinNs;
    }
    phase = Phase::offline;
    phase_deadline_ns = now_ns() + retry_ns;
    forget_host(true);
}

// The host that comes next knows no streams, and over a new connection no buffers either.
void Connection::Core::forget_host(bool buffers_too) {
    end_input();
    std::vector<std::shared_ptr<SharedBuffer>> alive;  // may end here: without the lock
    const std::lock_guard lock(mutex);
    online = false;
    for (auto& [number, state] : streams) {
        const std::lock_guard stream_lock(state->mutex);
        state->announced = false;
        state->unsent = false;
        for (Slot& slot : state->slots) slot.told = false;
    }
    if (!buffers_too) return;
    for (auto& [address, weak] : buffers) {
        if (auto shared = weak.lock()) {
            shared->id.reset();
            alive.push_back(std::move(shared));
        }
    }
}

void Connection::Core::try_again() {
    retry_ns = std::min(std::max(retry_ns, kRetryMinNs) * 2, kRetryMaxNs);
    phase_deadline_ns = now_ns() + retry_ns;
    if (transport->reconnect()) say_hello();
}

void Connection::Core::refuse(const char* why) {
    LOG_ERROR("the broker does not serve this program any more: %s", why);
    lost();
    phase = Phase::refused;
    refused = true;
    std::vector<std::shared_ptr<Stream::State>> all;
    {
        const std::lock_guard lock(mutex);
        for (auto& [number, state] : streams) all.push_back(state);
    }
    for (auto& state : all) {
        const std::lock_guard dispatch(state->dispatch);
        if (state->listener) state->listener->on_lost();
    }
}

void Connection::Core::release_older(std::uint64_t min_age_ns) {
    struct Release {
        std::shared_ptr<Stream::State> state;
        std::uint32_t slot;
        std::uint64_t serial;
    };
    std::vector<Release> releases;
    const std::uint64_t now = now_ns();
    const bool pacing = min_age_ns != 0;
    {
        const std::lock_guard lock(mutex);
        for (auto& [number, state] : streams) {
            const std::lock_guard stream_lock(state->mutex);
            if (state->held_count == 0) continue;
            Slot* newest = nullptr;
            for (Slot& slot : state->slots) {
                if (slot.held && (!newest || slot.present.serial > newest->present.serial)) {
                    newest = &slot;
                }
            }
            // Without a host nobody paces the app: one frame a tick, the oldest first.
            while (state->held_count > 1) {
                if (pacing && now - state->paced_ns < kTickNs) break;
                Slot* oldest = nullptr;
                for (Slot& slot : state->slots) {
                    if (slot.held && (!oldest || slot.present.serial < oldest->present.serial)) {
                        oldest = &slot;
                    }
                }
                if (pacing && oldest->sent && now - oldest->held_since_ns < min_age_ns) break;
                state->paced_ns = now;
                oldest->held = false;
                oldest->fence.reset();
                --state->held_count;
                releases.push_back({state, oldest->present.slot, oldest->present.serial});
            }
            if (newest && state->unsent && newest->told) {
                newest->sent = transport->send(stream::bytes_of(newest->present),
                                               fence_of_present(newest->fence.get())) == 0;
            }
            // An image that the host does not have can only be released, by the next frame.
            state->unsent = false;
            for (const Slot& slot : state->slots) {
                state->unsent |= slot.held && !slot.sent && (slot.told || state->held_count > 1);
            }
        }
    }
    for (const Release& release : releases) {
        const std::lock_guard dispatch(release.state->dispatch);
        StreamListener* listener = nullptr;
        {
            const std::lock_guard lock(release.state->mutex);
            listener = release.state->slots[release.slot].listener;
        }
        if (listener) listener->on_release(release.slot, release.serial);
    }
}

}  // namespace vdmabuf::producer
