// SPDX-License-Identifier: MIT
// vdmabufctl: what a broker serves, a word with it, and what is wrong with a machine.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "runtime/consumer/client.hpp"
#include "runtime/tools/arguments.hpp"
#include "runtime/tools/config_file.hpp"
#include "runtime/tools/ctl_config.hpp"
#include "runtime/tools/ctl_print.hpp"
#include "runtime/tools/ctl_query.hpp"
#include "runtime/tools/ctl_watch.hpp"
#include "runtime/tools/doctor/doctor.hpp"
#include "runtime/tools/doctor/probe_swapchains.hpp"
#include "runtime/tools/help_format.hpp"
#ifdef VDMABUF_SCREENSHOT
#include "runtime/tools/ctl_screenshot.hpp"
#endif

namespace {

using namespace vdmabuf;

enum Exit : int { kOk = 0, kError = 1, kUsage = 2, kTimeout = 3 };

int complain(const Error& error) {
    std::fprintf(stderr, "vdmabufctl: %s\n", error.text.c_str());
    return error.code == ETIMEDOUT ? kTimeout : kError;
}

int done(const Status& status) {
    return status ? kOk : complain(status.error());
}

int list(const std::string& socket_path, bool json) {
    auto state = tools::query_broker(socket_path);
    if (!state) return complain(state.error());
    const std::string text = json ? tools::as_json(*state) : tools::as_text(*state);
    std::fwrite(text.data(), 1, text.size(), stdout);
    return std::fflush(stdout) == 0 ? kOk : kError;
}

// What is read from the command line.
struct Words {
    std::string socket_path;
    bool json = false;
    std::uint64_t stream = 0;
    std::string file;
    double seconds = 5;
    tools::WatchSettings watch;
    double stats_s = 1;
    doctor::Settings doctor;
};

struct Commands {
    CLI::App* list = nullptr;
    CLI::App* watch = nullptr;
    CLI::App* stats = nullptr;
    CLI::App* screenshot = nullptr;
    CLI::App* close = nullptr;
    CLI::App* doctor = nullptr;
    CLI::App* config = nullptr;
    CLI::App* probe = nullptr;  // the doctor's own
};

Commands add_commands(CLI::App& app, Words& words) {
    Commands commands;
    const auto add_json = [&](CLI::App* command) {
        command->add_flag("--json", words.json, "For programs");
    };
    const auto add_stream = [&](CLI::App* command) {
        command->add_option("STREAM", words.stream, "Number of the stream, as list shows it")
            ->required();
    };
    const CLI::Validator seconds = tools::number_in(0.05, 86400);
    commands.list =
        app.add_subcommand("list", "Streams, their images, how they are imported, bytes copied");
    add_json(commands.list);
    commands.watch = app.add_subcommand("watch", "What each stream does, again and again");
    commands.watch->add_option("--interval", words.watch.interval_s, "Seconds between looks [1]")
        ->check(seconds)
        ->type_name("SECONDS");
    commands.watch->add_option("--count", words.watch.count, "End after so many looks [never]")
        ->type_name("N");
    add_json(commands.watch);
    commands.stats = app.add_subcommand("stats", "Frames a second, copies and latencies, once");
    commands.stats->add_option("--seconds", words.stats_s, "Measure for so long [1]")
        ->check(seconds)
        ->type_name("SECONDS");
    add_json(commands.stats);
#ifdef VDMABUF_SCREENSHOT
    commands.screenshot =
        app.add_subcommand("screenshot", "The next frame of a stream as a PNG file");
    add_stream(commands.screenshot);
    commands.screenshot->add_option("FILE", words.file, "PNG file to write")->required();
    commands.screenshot->add_option("--timeout", words.seconds, "Wait so many seconds [5]")
        ->check(seconds)
        ->type_name("SECONDS");
#endif
    commands.close = app.add_subcommand("close", "Ask the app of a stream to close");
    add_stream(commands.close);
    commands.doctor = app.add_subcommand(
        "doctor", "What works on this machine, host or guest, and what to do about the rest");
    add_json(commands.doctor);
    commands.doctor
        ->add_option("--root", words.doctor.root,
                     "Examine what is installed below this directory instead")
        ->type_name("DIR");
    commands.doctor
        ->add_option("--side", words.doctor.side, "host or guest, where it is not as found")
        ->transform(tools::one_of<doctor::Side>(
            {{"host", doctor::Side::host}, {"guest", doctor::Side::guest}}))
        ->type_name("SIDE");
    commands.config = app.add_subcommand(
        "config",
        "What each program's options are, by the configuration file, and what is wrong "
        "with it");
    commands.config->add_option("FILE", words.file,
                                "The file to look at [$XDG_CONFIG_HOME/vdmabuf/vdmabuf.toml]");
    commands.probe = app.add_subcommand("probe-swapchains", "")->group("");
    return commands;
}

// Fills in where the broker is. Not needed by what asks none.
Status find_socket(std::string& socket_path) {
    if (!socket_path.empty()) return {};
    auto found = consumer::default_socket_path();
    if (!found) {
        return Error{found.error().code,
                     "no broker runs (" + found.error().text +
                         "): start vdmabufd, or vdmabuf-viewer, which starts one"};
    }
    socket_path = *found;
    return {};
}

int run(Words& words, const Commands& commands) {
    if (commands.probe->parsed()) return doctor::probe_swapchains();
    if (commands.doctor->parsed()) {
        words.doctor.json = words.json;
        return doctor::examine(words.doctor) ? kOk : kError;
    }
    if (commands.config->parsed()) return tools::show_config(words.file) ? kOk : kError;
    if (auto found = find_socket(words.socket_path); !found) return complain(found.error());
    if (commands.list->parsed()) return list(words.socket_path, words.json);
    words.watch.json = words.json;
    if (commands.watch->parsed()) return done(tools::watch(words.socket_path, words.watch));
    if (commands.stats->parsed()) {
        return done(tools::watch(words.socket_path, {words.stats_s, 1, words.json}));
    }
#ifdef VDMABUF_SCREENSHOT
    if (commands.screenshot->parsed()) {
        return done(tools::screenshot(words.socket_path, words.stream, words.file, words.seconds));
    }
#endif
    return done(tools::close_stream(words.socket_path, words.stream));
}

}  // namespace

int main(int argc, char** argv) {
    Words words;
    CLI::App app("Shows what a vdmabuf broker serves, and what is wrong with a machine.");
    tools::set_up_help(app, "vdmabufctl");
    app.require_subcommand(1);
    app.fallthrough();
    app.add_option("--socket", words.socket_path,
                   "Consumers' socket of the broker [$XDG_RUNTIME_DIR/vdmabuf/consumer.sock]")
        ->type_name("SOCKET");
    const Commands commands = add_commands(app, words);
    tools::add_config_file(app, "vdmabufctl");
    app.footer(
        "Examples:\n"
        "  vdmabufctl list\n"
        "  vdmabufctl list --json | jq '.streams[].images[].import_path'\n"
        "  vdmabufctl watch --interval 0.5\n"
        "  vdmabufctl stats --json\n"
        "  vdmabufctl screenshot 3 window.png\n"
        "  vdmabufctl close 3\n"
        "  vdmabufctl doctor\n"
        "  vdmabufctl config\n"
        "Status: 0 done, 1 error or (doctor, config) something is broken, 2 wrong usage, 3 no "
        "answer in\n"
        "time.");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        // --print-config needs no command.
        const bool no_command = dynamic_cast<const CLI::RequiredError*>(&error) != nullptr;
        if (no_command && tools::print_config(app)) return kOk;
        return app.exit(error) == 0 ? kOk : kUsage;
    }
    if (tools::print_config(app)) return kOk;
    return run(words, commands);
}
