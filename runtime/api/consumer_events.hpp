// SPDX-License-Identifier: MIT
// What a consumer's events point to: structures of the C interface with the texts and arrays that
// they need.
#pragma once

#include <vdmabuf/consumer.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "runtime/api/memory.hpp"
#include "runtime/common/consumer_messages.hpp"
#include "runtime/common/cursor_messages.hpp"
#include "runtime/common/raw_messages.hpp"

namespace vdmabuf::api {

struct ImageRecord {
    ImageRecord(const consumer::Image& message, consumer::BufferFiles files);
    vdmabuf_image_info info{};
    Memory memory;
    bool gone = false;
    bool again = false;  // asked for as runs
};

struct StreamRecord {
    explicit StreamRecord(const consumer::StreamAdded& message);
    void set_title(const std::string& text);
    vdmabuf_stream_info info{};
    std::string vm;
    std::string app;
    std::string app_id;
    std::string title;
    bool attached = false;
    bool was_attached = false;
    bool removed = false;
    std::uint64_t last_serial = 0;  // of the frames that the program knows
    std::map<std::uint64_t, std::shared_ptr<ImageRecord>> images;
};

struct FrameRecord {
    explicit FrameRecord(const consumer::Frame& message);
    vdmabuf_frame_info info{};
    std::vector<vdmabuf_rect> damage;
};

struct RawRecord {
    explicit RawRecord(const raw::Offered& message);
    vdmabuf_raw_offer offer{};
    std::string vm;
    std::string app;
    std::string topic;
    bool offered = true;
    bool asked = false;  // RAW_TAKE was sent
    bool producer_gone = false;
    // Once taken:
    std::uint64_t receiver = 0;
    std::uint32_t unacknowledged = 0;  // messages to the producer
    bool wants_room = false;
    std::vector<std::byte> data;
    std::unique_ptr<Memory> memory;
    vdmabuf_raw_buffer buffer{};
    bool taken() const { return memory != nullptr; }
};

struct RawMessageRecord {
    vdmabuf_raw_message info{};
    std::vector<std::byte> data;
};

// An event that waits to be handed out, with what it will point to.
struct ConnectedEvent {
    std::string text;
};
struct DisconnectedEvent {
    std::string text;
};
struct ErrorEvent {
    std::string text;
};
struct StreamAddedEvent {
    std::shared_ptr<StreamRecord> record;
};
struct StreamRemovedEvent {
    std::uint64_t stream = 0;
};
struct StreamTitleEvent {
    std::uint64_t stream = 0;
    std::string title;
};
struct ImageEvent {
    std::shared_ptr<ImageRecord> record;
};
struct ImageGoneEvent {
    std::uint64_t stream = 0;
    std::uint64_t image = 0;
};
struct FrameEvent {
    std::shared_ptr<FrameRecord> record;
};
struct RawBufferEvent {
    raw::Buffer message;
    std::unique_ptr<Memory> memory;
};
struct CursorEvent {
    std::uint64_t stream = 0;
    bool hidden = false;
    cursor::Image image;  // no pixels: of the shape nothing is said
};
using ConsumerEvent =
    std::variant<ConnectedEvent, DisconnectedEvent, ErrorEvent, StreamAddedEvent,
                 StreamRemovedEvent, StreamTitleEvent, ImageEvent, ImageGoneEvent, FrameEvent,
                 raw::Offered, raw::Gone, RawBufferEvent, raw::TakeRefused, raw::ConsumerMessage,
                 raw::ConsumerCredit, CursorEvent>;

}  // namespace vdmabuf::api
