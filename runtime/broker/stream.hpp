// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "runtime/broker/clipboard_flow.hpp"
#include "runtime/broker/clock_offset.hpp"
#include "runtime/broker/frame_pacer.hpp"
#include "runtime/broker/input_focus.hpp"
#include "runtime/broker/input_queue.hpp"
#include "runtime/broker/memory_export.hpp"
#include "runtime/broker/quota.hpp"
#include "runtime/broker/telling.hpp"
#include "runtime/common/clipboard_messages.hpp"
#include "runtime/common/consumer_messages.hpp"
#include "runtime/common/cursor_messages.hpp"
#include "runtime/common/rate.hpp"
#include "runtime/common/result.hpp"
#include "runtime/common/stream_messages.hpp"

namespace vdmabuf::broker {

class Router;

// How a stream reaches its producer.
class ProducerLink {
  public:
    virtual ~ProducerLink() = default;
    // A message that cannot be sent ends the connection, later.
    virtual void send(std::span<const std::byte> message) = 0;
    virtual const ClockOffset& clock() const = 0;
    // The list of Router::formats() is another one now.
    virtual void formats_changed() = 0;
};

// An image of a stream. Its pages are kept by every reference: the stream's, until the producer
// withdraws the image, and one of each consumer, until that is done with it.
struct Image {
    consumer::Image message;  // without the descriptors' counts
    std::shared_ptr<Buffer> buffer;
    Quota::Share quota;
    // The frame that the slot holds. Here, so that no frame takes memory.
    consumer::Frame frame;
    // As the last consumer that imported it said.
    consumer::ImportPath path = consumer::ImportPath::none;
    std::array<char, consumer::kReasonSize> reason{};
    // As it was given out last, and why as no dmabuf.
    consumer::MemoryKind memory = consumer::MemoryKind::none;
    std::array<char, consumer::kReasonSize> memory_reason{};
};

// One stream: its images, its frames on their way, its numbers. Belongs to the Router; the
// producer's session and the consumers' sessions call it.
class Stream final : private FramePacer::Sink {
  public:
    struct Info {
        std::string vm;
        std::string app;
        std::string app_id;
        std::string title;
        std::uint32_t pid = 0;
        std::uint32_t width = 0;
        std::uint32_t height = 0;
        bool takes_input = false;
        bool takes_clipboard = false;
    };

    // `id`: the broker's number; `number`: the producer's; `input`: its VM's devices, if there are.
    Stream(Router& router, ProducerLink& producer, std::uint64_t id, std::uint32_t number,
           Info info, InputFocus* input);

    std::uint64_t id() const { return id_; }
    const Info& info() const { return info_; }
    bool takes_input() const { return info_.takes_input || input_devices_; }
    bool from_vm() const { return !info_.vm.empty(); }

    // ---- the producer's side
    bool has_image(std::uint32_t slot) const { return images_[slot] != nullptr; }
    const std::shared_ptr<Image>& image(std::uint32_t slot) const { return images_[slot]; }
    void set_image(std::uint32_t slot, std::shared_ptr<Image> image);
    void remove_image(std::uint32_t slot);
    // EPROTO when the message does not fit the state of the stream.
    Status present(const stream::Present& message, std::uint64_t received_ns);
    // Consumers are told of these as Telling says: hostile producers would fill their queues.
    void set_title(const std::string& title);
    void set_hdr(const stream::HdrMetadata& metadata);
    // The window's, of a stream whose images are scaled to it.
    void set_extent(std::uint32_t width, std::uint32_t height);
    // EPROTO when it acknowledges what it was not sent.
    Status input_taken(const input::Ack& message);
    void set_cursor(std::uint32_t flags);
    // A part that comes too fast is dropped.
    void forward_cursor(const cursor::PartOfProducer& part);
    // As forward_cursor().
    void forward_clipboard(const clipboard::PartOfProducer& part);
    // EPROTO when it has taken up what it was not sent.
    Status clipboard_taken(const clipboard::TakenByProducer& message);
    const stream::HdrMetadata& hdr() const { return hdr_; }

    // ---- the consumers' side; `consumer` is an index of the Router
    void attach(unsigned consumer);
    void detach(unsigned consumer);
    bool attached(unsigned consumer) const { return pacer_.attached(consumer); }
    unsigned consumers() const { return pacer_.consumers(); }
    FramePacer::Answer release(unsigned consumer, std::uint64_t serial);
    FramePacer::Answer presented(unsigned consumer, const consumer::Presented& message);
    void configure(unsigned consumer, const consumer::Configure& message);
    void request_close();
    // Reaches the producer, or else its VM's devices, while this consumer's window has the focus.
    void input(unsigned consumer, const input::FromConsumer& message);
    // EPROTO when it sends more than it may. A part that is dropped counts as taken up.
    Status clipboard(unsigned consumer, const clipboard::PartOfConsumer& part);
    void end_input();
    void add_copied_bytes(std::uint64_t bytes) { consumer_copied_bytes_ += bytes; }
    void set_latency(std::uint64_t p50_ns, std::uint64_t p99_ns);
    void set_colour_shown(std::uint32_t shown) { colour_shown_ = shown; }

    // When tick() is wanted; 0: not at all.
    std::uint64_t deadline_ns() const;
    void tick();

    consumer::StreamAdded added_message() const;
    consumer::StreamStatus status() const;

    // Of the Router: whether the stream is in its list of those with a deadline.
    bool scheduled = false;

  private:
    void on_frame(unsigned consumer, std::uint32_t slot) override;
    void on_release(std::uint32_t slot, std::uint64_t serial) override;
    void on_presented(std::uint64_t serial, bool shown, std::uint64_t time_ns,
                      std::uint64_t refresh_ns) override;

    InputQueue::Send input_sender();
    void tell_clipboard_taken(unsigned consumer);

    Router& router_;
    ProducerLink& producer_;
    const std::uint64_t id_;
    const std::uint32_t number_;
    Info info_;
    FramePacer pacer_{*this};
    Rate cursor_rate_{4 * 66, 1400};  // four of the largest images, and 20 a second
    InputQueue input_{number_};
    ClipboardFlow clipboard_;
    InputFocus* const input_devices_;  // where the producer takes no input
    std::array<std::shared_ptr<Image>, stream::kMaxSlots> images_{};

    // presented_count of the last FRAME, by consumer: damage says what changed since that frame
    // only to one that had it.
    std::array<std::uint64_t, FramePacer::kMaxConsumers> sent_count_{};

    std::uint64_t frames_presented_ = 0;
    std::uint64_t last_present_ns_ = 0;
    std::uint32_t last_mode_ = 0;
    std::uint64_t producer_copied_bytes_ = 0;
    // Pixels copied by this process. Nothing adds to it: the broker never maps a buffer.
    std::uint64_t broker_copied_bytes_ = 0;
    std::uint64_t consumer_copied_bytes_ = 0;
    std::uint64_t latency_p50_ns_ = 0;
    std::uint64_t latency_p99_ns_ = 0;
    Telling title_;
    Telling extent_;
    std::uint32_t colour_space_ = 0;  // of the newest image
    std::uint32_t colour_shown_ = 0;  // as the last consumer that showed it said
    stream::HdrMetadata hdr_{};
    Telling hdr_telling_;
    unsigned configured_by_ = FramePacer::kMaxConsumers;  // whose wish the producer knows
};

}  // namespace vdmabuf::broker
