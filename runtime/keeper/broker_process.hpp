// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "runtime/common/event_loop.hpp"
#include "runtime/common/result.hpp"
#include "runtime/common/unique_fd.hpp"
#include "runtime/device/vm_state.hpp"

namespace vdmabuf::keeper {

// What a broker process exits with when its keeper is of another version (sysexits.h has none).
constexpr int kExitVersion = 76;

// The broker's process: starts it, starts it again when it dies, and talks to it. Everything that
// waits for it is bounded; a broker that does not answer in time is killed. Single-threaded: forks.
class BrokerProcess {
  public:
    struct Options {
        // The program's own path: so that an upgraded binary is what is started next. When it
        // cannot be started, this very binary is (/proc/self/exe).
        std::string program;
        std::vector<std::string> arguments;  // after the program's name
        int producers = -1;                  // listening sockets, inherited
        int consumers = -1;
        std::uint64_t answer_ns = 2'000'000'000;  // how long to wait for an acknowledgement
    };

    // `started` runs in the loop whenever a new process runs, also the first.
    BrokerProcess(EventLoop& loop, Options options, std::function<void()> started);
    ~BrokerProcess();  // kills it
    BrokerProcess(const BrokerProcess&) = delete;
    BrokerProcess& operator=(const BrokerProcess&) = delete;

    Status start();

    // Hands a device's state over. With `wait`: returns when the broker has taken it. False: it
    // says that it cannot serve the state. A broker that is not there takes the state when it is.
    bool hand_over(const device::DeviceName& device, const device::VmState& state, bool wait);

    // Ends it and starts it again, from the program's path.
    void restart();

    // Ends it for good; `orderly`: guests are told. Bounded.
    void stop(bool orderly);

    bool running() const { return pid_ > 0; }
    pid_t pid() const { return pid_; }
    unsigned starts() const { return starts_; }
    std::uint32_t connections() const { return connections_; }  // as it said last

  private:
    Status spawn(const std::string& program);
    void readable();
    bool wait_for(std::uint64_t sequence, std::int32_t& status);
    void kill_now(const char* why);
    void exited();
    void forget();  // closes what belongs to the process
    void start_later(std::uint64_t delay_ns);

    EventLoop& loop_;
    const Options options_;
    const std::function<void()> started_;
    pid_t pid_ = -1;
    UniqueFd process_;  // pidfd
    UniqueFd link_;     // socket pair
    std::uint64_t sequence_ = 0;
    std::uint64_t acknowledged_ = 0;
    std::int32_t acknowledged_status_ = 0;
    std::uint32_t connections_ = 0;
    std::uint64_t started_ns_ = 0;
    unsigned starts_ = 0;
    unsigned crashes_ = 0;  // in quick succession
    bool stopping_ = false;
    bool restarting_ = false;       // its end is wanted
    bool own_binary_ = false;       // the one at the path is of another version
    EventLoop::TimerId timer_ = 0;  // of the next start, or of the end of our patience
};

}  // namespace vdmabuf::keeper
