// SPDX-License-Identifier: MIT
// vdmabufd: the keeper, and (started by it) the broker.
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <string>
#include <vector>

#include "runtime/broker/broker.hpp"
#include "runtime/common/clock.hpp"
#include "runtime/common/event_loop.hpp"
#include "runtime/common/log.hpp"
#include "runtime/keeper/broker_side.hpp"
#include "runtime/keeper/keeper.hpp"
#include "runtime/tools/vdmabufd_options.hpp"

namespace vdmabuf::tools {
namespace {

int fail(const Error& error) {
    log::write(log::Level::error, "%s", error.text.c_str());
    return error.code == EADDRINUSE ? kExitInUse : kExitFailure;
}

// Looks at the broker's load now and then, for the keeper's --exit-when-idle.
void report_load(EventLoop& loop, keeper::BrokerSide& side, const broker::Broker& broker) {
    side.report(static_cast<std::uint32_t>(broker.connections()));
    loop.at(now_ns() + 200 * kNsPerMs, [&] { report_load(loop, side, broker); });
}

// Each buffer may cost two descriptors and each frame that waits for a fence one: the usual soft
// limit of 1024 is for programs that use select(2).
void allow_all_descriptors() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

int run_broker(const DaemonOptions& options) {
    allow_all_descriptors();
    // The keeper decides when to end; a terminal's signals reach both.
    ::signal(SIGINT, SIG_IGN);
    ::signal(SIGHUP, SIG_IGN);
    ::signal(SIGUSR1, SIG_IGN);
    ::signal(SIGPIPE, SIG_IGN);
    sigset_t terminate;
    ::sigemptyset(&terminate);
    ::sigaddset(&terminate, SIGTERM);
    ::sigprocmask(SIG_SETMASK, &terminate, nullptr);
    const UniqueFd signals(::signalfd(-1, &terminate, SFD_CLOEXEC | SFD_NONBLOCK));

    auto loop = EventLoop::create();
    if (!loop) return fail(loop.error());
    EventLoop& events = **loop;
    if (auto added = events.add(signals.get(), EPOLLIN, [&](std::uint32_t) { events.stop(); });
        !added) {
        return fail(added.error());
    }

    broker::Config config;
    config.vms = options.limits;
    config.share_vm_memory = options.share_vm_memory;
    config.clipboard = options.clipboard;
    UniqueFd producers(options.producers_fd);
    UniqueFd nobody;  // with --no-local: a socket on which nobody ever connects
    if (!producers) {
        std::array<int, 2> pair{};
        if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()) != 0) {
            return fail(system_error("socketpair"));
        }
        producers.reset(pair[0]);
        nobody.reset(pair[1]);
    }
    auto broker = broker::Broker::create(events, std::move(config), std::move(producers),
                                         UniqueFd(options.consumers_fd));
    if (!broker) return fail(broker.error());

    std::map<std::string, keeper::BrokerSide::Vm> vms;
    for (const keeper::VmOptions& vm : options.keeper.vms) {
        vms[vm.name] = {vm.limits, !vm.input_socket.empty()};
    }
    int why = 0;
    auto side = keeper::BrokerSide::create(events, UniqueFd(options.broker_link), vms,
                                           (*broker)->ports(), [&](int error) {
                                               why = error;
                                               events.stop();
                                           });
    if (!side) return fail(side.error());
    if (options.keeper.exit_when_idle) report_load(events, **side, **broker);
    events.run();
    // Devices before the broker that they bring their channels to.
    side->reset();
    broker->reset();
    events.remove(signals.get());
    return why == EPROTONOSUPPORT ? keeper::kExitVersion : why == 0 ? kExitOk : kExitFailure;
}

int run_keeper(DaemonOptions options, int argc, char** argv) {
    std::array<char, PATH_MAX> self{};
    const ssize_t length = ::readlink("/proc/self/exe", self.data(), self.size() - 1);
    if (length <= 0) return fail(system_error("/proc/self/exe"));
    options.keeper.program.assign(self.data(), static_cast<std::size_t>(length));
    options.keeper.arguments.assign(argv + 1, argv + argc);
    auto keeper = keeper::Keeper::create(std::move(options.keeper));
    if (!keeper) return fail(keeper.error());
    (*keeper)->run();
    return kExitOk;
}

}  // namespace
}  // namespace vdmabuf::tools

int main(int argc, char** argv) {
    using namespace vdmabuf;
    int exit_code = 0;
    auto options = tools::parse_daemon_options(argc, argv, exit_code);
    if (!options) return exit_code;
    log::set_level(options->log_level);
    if (options->broker_link >= 0) return tools::run_broker(*options);
    return tools::run_keeper(std::move(*options), argc, argv);
}
