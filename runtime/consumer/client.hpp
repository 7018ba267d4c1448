// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "runtime/common/clipboard_messages.hpp"
#include "runtime/common/consumer_messages.hpp"
#include "runtime/common/cursor_messages.hpp"
#include "runtime/common/event_loop.hpp"
#include "runtime/common/input_messages.hpp"
#include "runtime/common/result.hpp"
#include "runtime/common/unique_fd.hpp"
#include "runtime/consumer/clipboard_outgoing.hpp"
#include "runtime/consumer/run_table.hpp"

namespace vdmabuf::consumer {

// What a broker tells its consumer. Called on the loop's thread, in the order of the messages; a
// callee may call the client. What arrives here is consistent: streams are known before anything
// else names them, images before their frames, runs lie inside their files.
class ClientListener {
  public:
    virtual ~ClientListener() = default;
    virtual void connected(const Welcome&) {}
    // Every stream and image is forgotten; the client connects again by itself.
    virtual void disconnected(const std::string& /*reason*/) {}
    virtual void stream_added(const StreamAdded&) {}
    virtual void stream_removed(std::uint64_t /*stream*/) {}
    virtual void stream_title(std::uint64_t /*stream*/, const std::string& /*title*/) {}
    // The app hides its cursor, or shows it, in a window that has the focus.
    virtual void cursor(std::uint64_t /*stream*/, bool /*hidden*/) {}
    // What its cursor looks like there.
    virtual void cursor_image(std::uint64_t /*stream*/, const cursor::Image&) {}
    // What its user has copied there; plain (clipboard::is_plain()).
    virtual void clipboard_text(std::uint64_t /*stream*/, const std::string& /*text*/) {}
    virtual void stream_extent(std::uint64_t /*stream*/, std::uint32_t /*width*/,
                               std::uint32_t /*height*/) {}
    virtual void stream_hdr(std::uint64_t /*stream*/, const stream::HdrMetadata&) {}
    // NOLINTNEXTLINE(performance-unnecessary-value-param): those who listen keep them
    virtual void image(const Image&, BufferFiles) {}
    virtual void image_gone(std::uint64_t /*stream*/, std::uint64_t /*image*/) {}
    virtual void frame(const Frame&) {}
    virtual void stream_status(const StreamStatus&) {}
    virtual void image_status(const ImageStatus&) {}
    virtual void query_done() {}
    // The broker refuses something, or (disconnected() follows) this connection.
    virtual void broker_says(const ErrorMessage&) {}
    // A message of raw buffers (raw::to_consumer()), not decoded yet. An error: the broker breaks
    // the protocol.
    virtual Status raw_message(
        std::span<const std::byte> /*bytes*/,
        std::vector<UniqueFd> /*fds*/) {  // NOLINT(performance-unnecessary-value-param): as above
        return {};
    }
};

// The path of the consumers' socket: "consumer.sock" in runtime_directory().
Result<std::string> default_socket_path();

// A connection to a broker, made again when it breaks (after 50 ms, growing to 500 ms). One thread:
// that of the loop, which must outlive it. A broker that breaks the protocol is treated as one that
// has died.
class Client {
  public:
    struct Options {
        std::string socket_path;
        std::string name;            // of this program
        std::uint32_t features = 0;  // kFeature*
        // What this program shows, as it is or converted. 0: it does not know of colour spaces, and
        // is given images of sRGB alone.
        stream::ColourSpaces colour_spaces = 0;
        std::uint32_t max_streams = 4096;
        std::uint32_t max_images = 256;  // of a stream, those that are gone but shown included
    };

    // Connects as soon as the loop runs. `listener` must outlive the client.
    Client(EventLoop& loop, Options options, ClientListener& listener);
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    // Connects at once. An error: nobody serves there; the client goes on trying.
    Status connect_now();
    // Uses `socket` as the connection to a broker; there is no second one after it (tests).
    void adopt(UniqueFd socket);

    bool is_connected() const { return welcomed_; }
    // What the broker's WELCOME says.
    std::uint32_t broker_features() const { return broker_features_; }

    // What this program imports as dmabufs, best first, in place of an earlier list; said again to
    // each broker. LINEAR need not be named. Of a list that is too long for one message, the best
    // of each format are sent.
    void formats(std::span<const stream::FormatModifier> list);

    // Messages to the broker (docs/protocol.md). Dropped while there is no connection.
    void attach(std::uint64_t stream);
    void detach(std::uint64_t stream);
    void release(std::uint64_t stream, std::uint64_t serial);
    void presented(std::uint64_t stream, std::uint64_t serial, std::uint64_t time_ns,
                   std::uint64_t refresh_ns, bool shown);
    void configure(std::uint64_t stream, std::uint32_t width, std::uint32_t height,
                   std::uint64_t refresh_ns, bool occluded);
    void close_stream(std::uint64_t stream);
    // Events that happened together, in a window of `width` by `height`.
    void input(std::uint64_t stream, std::span<const input::Event> events, std::uint32_t width,
               std::uint32_t height);
    // What its user may paste there, while the window has the focus: the newest is sent. What
    // cannot be (clipboard::plain_text()), or to streams that take none, is not.
    void clipboard(std::uint64_t stream, const std::string& text);
    void imported(std::uint64_t stream, std::uint64_t image, ImportPath path,
                  const std::string& reason);
    void image_done(std::uint64_t stream, std::uint64_t image);
    // Asks for an image that came as a dmabuf once more, as runs: it is announced again.
    void image_again(std::uint64_t stream, std::uint64_t image);
    void statistics(const Statistics& message);
    // How a stream's colours are shown.
    void colour_shown(std::uint64_t stream, stream::ColourShown shown);
    void query();
    // A message of raw::of_consumer().
    void send_raw(std::span<const std::byte> message) { send_bytes(message); }

  private:
    // What the broker has said so far of a stream.
    struct Known {
        bool attached = false;
        std::set<std::uint64_t> images;  // announced, IMAGE_DONE not sent
        std::set<std::uint64_t> gone;    // of these: IMAGE_GONE came
        std::set<std::uint64_t> again;   // of these: IMAGE_AGAIN was sent
        cursor::Assembly cursor;
        bool takes_clipboard = false;
        ClipboardOutgoing outgoing;
    };

    void connect();
    void connect_later();
    void start();
    void drop(const std::string& reason);
    void on_socket(std::uint32_t events);
    bool receive_one();
    Status handle(std::span<const std::byte> bytes, std::vector<UniqueFd> fds);
    Status handle_image(std::span<const std::byte> bytes, std::vector<UniqueFd> fds);
    Status handle_frame(std::span<const std::byte> bytes);
    Status handle_clipboard(std::span<const std::byte> bytes);
    template <typename Message>
    void send(const Message& message);
    void send_bytes(std::span<const std::byte> bytes);
    bool flush();

    EventLoop& loop_;
    Options options_;
    ClientListener& listener_;
    UniqueFd socket_;
    std::optional<Formats> formats_;
    bool reconnects_ = true;
    bool welcomed_ = false;
    std::uint32_t broker_features_ = 0;
    std::string last_error_;
    std::uint64_t retry_ns_ = 0;
    EventLoop::TimerId retry_timer_ = 0;
    std::map<std::uint64_t, Known> streams_;
    clipboard::Assembly clipboard_parts_;  // of this stream: one has the focus
    std::uint64_t clipboard_stream_ = 0;
    std::deque<std::vector<std::byte>> outgoing_;  // what the socket did not take yet
};

}  // namespace vdmabuf::consumer
