// SPDX-License-Identifier: MIT
// The functions of <vdmabuf/producer.h>.
#include <vdmabuf/producer.h>

#include "runtime/api/producer_handle.hpp"

using namespace vdmabuf;

namespace {

// Runs `body` on a handle that is there.
template <typename Body>
int on(vdmabuf_producer* producer, Body&& body) noexcept {
    if (!producer) return -EINVAL;
    return api::enter(producer->error, [&] { return body(*producer); });
}

// Runs `body` on the producer of a buffer that is there, and not closed.
template <typename Body>
int on_buffer(vdmabuf_buffer* buffer, Body&& body) noexcept {
    if (!buffer) return -EINVAL;
    if (!buffer->producer) return -ENOTCONN;
    return on(buffer->producer, std::forward<Body>(body));
}

}  // namespace

int vdmabuf_producer_open(const struct vdmabuf_producer_options* options,
                          struct vdmabuf_producer** producer) {
    api::LastError& error = api::thread_error();
    if (!producer) return error.set(EINVAL, "vdmabuf_producer_open: a NULL pointer");
    *producer = nullptr;
    return api::enter(error, [&] {
        vdmabuf_producer_options known{};
        if (options && !api::take_in(options, known)) {
            return error.set(EINVAL, "vdmabuf_producer_options.size");
        }
        if (known.flags & ~VDMABUF_PRODUCER_WAIT) {
            return error.set(EINVAL, "vdmabuf_producer_options.flags");
        }
        auto opened = vdmabuf_producer::open(known);
        if (!opened) return error.set(opened.error());
        *producer = opened->release();
        return 0;
    });
}

void vdmabuf_producer_close(struct vdmabuf_producer* producer) {
    delete producer;
}

int vdmabuf_producer_fd(const struct vdmabuf_producer* producer) {
    return producer ? producer->fd() : -EINVAL;
}

const char* vdmabuf_producer_error(const struct vdmabuf_producer* producer) {
    return producer ? producer->error.text() : api::thread_error().text();
}

int vdmabuf_producer_online(const struct vdmabuf_producer* producer) {
    return producer && producer->online();
}

int vdmabuf_producer_dispatch(struct vdmabuf_producer* producer,
                              struct vdmabuf_producer_event* event) {
    return on(producer, [&](auto& it) {
        return event ? it.dispatch(event) : it.error.set(EINVAL, "event is NULL");
    });
}

int vdmabuf_buffer_alloc(struct vdmabuf_producer* producer, uint64_t bytes,
                         struct vdmabuf_buffer** buffer) {
    if (!buffer) return -EINVAL;
    *buffer = nullptr;
    return on(producer, [&](auto& it) { return it.alloc(bytes, buffer); });
}

int vdmabuf_buffer_import(struct vdmabuf_producer* producer, int fd,
                          struct vdmabuf_buffer** buffer) {
    if (!buffer) return -EINVAL;
    *buffer = nullptr;
    return on(producer, [&](auto& it) { return it.import(fd, buffer); });
}

void vdmabuf_buffer_free(struct vdmabuf_buffer* buffer) {
    if (!buffer) return;
    on_buffer(buffer, [&](auto& it) {
        it.drop(buffer);
        return 0;
    });
    delete buffer;
}

int vdmabuf_buffer_fd(const struct vdmabuf_buffer* buffer) {
    return buffer ? buffer->memory->fd.get() : -EINVAL;
}

uint64_t vdmabuf_buffer_bytes(const struct vdmabuf_buffer* buffer) {
    return buffer ? buffer->memory->size : 0;
}

void* vdmabuf_buffer_data(const struct vdmabuf_buffer* buffer) {
    return buffer ? buffer->memory->mapping.data() : nullptr;
}

void vdmabuf_buffer_set_user(struct vdmabuf_buffer* buffer, void* user) {
    if (buffer) buffer->user = user;
}

void* vdmabuf_buffer_user(const struct vdmabuf_buffer* buffer) {
    return buffer ? buffer->user : nullptr;
}

int vdmabuf_buffer_offer(struct vdmabuf_buffer* buffer, const char* topic, const void* message,
                         size_t bytes, int in_fence) {
    return on_buffer(buffer,
                     [&](auto& it) { return it.offer(*buffer, topic, message, bytes, in_fence); });
}

int vdmabuf_buffer_withdraw(struct vdmabuf_buffer* buffer) {
    return on_buffer(buffer, [&](auto& it) { return it.withdraw(*buffer); });
}

int vdmabuf_buffer_send(struct vdmabuf_buffer* buffer, uint64_t receiver, const void* data,
                        size_t bytes, int in_fence) {
    return on_buffer(buffer,
                     [&](auto& it) { return it.send(*buffer, receiver, data, bytes, in_fence); });
}
