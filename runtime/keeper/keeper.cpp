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

#include <set>

#include "runtime/common/clock.hpp"
#include "runtime/common/log.hpp"
#include "runtime/common/seqpacket.hpp"
#include "runtime/device/input_config.hpp"

namespace vdmabuf::keeper {
namespace {

constexpr std::uint64_t kRetryNs = 500 * kNsPerMs;     // connecting to a VMM
constexpr std::uint64_t kMemoryNs = 2 * kNsPerSecond;  // for a VMM to share its memory
constexpr std::uint64_t kOrphanNs = 500 * kNsPerMs;    // for the broker of a killed keeper to end
constexpr std::uint64_t kIdleLookNs = 500 * kNsPerMs;

}  // namespace

// A device of a VM, and the VMM's connection for it.
struct Keeper::Device {
    Device(Place& where, const VmOptions& vm, std::uint32_t number)
        : place(where),
          id{vm.name, number},
          name("VM '" + vm.name + "'" +
               (number == 0 ? std::string()
                            : std::string(" (") +
                                  device::name_of(static_cast<device::InputRole>(number)) + ")")),
          limits(vm.limits) {}

    std::unique_ptr<device::ConfigAccess> config() const {
        if (id.number == 0) return std::make_unique<device::VdmabufConfig>(limits);
        return std::make_unique<device::InputConfig>(static_cast<device::InputRole>(id.number),
                                                     id.vm);
    }

    Place& place;
    const device::DeviceName id;
    const std::string name;
    const device::Limits limits;
    UniqueFd socket;
    MessageReader reader;
    std::unique_ptr<VhostUserFront> front;
    bool complained = false;  // about memory that is not shared
};

// A socket that VMMs come to, or one of a VMM's that we come to. Each connection is for the first
// of its devices that has none.
struct Keeper::Place {
    std::string path;
    bool connect = false;
    UniqueFd listener;
    std::vector<std::unique_ptr<Device>> devices;
};

Keeper::Keeper(KeeperOptions options) : options_(std::move(options)) {}

Keeper::~Keeper() {
    broker_.reset();
    for (const auto& place : places_) {
        for (const auto& device : place->devices) {
            if (device->socket) loop_->remove(device->socket.get());
        }
        if (place->listener) ::unlink(place->path.c_str());
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
    const auto add_place = [&](const VmOptions& vm, const std::string& path, bool connect,
                               std::uint32_t first, std::uint32_t last) {
        places_.push_back(std::make_unique<Place>());
        Place& place = *places_.back();
        place.path = path;
        place.connect = connect;
        for (std::uint32_t number = first; number <= last; ++number) {
            place.devices.push_back(std::make_unique<Device>(place, vm, number));
        }
        if (!connect) wanted.push_back({place.path, SOCK_STREAM, place.listener});
    };
    for (const VmOptions& vm : options_.vms) {
        add_place(vm, vm.socket, vm.connect, 0, 0);
        if (!vm.input_socket.empty()) {
            add_place(vm, vm.input_socket, false, 1, device::kInputRoles);
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
    for (const auto& each : places_) {
        Place& place = *each;
        if (place.connect) {
            loop_->post([this, &place] { connect(*place.devices.front()); });
        } else if (auto added = loop_->add(place.listener.get(), EPOLLIN,
                                           [this, &place](std::uint32_t) { accept(place); });
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
    std::set<std::string> names;
    for (const auto& place : places_) {
        for (const auto& device : place->devices) {
            if (device->socket) names.insert(device->id.vm);
        }
    }
    return names.size();
}

void Keeper::accept(Place& place) {
    UniqueFd socket(
        ::accept4(place.listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket) return;
    for (const auto& device : place.devices) {
        if (device->socket) {
            // A VM that was started anew may be here before the end of its last connection is seen.
            pollfd poll_fd{device->socket.get(), POLLRDHUP, 0};
            if (::poll(&poll_fd, 1, 0) != 1) continue;
            disconnect(*device, Error{ECONNRESET, "the VMM has closed the connection"});
        }
        return connected(*device, std::move(socket));
    }
    LOG_WARNING(
        "VM '%s': a second VMM, or one device more than there are, has connected to '%s' "
        "and is turned away",
        place.devices.front()->id.vm.c_str(), place.path.c_str());
}

void Keeper::connect(Device& device) {
    auto socket = connect_to(device.place.path, SOCK_STREAM);
    if (socket) return connected(device, std::move(*socket));
    LOG_DEBUG("%s: %s", device.name.c_str(), socket.error().text.c_str());
    loop_->at(now_ns() + kRetryNs, [this, &device] { connect(device); });
}

void Keeper::connected(Device& device, UniqueFd socket) {
    device.socket = std::move(socket);
    device.reader = MessageReader();
    device.complained = false;
    device.front = std::make_unique<VhostUserFront>(
        device.name, device.config(), [this, &device](const device::VmState& state) {
            return broker_->hand_over(device.id, state, true);
        });
    auto added = loop_->add(device.socket.get(), EPOLLIN | EPOLLRDHUP,
                            [this, &device](std::uint32_t) { readable(device); });
    if (!added) return disconnect(device, added.error());
    LOG_INFO("%s: connected", device.name.c_str());
}

void Keeper::readable(Device& device) {
    while (device.socket) {
        auto message = device.reader.read(device.socket.get());
        if (!message) return disconnect(device, message.error());
        if (!*message) return;
        const Request request = (*message)->request;
        auto answer = device.front->handle(std::move(**message));
        if (!answer) return disconnect(device, answer.error());
        if (!answer->empty() && !reply(device, *answer)) return;
        if (request == Request::set_features) {
            loop_->at(now_ns() + kMemoryNs, [this, &device] { look_for_memory(device); });
        }
    }
}

bool Keeper::reply(Device& device, const std::vector<std::byte>& bytes) {
    // Replies are short and the VMM waits for each: a full socket means that it does not.
    const ssize_t sent =
        ::send(device.socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent == static_cast<ssize_t>(bytes.size())) return true;
    disconnect(device, Error{EPROTO, "the VMM does not take replies"});
    return false;
}

void Keeper::disconnect(Device& device, const Error& why) {
    if (why.code == ECONNRESET) {
        LOG_INFO("%s: %s", device.name.c_str(), why.text.c_str());
    } else {
        LOG_ERROR("%s: the connection is closed: %s", device.name.c_str(), why.text.c_str());
    }
    loop_->remove(device.socket.get());
    device.socket.reset();
    device.front.reset();
    broker_->hand_over(device.id, device::VmState{}, true);
    if (device.place.connect) {
        loop_->at(now_ns() + kRetryNs, [this, &device] { connect(device); });
    }
}

void Keeper::look_for_memory(Device& device) {
    if (!device.front || device.complained || !device.front->lacks_memory()) return;
    device.complained = true;
    LOG_ERROR(
        "%s: the VM's memory is not shared: add -object "
        "memory-backend-memfd,id=mem,size=...,share=on and -machine memory-backend=mem to "
        "QEMU's command line",
        device.name.c_str());
}

void Keeper::broker_started() {
    // A process before this one may have served these queues, and the guests know of things that
    // this one does not.
    for (const auto& place : places_) {
        for (const auto& device : place->devices) {
            if (!device->front || !device->front->state().active()) continue;
            device::VmState state = device->front->state();
            state.resumed = true;
            broker_->hand_over(device->id, state, false);
        }
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
