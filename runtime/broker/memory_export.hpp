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
#include "runtime/common/udmabuf.hpp"

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

// A buffer and what it takes of its VM's quota, for as long as anybody has use for its pages. Made
// by HeldBuffers.
struct Buffer {
    std::shared_ptr<const BufferMemory> memory;
    bool from_vm = false;
    Quota::Share count;
    Quota::Share bytes;
    // Made at first need, and kept: a dmabuf of exactly these pages, and the files of the runs.
    std::shared_ptr<const UniqueFd> udmabuf;
    std::vector<std::shared_ptr<const UniqueFd>> read_only;
};

// A buffer's memory as a consumer gets it: descriptors of an IMAGE, and its fields about them.
struct ExportedMemory {
    consumer::MemoryKind kind = consumer::MemoryKind::runs;
    std::uint32_t run_count = 0;
    std::uint32_t file_count = 0;
    FdList fds;
    std::string reason;  // why it is no dmabuf; empty if it is, or if none was wanted
};

// Gives buffers to consumers, by the best way that both sides know.
class MemoryExporter {
  public:
    explicit MemoryExporter(bool share_vm_memory, Udmabuf udmabuf = Udmabuf())
        : share_vm_memory_(share_vm_memory), udmabuf_(std::move(udmabuf)) {}

    // EACCES when the configuration forbids what is left, ENOTSUP when only a dmabuf would do, as
    // nobody can map it, else what the system says; the text is for people.
    Result<ExportedMemory> give(Buffer& buffer, bool as_dmabuf);

    // Whether pages of a VM can become dmabufs here; nobody can use tiled images without.
    bool makes_dmabufs() { return udmabuf_.usable(); }

  private:
    const bool share_vm_memory_;
    Udmabuf udmabuf_;
    ReadOnlyFiles files_;
};

}  // namespace vdmabuf::broker
