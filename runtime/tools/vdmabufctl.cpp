// SPDX-License-Identifier: MIT
// vdmabufctl: what a broker serves, and a word with it.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "runtime/consumer/client.hpp"
#include "runtime/tools/ctl_print.hpp"
#include "runtime/tools/ctl_query.hpp"

namespace {

using namespace vdmabuf;

enum Exit : int { kOk = 0, kError = 1, kUsage = 2, kTimeout = 3 };

int complain(const Error& error) {
    std::fprintf(stderr, "vdmabufctl: %s\n", error.text.c_str());
    return error.code == ETIMEDOUT ? kTimeout : kError;
}

int list(const std::string& socket_path, bool json) {
    auto state = tools::query_broker(socket_path);
    if (!state) return complain(state.error());
    const std::string text = json ? tools::as_json(*state) : tools::as_text(*state);
    std::fwrite(text.data(), 1, text.size(), stdout);
    return std::fflush(stdout) == 0 ? kOk : kError;
}

int close(const std::string& socket_path, std::uint64_t stream) {
    const Status closed = tools::close_stream(socket_path, stream);
    return closed ? kOk : complain(closed.error());
}

}  // namespace

int main(int argc, char** argv) {
    std::string socket_path;
    bool json = false;
    std::uint64_t stream = 0;
    CLI::App app("Shows what a vdmabuf broker serves.");
    app.set_version_flag("--version", "vdmabufctl " VDMABUF_VERSION);
    app.require_subcommand(1);
    app.fallthrough();
    app.add_option("--socket", socket_path,
                   "Consumers' socket of the broker [$XDG_RUNTIME_DIR/vdmabuf/consumer.sock]");
    CLI::App* list_command =
        app.add_subcommand("list", "Streams, their images, how they are imported, bytes copied");
    list_command->add_flag("--json", json, "For programs");
    CLI::App* close_command = app.add_subcommand("close", "Ask the app of a stream to close");
    close_command->add_option("STREAM", stream, "Number of the stream, as list shows it")
        ->required();
    app.footer(
        "Examples:\n"
        "  vdmabufctl list\n"
        "  vdmabufctl list --json | jq '.streams[].images[].import_path'\n"
        "  vdmabufctl close 3\n"
        "Status: 0 done, 1 error, 2 wrong usage, 3 the broker does not answer.");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? kOk : kUsage;
    }
    if (socket_path.empty()) {
        auto found = consumer::default_socket_path();
        if (!found) {
            return complain(Error{found.error().code,
                                  "no broker runs (" + found.error().text +
                                      "): start vdmabufd, or vdmabuf-viewer, which starts one"});
        }
        socket_path = *found;
    }
    return list_command->parsed() ? list(socket_path, json) : close(socket_path, stream);
}
