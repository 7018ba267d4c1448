// SPDX-License-Identifier: MIT
// The thread that reads what the host says, keeps the connection, and releases frames while nobody
// is there.
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "runtime/common/log.hpp"
#include "runtime/producer/core.hpp"

namespace vdmabuf::producer {
namespace {

constexpr std::uint64_t kRetryMinNs = 20 * kNsPerMs;
constexpr std::uint64_t kRetryMaxNs = 500 * kNsPerMs;

}  // namespace

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
    const auto hello = this->hello();
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
