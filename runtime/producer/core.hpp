// SPDX-License-Identifier: MIT
// Inside the producer library: the state behind Connection and Stream.
//
// Locks, in the order in which they are taken:
//   Core::mutex            the list of streams, shared buffers; never in present()
//   Stream::State::dispatch  held while a listener is told something
//   Stream::State::mutex   slots and serials of one stream
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "runtime/common/clipboard_messages.hpp"
#include "runtime/common/clock.hpp"
#include "runtime/producer/connection.hpp"
#include "runtime/producer/fork_guard.hpp"
#include "runtime/producer/transport.hpp"

namespace vdmabuf::producer {

// A broker forwards or releases every frame within 100 ms (docs/protocol.md); one that has said
// nothing for this long has died or stands still.
constexpr std::uint64_t kStalledNs = kNsPerSecond;
// How often frames are released in its place.
constexpr std::uint64_t kTickNs = kNsPerSecond / 60;

// A buffer that the host sees; unshared with the last image in it.
struct SharedBuffer {
    std::shared_ptr<Buffer> buffer;
    std::optional<stream::BufferId> id;  // empty while the host is away
};

// How the fence of a PRESENT goes along with it; -1: there is none.
inline Transport::InFence fence_of_present(int fd) {
    return {fd, offsetof(stream::Present, gpu_done_ns), offsetof(stream::Present, sent_ns)};
}

struct Slot {
    bool reserved = false;
    bool bound = false;  // has an image
    bool told = false;   // the host that we talk to has the image
    bool held = false;   // presented, not released
    bool sent = false;   // the host has the frame
    std::uint64_t held_since_ns = 0;
    ImageInfo info{};
    std::shared_ptr<SharedBuffer> memory;
    StreamListener* listener = nullptr;
    stream::Present present{};  // the last one
    UniqueFd fence;             // its in_fence, while it is held: it may have to be sent again
};

struct Stream::State {
    // Sends what is large, or not urgent, while `wanted` (called with the lock) holds; false: it
    // does not, or there was no room for a second. The lock is free while it waits for room, so
    // that frames do not wait for it.
    bool send_aside(std::span<const std::byte> message,
                    const std::function<bool(const State&)>& wanted);

    Connection::Core* core = nullptr;
    std::shared_ptr<Connection::Core> keep;  // the core outlives its streams
    std::uint32_t number = 0;
    StreamListener* listener = nullptr;

    std::mutex dispatch;
    std::mutex mutex;
    bool has_focus = false;  // of the reader thread, with `dispatch` held
    bool announced = false;  // STREAM_CREATE and images are with the host that we talk to
    bool unsent = false;     // frames that could not be sent wait for the reader
    StreamInfo info;
    std::uint64_t next_serial = 1;
    std::uint32_t held_count = 0;
    std::uint64_t presented_ns = 0;  // the last one
    std::uint64_t paced_ns = 0;      // when the reader last released a frame in place of the host
    std::array<Slot, stream::kMaxSlots> slots{};
};

struct Connection::Core {
    Endpoint endpoint;
    std::string app;
    std::unique_ptr<Transport> transport;
    ForkGuard fork_guard;
    UniqueFd wake;  // eventfd: the reader thread shall look again
    std::thread reader;
    std::atomic<bool> stopping{false};
    std::atomic<bool> refused{false};
    // When the reader looks again by itself (CLOCK_MONOTONIC): who needs it earlier must wake it.
    std::atomic<std::uint64_t> reader_wakes_ns{0};

    std::mutex mutex;
    std::map<std::uint32_t, std::shared_ptr<Stream::State>> streams;
    std::map<const Buffer*, std::weak_ptr<SharedBuffer>> buffers;
    std::uint32_t next_stream = 1;
    bool online = true;  // HELLO is answered: streams and buffers may be announced

    std::mutex formats_mutex;  // no other is taken inside
    std::vector<stream::FormatModifier> formats;
    std::atomic<std::uint64_t> formats_version{0};
    std::atomic<stream::ColourSpaces> colour_spaces{stream::kSrgbAlone};

    // The reader thread's own.
    enum class Phase { online, handshake, offline, refused } phase = Phase::online;
    std::uint64_t phase_deadline_ns = 0;
    std::uint64_t retry_ns = 0;
    std::uint64_t last_heard_ns = 0;
    std::atomic<std::uint32_t> features{0};  // of the last WELCOME
    clipboard::Assembly clipboard_parts;     // of the stream of this number
    std::uint32_t clipboard_stream = 0;

    ~Core();
    // How long the host may take to answer HELLO.
    static constexpr std::uint64_t kHandshakeNs = 2 * kNsPerSecond;
    stream::Hello hello() const;
    Status handshake();  // of the thread that opens the connection
    void run();          // the reader thread
    void wake_reader() noexcept;

    std::shared_ptr<SharedBuffer> shared_buffer(const std::shared_ptr<Buffer>& buffer);
    void unshare(const SharedBuffer& ending);
    // With Stream::State::mutex held. Whether the host has been told.
    bool send_stream(Stream::State& stream);
    void send_hdr(Stream::State& stream);
    bool takes_clipboard(const Stream::State& stream) const;
    Status send_image(Stream::State& stream, std::uint32_t slot);

    void take_formats(std::span<const stream::FormatModifier> list, stream::ColourSpaces spaces);

  private:
    // reader.cpp
    int next_timeout_ms();
    int timeout_ms();
    void read_all();
    void handle(std::span<const std::byte> bytes);
    void handle_input(std::span<const std::byte> bytes);
    void handle_clipboard(std::span<const std::byte> bytes);
    void end_input();  // there is nobody who could say that a key is released
    void say_hello();
    void announce();
    void lost();  // the connection is gone
    void forget_host(bool buffers_too);
    void refuse(const char* why);
    void try_again();  // offline: reconnect
    // Releases what a host that does not answer cannot: all but the newest frame of each stream.
    // `min_age_ns`: one frame a tick, and only when the host has had it for so long; 0: all at
    // once.
    void release_older(std::uint64_t min_age_ns);
    // Whether a stream has frames that only we can release or send, or may have soon.
    enum class Watch { nothing, flowing, held, unsent };
    Watch to_watch();
};

}  // namespace vdmabuf::producer
