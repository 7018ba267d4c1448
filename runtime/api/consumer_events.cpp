// SPDX-License-Identifier: MIT
#include "runtime/api/consumer_events.hpp"

#include <algorithm>
#include <cstring>

namespace vdmabuf::api {

ImageRecord::ImageRecord(const consumer::Image& message, consumer::BufferFiles files)
    : memory(std::move(files), consumer::get_text(message.reason)) {
    info.size = sizeof info;
    info.slot = message.slot;
    info.stream = message.stream;
    info.id = message.image;
    info.width = message.width;
    info.height = message.height;
    info.fourcc = message.fourcc;
    info.flags = message.flags;
    info.modifier = message.modifier;
    info.colour_space = message.colour_space;
    info.nr_planes = message.plane_count;
    for (std::uint32_t i = 0; i < message.plane_count; ++i) {
        info.planes[i] = {message.planes[i].offset, message.planes[i].pitch};
    }
    info.memory = memory.view();
}

static_assert(VDMABUF_IMAGE_Y_FLIP == stream::kImageYFlip &&
              VDMABUF_IMAGE_OPAQUE == stream::kImageOpaque && stream::kMaxPlanes == 4);

StreamRecord::StreamRecord(const consumer::StreamAdded& message)
    : vm(consumer::get_text(message.vm)),
      app(consumer::get_text(message.app)),
      app_id(consumer::get_text(message.app_id)) {
    info.size = sizeof info;
    info.pid = message.pid;
    info.id = message.stream;
    info.width = message.width;
    info.height = message.height;
    info.vm = vm.c_str();
    info.app = app.c_str();
    info.app_id = app_id.c_str();
    info.flags = message.flags & VDMABUF_STREAM_TAKES_INPUT;
    set_title(consumer::get_text(message.title));
}

static_assert(VDMABUF_STREAM_TAKES_INPUT == stream::kStreamTakesInput);

void StreamRecord::set_title(const std::string& text) {
    title = text;
    info.title = title.c_str();
}

FrameRecord::FrameRecord(const consumer::Frame& message) {
    for (std::uint32_t i = 0; i < message.damage_count; ++i) {
        const stream::Rect& rect = message.damage[i];
        damage.push_back({rect.x, rect.y, rect.width, rect.height});
    }
    info.size = sizeof info;
    info.mode = message.mode;
    info.stream = message.stream;
    info.image = message.image;
    info.serial = message.serial;
    info.fence = -1;
    info.nr_damage = message.damage_count;
    info.damage = damage.data();
    info.called_ns = message.called_ns;
    info.gpu_done_ns = message.gpu_done_ns;
    info.sent_ns = message.sent_ns;
    info.received_ns = message.received_ns;
    info.forwarded_ns = message.forwarded_ns;
    info.presented_count = message.presented_count;
    info.cpu_copied_bytes = message.cpu_copied_bytes;
}

RawRecord::RawRecord(const raw::Offered& message)
    : vm(raw::get_text(message.vm)),
      app(raw::get_text(message.app)),
      topic(raw::get_text(message.topic)) {
    offer.size = sizeof offer;
    offer.pid = message.pid;
    offer.uid = message.uid;
    std::copy(message.id.begin(), message.id.end(), offer.id);
    offer.bytes = message.size;
    offer.vm = vm.c_str();
    offer.app = app.c_str();
    offer.topic = topic.c_str();
}

}  // namespace vdmabuf::api
