// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>

#include "runtime/common/stream_messages.hpp"

namespace vdmabuf::broker {

// Decides when the frames of one stream go to which consumer, and when their slots go back to the
// producer. Knows neither sockets nor a clock: every call brings the time, and what is decided is
// told to a Sink. One thread; no call allocates; nothing depends on the size of a picture.
//
// A slot holds at most one frame: waiting (in order), then current (the newest that consumers may
// have; kept until a newer one replaces it, so that one who comes later has a picture at once),
// then held (only by consumers). It is released when none of these.
class FramePacer {
  public:
    static constexpr unsigned kMaxConsumers = 64;
    // The pace of FIFO frames without a consumer.
    static constexpr std::uint64_t kRefreshNs = 16'666'667;
    // No longer than this do consumers that are not ready hold up a stream.
    static constexpr std::uint64_t kStallNs = 100'000'000;
    // How long consumers may hold a frame after a newer one became current; then the slot is taken
    // back. Without it, a stopped consumer would freeze an app of two images for good.
    static constexpr std::uint64_t kHoldNs = 500'000'000;

    // Calls come from within calls of the pacer, and must not call back into it.
    class Sink {
      public:
        virtual ~Sink() = default;
        virtual void on_frame(unsigned consumer, std::uint32_t slot) = 0;
        virtual void on_release(std::uint32_t slot, std::uint64_t serial) = 0;
        // Exactly once for each frame, before its release.
        virtual void on_presented(std::uint64_t serial, bool shown, std::uint64_t time_ns,
                                  std::uint64_t refresh_ns) = 0;
    };

    struct Arrival {
        std::uint32_t slot = 0;    // below kMaxSlots
        std::uint64_t serial = 0;  // greater than newest_serial()
        stream::PresentMode mode = stream::PresentMode::fifo;
        std::uint64_t target_ns = 0;  // not before this time; 0: at once
    };

    struct Counters {
        std::uint64_t released = 0;
        std::uint64_t skipped = 0;  // ended without having been sent to anybody
        std::uint64_t shown = 0;
    };

    enum class Answer {
        ok,
        late,     // about a frame that is over: nothing happens
        unknown,  // about a frame that never was
    };

    explicit FramePacer(Sink& sink) : sink_(sink) {}

    // Producer.
    bool busy(std::uint32_t slot) const { return slots_[slot].state != State::free; }
    std::uint64_t newest_serial() const { return newest_serial_; }
    // A frame that the slot still has ends without a release: the producer has taken it back.
    void present(const Arrival& arrival, std::uint64_t now_ns);
    // The slot's image is gone. Its frame ends without a release: the slot is the producer's.
    void withdraw(std::uint32_t slot, std::uint64_t now_ns);

    // Consumers, numbered 0 .. kMaxConsumers - 1.
    bool attached(unsigned consumer) const { return attached_ >> consumer & 1; }
    unsigned consumers() const { return static_cast<unsigned>(__builtin_popcountll(attached_)); }
    void attach(unsigned consumer, std::uint64_t now_ns);
    void detach(unsigned consumer, std::uint64_t now_ns);
    Answer release(unsigned consumer, std::uint64_t serial);
    Answer presented(unsigned consumer, std::uint64_t serial, bool shown, std::uint64_t time_ns,
                     std::uint64_t refresh_ns, std::uint64_t now_ns);

    // When tick() is wanted next; 0: not at all.
    std::uint64_t deadline_ns() const;
    void tick(std::uint64_t now_ns);

    const Counters& counters() const { return counters_; }

  private:
    enum class State : std::uint8_t { free, waiting, current, held };
    struct Slot {
        std::uint64_t serial = 0;
        std::uint64_t target_ns = 0;
        std::uint64_t replaced_ns = 0;  // when it ceased to be current
        std::uint64_t holders = 0;      // consumers, by bit
        stream::PresentMode mode = stream::PresentMode::fifo;
        State state = State::free;
        bool sent = false;      // to any consumer
        bool reported = false;  // PRESENTED
    };
    struct Awaited {
        std::uint64_t serial = 0;  // of the FRAME whose PRESENTED is awaited; 0: none
        std::uint32_t slot = 0;
    };
    static constexpr std::uint32_t kNone = stream::kMaxSlots;

    std::uint32_t waiting_at(std::uint32_t i) const {
        return waiting_[(first_ + i) % stream::kMaxSlots];
    }
    void take_back(std::uint32_t slot, std::uint64_t now_ns);
    void remove_waiting(std::uint32_t slot);
    std::uint64_t due_ns(const Slot& slot) const;
    void settle(std::uint64_t now_ns);
    void advance(std::uint64_t now_ns);
    void deliver_current();
    void report(Slot& slot, bool shown, std::uint64_t time_ns, std::uint64_t refresh_ns);
    void end(std::uint32_t index, bool release, std::uint64_t now_ns);
    bool awaited_by_another(unsigned consumer, std::uint64_t serial) const;

    Sink& sink_;
    std::array<Slot, stream::kMaxSlots> slots_{};
    std::array<std::uint8_t, stream::kMaxSlots> waiting_{};  // ring of slots
    std::uint32_t first_ = 0;
    std::uint32_t waiting_count_ = 0;
    std::uint32_t current_ = kNone;
    std::uint64_t sent_slots_ = 0;  // slots that are current or held, by bit
    std::uint64_t newest_serial_ = 0;
    std::uint64_t advanced_ns_ = 0;  // when a frame last became current

    std::uint64_t attached_ = 0;  // consumers, by bit
    std::uint64_t ready_ = 0;     // those that wait for a frame; they have had the current one
    std::array<Awaited, kMaxConsumers> awaited_{};
    std::array<std::uint64_t, kMaxConsumers> last_serial_{};  // of the last FRAME

    Counters counters_;
};

}  // namespace vdmabuf::broker
