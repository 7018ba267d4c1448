// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "runtime/common/buffer_memory.hpp"
#include "runtime/common/stream_messages.hpp"
#include "runtime/device/limits.hpp"

namespace vdmabuf::device {

// The buffers of one VM, from BUFFER_CREATE until the driver knows that the host has let go. An id
// is random and means something in its channel only. The table itself holds no memory: the broker
// and consumers do, by the shared_ptr that add() makes; its end is noticed here.
class BufferTable {
  public:
    enum class Added { ok, exists, quota };
    enum class Removed {
        unknown,
        released,  // the host holds nothing; the entry is gone
        held,      // the entry stays until forget(), `released` is called first
    };

    explicit BufferTable(const Limits& limits) : limits_(limits) {}
    ~BufferTable();
    BufferTable(const BufferTable&) = delete;
    BufferTable& operator=(const BufferTable&) = delete;

    // Called when the last holder of a buffer that was removed has let go, on the thread on which
    // it did so, with the buffer's token.
    std::function<void(std::uint32_t channel, const stream::BufferId& id, std::uint64_t token)>
        released;

    // Whether one more of `bytes` has room.
    Added check(std::uint32_t channel, const stream::BufferId& id, std::uint64_t bytes) const;

    // Adds it (check() said ok) and returns what to give to the broker. The table may end first.
    std::shared_ptr<const BufferMemory> add(std::uint32_t channel, const stream::BufferId& id,
                                            BufferMemory memory);

    // Undoes add(), whoever still holds the memory.
    void cancel(std::uint32_t channel, const stream::BufferId& id);

    bool contains(std::uint32_t channel, const stream::BufferId& id) const;

    // The driver destroys it, and the broker was told. Also for one whose channel has ended: its
    // driver must not get the pages back before the host has let go of them.
    Removed remove(std::uint32_t channel, const stream::BufferId& id);

    // Removes all of a channel. `removed` is called for each that nobody holds any more (they keep
    // their entries, as those that are held, until forget()).
    void remove_channel(
        std::uint32_t channel,
        const std::function<void(const stream::BufferId& id, std::uint64_t token)>& removed);

    // The driver knows that the buffer was released: its place is free.
    void forget(std::uint64_t token);

    // Forgets everything, as on a reset of the device. Nothing is called afterwards.
    void clear();

    std::size_t size() const { return entries_.size(); }
    std::uint64_t bytes() const { return bytes_; }

  private:
    using Key = std::pair<std::uint32_t, stream::BufferId>;
    struct Entry {
        std::uint64_t token = 0;
        std::uint64_t bytes = 0;
        bool freed = false;    // nobody holds the memory
        bool removed = false;  // not the driver's any more
    };
    void erase(std::map<Key, Entry>::iterator entry);
    void memory_freed(const Key& key, std::uint64_t token);

    const Limits limits_;
    std::map<Key, Entry> entries_;
    std::map<std::uint64_t, Key> tokens_;
    std::uint64_t bytes_ = 0;
    std::uint64_t next_token_ = 1;
    // What a deleter finds its table by; it may run after the table's end.
    std::shared_ptr<BufferTable*> anchor_ = std::make_shared<BufferTable*>(this);
};

}  // namespace vdmabuf::device
