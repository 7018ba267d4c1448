// SPDX-License-Identifier: MIT
#include "runtime/broker/stream.hpp"

#include <algorithm>
#include <utility>

#include "runtime/broker/router.hpp"
#include "runtime/common/clock.hpp"

namespace vdmabuf::broker {
namespace {

// The part of a rectangle that lies in the image, so that no consumer reads or draws beside it.
stream::Rect clip(const stream::Rect& rect, std::uint32_t width, std::uint32_t height) {
    stream::Rect clipped;
    clipped.x = std::min(rect.x, width);
    clipped.y = std::min(rect.y, height);
    clipped.width = std::min(rect.width, width - clipped.x);
    clipped.height = std::min(rect.height, height - clipped.y);
    return clipped;
}

}  // namespace

Stream::Stream(Router& router, ProducerLink& producer, std::uint64_t id, std::uint32_t number,
               Info info, InputFocus* input)
    : router_(router),
      producer_(producer),
      id_(id),
      number_(number),
      info_(std::move(info)),
      input_devices_(info_.takes_input ? nullptr : input) {}

void Stream::set_image(std::uint32_t slot, std::shared_ptr<Image> image) {
    colour_space_ = image->message.colour_space;
    images_[slot] = std::move(image);
}

void Stream::remove_image(std::uint32_t slot) {
    pacer_.withdraw(slot, now_ns());
    images_[slot].reset();
    router_.schedule(*this);
}

Status Stream::present(const stream::Present& message, std::uint64_t received_ns) {
    if (!images_[message.slot]) return Error{EPROTO, "PRESENT of a slot without an image"};
    // The slot may still have a frame: a producer that heard nothing of us for a second (we were
    // stopped, or the machine was) helps itself, and its PRESENTs arrive together afterwards.
    if (message.serial <= pacer_.newest_serial()) {
        return Error{EPROTO, "PRESENT with a serial that is not greater than the last one"};
    }
    Image& image = *images_[message.slot];
    const ClockOffset& clock = producer_.clock();
    ++frames_presented_;
    last_present_ns_ = received_ns;
    last_mode_ = message.mode;
    producer_copied_bytes_ += message.cpu_copied_bytes;

    consumer::Frame& frame = image.frame;
    frame.serial = message.serial;
    frame.mode = message.mode;
    frame.sent_ns = clock.stamp_to_host(message.sent_ns, received_ns);
    frame.gpu_done_ns = clock.stamp_to_host(message.gpu_done_ns, received_ns);
    frame.called_ns = clock.stamp_to_host(message.called_ns, received_ns);
    // In the order of the stages, so that nobody's subtraction goes below zero.
    if (frame.sent_ns) frame.gpu_done_ns = std::min(frame.gpu_done_ns, frame.sent_ns);
    const std::uint64_t next = frame.gpu_done_ns ? frame.gpu_done_ns : frame.sent_ns;
    if (next) frame.called_ns = std::min(frame.called_ns, next);
    frame.received_ns = received_ns;
    frame.presented_count = frames_presented_;
    frame.cpu_copied_bytes = message.cpu_copied_bytes;
    frame.damage_count = message.damage_count;
    for (std::size_t i = 0; i < stream::kMaxDamage; ++i) {
        frame.damage[i] = i < message.damage_count
                              ? clip(message.damage[i], image.message.width, image.message.height)
                              : stream::Rect{};
    }

    FramePacer::Arrival arrival;
    arrival.slot = message.slot;
    arrival.serial = message.serial;
    arrival.mode = static_cast<stream::PresentMode>(message.mode);
    arrival.target_ns = clock.target_to_host(message.target_ns, received_ns);
    pacer_.present(arrival, received_ns);
    router_.schedule(*this);
    return {};
}

void Stream::attach(unsigned consumer) {
    sent_count_[consumer] = ~std::uint64_t{0};  // the first one is all new to it
    pacer_.attach(consumer, now_ns());
    router_.schedule(*this);
}

void Stream::detach(unsigned consumer) {
    pacer_.detach(consumer, now_ns());
    input_.leave(consumer, input_sender());
    clipboard_.leave(consumer);
    if (input_devices_) input_devices_->leave(id_, consumer);
    if (configured_by_ == consumer) {
        // Nobody would ever say that the window is visible again.
        configured_by_ = FramePacer::kMaxConsumers;
        auto message = stream::make<stream::Configure>();
        message.stream = number_;
        producer_.send(stream::bytes_of(message));
    }
    router_.schedule(*this);
}

FramePacer::Answer Stream::release(unsigned consumer, std::uint64_t serial) {
    return pacer_.release(consumer, serial);
}

FramePacer::Answer Stream::presented(unsigned consumer, const consumer::Presented& message) {
    const std::uint64_t now = now_ns();
    // A refresh to come may be announced, but no more than a second of it is believed.
    std::uint64_t time = message.time_ns ? message.time_ns : now;
    time = std::clamp(time, now - std::min(now, kNsPerSecond), now + kNsPerSecond);
    const bool shown = message.flags & stream::kPresentedShown;
    const auto answer =
        pacer_.presented(consumer, message.serial, shown, time, message.refresh_ns, now);
    router_.schedule(*this);
    return answer;
}

void Stream::configure(unsigned consumer, const consumer::Configure& wish) {
    configured_by_ = consumer;
    auto message = stream::make<stream::Configure>();
    message.stream = number_;
    message.flags = wish.flags;
    message.width = wish.width;
    message.height = wish.height;
    message.refresh_ns = wish.refresh_ns;
    producer_.send(stream::bytes_of(message));
}

InputQueue::Send Stream::input_sender() {
    return [this](const input::ToProducer& message) { producer_.send(input::bytes_of(message)); };
}

void Stream::input(unsigned consumer, const input::FromConsumer& message) {
    if (!info_.takes_input) {
        if (input_devices_) input_devices_->add(id_, consumer, message);
        return;
    }
    input_.add(consumer, message, input_sender());
    clipboard_.focus_is(input_.owner(), now_ns());
}

void Stream::end_input() {
    if (input_devices_) input_devices_->end(id_);
}

void Stream::set_cursor(std::uint32_t flags) {
    if (input_.owner() != InputQueue::kNobody) router_.tell_cursor(*this, input_.owner(), flags);
}

void Stream::forward_cursor(const cursor::PartOfProducer& part) {
    if (input_.owner() == InputQueue::kNobody || !cursor_rate_.spend(now_ns())) return;
    auto message = cursor::make<cursor::PartToConsumer>();
    message.stream = id_;
    message.first = part.first;
    message.count = part.count;
    message.shape = part.shape;
    std::copy_n(part.pixels, part.count, message.pixels);
    router_.tell_cursor(input_.owner(), message);
}

void Stream::forward_clipboard(const clipboard::PartOfProducer& part) {
    if (!info_.takes_clipboard || !clipboard::from_guest(router_.clipboard())) return;
    const unsigned receiver = clipboard_.receiver(part.first, now_ns());
    if (receiver == ClipboardFlow::kNobody) return;
    router_.tell_clipboard(receiver, clipboard::passed_on<clipboard::PartToConsumer>(part, id_));
}

Status Stream::clipboard(unsigned consumer, const clipboard::PartOfConsumer& part) {
    auto verdict = ClipboardFlow::Verdict::drop;
    if (info_.takes_clipboard && clipboard::to_guest(router_.clipboard())) {
        verdict = clipboard_.of_consumer(consumer, part.first, now_ns());
    }
    if (verdict == ClipboardFlow::Verdict::too_many) {
        return Error{EPROTO, "CLIPBOARD before the last ones are taken up"};
    }
    if (verdict == ClipboardFlow::Verdict::drop) {
        tell_clipboard_taken(consumer);
        return {};
    }
    const auto message = clipboard::passed_on<clipboard::PartToProducer>(part, number_);
    producer_.send(clipboard::bytes_of(message));
    return {};
}

Status Stream::clipboard_taken(const clipboard::TakenByProducer& message) {
    const bool sound = clipboard_.taken(
        message.count, [this](unsigned consumer) { tell_clipboard_taken(consumer); });
    if (sound) return {};
    return Error{EPROTO, "CLIPBOARD_TAKEN of a part that was not sent"};
}

void Stream::tell_clipboard_taken(unsigned consumer) {
    auto message = clipboard::make<clipboard::TakenToConsumer>();
    message.stream = id_;
    message.count = 1;
    router_.send_to(consumer, clipboard::bytes_of(message));
}

Status Stream::input_taken(const input::Ack& message) {
    if (input_.acknowledge(message.sequence, input_sender())) return {};
    return Error{EPROTO, "INPUT_ACK of an INPUT that was not sent"};
}

void Stream::request_close() {
    auto message = stream::make<stream::Close>();
    message.stream = number_;
    producer_.send(stream::bytes_of(message));
}

void Stream::set_latency(std::uint64_t p50_ns, std::uint64_t p99_ns) {
    latency_p50_ns_ = p50_ns;
    latency_p99_ns_ = p99_ns;
}

void Stream::set_title(const std::string& title) {
    if (title == info_.title) return;
    info_.title = title;
    if (title_.changed(now_ns())) router_.tell_title(*this);
    router_.schedule(*this);
}

void Stream::set_hdr(const stream::HdrMetadata& metadata) {
    if (metadata == hdr_) return;
    hdr_ = metadata;
    if (hdr_telling_.changed(now_ns())) router_.tell_hdr(*this);
    router_.schedule(*this);
}

void Stream::set_extent(std::uint32_t width, std::uint32_t height) {
    if (width == info_.width && height == info_.height) return;
    info_.width = width;
    info_.height = height;
    if (extent_.changed(now_ns())) router_.tell_extent(*this);
    router_.schedule(*this);
}

std::uint64_t Stream::deadline_ns() const {
    std::uint64_t deadline = pacer_.deadline_ns();
    for (const Telling* each : {&title_, &hdr_telling_, &extent_}) {
        const std::uint64_t at = each->due_ns();
        if (at != 0 && (deadline == 0 || at < deadline)) deadline = at;
    }
    return deadline;
}

void Stream::tick() {
    const std::uint64_t now = now_ns();
    if (title_.is_due(now)) router_.tell_title(*this);
    if (hdr_telling_.is_due(now)) router_.tell_hdr(*this);
    if (extent_.is_due(now)) router_.tell_extent(*this);
    pacer_.tick(now);
}

void Stream::on_frame(unsigned consumer, std::uint32_t slot) {
    consumer::Frame& frame = images_[slot]->frame;
    frame.forwarded_ns = now_ns();
    const bool skipped = frame.presented_count != sent_count_[consumer] + 1;
    sent_count_[consumer] = frame.presented_count;
    if (!skipped || frame.damage_count == 0) {
        return router_.send_to(consumer, consumer::bytes_of(frame));
    }
    consumer::Frame whole = frame;
    whole.damage_count = 0;
    std::fill(std::begin(whole.damage), std::end(whole.damage), stream::Rect{});
    router_.send_to(consumer, consumer::bytes_of(whole));
}

void Stream::on_release(std::uint32_t slot, std::uint64_t serial) {
    auto message = stream::make<stream::Release>();
    message.stream = number_;
    message.slot = slot;
    message.serial = serial;
    producer_.send(stream::bytes_of(message));
}

void Stream::on_presented(std::uint64_t serial, bool shown, std::uint64_t time_ns,
                          std::uint64_t refresh_ns) {
    auto message = stream::make<stream::Presented>();
    message.stream = number_;
    message.flags = shown ? stream::kPresentedShown : 0;
    message.serial = serial;
    message.time_ns = producer_.clock().to_producer(time_ns);
    message.refresh_ns = refresh_ns;
    producer_.send(stream::bytes_of(message));
}

consumer::StreamAdded Stream::added_message() const {
    auto message = consumer::make<consumer::StreamAdded>();
    message.stream = id_;
    message.width = info_.width;
    message.height = info_.height;
    message.pid = info_.pid;
    message.flags = (takes_input() ? stream::kStreamTakesInput : 0) |
                    (info_.takes_clipboard ? stream::kStreamTakesClipboard : 0);
    consumer::put_text(message.vm, info_.vm);
    consumer::put_text(message.app, info_.app);
    consumer::put_text(message.app_id, info_.app_id);
    consumer::put_text(message.title, info_.title);
    return message;
}

consumer::StreamStatus Stream::status() const {
    auto message = consumer::make<consumer::StreamStatus>();
    const FramePacer::Counters& counters = pacer_.counters();
    message.stream = id_;
    message.width = info_.width;
    message.height = info_.height;
    message.pid = info_.pid;
    message.consumers = consumers();
    message.frames_presented = frames_presented_;
    message.frames_released = counters.released;
    message.frames_skipped = counters.skipped;
    message.frames_shown = counters.shown;
    message.producer_copied_bytes = producer_copied_bytes_;
    message.broker_copied_bytes = broker_copied_bytes_;
    message.consumer_copied_bytes = consumer_copied_bytes_;
    message.latency_p50_ns = latency_p50_ns_;
    message.latency_p99_ns = latency_p99_ns_;
    message.last_present_ns = last_present_ns_;
    message.mode = last_mode_;
    message.colour_space = static_cast<std::uint16_t>(colour_space_);
    message.colour_shown = static_cast<std::uint16_t>(colour_shown_);
    consumer::put_text(message.vm, info_.vm);
    consumer::put_text(message.app, info_.app);
    consumer::put_text(message.app_id, info_.app_id);
    consumer::put_text(message.title, info_.title);
    return message;
}

}  // namespace vdmabuf::broker
