// SPDX-License-Identifier: MIT
// vdmabuf-viewer: shows the windows of guests, and of local apps, on this host.
#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdlib>
#include <string>

#include "runtime/common/log.hpp"
#include "runtime/tools/arguments.hpp"
#include "runtime/tools/config_file.hpp"
#include "runtime/tools/help_format.hpp"
#include "runtime/viewer/viewer.hpp"

namespace {

using vdmabuf::consumer::ImportPath;
using vdmabuf::viewer::Direct;
using vdmabuf::viewer::Exit;
using vdmabuf::viewer::Hdr;
using vdmabuf::viewer::Scale;
using vdmabuf::viewer::Settings;

// As xwininfo and xdotool print it.
std::uint64_t window_number(const std::string& text) {
    char* end = nullptr;
    errno = 0;
    const unsigned long long number = std::strtoull(text.c_str(), &end, 0);
    // Resource ids have 29 bits.
    if (errno != 0 || *end != 0 || text.empty() || text[0] == '-' || number == 0 ||
        number > 0x1fffffff) {
        throw CLI::ValidationError("--embed",
                                   "must be the number of an X11 window, not '" + text + "'");
    }
    return number;
}

void add_options(CLI::App& app, Settings& settings, bool& verbose, bool& quiet) {
    vdmabuf::tools::set_up_help(app, "vdmabuf-viewer");
    app.add_option("--socket", settings.socket_path,
                   "Consumers' socket of the broker [$XDG_RUNTIME_DIR/vdmabuf/consumer.sock]")
        ->type_name("SOCKET");
    app.add_option("--vm", settings.vms,
                   "NAME=SOCKET: serve a VM, where no broker runs yet; NAME alone: show only the "
                   "windows of this VM")
        ->type_name("NAME[=SOCKET]");
    app.add_option("--vm-input", settings.vm_inputs,
                   "Serve input devices to a VM of --vm NAME=SOCKET at this socket, for what it "
                   "runs under Wayland or without a display server")
        ->type_name("NAME=SOCKET");
    app.add_option("--stream", settings.stream, "Show only the stream of this number")
        ->type_name("STREAM");
    app.add_option("--app", settings.app,
                   "Show only this program (its name, app id, or a part of the title)")
        ->type_name("NAME");
    app.add_option_function<std::string>(
           "--single",
           [&settings](const std::string& text) {
               const std::size_t slash = text.find('/');
               if (slash != std::string::npos) settings.vm = text.substr(0, slash);
               settings.app = slash == std::string::npos ? text : text.substr(slash + 1);
               settings.single = true;
           },
           "Follow one program, of a VM or (/APP) of this machine: one window, the next one of its "
           "when that closes")
        ->type_name("[VM/]APP");
    auto* headless =
        app.add_flag("--headless", settings.headless, "Needs no display: takes frames, shows none");
    app.add_option_function<std::string>(
           "--kms",
           [&settings](const std::string& text) {
               settings.kms = text == "auto" ? "" : text;
               settings.single = true;
           },
           "Full screen without a display server, on this connector (HDMI-A-1 ...; auto: the first "
           "that has a screen); one stream at a time")
        ->excludes(headless)
        ->type_name("CONNECTOR");
    app.add_option("--refresh", settings.refresh_hz,
                   "Frames a second that count as shown; 0: at once [the display's, else 60]")
        ->check(vdmabuf::tools::number_in(0, 10000))
        ->type_name("HZ");
    app.add_option("--hidden-rate", settings.hidden_hz,
                   "Frames a second of apps whose windows are minimized or hidden; 0: as if they "
                   "were seen [10]")
        ->check(vdmabuf::tools::number_in(0, 10000))
        ->type_name("HZ");
    app.add_option("--frames", settings.frames, "End after this many frames of one stream")
        ->type_name("N");
    app.add_flag("--once", settings.once, "End with the last stream");
    app.add_option("--timeout", settings.timeout_s,
                   "End with status 3 when no frame comes for this many seconds")
        ->check(vdmabuf::tools::number_in(0, 1e6))
        ->type_name("SECONDS");
    app.add_option("--screenshot", settings.screenshot,
                   "Write the last frame, as the GPU sees it, to this PNG file")
        ->type_name("FILE");
    app.add_option("--stats", settings.stats, "Write the figures of the run to this JSON file")
        ->type_name("FILE");
    auto* record = app.add_option("--record", settings.record,
                                  "Record the stream to this video file (.mkv, .mp4, .webm ...); "
                                  "further streams to files beside it")
                       ->type_name("FILE");
    app.add_option("--codec", settings.codec,
                   "FFmpeg's encoder for it; ffv1 is lossless [libx264, or what there is]")
        ->needs(record)
        ->type_name("NAME");
    app.add_flag("--pipewire", settings.pipewire,
                 "Publish each stream as a video source of PipeWire (for OBS, browsers ...)");
    app.add_option("--scale", settings.scale,
                   "Pictures in windows of another size: fit, integer, stretch or 1:1 [fit]")
        ->transform(vdmabuf::tools::one_of<Scale>({{"fit", Scale::fit},
                                                   {"integer", Scale::integer},
                                                   {"stretch", Scale::stretch},
                                                   {"1:1", Scale::one_to_one}}))
        ->type_name("MODE");
    app.add_flag("--fullscreen", settings.fullscreen, "Open windows full-screen");
    app.add_flag("--on-top", settings.on_top, "Keep windows above all others");
    app.add_option_function<std::string>(
           "--embed",
           [&settings](const std::string& text) {
               settings.embed = window_number(text);
               settings.single = true;
           },
           "X11 window of another program (its number, 0x and hexadecimal too) that the picture "
           "fills; one stream at a time; ends with that window")
        ->type_name("WINDOW");
    app.add_option("--wayland-direct", settings.direct,
                   "Frames go to the Wayland compositor as they are, without a copy by the GPU: "
                   "auto (where it takes them), off, or on (else it is an error) [auto]")
        ->transform(vdmabuf::tools::one_of<Direct>(
            {{"auto", Direct::automatic}, {"off", Direct::off}, {"on", Direct::on}}))
        ->type_name("WHETHER");
    app.add_flag("--hud", settings.hud, "Say in each window how fast frames come, and how");
    app.add_option("--pictures", settings.pictures,
                   "Directory for the pictures that the screenshot key takes [.]")
        ->type_name("DIR");
    app.add_option("--hdr", settings.hdr,
                   "Colours beyond sRGB: auto (native where the display takes them, else "
                   "tone-mapped), tone-map, or off: apps get sRGB alone [auto]")
        ->transform(vdmabuf::tools::one_of<Hdr>(
            {{"auto", Hdr::automatic}, {"tone-map", Hdr::tone_map}, {"off", Hdr::off}}))
        ->type_name("MODE");
    app.add_flag("--no-input{false}", settings.input,
                 "Only look: no keys, no pointer and no touch go to the apps");
    app.add_option(
           "--clipboard", settings.clipboard,
           "Ways that copied text may go, between this display and the app whose window has "
           "the focus: both, to-guest, from-guest or off [both]")
        ->transform(vdmabuf::tools::clipboard_policy())
        ->type_name("WAYS");
    app.add_option("--gpu", settings.gpu, "GPU to draw with: its number, or a part of its name")
        ->type_name("GPU");
    app.add_option("--import", settings.import,
                   "Only this way of importing, for tests: udmabuf, host-pointer or copy")
        ->transform(vdmabuf::tools::one_of<ImportPath>({{"udmabuf", ImportPath::udmabuf},
                                                        {"host-pointer", ImportPath::host_pointer},
                                                        {"copy", ImportPath::copy}}))
        ->type_name("WAY");
    app.add_flag("--no-broker{false}", settings.spawn_broker, "Start no broker where none runs");
    app.add_flag("--verbose,-v", verbose, "Say more");
    app.add_flag("--quiet,-q", quiet, "Say only what went wrong");
    vdmabuf::tools::add_config_file(app, "vdmabuf-viewer");
    app.footer(
        "Keys: F11 full screen; right Ctrl and S: scale mode, H: HUD, T: always on top, P: "
        "picture,\n"
        "G: keyboard and pointer belong to the window, for games, and back. With --kms H, S, P and "
        "G "
        "too,\n"
        "N: next stream, Q: end; Ctrl+Alt+Fn: another terminal.\n"
        "Examples:\n"
        "  vdmabuf-viewer                                  a window for each stream\n"
        "  vdmabuf-viewer --vm games=/run/user/1000/g.sock  and serve the VM that connects there\n"
        "  vdmabuf-viewer --single /vkcube --embed 0x2a00007  into a window of another program\n"
        "  vdmabuf-viewer --headless --frames 300 --screenshot frame.png --stats stats.json\n"
        "  vdmabuf-viewer --app vkcube --record cube.mkv    window and recording\n"
        "  vdmabuf-viewer --headless --record exact.mkv --codec ffv1\n"
        "  vdmabuf-viewer --headless --pipewire             for other programs only\n"
        "  vdmabuf-viewer --single games/vkcube --kms auto  on a screen, without a display server\n"
        "Status: 0 done, 1 error, 2 wrong usage, 3 no frame in time, 4 the picture is blank.");
}

// --vm serves two ends: NAME=SOCKET goes to a broker that we start, NAME chooses streams.
void split_vms(Settings& settings) {
    std::vector<std::string> served;
    for (std::string& vm : settings.vms) {
        if (vm.find('=') == std::string::npos) {
            settings.vm = std::move(vm);
        } else {
            served.push_back(std::move(vm));
        }
    }
    settings.vms = std::move(served);
}

}  // namespace

int main(int argc, char** argv) {
    Settings settings;
    bool verbose = false;
    bool quiet = false;
    CLI::App app(
        "Shows the windows of Vulkan, EGL and OpenGL apps in guests, and on this machine.");
    add_options(app, settings, verbose, quiet);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        const int status = app.exit(error);
        return status == 0 ? 0 : static_cast<int>(Exit::usage);
    }
    if (vdmabuf::tools::print_config(app)) return 0;
    split_vms(settings);
    using vdmabuf::log::Level;
    if (verbose) {
        vdmabuf::log::set_level(Level::debug);
    } else if (quiet) {
        vdmabuf::log::set_level(Level::error);
    } else if (!std::getenv("VDMABUF_LOG")) {
        vdmabuf::log::set_level(Level::info);
    }
    return static_cast<int>(vdmabuf::viewer::run(settings));
}
