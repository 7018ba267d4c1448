// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "runtime/broker/quota.hpp"
#include "runtime/broker/socket_channel.hpp"
#include "runtime/common/buffer_memory.hpp"
#include "runtime/common/consumer_messages.hpp"
#include "runtime/common/result.hpp"

namespace vdmabuf::broker {

// Files opened again for reading only, so that a consumer can never write to a producer's memory.
// One descriptor for each file, shared by the buffers that use it; closed with the last of them.
class ReadOnlyFiles {
  public:
    Result<std::shared_ptr<const UniqueFd>> open(const std::shared_ptr<const UniqueFd>& file);
    std::size_t size() const { return entries_.size(); }

  private:
    struct Entry {
        std::weak_ptr<const UniqueFd> source;  // tells a new file at an old address apart
        std::weak_ptr<const UniqueFd> read_only;
    };
    std::unordered_map<const UniqueFd*, Entry> entries_;
    std::size_t purge_at_ = 16;
};

// A buffer and what it takes of its VM's quota, for as long as anybody has use for its pages.
struct Buffer {
    std::shared_ptr<const BufferMemory> memory;
    bool from_vm = false;
    Quota::Share count;
    Quota::Share bytes;
    std::vector<std::shared_ptr<const UniqueFd>> read_only;  // kept open from the first export on
};

// A buffer's memory as a consumer gets it: descriptors of an IMAGE, and its fields about them.
struct ExportedMemory {
    consumer::MemoryKind kind = consumer::MemoryKind::runs;
    std::uint32_t run_count = 0;
    std::uint32_t file_count = 0;
    FdList fds;
    std::string reason;  // why it is no dmabuf; empty if it is, or if none was wanted
};

// EACCES when the configuration forbids it, else what the system says; the text is for people.
Result<ExportedMemory> export_memory(Buffer& buffer, ReadOnlyFiles& files, bool share_vm_memory);

}  // namespace vdmabuf::broker
