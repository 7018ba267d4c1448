// SPDX-License-Identifier: MIT
#include "runtime/tools/ctl_screenshot.hpp"

#include "runtime/tools/ctl_query.hpp"
#include "runtime/viewer/viewer.hpp"

namespace vdmabuf::tools {

// A viewer without a window that leaves after one frame: it does not wait for a display.
Status screenshot(const std::string& socket_path, std::uint64_t stream, const std::string& file,
                  double seconds) {
    if (auto found = find_stream(socket_path, stream); !found) return found.error();
    viewer::Settings settings;
    settings.socket_path = socket_path;
    settings.spawn_broker = false;
    settings.stream = stream;
    settings.headless = true;
    settings.refresh_hz = 0;
    settings.frames = 1;
    settings.once = true;
    settings.timeout_s = seconds;
    settings.screenshot = file;
    switch (viewer::run(settings)) {
        case viewer::Exit::ok:
        case viewer::Exit::blank:  // windows may be of one colour
            return {};
        case viewer::Exit::timeout:
            return Error{ETIMEDOUT, "the stream presents no frame"};
        default:
            return Error{EIO, "no picture"};
    }
}

}  // namespace vdmabuf::tools
