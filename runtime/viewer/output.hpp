// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "runtime/common/cursor_messages.hpp"
#include "runtime/common/input_messages.hpp"
#include "runtime/common/result.hpp"
#include "runtime/consumer/imported_image.hpp"
#include "runtime/viewer/frame_history.hpp"
#include "runtime/viewer/stream_colours.hpp"

namespace vdmabuf::viewer {

// A frame has been shown.
struct Shown {
    std::uint64_t serial = 0;
    std::uint64_t time_ns = 0;           // CLOCK_MONOTONIC
    std::uint64_t refresh_ns = 0;        // 0: not known
    std::uint64_t imported_ns = 0;       // CPU's part of importing done; 0: not known
    std::uint64_t submitted_ns = 0;      // drawing handed to the GPU; likewise
    std::uint64_t drawn_ns = 0;          // read by the GPU; likewise
    std::uint64_t cpu_copied_bytes = 0;  // pixels copied by this process for the frame
    bool ok = true;                      // false: given up
    bool display_time = false;           // time_ns: as the display told, not as we reckon
    bool passed_on = false;              // the compositor reads the frame itself: nothing is drawn
};

// What an output tells; on the loop's thread, never after the output's end.
struct OutputEvents {
    std::function<void(const Shown&)> shown;  // once for each show(), in order
    std::function<void(std::uint32_t width, std::uint32_t height, std::uint64_t refresh_ns,
                       bool occluded)>
        configured;  // what the user made of the window; sizes 0: no wish
    // Keeps the slot of a frame that is shown, or counts as shown next, from going back to the app
    // until the token ends, on any thread; null: not done.
    std::function<std::shared_ptr<void>(std::uint64_t serial)> hold;
    std::function<void()> close_wanted;
    std::function<void()> picture_wanted;
    std::function<void()> next_wanted;  // another stream in this one's place, where one is shown
    // What the user did, in a picture of this size.
    std::function<void(std::span<const input::Event> events, std::uint32_t width,
                       std::uint32_t height)>
        input;
    // What there is to paste, while the window has the focus.
    std::function<void(const std::string& text)> clipboard;
};

// Where the frames of one stream go. Belongs to the loop's thread.
class Output {
  public:
    virtual ~Output() = default;
    // Shows a frame, then calls events.shown: from within or later. By then the GPU has read the
    // frame; the output keeps a reference to it until it has shown the next one.
    virtual void show(std::shared_ptr<consumer::ImportedImage> image, std::uint64_t serial) = 0;
    virtual void set_title(const std::string& /*title*/) {}
    // The app's window has this size, pixels: for pictures that are scaled to it.
    virtual void set_extent(std::uint32_t /*width*/, std::uint32_t /*height*/) {}
    // Whether the app hides its cursor.
    virtual void set_cursor(bool /*hidden*/) {}
    // What it looks like.
    virtual void set_cursor_image(const cursor::Image& /*image*/) {}
    // What was copied in it.
    virtual void set_clipboard(const std::string& /*text*/) {}
};

struct OutputInfo {
    std::string title;
    std::string app_id;
    std::uint32_t width = 0;  // pixels
    std::uint32_t height = 0;
    bool takes_input = false;
    bool takes_clipboard = false;
    std::shared_ptr<FrameHistory> history{};  // for outputs that tell of it; may be null
    std::shared_ptr<StreamColours> colours = std::make_shared<StreamColours>();
};

class OutputFactory {
  public:
    virtual ~OutputFactory() = default;
    virtual Result<std::unique_ptr<Output>> make(const OutputInfo& info, OutputEvents events) = 0;
};

}  // namespace vdmabuf::viewer
