// SPDX-License-Identifier: MIT
// A producer's connection to a broker, and the streams on it. Used inside apps: nothing here
// throws on purpose, prints unless VDMABUF_LOG asks, or waits without a limit.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/common/cursor_messages.hpp"
#include "runtime/common/input_messages.hpp"
#include "runtime/common/result.hpp"
#include "runtime/common/stream_messages.hpp"
#include "runtime/common/unique_fd.hpp"
#include "runtime/producer/buffer.hpp"
#include "runtime/producer/endpoint.hpp"

namespace vdmabuf::producer {

// What a stream's owner is told. Calls come from the connection's reader thread, or from a thread
// that is inside Stream::present(); no lock of the connection is held, and a callee must not call
// back into the stream or the connection, except for Stream::present() from nowhere: it must only
// note what it is told and wake its own waiters.
class StreamListener {
  public:
    virtual ~StreamListener() = default;
    // The host is done with this frame: the slot may be rendered to. Also called, for all but the
    // newest frame, at 60 Hz while the host is away or does not answer.
    virtual void on_release(std::uint32_t slot, std::uint64_t serial) = 0;
    virtual void on_presented(const stream::Presented& message) = 0;
    virtual void on_configure(const stream::Configure& message) = 0;
    virtual void on_close() = 0;
    // Where StreamInfo::takes_input: what the user did, checked, in a window of that size. An event
    // `focus` with value 0 follows whatever becomes of the host.
    virtual void on_input(std::span<const input::Event> /*events*/, std::uint32_t /*width*/,
                          std::uint32_t /*height*/) {}
    // Where StreamInfo::takes_clipboard: what there is to paste on the host, plain
    // (clipboard::is_plain()), of a window that has the focus there.
    // NOLINTNEXTLINE(performance-unnecessary-value-param): those who listen keep it
    virtual void on_clipboard(std::string /*text*/) {}
    // The broker refuses to serve this connection any more (protocol, quota or policy); the reason
    // is in the log. Frames are released at 60 Hz from now on.
    virtual void on_lost() = 0;
};

struct StreamInfo {
    std::string title;
    std::string app_id;
    std::uint32_t width = 0;  // pixels
    std::uint32_t height = 0;
    stream::HdrMetadata hdr{};
    bool takes_input = false;
    bool takes_clipboard = false;  // counts with takes_input
};

// Layout of an image in its buffer.
struct ImageInfo {
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    std::uint32_t fourcc = 0;  // DRM_FORMAT_*
    std::uint64_t modifier = 0;
    std::uint32_t flags = 0;  // stream::kImage*
    stream::ColourSpace colour_space = stream::ColourSpace::srgb_nonlinear;
    stream::Strategy strategy = stream::Strategy::unknown;
    stream::Scaling scaling{};
    std::uint32_t plane_count = 1;
    stream::Plane planes[stream::kMaxPlanes] = {};
};

struct FrameInfo {
    std::uint32_t slot = 0;
    stream::PresentMode mode = stream::PresentMode::fifo;
    std::uint64_t target_ns = 0;    // CLOCK_MONOTONIC; 0: at once
    std::uint64_t called_ns = 0;    // CLOCK_MONOTONIC
    std::uint64_t gpu_done_ns = 0;  // CLOCK_MONOTONIC; 0: not known; with a fence: ignored
    std::uint64_t cpu_copied_bytes = 0;
    std::span<const stream::Rect> damage;  // empty: everything; more than kMaxDamage: the union
};

class Connection;

// One window. Thread-safe; calls of different streams share no lock.
class Stream {
  public:
    ~Stream();  // STREAM_DESTROY; the listener is not called after it returns
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    // Finds `count` slots that are free and binds them to the caller. ENOSPC when there are not
    // enough: slots of images whose set_image() was undone by remove_image() are free again.
    Result<std::vector<std::uint32_t>> reserve_slots(std::uint32_t count);

    // Shares `buffer` with the host (once; it may hold several images) and announces the image.
    // The listener is told of the slot's releases.
    Status set_image(std::uint32_t slot, const ImageInfo& info,
                     const std::shared_ptr<Buffer>& buffer, StreamListener* listener);

    // Withdraws the image and frees the slot. The pages stay valid for the host until it has let
    // go of them, without anybody waiting for it. After it returns, the slot's listener is not
    // called any more for this slot.
    void remove_image(std::uint32_t slot);

    // Hands a frame to the host: one send, no allocation, no wait. The slot belongs to the host
    // until on_release(). Never fails towards the app: what cannot be sent is released soon.
    // Returns the frame's serial.
    //
    // `in_fence`: sync_file that signals when the frame is complete; none: it is complete. The
    // frame is shown when it has signalled (with an error too), and later frames of the window
    // after it. Kept until the slot is released, as the frame may have to be sent again. For
    // drivers that know implicit fences only: implicit_fence() (runtime/common/sync_file.hpp).
    std::uint64_t present(const FrameInfo& frame, UniqueFd in_fence = {}) noexcept;

    // When the fence of this frame signalled (CLOCK_MONOTONIC); 0: it has none, or the slot was
    // released. Now, if the kernel does not say, or it has not signalled.
    std::uint64_t fence_time_ns(std::uint32_t slot, std::uint64_t serial) const noexcept;

    void set_title(const std::string& title);
    // The window's size, where images are scaled to it: pixels, 1 .. stream::kMaxExtent. A call to
    // the system when it is another one than before, else none.
    void set_extent(std::uint32_t width, std::uint32_t height) noexcept;
    // What the frames that follow were graded for.
    void set_hdr(const stream::HdrMetadata& metadata);
    // Of a window that takes input: the app's cursor, while the window has the focus. Not of the
    // thread that presents: a large one is many messages.
    void set_cursor(const cursor::Image& image);
    // Of a window that takes part in the clipboard: what its user has copied. What is no text that
    // can be sent (clipboard::plain_text()) is not. Not of the thread that presents, as above.
    void set_clipboard(const std::string& text);

  private:
    friend class Connection;
    struct State;
    explicit Stream(std::shared_ptr<State> state) : state_(std::move(state)) {}
    std::shared_ptr<State> state_;
};

class Connection : public std::enable_shared_from_this<Connection> {
  public:
    // Connects, says HELLO and waits for WELCOME, two seconds at most. `app` names the program.
    static Result<std::shared_ptr<Connection>> open(const Endpoint& endpoint,
                                                    const std::string& app);
    // Ends the reader thread. In a child of fork(2) it only forgets.
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    // `listener` is told what concerns the whole window; it must outlive the stream.
    Result<std::unique_ptr<Stream>> create_stream(const StreamInfo& info, StreamListener* listener);

    Result<std::shared_ptr<Buffer>> alloc(std::uint64_t size);

    // Makes a buffer of all of a dmabuf that another driver has exported. In a guest, set_image()
    // fails where the driver cannot share it: only system memory can be (EOPNOTSUPP). EINVAL when
    // it is no dmabuf, or smaller than `size` bytes. `map`: for reading and writing, or an error.
    Result<std::shared_ptr<Buffer>> import(UniqueFd dmabuf, std::uint64_t size, bool map = false);

    // Whether the driver can share such a buffer, found out by doing it: as set_image() would fail.
    Status can_share(const std::shared_ptr<Buffer>& buffer);

    // What the host's consumers import, as of now: LINEAR of every format, then what all of them
    // take as dmabufs, best first. Any thread.
    std::vector<stream::FormatModifier> formats() const;
    // Changes whenever formats() does. An image with a modifier that has left the list stays
    // unseen by some consumer.
    std::uint64_t formats_version() const noexcept;
    // Which colour spaces all of them show; never less than sRGB. formats_version() tells of
    // changes of these as well.
    stream::ColourSpaces colour_spaces() const noexcept;

    // False once the broker refused the connection for good, or in a child of fork(2).
    bool usable() const;
    const Endpoint& endpoint() const;

    struct Core;

  private:
    explicit Connection(std::shared_ptr<Core> core) : core_(std::move(core)) {}
    std::shared_ptr<Core> core_;
};

}  // namespace vdmabuf::producer
