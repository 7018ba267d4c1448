// SPDX-License-Identifier: MIT
#pragma once

#include <vdmabuf/consumer.h>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/api/consumer_events.hpp"
#include "runtime/api/entry.hpp"
#include "runtime/api/pollable_loop.hpp"
#include "runtime/common/rate.hpp"
#include "runtime/consumer/client.hpp"

// What <vdmabuf/consumer.h> calls a consumer. Messages are checked when they come and wait as
// events; what the program may name (streams, images, raw buffers) changes when it is handed the
// event about it, so that both see the same.
struct vdmabuf_consumer final : private vdmabuf::consumer::ClientListener {
  public:
    static vdmabuf::Result<std::unique_ptr<vdmabuf_consumer>> open(
        const vdmabuf_consumer_options& options);

    int fd() const { return loop_->fd(); }
    int dispatch(vdmabuf_consumer_event* event);

    // ---- streams
    std::size_t stream_count() const { return streams_.size(); }
    const vdmabuf_stream_info* stream_at(std::size_t index) const;
    const vdmabuf_stream_info* stream(std::uint64_t id) const;
    const vdmabuf_image_info* image(std::uint64_t stream, std::uint64_t image) const;
    int attach(std::uint64_t stream);
    int detach(std::uint64_t stream);
    int presented(std::uint64_t stream, std::uint64_t serial, std::uint64_t time_ns,
                  std::uint64_t refresh_ns, bool shown);
    int release(std::uint64_t stream, std::uint64_t serial);
    int image_done(std::uint64_t stream, std::uint64_t image);
    int image_again(std::uint64_t stream, std::uint64_t image);
    int imported(std::uint64_t stream, std::uint64_t image, std::uint32_t path, const char* reason);
    int configure(std::uint64_t stream, std::uint32_t width, std::uint32_t height,
                  std::uint64_t refresh_ns, std::uint32_t flags);
    int close_stream(std::uint64_t stream);
    int input(std::uint64_t stream, const vdmabuf_input_event* events, std::size_t count,
              std::uint32_t width, std::uint32_t height);
    int formats(const vdmabuf_format* list, std::size_t count);

    // ---- raw buffers
    int subscribe(const char* vm, const char* topic, std::uint32_t flags);
    int unsubscribe(int subscription);
    int take(const std::uint8_t* id, std::uint32_t flags);
    const vdmabuf_raw_buffer* raw_buffer(const std::uint8_t* id) const;
    int send(const std::uint8_t* id, const void* data, std::size_t bytes);
    int done(const std::uint8_t* id);

    vdmabuf::api::LastError error;

  private:
    // Messages: less than what makes a broker end the connection (docs/protocol.md, Input), so that
    // a program that sends too many hears so instead.
    static constexpr std::uint64_t kInputsInARow = 2048;
    static constexpr std::uint64_t kInputsPerSecond = 1900;

    using Stream = vdmabuf::api::StreamRecord;
    using ImageRecord = vdmabuf::api::ImageRecord;
    using Raw = vdmabuf::api::RawRecord;

    vdmabuf_consumer() = default;

    // Of the client: all of these queue an event.
    void connected(const vdmabuf::consumer::Welcome& message) override;
    void disconnected(const std::string& reason) override;
    void stream_added(const vdmabuf::consumer::StreamAdded& message) override;
    void stream_removed(std::uint64_t stream) override;
    void stream_title(std::uint64_t stream, const std::string& title) override;
    void image(const vdmabuf::consumer::Image& message,
               vdmabuf::consumer::BufferFiles files) override;
    void image_gone(std::uint64_t stream, std::uint64_t image) override;
    void frame(const vdmabuf::consumer::Frame& message) override;
    void cursor(std::uint64_t stream, bool hidden) override;
    void cursor_image(std::uint64_t stream, const vdmabuf::cursor::Image& image) override;
    void query_done() override;
    void broker_says(const vdmabuf::consumer::ErrorMessage& message) override;
    vdmabuf::Status raw_message(std::span<const std::byte> bytes,
                                std::vector<vdmabuf::UniqueFd> fds) override;

    // What the program learns now. False: nothing that it is told.
    bool hand(vdmabuf::api::ConnectedEvent& event);
    bool hand(vdmabuf::api::DisconnectedEvent& event);
    bool hand(vdmabuf::api::ErrorEvent& event);
    bool hand(vdmabuf::api::StreamAddedEvent& event);
    bool hand(vdmabuf::api::StreamRemovedEvent& event);
    bool hand(vdmabuf::api::StreamTitleEvent& event);
    bool hand(vdmabuf::api::ImageEvent& event);
    bool hand(vdmabuf::api::ImageGoneEvent& event);
    bool hand(vdmabuf::api::FrameEvent& event);
    bool hand(vdmabuf::raw::Offered& message);
    bool hand(vdmabuf::raw::Gone& message);
    bool hand(vdmabuf::api::RawBufferEvent& event);
    bool hand(vdmabuf::raw::TakeRefused& message);
    bool hand(vdmabuf::raw::ConsumerMessage& message);
    bool hand(vdmabuf::raw::ConsumerCredit& message);
    bool hand(vdmabuf::api::CursorEvent& event);

    template <typename Message>
    vdmabuf::Status queue_raw(std::span<const std::byte> bytes);
    template <typename Message>
    void say(const Message& message) {
        client_->send_raw(vdmabuf::raw::bytes_of(message));
    }
    void subscribe_again(int number);
    void taken_up();
    void forget_events_of(std::uint64_t stream);
    int fail(int code, const char* text) { return error.set(code, text); }
    // The record, or nullptr and `error` set; also while there is no broker.
    std::shared_ptr<Stream> known_stream(std::uint64_t id, int& result);
    std::shared_ptr<Raw> known_raw(const std::uint8_t* id, int& result);
    std::shared_ptr<Raw> raw_of(std::uint64_t receiver) const;

    struct Subscription {
        std::string vm;
        std::string topic;
        std::uint32_t flags = 0;
    };

    std::unique_ptr<vdmabuf::api::PollableLoop> loop_;
    std::unique_ptr<vdmabuf::consumer::Client> client_;
    bool online_ = false;  // as the program knows
    bool serves_raw_ = false;
    std::map<std::uint64_t, std::shared_ptr<Stream>> streams_;
    std::map<std::uint64_t, std::shared_ptr<Stream>> removed_;  // with images not given back
    std::map<vdmabuf::raw::OfferId, std::shared_ptr<Raw>> raws_;
    std::deque<std::uint64_t> reattaching_;  // by streams, one for each query on its way
    std::map<int, Subscription> subscriptions_;
    int next_subscription_ = 1;
    std::uint32_t unacknowledged_ = 0;

    std::deque<vdmabuf::api::ConsumerEvent> events_;
    // The event that was handed out, and what it points to.
    vdmabuf_consumer_event out_{};
    std::optional<vdmabuf::api::ConsumerEvent> current_;
    std::string text_;
    std::shared_ptr<void> keep_;
    vdmabuf_raw_message out_message_{};
    vdmabuf_raw_gone out_gone_{};
    vdmabuf_raw_refused out_refused_{};
    vdmabuf_cursor_info out_cursor_{};
    vdmabuf::Rate input_rate_{kInputsInARow, kInputsPerSecond};
};
