// SPDX-License-Identifier: MIT
#include "tests/runtime/viewer/pipewire_consumer.hpp"

#include <linux/dma-buf.h>
#include <pipewire/pipewire.h>
#include <spa/buffer/buffer.h>
#include <spa/buffer/meta.h>
#include <spa/debug/types.h>
#include <spa/param/video/format-utils.h>
#include <spa/param/video/type-info.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <deque>

namespace vdmabuf::test {

struct PipewireConsumer::State {
    std::string source;
    Taker taker;
    pw_thread_loop* loop = nullptr;
    pw_context* context = nullptr;
    pw_core* core = nullptr;
    pw_stream* stream = nullptr;
    pw_proxy* link = nullptr;
    spa_hook listener{};
    spa_video_info_raw info{};
    Png picture;
    std::int64_t time_ns = 0;
    std::uint64_t frames = 0;
    std::uint64_t dmabuf_frames = 0;
    std::uint64_t broken = 0;
    Judge judge;
    std::size_t keeps = 1;
    struct Kept {
        pw_buffer* buffer = nullptr;
        int fd = -1;  // of our own: the buffer's may be closed by then
        spa_chunk chunk{};
        Png first;  // as it came
    };
    std::deque<Kept> kept;

    void state_changed(pw_stream_state state, const char* error) {
        if (error) std::fprintf(stderr, "consumer: %s\n", error);
        if (state != PW_STREAM_STATE_PAUSED || link) return;
        const std::string own = std::to_string(pw_stream_get_node_id(stream));
        pw_properties* ends = pw_properties_new(PW_KEY_LINK_OUTPUT_NODE, source.c_str(),
                                                PW_KEY_LINK_INPUT_NODE, own.c_str(), nullptr);
        link = static_cast<pw_proxy*>(pw_core_create_object(
            core, "link-factory", PW_TYPE_INTERFACE_Link, PW_VERSION_LINK, &ends->dict, 0));
        pw_properties_free(ends);
    }
    void param_changed(std::uint32_t id, const spa_pod* param) {
        if (id == SPA_PARAM_Format && param) spa_format_video_raw_parse(param, &info);
        if (id != SPA_PARAM_Format || !param) return;
        std::uint8_t bytes[1024];
        spa_pod_builder builder = SPA_POD_BUILDER_INIT(bytes, sizeof bytes);
        const auto* header = static_cast<const spa_pod*>(spa_pod_builder_add_object(
            &builder, SPA_TYPE_OBJECT_ParamMeta, SPA_PARAM_Meta, SPA_PARAM_META_type,
            SPA_POD_Id(SPA_META_Header), SPA_PARAM_META_size,
            SPA_POD_Int(static_cast<int>(sizeof(spa_meta_header)))));
        const auto* buffers = static_cast<const spa_pod*>(spa_pod_builder_add_object(
            &builder, SPA_TYPE_OBJECT_ParamBuffers, SPA_PARAM_Buffers, SPA_PARAM_BUFFERS_dataType,
            SPA_POD_CHOICE_FLAGS_Int(spa_pod_find_prop(param, nullptr, SPA_FORMAT_VIDEO_modifier)
                                         ? 1 << SPA_DATA_DmaBuf
                                         : 1 << SPA_DATA_MemFd)));
        const spa_pod* params[] = {header, buffers};
        pw_stream_update_params(stream, params, 2);
    }
    void process() {
        pw_buffer* buffer = pw_stream_dequeue_buffer(stream);
        if (!buffer) return;
        if (judge) return keep(buffer);
        const spa_data& data = buffer->buffer->datas[0];
        if (data.data && data.chunk->size != 0) {
            take(static_cast<const std::uint8_t*>(data.data) + data.chunk->offset,
                 static_cast<std::size_t>(data.chunk->stride));
            if (const auto* header = static_cast<const spa_meta_header*>(spa_buffer_find_meta_data(
                    buffer->buffer, SPA_META_Header, sizeof(spa_meta_header)))) {
                time_ns = header->pts;
            }
            ++frames;
        }
        pw_stream_queue_buffer(stream, buffer);
    }
    void keep(pw_buffer* buffer) {
        if (kept.size() == keeps) {
            const Kept old = std::move(kept.front());
            kept.pop_front();
            const bool same = look(old.fd, old.chunk) && picture.rgba == old.first.rgba;
            if (!same && old.first.width == info.size.width) ++broken;
            ::close(old.fd);
            pw_stream_queue_buffer(stream, old.buffer);
        }
        if (buffer->buffer->datas[0].type == SPA_DATA_DmaBuf) ++dmabuf_frames;
        const spa_data& data = buffer->buffer->datas[0];
        Kept now{buffer, ::dup(static_cast<int>(data.fd)), *data.chunk, {}};
        if (!look(now.fd, now.chunk)) ++broken;
        now.first = picture;
        kept.push_back(std::move(now));
        ++frames;
    }
    bool look(int fd, const spa_chunk& chunk) {
        const std::size_t size = std::size_t{chunk.offset} + chunk.size;
        const auto pitch = static_cast<std::size_t>(chunk.stride);
        // Of the size before.
        if (chunk.size < pitch * info.size.height || pitch < std::size_t{info.size.width} * 4) {
            return true;
        }
        void* at = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
        if (at == MAP_FAILED) return false;
        // Of a file that is no dmabuf: refused.
        dma_buf_sync sync{DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ};
        ::ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync);
        take(static_cast<const std::uint8_t*>(at) + chunk.offset, pitch);
        sync.flags = DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ;
        ::ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync);
        ::munmap(at, size);
        return judge(picture);
    }
    void take(const std::uint8_t* from, std::size_t pitch) {
        if (taker) return taker(from, pitch);
        const bool blue_first =
            info.format == SPA_VIDEO_FORMAT_BGRx || info.format == SPA_VIDEO_FORMAT_BGRA;
        picture.width = info.size.width;
        picture.height = info.size.height;
        picture.rgba.clear();
        for (std::uint32_t y = 0; y < picture.height; ++y, from += pitch) {
            for (std::uint32_t x = 0; x < picture.width; ++x) {
                const std::uint8_t* pixel = from + std::size_t{x} * 4;
                picture.rgba.insert(picture.rgba.end(), {pixel[blue_first ? 2 : 0], pixel[1],
                                                         pixel[blue_first ? 0 : 2], 255});
            }
        }
    }
};

namespace {

struct Lock {
    explicit Lock(pw_thread_loop* locked) : loop(locked) { pw_thread_loop_lock(loop); }
    ~Lock() { pw_thread_loop_unlock(loop); }
    pw_thread_loop* loop;
};

// `modifier`: whether dmabufs are wanted.
const spa_pod* any_format(spa_pod_builder& builder, bool modifier) {
    const spa_rectangle usual{320, 240};
    const spa_rectangle smallest{1, 1};
    const spa_rectangle largest{8192, 8192};
    const spa_fraction rate{0, 1};
    const spa_fraction fastest{1000, 1};
    spa_pod_frame object;
    spa_pod_builder_push_object(&builder, &object, SPA_TYPE_OBJECT_Format, SPA_PARAM_EnumFormat);
    spa_pod_builder_add(
        &builder, SPA_FORMAT_mediaType, SPA_POD_Id(SPA_MEDIA_TYPE_video), SPA_FORMAT_mediaSubtype,
        SPA_POD_Id(SPA_MEDIA_SUBTYPE_raw), SPA_FORMAT_VIDEO_format,
        SPA_POD_CHOICE_ENUM_Id(5, SPA_VIDEO_FORMAT_BGRx, SPA_VIDEO_FORMAT_BGRx,
                               SPA_VIDEO_FORMAT_BGRA, SPA_VIDEO_FORMAT_RGBx, SPA_VIDEO_FORMAT_RGBA),
        0);
    if (modifier) {
        // As other programs do (PipeWire's "DMA-BUF Sharing"): some more, and INVALID.
        spa_pod_frame choice;
        spa_pod_builder_prop(&builder, SPA_FORMAT_VIDEO_modifier,
                             SPA_POD_PROP_FLAG_MANDATORY | SPA_POD_PROP_FLAG_DONT_FIXATE);
        spa_pod_builder_push_choice(&builder, &choice, SPA_CHOICE_Enum, 0);
        for (const std::int64_t each :
             {std::int64_t{0x100000000000001}, std::int64_t{0x100000000000001}, std::int64_t{0},
              std::int64_t{0xffffffffffffff}}) {
            spa_pod_builder_long(&builder, each);
        }
        spa_pod_builder_pop(&builder, &choice);
    }
    spa_pod_builder_add(&builder, SPA_FORMAT_VIDEO_size,
                        SPA_POD_CHOICE_RANGE_Rectangle(&usual, &smallest, &largest),
                        SPA_FORMAT_VIDEO_framerate,
                        SPA_POD_CHOICE_RANGE_Fraction(&rate, &rate, &fastest), 0);
    return static_cast<const spa_pod*>(spa_pod_builder_pop(&builder, &object));
}

}  // namespace

PipewireConsumer::PipewireConsumer() : state_(std::make_unique<State>()) {
    pw_init(nullptr, nullptr);
}

PipewireConsumer::~PipewireConsumer() {
    State& state = *state_;
    if (state.loop) pw_thread_loop_stop(state.loop);
    if (state.link) pw_proxy_destroy(state.link);
    if (state.stream) pw_stream_destroy(state.stream);
    if (state.core) pw_core_disconnect(state.core);
    if (state.context) pw_context_destroy(state.context);
    if (state.loop) pw_thread_loop_destroy(state.loop);
    pw_deinit();
}

std::unique_ptr<PipewireConsumer> PipewireConsumer::connect(const std::string& node, Taker taker,
                                                            Judge judge, std::size_t keeps) {
    std::unique_ptr<PipewireConsumer> consumer(new PipewireConsumer);
    State& state = *consumer->state_;
    state.source = node;
    state.taker = std::move(taker);
    state.judge = std::move(judge);
    state.keeps = keeps;
    state.loop = pw_thread_loop_new("consumer", nullptr);
    state.context = pw_context_new(pw_thread_loop_get_loop(state.loop), nullptr, 0);
    state.core = pw_context_connect(state.context, nullptr, 0);
    if (!state.core) return nullptr;
    state.stream =
        pw_stream_new(state.core, "consumer",
                      pw_properties_new(PW_KEY_MEDIA_CLASS, "Stream/Input/Video", nullptr));
    static const pw_stream_events kEvents = [] {
        pw_stream_events events{};
        events.version = PW_VERSION_STREAM_EVENTS;
        events.state_changed = [](void* self, pw_stream_state, pw_stream_state now,
                                  const char* error) {
            static_cast<State*>(self)->state_changed(now, error);
        };
        events.param_changed = [](void* self, std::uint32_t id, const spa_pod* param) {
            static_cast<State*>(self)->param_changed(id, param);
        };
        events.remove_buffer = [](void* self, pw_buffer* buffer) {
            auto& own = *static_cast<State*>(self);
            std::erase_if(own.kept, [&](const auto& each) {
                if (each.buffer != buffer) return false;
                ::close(each.fd);
                return true;
            });
        };
        events.process = [](void* self) { static_cast<State*>(self)->process(); };
        return events;
    }();
    pw_stream_add_listener(state.stream, &state.listener, &kEvents, &state);
    std::uint8_t bytes[2048];
    spa_pod_builder builder = SPA_POD_BUILDER_INIT(bytes, sizeof bytes);
    const spa_pod* formats[2];
    std::uint32_t count = 0;
    if (state.judge) formats[count++] = any_format(builder, true);
    formats[count++] = any_format(builder, false);
    pw_stream_connect(state.stream, PW_DIRECTION_INPUT, PW_ID_ANY, PW_STREAM_FLAG_MAP_BUFFERS,
                      formats, count);
    pw_thread_loop_start(state.loop);
    return consumer;
}

Png PipewireConsumer::picture() const {
    const Lock lock(state_->loop);
    return state_->picture;
}
std::int64_t PipewireConsumer::time_ns() const {
    const Lock lock(state_->loop);
    return state_->time_ns;
}
std::string PipewireConsumer::format() const {
    const Lock lock(state_->loop);
    const char* name = spa_debug_type_find_short_name(spa_type_video_format, state_->info.format);
    return name ? name : "?";
}
std::uint64_t PipewireConsumer::dmabuf_frames() const {
    const Lock lock(state_->loop);
    return state_->dmabuf_frames;
}
std::uint64_t PipewireConsumer::broken() const {
    const Lock lock(state_->loop);
    return state_->broken;
}
std::uint64_t PipewireConsumer::frames() const {
    const Lock lock(state_->loop);
    return state_->frames;
}

}  // namespace vdmabuf::test
