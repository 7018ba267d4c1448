// SPDX-License-Identifier: MIT
#pragma once

#include <vdmabuf/producer.h>

#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "runtime/api/entry.hpp"
#include "runtime/common/unique_fd.hpp"
#include "runtime/producer/connection.hpp"

// What <vdmabuf/producer.h> calls a window. The connection's thread notes what it hears; the
// program is told when it asks.
struct vdmabuf_window final : private vdmabuf::producer::StreamListener {
  public:
    static vdmabuf::Result<std::unique_ptr<vdmabuf_window>> open(
        const vdmabuf_window_options& options);

    int fd() const { return wake_.get(); }
    int dispatch(vdmabuf_window_event* event);
    int acquire(vdmabuf_window_image* image);
    int present(std::uint32_t number, int in_fence);
    int resize(std::uint32_t width, std::uint32_t height);
    int set_title(const char* title);
    int set_cursor(const std::uint32_t* pixels, std::uint32_t width, std::uint32_t height,
                   std::uint32_t hot_x, std::uint32_t hot_y);

    vdmabuf::api::LastError error;

  private:
    // Of events that the program does not ask for; input has a limit of its own.
    static constexpr std::size_t kMaxNews = 256;
    static constexpr std::size_t kMaxInput = 1024;

    struct News {
        vdmabuf_window_event event{};
        std::vector<vdmabuf_input_event> input;
    };
    struct Image {
        std::uint32_t slot = 0;
        std::shared_ptr<vdmabuf::producer::Buffer> buffer;
        bool acquired = false;  // the program's
    };
    struct Images {
        std::uint32_t width = 0;
        std::uint32_t height = 0;
        std::uint64_t pitch = 0;
        std::vector<Image> all;
    };

    vdmabuf_window() = default;

    // Of the connection's thread, or of one that is inside of present().
    void on_release(std::uint32_t slot, std::uint64_t serial) override;
    void on_presented(const vdmabuf::stream::Presented& message) override;
    void on_configure(const vdmabuf::stream::Configure& message) override;
    void on_close() override;
    void on_input(std::span<const vdmabuf::input::Event> events, std::uint32_t width,
                  std::uint32_t height) override;
    void on_lost() override;

    void tell(News news);  // under the lock
    void wake() const;
    vdmabuf::Status make_images(std::uint32_t width, std::uint32_t height);
    int fail(int code, const char* text) { return error.set(code, text); }

    vdmabuf::UniqueFd wake_;  // eventfd: there are news
    std::uint32_t fourcc_ = 0;
    std::uint32_t count_ = 0;
    vdmabuf::stream::PresentMode mode_ = vdmabuf::stream::PresentMode::fifo;
    Images images_;
    News told_;  // what the last event points to

    std::mutex mutex_;
    std::deque<News> news_;
    std::size_t input_waiting_ = 0;  // events in news_
    bool focused_ = false;
    bool wants_room_ = false;
    std::uint64_t busy_ = 0;  // slots that the host has

    // Last: their ends come first, and with them the listener's.
    std::shared_ptr<vdmabuf::producer::Connection> connection_;
    std::unique_ptr<vdmabuf::producer::Stream> stream_;
};
