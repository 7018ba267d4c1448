// SPDX-License-Identifier: MIT
#include "runtime/device/buffer_table.hpp"

#include <vector>

namespace vdmabuf::device {

BufferTable::~BufferTable() {
    *anchor_ = nullptr;
}

BufferTable::Added BufferTable::check(std::uint32_t channel, const stream::BufferId& id,
                                      std::uint64_t bytes) const {
    if (contains(channel, id)) return Added::exists;
    if (entries_.size() >= limits_.buffers || bytes > limits_.total_bytes ||
        bytes_ > limits_.total_bytes - bytes) {
        return Added::quota;
    }
    return Added::ok;
}

std::shared_ptr<const BufferMemory> BufferTable::add(std::uint32_t channel,
                                                     const stream::BufferId& id,
                                                     BufferMemory memory) {
    const Key key{channel, id};
    const std::uint64_t token = next_token_++;
    bytes_ += memory.size;
    entries_[key] = Entry{token, memory.size, false, false};
    tokens_[token] = key;
    auto owned = std::make_unique<const BufferMemory>(std::move(memory));
    return {owned.release(), [anchor = anchor_, key, token](const BufferMemory* pointer) {
                delete pointer;
                if (*anchor) (*anchor)->memory_freed(key, token);
            }};
}

void BufferTable::cancel(std::uint32_t channel, const stream::BufferId& id) {
    const auto found = entries_.find(Key{channel, id});
    if (found != entries_.end()) erase(found);
}

bool BufferTable::contains(std::uint32_t channel, const stream::BufferId& id) const {
    return entries_.contains(Key{channel, id});
}

BufferTable::Removed BufferTable::remove(std::uint32_t channel, const stream::BufferId& id) {
    const auto found = entries_.find(Key{channel, id});
    if (found == entries_.end()) return Removed::unknown;
    if (found->second.freed) {
        erase(found);
        return Removed::released;
    }
    found->second.removed = true;
    return Removed::held;
}

void BufferTable::remove_channel(
    std::uint32_t channel,
    const std::function<void(const stream::BufferId& id, std::uint64_t token)>& removed) {
    for (auto entry = entries_.lower_bound(Key{channel, {}});
         entry != entries_.end() && entry->first.first == channel; ++entry) {
        if (entry->second.removed) continue;
        entry->second.removed = true;
        if (entry->second.freed) removed(entry->first.second, entry->second.token);
    }
}

void BufferTable::forget(std::uint64_t token) {
    const auto found = tokens_.find(token);
    if (found == tokens_.end()) return;
    erase(entries_.find(found->second));
}

void BufferTable::clear() {
    entries_.clear();
    tokens_.clear();
    bytes_ = 0;
}

void BufferTable::erase(std::map<Key, Entry>::iterator entry) {
    bytes_ -= entry->second.bytes;
    tokens_.erase(entry->second.token);
    entries_.erase(entry);
}

void BufferTable::memory_freed(const Key& key, std::uint64_t token) {
    const auto found = entries_.find(key);
    if (found == entries_.end() || found->second.token != token) return;  // cancelled or cleared
    found->second.freed = true;
    if (found->second.removed && released) released(key.first, key.second, token);
}

}  // namespace vdmabuf::device
