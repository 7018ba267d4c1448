// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/common/clipboard_policy.hpp"
#include "runtime/common/consumer_messages.hpp"
#include "runtime/viewer/fit.hpp"

namespace vdmabuf::viewer {

// Whether frames are passed on to a Wayland compositor as they are. `on`: it is an error if it
// takes none.
enum class Direct { automatic, off, on };

// What the command line says.
// Colours of windows that are not sRGB.
enum class Hdr {
    automatic,  // as they are where the display takes them, else converted
    tone_map,   // always converted
    off         // apps are told that there is sRGB alone
};

struct Settings {
    std::string socket_path;  // of the broker; empty: consumer::default_socket_path()
    bool spawn_broker = true;
    std::vector<std::string> vms;        // NAME=SOCKET, for a broker that we start
    std::vector<std::string> vm_inputs;  // NAME=SOCKET of their input devices

    // Which streams: those that match all that is set.
    std::optional<std::uint64_t> stream;
    std::string app;                // program name, app id or a part of the title
    std::optional<std::string> vm;  // empty: producers on this kernel
    bool single = false;            // one of them at a time; the newest of the others comes next

    bool headless = false;
    std::optional<std::string> kms;    // connector; empty: the first that has a screen
    std::optional<double> refresh_hz;  // 0: at once; nothing: the display's, 60 without one
    std::uint64_t frames = 0;          // end after this many of one stream; 0: never
    bool once = false;                 // end with the last stream
    double timeout_s = 0;              // longest time without a frame; 0: no limit
    std::string screenshot;            // PNG file
    std::string stats;                 // JSON file

    // Outputs beside the window.
    std::string record;  // video file
    std::string codec;   // FFmpeg's name; empty: as choose_codec()
    bool pipewire = false;

    // Windows.
    Scale scale = Scale::fit;
    bool fullscreen = false;
    bool on_top = false;
    std::optional<std::uint64_t> embed;  // X11 window of another program that ours lie in
    Direct direct = Direct::automatic;
    bool hud = false;
    double hidden_hz = 10;  // pace of apps whose windows nobody sees; 0: as if seen
    bool input = true;      // keys and pointer go to the apps
    clipboard::Policy clipboard = clipboard::Policy::both;
    std::string pictures = ".";  // directory for those that the key takes
    Hdr hdr = Hdr::automatic;

    std::string gpu;
    std::optional<consumer::ImportPath> import;
};

// Exit statuses of the viewer.
enum class Exit : int { ok = 0, error = 1, usage = 2, timeout = 3, blank = 4 };

}  // namespace vdmabuf::viewer
