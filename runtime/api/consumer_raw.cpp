// SPDX-License-Identifier: MIT
// The part of a consumer that is about raw buffers.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "runtime/api/consumer_handle.hpp"

using namespace vdmabuf;
using namespace vdmabuf::api;

static_assert(VDMABUF_MAX_MESSAGE == raw::kMaxData);
static_assert(VDMABUF_MAX_TOPIC + 1 == raw::kTopicSize);
static_assert(VDMABUF_MESSAGE_WINDOW == raw::kWindow);
static_assert(VDMABUF_RAW_ID_SIZE == stream::kIdSize);
static_assert(VDMABUF_SUBSCRIBE_ANY_VM == raw::kAnyVm &&
              VDMABUF_SUBSCRIBE_TOPIC_PREFIX == raw::kTopicPrefix);

namespace {

raw::OfferId id_of(const std::uint8_t* id) {
    raw::OfferId copy{};
    std::copy_n(id, copy.size(), copy.begin());
    return copy;
}

int errno_of(std::uint32_t code) {
    switch (static_cast<stream::ErrorCode>(code)) {
        case stream::ErrorCode::quota:
            return EDQUOT;
        case stream::ErrorCode::policy:
            return EACCES;
        default:
            return EPROTO;
    }
}

bool text_fits(const char* text, std::size_t size) {
    if (::strnlen(text, size) >= size) return false;
    return std::none_of(text, text + std::strlen(text),
                        [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

}  // namespace

// ---- what comes

template <typename Message>
Status vdmabuf_consumer::queue_raw(std::span<const std::byte> bytes) {
    auto message = raw::decode<Message>(bytes);
    if (!message) return message.error();
    events_.emplace_back(*message);
    return {};
}

Status vdmabuf_consumer::raw_message(std::span<const std::byte> bytes, std::vector<UniqueFd> fds) {
    const auto type = raw::type_of(bytes);
    if (!type) return type.error();
    if (*type == raw::Type::buffer) {
        auto message = raw::decode<raw::Buffer>(bytes);
        if (!message) return message.error();
        // The memory of an IMAGE, in a message of its own.
        auto memory = consumer::make<consumer::Image>();
        memory.memory = message->memory;
        memory.buffer_size = message->size;
        memory.run_count = message->run_count;
        memory.file_count = message->file_count;
        auto files = consumer::take_buffer(memory, std::move(fds));
        if (!files) return files.error();
        events_.push_back(RawBufferEvent{
            *message, std::make_unique<Memory>(std::move(*files), raw::get_text(message->reason))});
        return {};
    }
    if (!fds.empty()) return Error{EPROTO, "a message with descriptors"};
    switch (*type) {
        case raw::Type::offered:
            return queue_raw<raw::Offered>(bytes);
        case raw::Type::gone:
            return queue_raw<raw::Gone>(bytes);
        case raw::Type::take_refused:
            return queue_raw<raw::TakeRefused>(bytes);
        case raw::Type::consumer_message:
            return queue_raw<raw::ConsumerMessage>(bytes);
        case raw::Type::consumer_credit:
            return queue_raw<raw::ConsumerCredit>(bytes);
        default:
            return {};  // of a newer broker
    }
}

// ---- what the program learns

bool vdmabuf_consumer::hand(raw::Offered& message) {
    const auto record = std::make_shared<Raw>(message);
    raws_[message.id] = record;
    out_.type = VDMABUF_CONSUMER_RAW_OFFERED;
    out_.offer = &record->offer;
    return true;
}

bool vdmabuf_consumer::hand(raw::Gone& message) {
    const auto found = raws_.find(message.id);
    if (found == raws_.end()) return false;
    const auto record = found->second;
    record->offered = false;
    record->producer_gone |= (message.flags & raw::kProducerGone) != 0;
    if (!record->taken() && !record->asked) raws_.erase(found);
    out_gone_ = {};
    out_gone_.size = sizeof out_gone_;
    out_gone_.producer_gone = record->producer_gone;
    std::copy(message.id.begin(), message.id.end(), out_gone_.id);
    out_.type = VDMABUF_CONSUMER_RAW_GONE;
    out_.gone = &out_gone_;
    return true;
}

bool vdmabuf_consumer::hand(RawBufferEvent& event) {
    const auto found = raws_.find(event.message.id);
    if (found == raws_.end() || !found->second->asked) {
        // Unsubscribed in the meantime.
        auto done = raw::make<raw::Done>();
        done.receiver = event.message.receiver;
        say(done);
        return false;
    }
    Raw& record = *found->second;
    record.asked = false;
    record.receiver = event.message.receiver;
    record.unacknowledged = 0;
    record.wants_room = false;
    record.memory = std::move(event.memory);
    record.data.assign(event.message.data, event.message.data + event.message.data_size);
    record.buffer = {};
    record.buffer.size = sizeof record.buffer;
    record.buffer.message_bytes = event.message.data_size;
    record.buffer.offer = &record.offer;
    record.buffer.memory = record.memory->view();
    record.buffer.message = record.data.data();
    out_.type = VDMABUF_CONSUMER_RAW_BUFFER;
    out_.buffer = &record.buffer;
    return true;
}

bool vdmabuf_consumer::hand(raw::TakeRefused& message) {
    const auto found = raws_.find(message.id);
    if (found == raws_.end() || !found->second->asked) return false;
    found->second->asked = false;
    if (!found->second->offered) raws_.erase(found);
    text_ = raw::get_text(message.text);
    out_refused_ = {};
    out_refused_.size = sizeof out_refused_;
    out_refused_.error = -errno_of(message.code);
    std::copy(message.id.begin(), message.id.end(), out_refused_.id);
    out_refused_.text = text_.c_str();
    out_.type = VDMABUF_CONSUMER_RAW_REFUSED;
    out_.refused = &out_refused_;
    return true;
}

// The broker sends more when these have been taken up.
void vdmabuf_consumer::taken_up() {
    if (++unacknowledged_ < raw::kAckEvery) return;
    auto ack = raw::make<raw::ConsumerAck>();
    ack.count = unacknowledged_;
    unacknowledged_ = 0;
    say(ack);
}

std::shared_ptr<RawRecord> vdmabuf_consumer::raw_of(std::uint64_t receiver) const {
    for (const auto& [id, record] : raws_) {
        if (record->taken() && record->receiver == receiver) return record;
    }
    return nullptr;
}

bool vdmabuf_consumer::hand(raw::ConsumerMessage& message) {
    taken_up();
    const auto record = raw_of(message.receiver);
    if (!record) return false;  // given back in the meantime
    out_message_ = {};
    out_message_.size = sizeof out_message_;
    out_message_.bytes = message.data_size;
    std::copy(std::begin(record->offer.id), std::end(record->offer.id), out_message_.id);
    out_message_.data = message.data;
    out_.type = VDMABUF_CONSUMER_RAW_MESSAGE;
    out_.message = &out_message_;
    return true;
}

bool vdmabuf_consumer::hand(raw::ConsumerCredit& message) {
    taken_up();
    const auto record = raw_of(message.receiver);
    if (!record) return false;
    record->unacknowledged -= std::min(record->unacknowledged, message.count);
    if (!std::exchange(record->wants_room, false)) return false;
    out_message_ = {};
    out_message_.size = sizeof out_message_;
    std::copy(std::begin(record->offer.id), std::end(record->offer.id), out_message_.id);
    out_.type = VDMABUF_CONSUMER_RAW_ROOM;
    out_.message = &out_message_;
    return true;
}

// ---- what the program asks for

void vdmabuf_consumer::subscribe_again(int number) {
    const Subscription& subscription = subscriptions_[number];
    auto message = raw::make<raw::Subscribe>();
    message.number = static_cast<std::uint32_t>(number);
    message.flags = subscription.flags;
    raw::put_text(message.vm, subscription.vm);
    raw::put_text(message.topic, subscription.topic);
    say(message);
}

int vdmabuf_consumer::subscribe(const char* vm, const char* topic, std::uint32_t flags) {
    if (flags & ~(VDMABUF_SUBSCRIBE_ANY_VM | VDMABUF_SUBSCRIBE_TOPIC_PREFIX)) {
        return fail(EINVAL, "flags are VDMABUF_SUBSCRIBE_*");
    }
    const bool any = flags & VDMABUF_SUBSCRIBE_ANY_VM;
    if (!topic || !text_fits(topic, raw::kTopicSize)) {
        return fail(EINVAL, "a topic has at most 63 bytes and no control characters");
    }
    if (!any && (!vm || !text_fits(vm, raw::kNameSize))) {
        return fail(EINVAL, "the VM's name has at most 63 bytes; \"\" is this kernel");
    }
    if (subscriptions_.size() >= raw::kMaxSubscriptions) {
        return fail(ENOSPC, "no more than 16 subscriptions");
    }
    if (client_->is_connected() && !serves_raw_) {
        return fail(EOPNOTSUPP, "the broker serves no raw buffers");
    }
    const int number = next_subscription_++;
    subscriptions_[number] = {any ? "" : vm, topic, flags};
    if (client_->is_connected()) subscribe_again(number);
    return number;
}

int vdmabuf_consumer::unsubscribe(int subscription) {
    if (subscriptions_.erase(subscription) == 0) return fail(ENOENT, "no such subscription");
    if (!client_->is_connected()) return 0;
    auto message = raw::make<raw::Unsubscribe>();
    message.number = static_cast<std::uint32_t>(subscription);
    say(message);
    const auto wanted = [this](const Raw& record) {
        return std::any_of(subscriptions_.begin(), subscriptions_.end(), [&](const auto& item) {
            const Subscription& s = item.second;
            if (!(s.flags & VDMABUF_SUBSCRIBE_ANY_VM) && s.vm != record.vm) return false;
            return s.flags & VDMABUF_SUBSCRIBE_TOPIC_PREFIX ? record.topic.starts_with(s.topic)
                                                            : record.topic == s.topic;
        });
    };
    std::erase_if(raws_, [&](const auto& item) {
        Raw& record = *item.second;
        if (wanted(record)) return false;
        record.offered = false;
        return !record.taken() && !record.asked;
    });
    return 0;
}

std::shared_ptr<RawRecord> vdmabuf_consumer::known_raw(const std::uint8_t* id, int& result) {
    result = 0;
    if (!id) {
        result = fail(EINVAL, "a NULL pointer");
        return nullptr;
    }
    if (!online_) {
        result = fail(ENOTCONN, "there is no broker");
        return nullptr;
    }
    const auto found = raws_.find(id_of(id));
    if (found != raws_.end()) return found->second;
    result = fail(ENOENT, "there is no such raw buffer");
    return nullptr;
}

int vdmabuf_consumer::take(const std::uint8_t* id, std::uint32_t flags) {
    if (flags & ~VDMABUF_TAKE_RUNS) return fail(EINVAL, "flags are VDMABUF_TAKE_*");
    int result = 0;
    const auto record = known_raw(id, result);
    if (!record) return result;
    if (record->taken() || record->asked) return fail(EALREADY, "it is taken, or asked for");
    if (!record->offered) return fail(ENOENT, "it is offered no more");
    record->asked = true;
    auto message = raw::make<raw::Take>();
    message.id = id_of(id);
    message.memory =
        flags & VDMABUF_TAKE_RUNS ? static_cast<std::uint32_t>(consumer::MemoryKind::runs) : 0;
    say(message);
    return 0;
}

const vdmabuf_raw_buffer* vdmabuf_consumer::raw_buffer(const std::uint8_t* id) const {
    if (!id) return nullptr;
    const auto found = raws_.find(id_of(id));
    return found != raws_.end() && found->second->taken() ? &found->second->buffer : nullptr;
}

int vdmabuf_consumer::send(const std::uint8_t* id, const void* data, std::size_t bytes) {
    int result = 0;
    const auto record = known_raw(id, result);
    if (!record) return result;
    if (!record->taken()) return fail(ENOENT, "the buffer has not been taken");
    if (!data || bytes == 0) return fail(EINVAL, "an empty message");
    if (bytes > raw::kMaxData) return fail(EMSGSIZE, "a message has at most 1024 bytes");
    if (record->producer_gone) return fail(EPIPE, "the producer has gone");
    if (record->unacknowledged >= raw::kWindow) {
        record->wants_room = true;
        return fail(EAGAIN, "the producer has not taken up the last messages yet");
    }
    auto message = raw::make<raw::ConsumerSend>();
    message.receiver = record->receiver;
    message.data_size = static_cast<std::uint32_t>(bytes);
    std::memcpy(message.data, data, bytes);
    ++record->unacknowledged;
    say(message);
    return 0;
}

int vdmabuf_consumer::done(const std::uint8_t* id) {
    int result = 0;
    const auto record = known_raw(id, result);
    if (!record) return result;
    if (!record->taken()) return fail(ENOENT, "the buffer has not been taken");
    auto message = raw::make<raw::Done>();
    message.receiver = record->receiver;
    say(message);
    record->memory.reset();
    record->buffer = {};
    if (!record->offered) {
        keep_ = record;
        raws_.erase(id_of(id));
    }
    return 0;
}
