// SPDX-License-Identifier: MIT
#include "runtime/viewer/pipewire/nodes.hpp"

#include <pipewire/pipewire.h>
#include <spa/buffer/meta.h>

#include <atomic>
#include <iterator>
#include <optional>
#include <string>
#include <utility>

#include "runtime/common/log.hpp"
#include "runtime/viewer/pipewire/shared_images.hpp"
#include "runtime/viewer/pipewire/shared_memory.hpp"
#include "runtime/viewer/pipewire/video_params.hpp"
#include "runtime/viewer/taps/frame_copier.hpp"

namespace vdmabuf::viewer {
namespace {

// When a peer has all buffers, and a frame waits for the first that comes back.
constexpr timespec kRetry{0, 10'000'000};
// When peers have had the time to give buffers back, and how often they are asked after a frame:
// PipeWire brings buffers back with a cycle of the graph only, and says nothing of it.
constexpr timespec kBack{0, 4'000'000};
constexpr int kAsked = 2;
// How often a frame waits for its buffer, before it is left out.
constexpr int kMostRetries = 30;
// A peer may begin a little later than our node does, and would miss a picture that stands still:
// it is sent again after these times.
constexpr timespec kAgain[] = {{0, 50'000'000}, {0, 300'000'000}, {1, 0}};

}  // namespace

// PipeWire's thread, and the connection that belongs to it.
class PipewireNodes::Connection {
  public:
    Connection() { pw_init(nullptr, nullptr); }
    ~Connection() {
        if (loop_) pw_thread_loop_stop(loop_);
        if (core_) pw_core_disconnect(core_);
        if (context_) pw_context_destroy(context_);
        if (loop_) pw_thread_loop_destroy(loop_);
        pw_deinit();
    }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    Status open() {
        loop_ = pw_thread_loop_new("vdmabuf-pw", nullptr);
        if (loop_) context_ = pw_context_new(pw_thread_loop_get_loop(loop_), nullptr, 0);
        if (context_) core_ = pw_context_connect(context_, nullptr, 0);
        if (!core_) {
            return Error{EHOSTDOWN, system_error("--pipewire: no PipeWire answers here").text +
                                        "; is it running for this user?"};
        }
        if (pw_thread_loop_start(loop_) < 0) return system_error("--pipewire: cannot start");
        return {};
    }

    // All calls of PipeWire are made with it.
    class Lock {
      public:
        explicit Lock(const Connection& connection) : loop_(connection.loop_) {
            pw_thread_loop_lock(loop_);
        }
        ~Lock() { pw_thread_loop_unlock(loop_); }
        Lock(const Lock&) = delete;
        Lock& operator=(const Lock&) = delete;

      private:
        pw_thread_loop* loop_;
    };
    pw_loop* loop() const { return pw_thread_loop_get_loop(loop_); }
    pw_core* core() const { return core_; }

  private:
    pw_thread_loop* loop_ = nullptr;
    pw_context* context_ = nullptr;
    pw_core* core_ = nullptr;
};

class PipewireNodes::Node final : public FrameSink {
  public:
    explicit Node(Connection& connection) : connection_(connection) {}
    ~Node() override {
        const Connection::Lock lock(connection_);
        if (stream_) pw_stream_destroy(stream_);
        if (retry_) pw_loop_destroy_source(connection_.loop(), retry_);
        if (later_) pw_loop_destroy_source(connection_.loop(), later_);
        if (back_) pw_loop_destroy_source(connection_.loop(), back_);
    }

    // The loop's thread, like make().
    Status open(const OutputInfo& info) {
        const Connection::Lock lock(connection_);
        retry_ = pw_loop_add_timer(
            connection_.loop(), [](void* self, std::uint64_t) { static_cast<Node*>(self)->send(); },
            this);
        back_ = pw_loop_add_timer(
            connection_.loop(),
            [](void* self, std::uint64_t) { static_cast<Node*>(self)->collect_more(); }, this);
        later_ = pw_loop_add_timer(
            connection_.loop(),
            [](void* self, std::uint64_t) { static_cast<Node*>(self)->wish_again(); }, this);
        pw_properties* about = pw_properties_new(
            PW_KEY_MEDIA_CLASS, "Video/Source", PW_KEY_MEDIA_NAME, info.title.c_str(),
            PW_KEY_NODE_NAME, ("vdmabuf." + info.app_id).c_str(), PW_KEY_NODE_DESCRIPTION,
            info.title.c_str(), PW_KEY_APP_NAME, "vdmabuf-viewer", nullptr);
        stream_ = pw_stream_new(connection_.core(), info.title.c_str(), about);
        if (!stream_) return system_error("--pipewire: no stream");
        static const pw_stream_events kEvents = events();
        pw_stream_add_listener(stream_, &listener_, &kEvents, this);
        // Until the first frame says more.
        kind_.format = SPA_VIDEO_FORMAT_BGRx;
        kind_.width = info.width;
        kind_.height = info.height;
        kind_.pixel_bytes = 4;
        ParamBytes bytes;
        spa_pod_builder builder = SPA_POD_BUILDER_INIT(bytes, sizeof bytes);
        const spa_pod* format = build_format(builder, kind_);
        const int connected = pw_stream_connect(
            stream_, PW_DIRECTION_OUTPUT, PW_ID_ANY,
            static_cast<pw_stream_flags>(PW_STREAM_FLAG_DRIVER | PW_STREAM_FLAG_ALLOC_BUFFERS),
            &format, 1);
        if (connected < 0) return system_error("--pipewire: cannot publish a stream", -connected);
        return {};
    }

    bool wants_frames() const override { return streaming_; }

    void take(std::shared_ptr<const FrameCopy> frame) override {
        const Connection::Lock lock(connection_);
        newest_ = std::move(frame);
        retries_ = 0;
        send();
    }
    bool take_image(const std::shared_ptr<consumer::ImportedImage>& image, std::uint64_t time_ns,
                    std::shared_ptr<void> hold) override {
        const Connection::Lock lock(connection_);
        // Colours that are not sRGB are copied, and so converted.
        const consumer::ImageLayout layout = FrameCopier::layout_of_copy(image->layout());
        const VideoKind kind = video_kind(layout);
        const bool shares = image->dmabuf() >= 0 &&
                            !consumer::ColourConverter::wanted(image->layout()) && !layout.y_flip &&
                            !kind.convert && layout.plane_count == 1;
        const std::optional<Sharing> sharing =
            shares ? std::optional(Sharing{layout.modifier, layout.offset, layout.pitch})
                   : std::nullopt;
        const bool other = kind != kind_ || sharing != sharing_;
        if (other) images_.clear();
        sharing_ = sharing;
        const bool anew = shares && images_.see(image);
        // A pool of copies does not mind.
        if (other || (anew && dmabufs_)) offer(kind);
        next_.reset();
        if (!dmabufs_ || !shares) return false;
        newest_.reset();
        next_ = Next{image, time_ns, std::move(hold)};
        retries_ = 0;
        send();
        return true;
    }
    void set_title(const std::string& title) override {
        const Connection::Lock lock(connection_);
        const spa_dict_item items[] = {{PW_KEY_MEDIA_NAME, title.c_str()},
                                       {PW_KEY_NODE_DESCRIPTION, title.c_str()}};
        const spa_dict dict{0, 2, items};
        pw_stream_update_properties(stream_, &dict);
    }
    void on_wish(std::function<void()> wish) override {
        const Connection::Lock lock(connection_);
        wish_ = std::move(wish);
        if (streaming_) wish_();
    }

  private:
    static pw_stream_events events() {
        pw_stream_events all{};
        all.version = PW_VERSION_STREAM_EVENTS;
        all.state_changed = [](void* self, pw_stream_state, pw_stream_state state,
                               const char* error) {
            static_cast<Node*>(self)->state_changed(state, error);
        };
        all.add_buffer = [](void* self, pw_buffer* buffer) {
            static_cast<Node*>(self)->add_buffer(buffer);
        };
        all.remove_buffer = [](void* self, pw_buffer* buffer) {
            static_cast<Node*>(self)->remove_buffer(buffer);
        };
        all.param_changed = [](void* self, std::uint32_t id, const spa_pod* param) {
            static_cast<Node*>(self)->param_changed(id, param);
        };
        return all;
    }

    // ---- PipeWire's thread, which has the lock
    void state_changed(pw_stream_state state, const char* error) {
        if (state == PW_STREAM_STATE_ERROR) {
            LOG_ERROR("PipeWire: %s", error ? error : "the node is lost");
        }
        const bool before = streaming_.exchange(state == PW_STREAM_STATE_STREAMING);
        if (!streaming_) {
            newest_.reset();
            next_.reset();
        } else if (!before && wish_) {
            again_ = 0;
            wish_again();
        }
    }
    // A picture that stands still is shown to who comes later.
    void wish_again() {
        if (!streaming_ || !wish_) return;
        wish_();
        if (again_ == std::size(kAgain)) return;
        timespec once = kAgain[again_++];
        pw_loop_update_timer(connection_.loop(), later_, &once, nullptr, false);
    }
    void param_changed(std::uint32_t id, const spa_pod* param) {
        if (id != SPA_PARAM_Format || !param) return;
        ParamBytes bytes;
        spa_pod_builder builder = SPA_POD_BUILDER_INIT(bytes, sizeof bytes);
        dmabufs_ = has_modifier(param);
        if (!std::exchange(told_, true)) {
            LOG_INFO("PipeWire: peers get %s",
                     dmabufs_ ? "the frames' own dmabufs" : "copies of the frames");
        }
        const spa_pod* params[] = {dmabufs_ ? build_dmabuf_buffers(builder, images_.count())
                                            : build_buffers(builder, kind_),
                                   build_header_meta(builder)};
        pw_stream_update_params(stream_, params, 2);
    }
    void add_buffer(pw_buffer* buffer) {
        if (dmabufs_) {
            images_.add(buffer);
        } else {
            make_shared_memory(buffer->buffer->datas[0], kind_.size());
        }
    }
    void remove_buffer(pw_buffer* buffer) {
        if (buffer->buffer->datas[0].type == SPA_DATA_DmaBuf) {
            images_.remove(buffer);
        } else {
            end_shared_memory(buffer->buffer->datas[0]);
        }
    }

    // ---- with the lock
    void send() {
        if (next_) return send_image();
        if (!newest_ || !streaming_ || dmabufs_) return;
        const VideoKind kind = video_kind(newest_->layout);
        if (kind != kind_) {
            offer(kind);  // and send() when there are buffers for it
            return try_later();
        }
        pw_buffer* buffer = pw_stream_dequeue_buffer(stream_);
        if (!buffer) return try_later();
        spa_data& data = buffer->buffer->datas[0];
        if (!data.data || data.maxsize < kind.size()) {  // of the size before
            data.chunk->size = 0;
            data.chunk->flags = SPA_CHUNK_FLAG_CORRUPTED;
            pw_stream_queue_buffer(stream_, buffer);
            pw_stream_trigger_process(stream_);
            return try_later();
        }
        write_pixels(*newest_, kind, static_cast<std::uint8_t*>(data.data));
        data.chunk->offset = 0;
        data.chunk->size = kind.size();
        data.chunk->stride = static_cast<std::int32_t>(kind.pitch());
        data.chunk->flags = 0;
        queue(buffer, newest_->time_ns);
        newest_.reset();
    }
    // What was sent before goes back to the app when no peer has it any more: its slot is free
    // then. The broker takes it back by itself after half a second.
    void send_image() {
        if (!streaming_ || !dmabufs_) return;
        collect();
        pw_buffer* buffer = images_.give(*next_->image, next_->hold);
        if (!buffer) {
            pw_stream_trigger_process(stream_);
            // Sent already: a peer that was not there yet gets it by that.
            if (next_->time_ns == sent_ns_) return next_.reset();
            return try_later();
        }
        spa_chunk& chunk = *buffer->buffer->datas[0].chunk;
        chunk.offset = static_cast<std::uint32_t>(sharing_->offset);
        chunk.size = static_cast<std::uint32_t>(sharing_->pitch) * kind_.height;
        chunk.stride = static_cast<std::int32_t>(sharing_->pitch);
        chunk.flags = 0;
        sent_ns_ = next_->time_ns;
        queue(buffer, sent_ns_);
        next_.reset();
        asked_ = 0;
        ask_back();
    }
    void ask_back() {
        timespec once = kBack;
        pw_loop_update_timer(connection_.loop(), back_, &once, nullptr, false);
    }
    void collect() {
        if (!dmabufs_) return;
        while (pw_buffer* buffer = pw_stream_dequeue_buffer(stream_)) images_.came_back(buffer);
    }
    // The newest may stay away as long as it stands.
    void collect_more() {
        collect();
        if (!dmabufs_ || !streaming_ || images_.out() < 2 || asked_ == kAsked) return;
        ++asked_;
        pw_stream_trigger_process(stream_);
        ask_back();
    }
    void queue(pw_buffer* buffer, std::uint64_t time_ns) {
        if (auto* header = static_cast<spa_meta_header*>(spa_buffer_find_meta_data(
                buffer->buffer, SPA_META_Header, sizeof(spa_meta_header)))) {
            *header = {};
            header->pts = static_cast<std::int64_t>(time_ns);
            header->seq = ++sequence_;
        }
        pw_stream_queue_buffer(stream_, buffer);
        pw_stream_trigger_process(stream_);
    }
    // First the dmabufs, for peers that know modifiers.
    void offer(const VideoKind& kind) {
        kind_ = kind;
        ParamBytes bytes;
        spa_pod_builder builder = SPA_POD_BUILDER_INIT(bytes, sizeof bytes);
        const spa_pod* formats[2];
        std::uint32_t count = 0;
        if (sharing_) formats[count++] = build_dmabuf_format(builder, kind_, sharing_->modifier);
        formats[count++] = build_format(builder, kind_);
        pw_stream_update_params(stream_, formats, count);
    }
    void try_later() {
        if (++retries_ > kMostRetries) {
            newest_.reset();
            return next_.reset();
        }
        timespec once = kRetry;
        pw_loop_update_timer(connection_.loop(), retry_, &once, nullptr, false);
    }

    // What dmabufs of a kind have in common.
    struct Sharing {
        std::uint64_t modifier = 0;
        std::uint64_t offset = 0;
        std::uint64_t pitch = 0;
        bool operator==(const Sharing&) const = default;
    };
    // A frame that is to be sent as it is.
    struct Next {
        std::shared_ptr<consumer::ImportedImage> image;
        std::uint64_t time_ns = 0;
        std::shared_ptr<void> hold;
    };

    Connection& connection_;
    SharedImages images_;
    std::optional<Sharing> sharing_;  // of the stream's images; nothing: they are no dmabufs
    bool dmabufs_ = false;            // what peers have agreed to
    bool told_ = false;
    std::optional<Next> next_;
    int retries_ = 0;
    int asked_ = 0;
    std::uint64_t sent_ns_ = 0;  // of the newest dmabuf that was sent
    spa_source* back_ = nullptr;
    pw_stream* stream_ = nullptr;
    spa_hook listener_{};
    spa_source* retry_ = nullptr;
    spa_source* later_ = nullptr;
    std::size_t again_ = 0;  // how many of kAgain are over
    VideoKind kind_;
    std::shared_ptr<const FrameCopy> newest_;  // not sent yet
    std::uint64_t sequence_ = 0;
    std::function<void()> wish_;
    std::atomic<bool> streaming_ = false;
};

PipewireNodes::PipewireNodes(std::unique_ptr<Connection> connection)
    : connection_(std::move(connection)) {}

PipewireNodes::~PipewireNodes() = default;

Result<std::unique_ptr<PipewireNodes>> PipewireNodes::create() {
    auto connection = std::make_unique<Connection>();
    if (auto opened = connection->open(); !opened) return opened.error();
    return std::unique_ptr<PipewireNodes>(new PipewireNodes(std::move(connection)));
}

Result<std::unique_ptr<FrameSink>> PipewireNodes::make(const OutputInfo& info) {
    auto node = std::make_unique<Node>(*connection_);
    if (auto opened = node->open(info); !opened) return opened.error();
    return std::unique_ptr<FrameSink>(std::move(node));
}

}  // namespace vdmabuf::viewer
