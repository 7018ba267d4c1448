// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/broker/producer_port.hpp"
#include "runtime/common/clipboard_policy.hpp"
#include "runtime/common/event_loop.hpp"
#include "runtime/common/result.hpp"
#include "runtime/common/unique_fd.hpp"

namespace vdmabuf::broker {

// What one VM (or all producers on this kernel together) may use.
struct Limits {
    std::uint32_t connections = 256;                      // ports at a time
    std::uint32_t streams = 64;                           // per connection
    std::uint32_t buffers = 1024;                         // per VM, held ones included
    std::uint64_t buffer_bytes = std::uint64_t{4} << 30;  // per VM, held ones included
    std::uint32_t images = 4096;                          // per VM, held ones included
    std::uint32_t raw_offers = 256;                       // per VM, held ones included
    std::uint32_t raw_receivers = 256;                    // of all raw buffers of a VM
};

struct Config {
    Limits local;                       // producers on this kernel
    std::map<std::string, Limits> vms;  // by VM name
    std::uint32_t consumers = 32;       // at a time, 64 at most
    bool share_vm_memory = true;        // where there is no udmabuf: give consumers the VM's memory
    clipboard::Policy clipboard = clipboard::Policy::both;  // ways that text of clipboards may go
    std::vector<std::uint32_t> producer_uids;  // other users whose local producers are served
};

// Streams of all producers, routed to all consumers. Runs on the thread of `loop`.
class Broker {
  public:
    // `producers` and `consumers` are listening SOCK_SEQPACKET sockets.
    static Result<std::unique_ptr<Broker>> create(EventLoop& loop, Config config,
                                                  UniqueFd producers, UniqueFd consumers);
    virtual ~Broker() = default;

    // Where a VM's device brings its channels.
    virtual PortHandler& ports() = 0;

    // Connections, of any kind, that are open now.
    virtual std::size_t connections() const = 0;
};

}  // namespace vdmabuf::broker
