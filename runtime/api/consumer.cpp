// SPDX-License-Identifier: MIT
// The functions of <vdmabuf/consumer.h>.
#include <vdmabuf/consumer.h>

#include "runtime/api/consumer_handle.hpp"

using namespace vdmabuf;

namespace {

// Runs `body` on a handle that is there.
template <typename Body>
int on(vdmabuf_consumer* consumer, Body&& body) noexcept {
    if (!consumer) return -EINVAL;
    return api::enter(consumer->error, [&] { return body(*consumer); });
}

}  // namespace

int vdmabuf_consumer_open(const struct vdmabuf_consumer_options* options,
                          struct vdmabuf_consumer** consumer) {
    api::LastError& error = api::thread_error();
    if (!consumer) return error.set(EINVAL, "vdmabuf_consumer_open: a NULL pointer");
    *consumer = nullptr;
    return api::enter(error, [&] {
        vdmabuf_consumer_options known{};
        if (options && !api::take_in(options, known)) {
            return error.set(EINVAL, "vdmabuf_consumer_options.size");
        }
        if (known.flags &
            ~(VDMABUF_CONSUMER_WAIT | VDMABUF_CONSUMER_DMABUF | VDMABUF_CONSUMER_COLOURS)) {
            return error.set(EINVAL, "vdmabuf_consumer_options.flags");
        }
        auto opened = vdmabuf_consumer::open(known);
        if (!opened) return error.set(opened.error());
        *consumer = opened->release();
        return 0;
    });
}

void vdmabuf_consumer_close(struct vdmabuf_consumer* consumer) {
    delete consumer;
}

int vdmabuf_consumer_fd(const struct vdmabuf_consumer* consumer) {
    return consumer ? consumer->fd() : -EINVAL;
}

const char* vdmabuf_consumer_error(const struct vdmabuf_consumer* consumer) {
    return consumer ? consumer->error.text() : api::thread_error().text();
}

int vdmabuf_consumer_dispatch(struct vdmabuf_consumer* consumer,
                              struct vdmabuf_consumer_event* event) {
    return on(consumer, [&](auto& it) {
        return event ? it.dispatch(event) : it.error.set(EINVAL, "event is NULL");
    });
}

size_t vdmabuf_consumer_stream_count(const struct vdmabuf_consumer* consumer) {
    return consumer ? consumer->stream_count() : 0;
}

const struct vdmabuf_stream_info* vdmabuf_consumer_stream_at(
    const struct vdmabuf_consumer* consumer, size_t index) {
    return consumer ? consumer->stream_at(index) : nullptr;
}

const struct vdmabuf_stream_info* vdmabuf_consumer_stream(const struct vdmabuf_consumer* consumer,
                                                          uint64_t stream) {
    return consumer ? consumer->stream(stream) : nullptr;
}

const struct vdmabuf_image_info* vdmabuf_consumer_image(const struct vdmabuf_consumer* consumer,
                                                        uint64_t stream, uint64_t image) {
    return consumer ? consumer->image(stream, image) : nullptr;
}

int vdmabuf_consumer_attach(struct vdmabuf_consumer* consumer, uint64_t stream) {
    return on(consumer, [&](auto& it) { return it.attach(stream); });
}

int vdmabuf_consumer_detach(struct vdmabuf_consumer* consumer, uint64_t stream) {
    return on(consumer, [&](auto& it) { return it.detach(stream); });
}

int vdmabuf_consumer_presented(struct vdmabuf_consumer* consumer, uint64_t stream, uint64_t serial,
                               uint64_t time_ns, uint64_t refresh_ns, int shown) {
    return on(consumer, [&](auto& it) {
        return it.presented(stream, serial, time_ns, refresh_ns, shown != 0);
    });
}

int vdmabuf_consumer_release(struct vdmabuf_consumer* consumer, uint64_t stream, uint64_t serial) {
    return on(consumer, [&](auto& it) { return it.release(stream, serial); });
}

int vdmabuf_consumer_image_done(struct vdmabuf_consumer* consumer, uint64_t stream,
                                uint64_t image) {
    return on(consumer, [&](auto& it) { return it.image_done(stream, image); });
}

int vdmabuf_consumer_image_again(struct vdmabuf_consumer* consumer, uint64_t stream,
                                 uint64_t image) {
    return on(consumer, [&](auto& it) { return it.image_again(stream, image); });
}

int vdmabuf_consumer_imported(struct vdmabuf_consumer* consumer, uint64_t stream, uint64_t image,
                              uint32_t path, const char* reason) {
    return on(consumer, [&](auto& it) { return it.imported(stream, image, path, reason); });
}

int vdmabuf_consumer_configure(struct vdmabuf_consumer* consumer, uint64_t stream, uint32_t width,
                               uint32_t height, uint64_t refresh_ns, uint32_t flags) {
    return on(consumer,
              [&](auto& it) { return it.configure(stream, width, height, refresh_ns, flags); });
}

int vdmabuf_consumer_close_stream(struct vdmabuf_consumer* consumer, uint64_t stream) {
    return on(consumer, [&](auto& it) { return it.close_stream(stream); });
}

int vdmabuf_consumer_input(struct vdmabuf_consumer* consumer, uint64_t stream,
                           const struct vdmabuf_input_event* events, size_t count, uint32_t width,
                           uint32_t height) {
    return on(consumer, [&](auto& it) { return it.input(stream, events, count, width, height); });
}

int vdmabuf_consumer_formats(struct vdmabuf_consumer* consumer,
                             const struct vdmabuf_format* formats, size_t count) {
    return on(consumer, [&](auto& it) { return it.formats(formats, count); });
}

int vdmabuf_consumer_raw_subscribe(struct vdmabuf_consumer* consumer, const char* vm,
                                   const char* topic, uint32_t flags) {
    return on(consumer, [&](auto& it) { return it.subscribe(vm, topic, flags); });
}

int vdmabuf_consumer_raw_unsubscribe(struct vdmabuf_consumer* consumer, int subscription) {
    return on(consumer, [&](auto& it) { return it.unsubscribe(subscription); });
}

int vdmabuf_consumer_raw_take(struct vdmabuf_consumer* consumer,
                              const uint8_t id[VDMABUF_RAW_ID_SIZE], uint32_t flags) {
    return on(consumer, [&](auto& it) { return it.take(id, flags); });
}

const struct vdmabuf_raw_buffer* vdmabuf_consumer_raw_buffer(
    const struct vdmabuf_consumer* consumer, const uint8_t id[VDMABUF_RAW_ID_SIZE]) {
    return consumer ? consumer->raw_buffer(id) : nullptr;
}

int vdmabuf_consumer_raw_send(struct vdmabuf_consumer* consumer,
                              const uint8_t id[VDMABUF_RAW_ID_SIZE], const void* data,
                              size_t bytes) {
    return on(consumer, [&](auto& it) { return it.send(id, data, bytes); });
}

int vdmabuf_consumer_raw_done(struct vdmabuf_consumer* consumer,
                              const uint8_t id[VDMABUF_RAW_ID_SIZE]) {
    return on(consumer, [&](auto& it) { return it.done(id); });
}
