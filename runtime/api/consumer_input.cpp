// SPDX-License-Identifier: MIT
// The part of a consumer that is about input: what it sends to windows, and what their cursors are.
#include <cerrno>
#include <string>
#include <vector>

#include "runtime/api/consumer_handle.hpp"
#include "runtime/common/clock.hpp"
#include "runtime/common/input_messages.hpp"

using namespace vdmabuf;
using namespace vdmabuf::api;

static_assert(VDMABUF_INPUT_PIXEL == input::kFraction && VDMABUF_INPUT_CLICK == input::kWheelStep &&
              VDMABUF_INPUT_MAX_FINGERS == input::kMaxTouches);
static_assert(VDMABUF_INPUT_FOCUS == static_cast<int>(input::Kind::focus) &&
              VDMABUF_INPUT_RELEASE_ALL == static_cast<int>(input::Kind::release_all) &&
              VDMABUF_INPUT_KEY == static_cast<int>(input::Kind::key) &&
              VDMABUF_INPUT_BUTTON == static_cast<int>(input::Kind::button) &&
              VDMABUF_INPUT_MOTION == static_cast<int>(input::Kind::motion) &&
              VDMABUF_INPUT_RELATIVE == static_cast<int>(input::Kind::relative) &&
              VDMABUF_INPUT_WHEEL == static_cast<int>(input::Kind::wheel) &&
              VDMABUF_INPUT_TOUCH_DOWN == static_cast<int>(input::Kind::touch_down) &&
              VDMABUF_INPUT_TOUCH_MOTION == static_cast<int>(input::Kind::touch_motion) &&
              VDMABUF_INPUT_TOUCH_UP == static_cast<int>(input::Kind::touch_up) &&
              VDMABUF_INPUT_TOUCH_CANCEL == static_cast<int>(input::Kind::touch_cancel));
static_assert(VDMABUF_MAX_CURSOR == cursor::kMaxExtent);

int vdmabuf_consumer::input(std::uint64_t stream, const vdmabuf_input_event* events,
                            std::size_t count, std::uint32_t width, std::uint32_t height) {
    int result = 0;
    const auto record = known_stream(stream, result);
    if (!record) return result;
    if (!record->attached) return fail(ENOENT, "the stream is not attached");
    if (count > 0 && !events) return fail(EINVAL, "a NULL pointer");
    if (count > VDMABUF_INPUT_MAX_EVENTS) return fail(EMSGSIZE, "at most 256 events in one call");
    if (width < 1 || height < 1 || width > stream::kMaxExtent || height > stream::kMaxExtent) {
        return fail(EINVAL, "extents are 1 to 32768 pixels");
    }
    std::vector<input::Event> checked;
    for (std::size_t i = 0; i < count; ++i) {
        const input::Event event{events[i].kind, events[i].code, events[i].value, events[i].x,
                                 events[i].y};
        if (input::check(event, width, height)) {
            return fail(EINVAL,
                        ("event " + std::to_string(i) + " (kind " + std::to_string(event.kind) +
                         ") is not as <vdmabuf/input.h> has it")
                            .c_str());
        }
        checked.push_back(event);
    }
    if (!(record->info.flags & VDMABUF_STREAM_TAKES_INPUT)) {
        return fail(EOPNOTSUPP, "the window takes no input");
    }
    const std::size_t messages = (count + input::kMaxEvents - 1) / input::kMaxEvents;
    if (messages > 0 && !input_rate_.spend(now_ns(), messages)) {
        return fail(EAGAIN, "too much input: motions belong together");
    }
    client_->input(stream, checked, width, height);
    return 0;
}

void vdmabuf_consumer::cursor(std::uint64_t stream, bool hidden) {
    events_.push_back(CursorEvent{stream, hidden, {}});
}

void vdmabuf_consumer::cursor_image(std::uint64_t stream, const cursor::Image& image) {
    events_.push_back(CursorEvent{stream, false, image});
}

bool vdmabuf_consumer::hand(CursorEvent& event) {
    const auto found = streams_.find(event.stream);
    if (found == streams_.end() || !found->second->attached) return false;
    out_cursor_ = {};
    out_cursor_.size = sizeof out_cursor_;
    out_cursor_.flags = event.hidden ? VDMABUF_CURSOR_HIDDEN : 0;
    out_cursor_.stream = event.stream;
    if (!event.image.pixels.empty()) {
        out_cursor_.width = event.image.shape.width;
        out_cursor_.height = event.image.shape.height;
        out_cursor_.hot_x = event.image.shape.hot_x;
        out_cursor_.hot_y = event.image.shape.hot_y;
        out_cursor_.pixels = event.image.pixels.data();
    }
    out_.type = VDMABUF_CONSUMER_CURSOR;
    out_.cursor = &out_cursor_;
    return true;
}
