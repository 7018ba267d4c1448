// SPDX-License-Identifier: MIT
#include "runtime/keeper/keeper.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "runtime/common/clock.hpp"
#include "runtime/common/log.hpp"
#include "runtime/common/seqpacket.hpp"

namespace vdmabuf::keeper {
namespace {

constexpr std::uint64_t kRetryNs = 500 * kNsPerMs;     // connecting to a VMM
constexpr std::uint64_t kMemoryNs = 2 * kNsPerSecond;  // for a VMM to share its memory
constexpr std::uint64_t kOrphanNs = 500 * kNsPerMs;    // for the broker of a killed keeper to end
constexpr std::uint64_t kIdleLookNs = 500 * kNsPerMs;

}  // namespace

struct Keeper::Vm {
    VmOptions options;
    UniqueFd listener;
    UniqueFd socket;
    MessageReader reader;
    std::unique_ptr<VhostUserFront> front;
    bool complained = false;  // about memory that is not shared
};

Keeper::Keeper(KeeperOptions options) : options_(std::move(options)) {}

Keeper::~Keeper() {
    broker_.reset();
    for (const auto& vm : vms_) {
        if (vm->socket) loop_->remove(vm->socket.get());
        if (vm->listener) ::unlink(vm->options.socket.c_str());
    }
    if (producers_) ::unlink(options_.producer_socket.c_str());
    if (consumers_) ::unlink(options_.consumer_socket.c_str());
}

Result<std::unique_ptr<Keeper>> Keeper::create(KeeperOptions options) {
    std::unique_ptr<Keeper> keeper(new Keeper(std::move(options)));
    auto loop = EventLoop::create();
    if (!loop) return loop.error();
    keeper->loop_ = std::move(*loop);
    for (auto step : {&Keeper::handle_signals, &Keeper::listen, &Keeper::start_broker}) {
        if (auto done = (keeper.get()->*step)(); !done) return done.error();
    }
    return keeper;
}

Status Keeper::own(const std::string& path) const {
    if (options_.socket_group &&
        ::chown(path.c_str(), static_cast<uid_t>(-1), *options_.socket_group) != 0) {
        return system_error("cannot give '" + path + "' to the group (be a member of it, or root)");
    }
    return {};
}

Status Keeper::listen() {
    if (!options_.consumer_socket.empty()) {
        // Two that start at the same time must not take each other's socket for a stale one.
        const std::string path = options_.consumer_socket + ".lock";
        lock_.reset(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
        if (!lock_) return system_error("cannot make '" + path + "'");
        if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
            return Error{EADDRINUSE,
                         "another vdmabufd serves '" + options_.consumer_socket +
                             "': stop it, or choose other sockets with --producer-socket and "
                             "--consumer-socket"};
        }
    }
    struct Wanted {
        const std::string& path;
        int type;
        UniqueFd& fd;
    };
    std::vector<Wanted> wanted;
    if (!options_.producer_socket.empty()) {
        wanted.push_back({options_.producer_socket, SOCK_SEQPACKET, producers_});
    }
    if (!options_.consumer_socket.empty()) {
        wanted.push_back({options_.consumer_socket, SOCK_SEQPACKET, consumers_});
    }
    for (const VmOptions& vm : options_.vms) {
        vms_.push_back(std::make_unique<Vm>());
        vms_.back()->options = vm;
        if (!vm.connect) {
            wanted.push_back({vms_.back()->options.socket, SOCK_STREAM, vms_.back()->listener});
        }
    }
    for (const Wanted& each : wanted) {
        auto fd = listen_at(each.path, each.type, options_.socket_mode);
        const std::uint64_t deadline = now_ns() + kOrphanNs;
        while (!fd && fd.error().code == EADDRINUSE && now_ns() < deadline) {
            ::poll(nullptr, 0, 20);
            fd = listen_at(each.path, each.type, options_.socket_mode);
        }
        if (!fd) return fd.error();
        each.fd = std::move(*fd);
        if (auto owned = own(each.path); !owned) return owned;
    }
    for (const auto& each : vms_) {
        Vm& vm = *each;
        if (vm.options.connect) {
            loop_->post([this, &vm] { connect(vm); });
        } else if (auto added = loop_->add(vm.listener.get(), EPOLLIN,
                                           [this, &vm](std::uint32_t) { accept(vm); });
                   !added) {
            return added;
        }
    }
    return {};
}

Status Keeper::handle_signals() {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) ::sigaddset(&set, signal);
    if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) return system_error("sigprocmask");
    ::signal(SIGPIPE, SIG_IGN);
    signals_.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!signals_) return system_error("signalfd");
    const UniqueFd terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
    terminal_ = static_cast<bool>(terminal);
    return loop_->add(signals_.get(), EPOLLIN, [this](std::uint32_t) { signalled(); });
}

Status Keeper::start_broker() {
    BrokerProcess::Options options;
    options.program = options_.program;
    options.arguments = options_.arguments;
    options.producers = producers_.get();
    options.consumers = consumers_.get();
    broker_ =
        std::make_unique<BrokerProcess>(*loop_, std::move(options), [this] { broker_started(); });
    if (options_.exit_when_idle) check_idle();
    return broker_->start();
}

void Keeper::run() {
    loop_->run();
    if (const std::size_t count = connected_vms(); count > 0) {
        LOG_WARNING(
            "ends while %zu VM%s connected: %s vdmabuf device is dead until it is "
            "unplugged and plugged in again, or the VM is started anew",
            count, count == 1 ? " is" : "s are", count == 1 ? "its" : "each one's");
    }
    broker_->stop(true);
}

void Keeper::signalled() {
    signalfd_siginfo info{};
    while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGUSR1 || (info.ssi_signo == SIGHUP && !terminal_)) {
            broker_->restart();
        } else {
            loop_->stop();
        }
    }
}

std::size_t Keeper::connected_vms() const {
    return static_cast<std::size_t>(std::count_if(
        vms_.begin(), vms_.end(), [](const auto& vm) { return static_cast<bool>(vm->socket); }));
}

void Keeper::accept(Vm& vm) {
    UniqueFd socket(::accept4(vm.listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket) return;
    if (vm.socket) {
        // A VM that was started anew may be here before the end of its last connection is seen.
        pollfd poll_fd{vm.socket.get(), POLLRDHUP, 0};
        if (::poll(&poll_fd, 1, 0) != 1) {
            LOG_WARNING("VM '%s': a second VMM has connected to '%s' and is turned away",
                        vm.options.name.c_str(), vm.options.socket.c_str());
            return;
        }
        disconnect(vm, Error{ECONNRESET, "the VMM has closed the connection"});
    }
    connected(vm, std::move(socket));
}

void Keeper::connect(Vm& vm) {
    auto socket = connect_to(vm.options.socket, SOCK_STREAM);
    if (socket) return connected(vm, std::move(*socket));
    LOG_DEBUG("VM '%s': %s", vm.options.name.c_str(), socket.error().text.c_str());
    loop_->at(now_ns() + kRetryNs, [this, &vm] { connect(vm); });
}

void Keeper::connected(Vm& vm, UniqueFd socket) {
    vm.socket = std::move(socket);
    vm.reader = MessageReader();
    vm.complained = false;
    vm.front = std::make_unique<VhostUserFront>(
        vm.options.name, device::config_space(vm.options.limits),
        [this, &vm](const device::VmState& state) {
            return broker_->hand_over(vm.options.name, state, true);
        });
    auto added = loop_->add(vm.socket.get(), EPOLLIN | EPOLLRDHUP,
                            [this, &vm](std::uint32_t) { readable(vm); });
    if (!added) return disconnect(vm, added.error());
    LOG_INFO("VM '%s': connected", vm.options.name.c_str());
}

void Keeper::readable(Vm& vm) {
    while (vm.socket) {
        auto message = vm.reader.read(vm.socket.get());
        if (!message) return disconnect(vm, message.error());
        if (!*message) return;
        const Request request = (*message)->request;
        auto answer = vm.front->handle(std::move(**message));
        if (!answer) return disconnect(vm, answer.error());
        if (!answer->empty() && !reply(vm, *answer)) return;
        if (request == Request::set_features) {
            loop_->at(now_ns() + kMemoryNs, [this, &vm] { look_for_memory(vm); });
        }
    }
}

bool Keeper::reply(Vm& vm, const std::vector<std::byte>& bytes) {
    // Replies are short and the VMM waits for each: a full socket means that it does not.
    const ssize_t sent =
        ::send(vm.socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent == static_cast<ssize_t>(bytes.size())) return true;
    disconnect(vm, Error{EPROTO, "the VMM does not take replies"});
    return false;
}

void Keeper::disconnect(Vm& vm, const Error& why) {
    if (why.code == ECONNRESET) {
        LOG_INFO("VM '%s': %s", vm.options.name.c_str(), why.text.c_str());
    } else {
        LOG_ERROR("VM '%s': the connection is closed: %s", vm.options.name.c_str(),
                  why.text.c_str());
    }
    loop_->remove(vm.socket.get());
    vm.socket.reset();
    vm.front.reset();
    broker_->hand_over(vm.options.name, device::VmState{}, true);
    if (vm.options.connect) loop_->at(now_ns() + kRetryNs, [this, &vm] { connect(vm); });
}

void Keeper::look_for_memory(Vm& vm) {
    if (!vm.front || vm.complained || !vm.front->lacks_memory()) return;
    vm.complained = true;
    LOG_ERROR(
        "VM '%s': the VM's memory is not shared: add -object "
        "memory-backend-memfd,id=mem,size=...,share=on and -machine memory-backend=mem to "
        "QEMU's command line",
        vm.options.name.c_str());
}

void Keeper::broker_started() {
    // A process before this one may have served these queues, and the guests know of things that
    // this one does not.
    for (const auto& vm : vms_) {
        if (!vm->front || !vm->front->state().active()) continue;
        device::VmState state = vm->front->state();
        state.resumed = true;
        broker_->hand_over(vm->options.name, state, false);
    }
}

void Keeper::check_idle() {
    const bool idle =
        connected_vms() == 0 && broker_ && broker_->running() && broker_->connections() == 0;
    const std::uint64_t now = now_ns();
    if (!idle) {
        idle_since_ns_ = 0;
    } else if (idle_since_ns_ == 0) {
        idle_since_ns_ = now;
    } else if (now - idle_since_ns_ >= options_.idle_ns) {
        LOG_INFO("nobody is connected any more");
        return loop_->stop();
    }
    loop_->at(now + kIdleLookNs, [this] { check_idle(); });
}

}  // namespace vdmabuf::keeper
