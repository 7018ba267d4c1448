// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "runtime/common/event_loop.hpp"
#include "runtime/common/mapping.hpp"
#include "runtime/consumer/client.hpp"

namespace vdmabuf::test {

// A frame as it reached the host: its pixels were copied out of the shared pages when it came.
struct SeenFrame {
    consumer::Frame message;
    consumer::Image image;
    std::vector<std::uint32_t> pixels;  // width * height, as they lie in the pages, if of 32 bits
    std::vector<std::byte> bytes;       // the same, of any format

    std::uint32_t at(std::uint32_t x, std::uint32_t y) const {
        return pixels[static_cast<std::size_t>(y) * image.width + x];
    }
};

// A consumer that attaches to every stream, looks at every frame and gives it back at once.
class HostWindow final : public consumer::ClientListener {
  public:
    // `colours`: what it says that it shows; 0: nothing.
    explicit HostWindow(const std::string& socket, stream::ColourSpaces colours = 0);
    ~HostWindow() override;
    HostWindow(const HostWindow&) = delete;
    HostWindow& operator=(const HostWindow&) = delete;

    using Match = std::function<bool(const SeenFrame&)>;
    // The newest frame for which `match` holds, waiting for it; null after `timeout_ms`.
    std::shared_ptr<const SeenFrame> wait_frame(const Match& match, int timeout_ms = 5000);
    bool wait_connected(int timeout_ms = 5000);
    bool wait_title(const std::string& title, int timeout_ms = 5000);
    bool wait_app_id(const std::string& app_id, int timeout_ms = 5000);
    // The newest metadata that some stream has.
    bool wait_hdr(const stream::HdrMetadata& metadata, int timeout_ms = 5000);
    // The newest size that some stream's window is said to have.
    bool wait_extent(std::uint32_t width, std::uint32_t height, int timeout_ms = 5000);
    bool wait_streams(std::size_t count, int timeout_ms = 5000);
    std::size_t frame_count();
    // What it says of its display from now on; 0, as at first: nothing.
    void set_refresh(std::uint64_t ns) { refresh_ns_.store(ns); }
    void close_streams();  // as the cross of a window
    // What the user does in the window of this title.
    bool wait_cursor(bool hidden, int timeout_ms = 5000);
    // The newest shape of a cursor, once it is of this size.
    std::optional<cursor::Image> wait_cursor_image(std::uint32_t width, std::uint32_t height,
                                                   int timeout_ms = 5000);
    void input(const std::string& title, std::vector<input::Event> events, std::uint32_t width,
               std::uint32_t height);
    // What there is to paste in the window of this title.
    void clipboard(const std::string& title, const std::string& text);
    // The texts that were copied so far, once there are so many.
    std::vector<std::string> wait_copied(std::size_t count, int timeout_ms = 5000);
    // As a drag of its border.
    void resize_streams(std::uint32_t width, std::uint32_t height, bool occluded = false);

  private:
    struct Known {
        consumer::Image image;
        Mapping mapping;
    };

    void connected(const consumer::Welcome&) override;
    void disconnected(const std::string&) override;
    void stream_added(const consumer::StreamAdded& message) override;
    void stream_removed(std::uint64_t stream) override;
    void stream_title(std::uint64_t stream, const std::string& title) override;
    void stream_extent(std::uint64_t stream, std::uint32_t width, std::uint32_t height) override;
    void cursor(std::uint64_t stream, bool hidden) override;
    void cursor_image(std::uint64_t stream, const cursor::Image& image) override;
    void stream_hdr(std::uint64_t stream, const stream::HdrMetadata& metadata) override;
    void image(const consumer::Image& message, consumer::BufferFiles files) override;
    void image_gone(std::uint64_t stream, std::uint64_t image) override;
    void frame(const consumer::Frame& message) override;
    void clipboard_text(std::uint64_t stream, const std::string& text) override;
    std::vector<std::uint64_t> streams();
    std::uint64_t stream_of(const std::string& title);
    template <typename Condition>
    bool wait(int timeout_ms, Condition condition);

    std::atomic<std::uint64_t> refresh_ns_{0};
    std::unique_ptr<EventLoop> loop_;
    std::unique_ptr<consumer::Client> client_;
    std::map<std::uint64_t, Known> images_;  // of the loop's thread

    std::mutex mutex_;
    std::condition_variable changed_;
    bool connected_ = false;
    std::map<std::uint64_t, std::string> titles_;
    std::map<std::uint64_t, std::string> app_ids_;
    stream::HdrMetadata hdr_;
    std::pair<std::uint32_t, std::uint32_t> extent_{0, 0};
    std::optional<bool> cursor_hidden_;
    std::optional<cursor::Image> cursor_image_;
    std::vector<std::string> copied_;
    std::vector<std::shared_ptr<const SeenFrame>> frames_;
    std::size_t frame_count_ = 0;
    std::thread thread_;
};

}  // namespace vdmabuf::test
