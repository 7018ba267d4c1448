// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "runtime/broker/producer_port.hpp"
#include "runtime/common/event_loop.hpp"
#include "runtime/common/result.hpp"
#include "runtime/common/unique_fd.hpp"

namespace vdmabuf::broker {

// Whether `fd` is memory that may be handed on: a memfd that can never shrink under a reader
// (F_SEAL_SHRINK; else reading it could raise SIGBUS), with `offset` + `size` inside. EINVAL with
// the reason.
Status check_memory_file(int fd, std::uint64_t offset, std::uint64_t size);

// What a local producer's BUFFER_CREATE brings: a part of such a memory file, or all of a dmabuf of
// anybody's. EINVAL with the reason.
Result<BufferMemory> local_memory(const stream::BufferCreate& message, UniqueFd fd);

// Producers on this kernel: accepts connections on a Unix socket and is the transport
// (ProducerPort) of each. BUFFER_CREATE and BUFFER_DESTROY are handled here, all else by the
// handler.
class LocalProducers {
  public:
    // Serves peers of our own user, and of `other_uids`.
    static Result<std::unique_ptr<LocalProducers>> create(EventLoop& loop, PortHandler& handler,
                                                          UniqueFd listener,
                                                          std::vector<std::uint32_t> other_uids);
    ~LocalProducers();
    LocalProducers(const LocalProducers&) = delete;
    LocalProducers& operator=(const LocalProducers&) = delete;

  private:
    class Port;
    LocalProducers(EventLoop& loop, PortHandler& handler, std::vector<std::uint32_t> other_uids);
    void accept_one();

    EventLoop& loop_;
    PortHandler& handler_;
    const std::vector<std::uint32_t> other_uids_;
    UniqueFd listener_;
    std::map<Port*, std::unique_ptr<Port>> ports_;
};

}  // namespace vdmabuf::broker
