// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/common/event_loop.hpp"
#include "runtime/common/result.hpp"
#include "runtime/device/limits.hpp"
#include "runtime/keeper/broker_process.hpp"
#include "runtime/keeper/vhost_user_front.hpp"

namespace vdmabuf::keeper {

struct VmOptions {
    std::string name;
    std::string socket;
    bool connect = false;      // the VMM listens
    std::string input_socket;  // for its input devices, as many as there are roles; empty: none
    device::Limits limits;
};

struct KeeperOptions {
    std::vector<VmOptions> vms;
    std::string producer_socket;  // of programs on this kernel; empty: none
    std::string consumer_socket;
    unsigned socket_mode = 0600;
    std::optional<gid_t> socket_group;
    bool exit_when_idle = false;
    std::uint64_t idle_ns = 5'000'000'000;
    std::string program;                 // see BrokerProcess::Options
    std::vector<std::string> arguments;  // of this process, which the broker's process gets too
};

// Holds what must not end while a VM runs: the VMMs' connections and the listening sockets. Parses
// nothing that a guest writes. Runs the broker as its child. One thread.
class Keeper {
  public:
    // Makes the sockets and starts the broker. Blocks SIGTERM, SIGINT, SIGHUP and SIGUSR1 for this
    // thread, and handles them in run().
    static Result<std::unique_ptr<Keeper>> create(KeeperOptions options);
    ~Keeper();  // removes the sockets
    Keeper(const Keeper&) = delete;
    Keeper& operator=(const Keeper&) = delete;

    // Until SIGTERM, SIGINT, or idle when that was asked for.
    void run();

  private:
    struct Device;
    struct Place;
    explicit Keeper(KeeperOptions options);
    Status listen();
    Status own(const std::string& path) const;
    Status handle_signals();
    Status start_broker();
    void signalled();
    void accept(Place& place);
    void connect(Device& device);
    void connected(Device& device, UniqueFd socket);
    void readable(Device& device);
    bool reply(Device& device, const std::vector<std::byte>& bytes);
    void disconnect(Device& device, const Error& why);
    void look_for_memory(Device& device);
    void broker_started();
    void check_idle();
    std::size_t connected_vms() const;

    const KeeperOptions options_;
    std::unique_ptr<EventLoop> loop_;
    UniqueFd signals_;
    UniqueFd lock_;  // of the local sockets
    UniqueFd producers_;
    UniqueFd consumers_;
    bool terminal_ = false;  // SIGHUP means that it has gone
    std::uint64_t idle_since_ns_ = 0;
    std::vector<std::unique_ptr<Place>> places_;
    std::unique_ptr<BrokerProcess> broker_;
};

}  // namespace vdmabuf::keeper
