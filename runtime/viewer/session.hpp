// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/common/event_loop.hpp"
#include "runtime/consumer/client.hpp"
#include "runtime/consumer/import.hpp"
#include "runtime/viewer/frame_history.hpp"
#include "runtime/viewer/input_sender.hpp"
#include "runtime/viewer/output.hpp"
#include "runtime/viewer/settings.hpp"
#include "runtime/viewer/stream_record.hpp"

namespace vdmabuf::viewer {

// What the viewer does with streams: attaches to those that are wanted, imports their images, hands
// frames to outputs, answers the broker, keeps the figures. One thread: the loop's.
class Session final : public consumer::ClientListener {
  public:
    // `device` and `outputs` must outlive the session.
    Session(EventLoop& loop, const Settings& settings, std::shared_ptr<gpu::Device> device,
            OutputFactory& outputs);
    ~Session() override;

    // Starts talking to the broker at `socket_path`.
    void start(const std::string& socket_path);

    // Ends the run as soon as the last figures are there: takes the pictures, asks the broker, then
    // stops the loop. The first call decides the status.
    void finish(Exit status);
    // Stops the loop with an error.
    void fail(const std::string& text);

    Exit status() const { return status_; }
    const std::deque<StreamRecord>& records() const { return records_; }
    consumer::Client& client() { return *client_; }

  private:
    struct Held {
        std::shared_ptr<consumer::ImportedImage> image;  // null: could not be imported
        bool gone = false;                               // IMAGE_GONE came
        bool again = false;                              // asked for once more, as runs: on its way
        std::string no_dmabuf;                           // why
        bool confirmed = false;                          // its first frame has been looked at
        bool passed_on = false;                          // as the broker was told
    };
    struct FrameName {
        std::uint64_t image = 0;
        std::uint64_t serial = 0;
        std::uint64_t received_ns = 0;
    };
    // A stream that we are attached to, or its window that waits for the broker to come back.
    struct View {
        std::uint64_t stream = 0;  // 0: the broker is away
        StreamRecord* record = nullptr;
        OutputInfo info;
        std::string app_id;
        std::unique_ptr<Output> output;
        std::map<std::uint64_t, Held> images;
        std::optional<consumer::Frame> waiting;  // for its image, which is on its way again
        std::optional<FrameName> given;          // to the output, not shown yet
        FrameSample sample;                      // of `given`, while the history is watched
        std::optional<FrameName> shown;          // newest one; ours until the next is shown
        std::map<std::uint64_t, std::weak_ptr<void>> holds;  // by serial (OutputEvents::hold)
        std::vector<FrameName> kept;                         // no more shown, and held still
        std::shared_ptr<View*> alive;
        std::shared_ptr<consumer::ImportedImage> newest;  // of `shown`, also without a broker
        std::uint64_t newest_serial = 0;
        std::uint64_t copied_bytes = 0;  // since ATTACH
        std::uint64_t frames_received = 0;
        std::uint64_t frames_shown = 0;
        std::uint64_t frames_failed = 0;  // over the window's life
        bool statistics_due = false;      // changed since the broker was told
        EventLoop::TimerId farewell = 0;  // while the broker is away
        bool close_asked = false;
        stream::ColourShown colours_told = stream::ColourShown::unknown;  // to this broker
        std::unique_ptr<InputSender> input;
        consumer::StreamAdded announced{};  // as the broker did, with what has changed since
    };

    // ClientListener
    void connected(const consumer::Welcome&) override;
    void disconnected(const std::string& reason) override;
    void stream_added(const consumer::StreamAdded& message) override;
    void stream_removed(std::uint64_t stream) override;
    void cursor(std::uint64_t stream, bool hidden) override;
    void cursor_image(std::uint64_t stream, const cursor::Image& image) override;
    void clipboard_text(std::uint64_t stream, const std::string& text) override;
    void stream_title(std::uint64_t stream, const std::string& title) override;
    void stream_extent(std::uint64_t stream, std::uint32_t width, std::uint32_t height) override;
    void stream_hdr(std::uint64_t stream, const stream::HdrMetadata& metadata) override;
    void image(const consumer::Image& message, consumer::BufferFiles files) override;
    void image_gone(std::uint64_t stream, std::uint64_t image) override;
    void frame(const consumer::Frame& message) override;
    void stream_status(const consumer::StreamStatus& message) override;
    void query_done() override;

    bool wanted(const consumer::StreamAdded& message) const;
    View* find(std::uint64_t stream);
    View* find_waiting(const consumer::StreamAdded& message);
    void show_next_single();
    void next_single(View& view);
    StreamRecord& record_of(const consumer::StreamAdded& message);
    OutputEvents events_of(View& view);
    void on_shown(View& view, const Shown& shown);
    void tell_passed_on(const View& view, Held& held, bool passed_on);
    void keep_sample(View& view, const Shown& shown);
    void tell_colours(View& view);
    void show(View& view, const consumer::Frame& message);
    void give_up(const consumer::Frame& message);
    void ask_again(Held& held, std::uint64_t stream, std::uint64_t image, const std::string& why);
    std::shared_ptr<void> hold(View& view, std::uint64_t serial);
    static bool in_use(const View& view, std::uint64_t image);
    static bool is_held(const View& view, std::uint64_t serial);
    void let_go(View& view);
    void release(View& view, const FrameName& frame);
    void drop_image(View& view, std::uint64_t image);
    std::vector<std::uint64_t> end_view(View& view);
    void close_wanted(View& view);
    void keep_picture(View& view);
    void save_picture(const View& view);
    void report_statistics_soon(View& view);
    void report_statistics();
    void watch_time();
    void stop();

    EventLoop& loop_;
    const Settings& settings_;
    std::shared_ptr<gpu::Device> device_;
    OutputFactory& outputs_;
    consumer::Importer importer_;
    std::unique_ptr<consumer::Client> client_;
    std::deque<StreamRecord> records_;  // a deque: addresses stay
    std::deque<std::unique_ptr<View>> views_;
    std::vector<consumer::StreamAdded> others_;  // wanted, but one is shown (Settings::single)
    std::future<void> picture_;                  // that the key took; its file is being written
    std::uint64_t last_frame_ns_ = 0;
    bool had_stream_ = false;
    bool finishing_ = false;
    Exit status_ = Exit::ok;
    EventLoop::TimerId statistics_timer_ = 0;
    EventLoop::TimerId watch_timer_ = 0;
    EventLoop::TimerId finish_timer_ = 0;
};

}  // namespace vdmabuf::viewer
