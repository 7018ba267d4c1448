// SPDX-License-Identifier: MIT
#include "runtime/tools/vdmabufd_options.hpp"

#include <fmt/format.h>
#include <grp.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <set>
#include <string_view>

#include "runtime/keeper/handover.hpp"
#include "runtime/keeper/spawn.hpp"
#include "runtime/tools/arguments.hpp"
#include "runtime/tools/config_file.hpp"
#include "runtime/tools/help_format.hpp"

namespace vdmabuf::tools {
namespace {

constexpr const char* kDescription =
    "Serves vdmabuf devices to VMs over vhost-user, and their windows to vdmabuf-viewer.";

constexpr const char* kExamples = R"(Examples:
  vdmabufd
      programs on this kernel only
  vdmabufd --vm games=/run/user/1000/games.sock
      and a VM; QEMU 10.2 or newer connects to that socket with
        -object memory-backend-memfd,id=mem,size=8G,share=on -machine q35,memory-backend=mem
        -chardev socket,id=vd,path=/run/user/1000/games.sock
        -device vhost-user-test-device-pci,chardev=vd,virtio-id=37,num_vqs=2,vq_size=256,config_size=64
  vdmabufd --vm games=/run/user/1000/games.sock --vm-input games=/run/user/1000/games-in.sock
      keys and pointer for its Wayland apps and full-screen programs, too; with QEMU
        -chardev socket,id=vin,path=/run/user/1000/games-in.sock
        -device vhost-user-input-pci,chardev=vin
      A second pair of chardev and device is a mouse for games, a third a touch screen.
  vdmabufd --vm a=/run/a.sock --vm b=/run/b.sock --vm-limit b:bytes=512M,streams=4
      two VMs, one of them on a diet

Signals: SIGTERM and SIGINT end it (a connected VM loses its device); SIGUSR1, and SIGHUP where
there is no terminal, start the broker anew from the installed binary while the VMs run on.
Status: 0 ended by a signal or idle, 1 failure, 2 wrong usage, 3 a socket is in use.)";

bool good_name(std::string_view name) {
    return !name.empty() && name.size() < keeper::handover::kNameSize && name[0] != '.' &&
           std::all_of(name.begin(), name.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '-' || c == '_' || c == '.';
           });
}

// 4096, 512M, 4G; 0 when it is none.
std::uint64_t parse_count(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc()) return 0;
    const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
    unsigned shift = 0;
    if (unit == "K") {
        shift = 10;
    } else if (unit == "M") {
        shift = 20;
    } else if (unit == "G") {
        shift = 30;
    } else if (unit == "T") {
        shift = 40;
    } else if (!unit.empty()) {
        return 0;
    }
    return value > (UINT64_MAX >> shift) ? 0 : value << shift;
}

void read_vm(const std::string& text, DaemonOptions& options) {
    const std::size_t equals = text.find('=');
    keeper::VmOptions vm;
    vm.name = text.substr(0, equals);
    vm.socket = equals == std::string::npos ? std::string() : text.substr(equals + 1);
    constexpr std::string_view kConnect = "connect:";
    if (vm.socket.starts_with(kConnect)) {
        vm.connect = true;
        vm.socket.erase(0, kConnect.size());
    }
    if (vm.socket.empty()) {
        throw CLI::ValidationError("--vm", fmt::format("'{}' must be NAME=SOCKET", text));
    }
    if (!good_name(vm.name)) {
        throw CLI::ValidationError(
            "--vm", fmt::format("the name '{}' must be 1 to {} letters, digits, '-', '_' or '.', "
                                "and not begin with '.'",
                                vm.name, keeper::handover::kNameSize - 1));
    }
    for (const keeper::VmOptions& other : options.keeper.vms) {
        if (other.name == vm.name) {
            throw CLI::ValidationError("--vm", fmt::format("two VMs have the name '{}'", vm.name));
        }
        if (other.socket == vm.socket) {
            throw CLI::ValidationError("--vm",
                                       fmt::format("two VMs have the socket '{}'", vm.socket));
        }
    }
    options.limits[vm.name] = broker::Limits{};
    options.keeper.vms.push_back(std::move(vm));
}

void read_vm_input(const std::string& text, DaemonOptions& options) {
    const std::string option = "--vm-input";
    const std::size_t equals = text.find('=');
    const std::string name = text.substr(0, equals);
    const std::string socket =
        equals == std::string::npos ? std::string() : text.substr(equals + 1);
    auto& vms = options.keeper.vms;
    const auto found = std::find_if(vms.begin(), vms.end(),
                                    [&](const keeper::VmOptions& vm) { return vm.name == name; });
    if (socket.empty() || found == vms.end()) {
        throw CLI::ValidationError(
            option, fmt::format("'{}' must be NAME=SOCKET, with the NAME of a --vm", text));
    }
    if (!found->input_socket.empty()) {
        throw CLI::ValidationError(option, fmt::format("'{}' has two sockets for input", name));
    }
    for (const keeper::VmOptions& vm : vms) {
        if (vm.socket == socket || vm.input_socket == socket) {
            throw CLI::ValidationError(
                option, fmt::format("'{}' is the socket of something else already", socket));
        }
    }
    found->input_socket = socket;
}

void read_limit(const std::string& text, DaemonOptions& options) {
    const std::string option = "--vm-limit";
    const std::size_t colon = text.find(':');
    const std::string name = text.substr(0, colon);
    const auto found = options.limits.find(name);
    if (colon == std::string::npos || found == options.limits.end()) {
        throw CLI::ValidationError(
            option, fmt::format("'{}' must be NAME:KEY=VALUE,..., with the NAME of a --vm", text));
    }
    broker::Limits& limits = found->second;
    std::string rest = text.substr(colon + 1);
    while (!rest.empty()) {
        const std::size_t comma = rest.find(',');
        const std::string part = rest.substr(0, comma);
        rest = comma == std::string::npos ? std::string() : rest.substr(comma + 1);
        const std::size_t equals = part.find('=');
        const std::string key = part.substr(0, equals);
        const std::uint64_t value = equals == std::string::npos
                                        ? 0
                                        : parse_count(std::string_view(part).substr(equals + 1));
        if (value == 0) {
            throw CLI::ValidationError(option,
                                       fmt::format("'{}' must be KEY=NUMBER, e.g. bytes=4G", part));
        }
        const auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(value, UINT32_MAX));
        if (key == "bytes") {
            limits.buffer_bytes = value;
        } else if (key == "buffers") {
            limits.buffers = count;
        } else if (key == "streams") {
            limits.streams = count;
        } else if (key == "connections") {
            limits.connections = count;
        } else if (key == "raw-offers") {
            limits.raw_offers = count;
        } else if (key == "raw-receivers") {
            limits.raw_receivers = count;
        } else {
            throw CLI::ValidationError(
                option,
                fmt::format("'{}' is none of bytes, buffers, streams, connections, raw-offers, "
                            "raw-receivers",
                            key));
        }
    }
}

gid_t read_group(const std::string& text) {
    const struct group* group = ::getgrnam(text.c_str());
    if (group) return group->gr_gid;
    gid_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) {
        throw CLI::ValidationError("--group", fmt::format("there is no group '{}'", text));
    }
    return number;
}

unsigned read_mode(const std::string& text) {
    unsigned mode = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
    if (error != std::errc() || end != text.data() + text.size() || mode > 0777) {
        throw CLI::ValidationError("--socket-mode", "must be an octal mode such as 0660");
    }
    return mode;
}

std::string socket_or_default(const std::string& given,
                              Result<std::string> (*fallback)(bool create)) {
    if (!given.empty()) return given;
    auto path = fallback(true);
    if (!path) throw CLI::RuntimeError(path.error().text, kExitFailure);
    return *path;
}

}  // namespace

std::optional<DaemonOptions> parse_daemon_options(int argc, char** argv, int& exit_code) {
    DaemonOptions options;
    CLI::App app(kDescription);
    set_up_help(app, "vdmabufd");
    app.footer(kExamples);
    std::vector<std::string> vms;
    std::vector<std::string> vm_inputs;
    std::vector<std::string> vm_limits;
    std::string producer_socket;
    std::string consumer_socket;
    std::string mode;
    std::string group;
    bool no_local = false;
    bool keep_memory = false;
    app.add_option("--vm", vms,
                   "Serve a device to the VM NAME at the Unix socket SOCKET (connect:SOCKET: the "
                   "VMM listens there); may be repeated")
        ->type_name("NAME=SOCKET")
        ->allow_extra_args(false);
    app.add_option("--vm-input", vm_inputs,
                   "Serve input devices to the VM NAME of a --vm at this socket, for what it runs "
                   "under Wayland or without a display server; may be repeated")
        ->type_name("NAME=SOCKET")
        ->allow_extra_args(false);
    app.add_option("--vm-limit", vm_limits,
                   "What a VM may use: bytes (4G), buffers (1024), connections (256), streams of a "
                   "connection (64), raw-offers (256), raw-receivers (256); may be repeated")
        ->type_name("NAME:KEY=N,...")
        ->allow_extra_args(false);
    app.add_option("--producer-socket", producer_socket,
                   "Where programs on this kernel connect "
                   "[$XDG_RUNTIME_DIR/vdmabuf/producer.sock]")
        ->type_name("SOCKET");
    app.add_option("--consumer-socket", consumer_socket,
                   "Where viewers connect [$XDG_RUNTIME_DIR/vdmabuf/consumer.sock]")
        ->type_name("SOCKET");
    app.add_flag("--no-local", no_local, "No programs on this kernel, only VMs");
    app.add_flag("--no-share-memory", keep_memory,
                 "Never give a VM's whole memory to a viewer, even where there is no udmabuf");
    app.add_option("--clipboard", options.clipboard,
                   "Ways that copied text may go, whatever viewers allow: both, to-guest, "
                   "from-guest or off [both]")
        ->transform(clipboard_policy())
        ->type_name("WAYS");
    app.add_option("--socket-mode", mode, "Mode of the sockets [0600]")->type_name("OCTAL");
    app.add_option("--group", group, "Group that the sockets belong to")->type_name("GROUP");
    app.add_flag("--exit-when-idle", options.keeper.exit_when_idle,
                 "End when nothing has been connected for 5 seconds");
    add_config_file(app, "vdmabufd");
    app.add_option("--log-level", options.log_level, "off, error, warning, info or debug")
        ->transform(one_of<log::Level>({{"off", log::Level::off},
                                        {"error", log::Level::error},
                                        {"warning", log::Level::warning},
                                        {"info", log::Level::info},
                                        {"debug", log::Level::debug}}))
        ->type_name("LEVEL");
    for (auto [name, value] : {std::pair{"--broker-link", &options.broker_link},
                               std::pair{"--producers-fd", &options.producers_fd},
                               std::pair{"--consumers-fd", &options.consumers_fd}}) {
        app.add_option(name, *value)->group("");  // between keeper and broker: not for people
    }
    try {
        app.parse(argc, argv);
        for (const std::string& vm : vms) read_vm(vm, options);
        for (const std::string& input : vm_inputs) read_vm_input(input, options);
        for (const std::string& limit : vm_limits) read_limit(limit, options);
        if (!mode.empty()) options.keeper.socket_mode = read_mode(mode);
        if (!group.empty()) options.keeper.socket_group = read_group(group);
        if (no_local && !producer_socket.empty()) {
            throw CLI::ValidationError("--producer-socket", "excludes --no-local");
        }
        if (print_config(app)) {
            exit_code = kExitOk;
            return std::nullopt;
        }
        if (options.broker_link < 0) {
            if (!no_local) {
                options.keeper.producer_socket =
                    socket_or_default(producer_socket, keeper::default_producer_socket);
            }
            options.keeper.consumer_socket =
                socket_or_default(consumer_socket, keeper::default_consumer_socket);
        }
    } catch (const CLI::RuntimeError& error) {
        fmt::print(stderr, "vdmabufd: {}\n", error.what());
        exit_code = kExitFailure;
        return std::nullopt;
    } catch (const CLI::ParseError& error) {
        const bool asked = error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success);
        if (asked) {
            app.exit(error);
        } else {
            fmt::print(stderr, "vdmabufd: {}\nTry vdmabufd --help.\n", explain(app, error));
        }
        exit_code = asked ? kExitOk : kExitUsage;
        return std::nullopt;
    }
    options.share_vm_memory = !keep_memory;
    for (keeper::VmOptions& vm : options.keeper.vms) {
        const broker::Limits& limits = options.limits[vm.name];
        vm.limits.channels = limits.connections;
        vm.limits.buffers = limits.buffers;
        vm.limits.total_bytes = limits.buffer_bytes;
        vm.limits.buffer_bytes = std::min(vm.limits.buffer_bytes, limits.buffer_bytes);
    }
    return options;
}

}  // namespace vdmabuf::tools
