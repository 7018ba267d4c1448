// SPDX-License-Identifier: MIT
#include "runtime/api/producer_handle.hpp"

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "runtime/api/endpoint_name.hpp"
#include "runtime/common/raw_messages.hpp"

using namespace vdmabuf;
using namespace vdmabuf::api;

static_assert(VDMABUF_MAX_MESSAGE == raw::kMaxData && VDMABUF_MAX_TOPIC + 1 == raw::kTopicSize &&
              VDMABUF_MESSAGE_WINDOW == raw::kWindow);

namespace {

std::uint32_t type_of(producer::RawNews::Kind kind) {
    using Kind = producer::RawNews::Kind;
    switch (kind) {
        case Kind::away:
            return VDMABUF_PRODUCER_AWAY;
        case Kind::back:
            return VDMABUF_PRODUCER_BACK;
        case Kind::lost:
            return VDMABUF_PRODUCER_LOST;
        case Kind::taken:
            return VDMABUF_PRODUCER_TAKEN;
        case Kind::message:
            return VDMABUF_PRODUCER_MESSAGE;
        case Kind::done:
            return VDMABUF_PRODUCER_DONE;
        case Kind::refused:
            return VDMABUF_PRODUCER_REFUSED;
        case Kind::room:
            return VDMABUF_PRODUCER_ROOM;
    }
    return 0;
}

std::span<const std::byte> bytes_of(const void* data, std::size_t bytes) {
    return {static_cast<const std::byte*>(data), bytes};
}

}  // namespace

Result<std::unique_ptr<vdmabuf_producer>> vdmabuf_producer::open(
    const vdmabuf_producer_options& options) {
    auto endpoint = endpoint_named(options.endpoint);
    if (!endpoint) return endpoint.error();
    std::unique_ptr<vdmabuf_producer> made(new vdmabuf_producer);
    auto loop = PollableLoop::create();
    if (!loop) return loop.error();
    made->loop_ = std::move(*loop);
    const std::string name = options.name ? options.name : process_name();
    auto opened = producer::RawEndpoint::open(made->loop_->loop(), *endpoint, name,
                                              options.flags & VDMABUF_PRODUCER_WAIT);
    if (!opened) return opened.error();
    made->endpoint_ = std::move(*opened);
    made->loop_->arm();
    return made;
}

vdmabuf_producer::~vdmabuf_producer() {
    for (vdmabuf_buffer* buffer : buffers_) {
        buffer->producer = nullptr;
        buffer->raw = nullptr;
    }
}

int vdmabuf_producer::dispatch(vdmabuf_producer_event* event) {
    current_.reset();
    if (!endpoint_->has_news()) loop_->turn();
    current_ = endpoint_->next();
    loop_->arm();
    if (!current_) return 0;
    vdmabuf_producer_event out{};
    out.size = sizeof out;
    out.type = type_of(current_->kind);
    out.buffer = current_->buffer ? static_cast<vdmabuf_buffer*>(current_->buffer->user) : nullptr;
    out.receiver = current_->receiver;
    out.data = current_->data.empty() ? nullptr : current_->data.data();
    out.bytes = static_cast<std::uint32_t>(current_->data.size());
    out.left = current_->left;
    out.died = current_->died;
    out.text = current_->text.c_str();
    return hand_out(out, event) ? 1 : error.set(EINVAL, "vdmabuf_producer_event.size");
}

int vdmabuf_producer::answer(const Status& status) {
    loop_->arm();
    return status ? 0 : error.set(status.error());
}

int vdmabuf_producer::adopt(Result<producer::RawBuffer*> made, vdmabuf_buffer** buffer) {
    if (!made) return error.set(made.error());
    auto handle = std::make_unique<vdmabuf_buffer>();
    handle->producer = this;
    handle->raw = *made;
    handle->memory = (*made)->memory();
    buffers_.push_back(handle.get());
    (*made)->user = handle.get();
    *buffer = handle.release();
    return 0;
}

int vdmabuf_producer::alloc(std::uint64_t bytes, vdmabuf_buffer** buffer) {
    if (bytes == 0) return error.set(EINVAL, "a buffer of no bytes");
    return adopt(endpoint_->alloc(bytes), buffer);
}

int vdmabuf_producer::import(int fd, vdmabuf_buffer** buffer) {
    return adopt(endpoint_->import(fd), buffer);
}

void vdmabuf_producer::drop(vdmabuf_buffer* buffer) {
    endpoint_->remove(*buffer->raw);
    loop_->arm();
    buffers_.remove(buffer);
}

int vdmabuf_producer::offer(vdmabuf_buffer& buffer, const char* topic, const void* message,
                            std::size_t bytes, int in_fence) {
    if (!topic || (bytes > 0 && !message)) return error.set(EINVAL, "a NULL pointer");
    return answer(endpoint_->offer(*buffer.raw, topic, bytes_of(message, bytes), in_fence));
}

int vdmabuf_producer::withdraw(vdmabuf_buffer& buffer) {
    return answer(endpoint_->withdraw(*buffer.raw));
}

int vdmabuf_producer::send(vdmabuf_buffer& buffer, std::uint64_t receiver, const void* data,
                           std::size_t bytes, int in_fence) {
    if (!data && bytes > 0) return error.set(EINVAL, "a NULL pointer");
    return answer(endpoint_->send(*buffer.raw, receiver, bytes_of(data, bytes), in_fence));
}
