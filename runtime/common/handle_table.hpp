// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <new>

namespace vdmabuf {

// Finds an object by a handle. Readers take no lock and write nothing, since every Vulkan call of
// the app passes here; writers (creation and destruction) take a mutex. A key that is being erased
// is not looked up at the same time: Vulkan's rules for destroying a handle.
//
// Open addressing. Tables that were outgrown are kept, as a reader may still be in one; together
// they are no larger than the newest. An object of this class with static storage is never
// destroyed (trivial destructor): threads of the app may call Vulkan while the process exits.
template <typename T>
class HandleTable {
  public:
    constexpr HandleTable() = default;
    HandleTable(const HandleTable&) = delete;
    HandleTable& operator=(const HandleTable&) = delete;

    T* find(std::uint64_t key) const noexcept {
        const Table* table = table_.load(std::memory_order_acquire);
        // VK_NULL_HANDLE is looked up too, and would be found in an empty entry.
        if (!table || key == kEmpty || key == kGone) return nullptr;
        for (std::size_t i = first(key, *table);; i = (i + 1) & table->mask) {
            const std::uint64_t found = table->entries[i].key.load(std::memory_order_acquire);
            if (found == key) return table->entries[i].value.load(std::memory_order_acquire);
            if (found == kEmpty) return nullptr;
        }
    }

    // Throws std::bad_alloc. The key is neither 0 nor ~0, and is not in the table.
    void insert(std::uint64_t key, T* value) {
        const std::lock_guard lock(mutex_);
        Table* table = table_.load(std::memory_order_relaxed);
        if (!has_room(table, reserved_ + 1)) table = grow(table);
        put(*table, key, value);
    }

    // Makes room for one more entry, so that insert_reserved() cannot fail. Throws std::bad_alloc.
    void reserve() {
        const std::lock_guard lock(mutex_);
        Table* table = table_.load(std::memory_order_relaxed);
        if (!has_room(table, reserved_ + 1)) (void)grow(table);
        ++reserved_;
    }
    void insert_reserved(std::uint64_t key, T* value) noexcept {
        const std::lock_guard lock(mutex_);
        --reserved_;
        put(*table_.load(std::memory_order_relaxed), key, value);
    }
    void give_up_reserved() noexcept {
        const std::lock_guard lock(mutex_);
        --reserved_;
    }

    T* erase(std::uint64_t key) noexcept {
        const std::lock_guard lock(mutex_);
        Table* table = table_.load(std::memory_order_relaxed);
        if (!table || key == kEmpty || key == kGone) return nullptr;
        std::size_t i = first(key, *table);
        for (;; i = (i + 1) & table->mask) {
            const std::uint64_t found = table->entries[i].key.load(std::memory_order_relaxed);
            if (found == kEmpty) return nullptr;
            if (found == key) break;
        }
        T* value = table->entries[i].value.load(std::memory_order_relaxed);
        table->entries[i].key.store(kGone, std::memory_order_release);
        // Nothing was pushed past a gap that has an empty entry behind it: such gaps close, so that
        // creating and destroying for ever does not fill the table.
        if (table->entries[(i + 1) & table->mask].key.load(std::memory_order_relaxed) == kEmpty) {
            while (table->entries[i].key.load(std::memory_order_relaxed) == kGone) {
                table->entries[i].key.store(kEmpty, std::memory_order_release);
                --used_;
                i = (i - 1) & table->mask;
            }
        }
        return value;
    }

    // Calls `visit(value)` for every entry, locked against writers.
    template <typename Visit>
    void for_each(Visit&& visit) const {
        const std::lock_guard lock(mutex_);
        const Table* table = table_.load(std::memory_order_relaxed);
        if (!table) return;
        for (std::size_t i = 0; i <= table->mask; ++i) {
            const std::uint64_t key = table->entries[i].key.load(std::memory_order_relaxed);
            if (key != kEmpty && key != kGone) {
                visit(*table->entries[i].value.load(std::memory_order_relaxed));
            }
        }
    }

    // Frees the tables; for objects whose readers have ended. The table is empty afterwards.
    void clear() noexcept {
        const std::lock_guard lock(mutex_);
        Table* table = table_.exchange(nullptr);
        while (table) {
            Table* older = table->older;
            delete[] table->entries;
            delete table;
            table = older;
        }
        used_ = 0;
    }

  private:
    static constexpr std::uint64_t kEmpty = 0;
    static constexpr std::uint64_t kGone = ~std::uint64_t{0};
    static constexpr std::size_t kFirstSize = 16;

    struct Entry {
        std::atomic<std::uint64_t> key{kEmpty};
        std::atomic<T*> value{nullptr};
    };
    struct Table {
        std::size_t mask = 0;
        Entry* entries = nullptr;
        Table* older = nullptr;
    };

    bool has_room(const Table* table, std::size_t more) const noexcept {
        return table && (used_ + more) * 2 <= table->mask + 1;
    }

    static std::size_t first(std::uint64_t key, const Table& table) noexcept {
        // Handles are addresses: mix the high bits in (Fibonacci hashing).
        return static_cast<std::size_t>((key * 0x9e3779b97f4a7c15u) >> 32) & table.mask;
    }

    void put(Table& table, std::uint64_t key, T* value) noexcept {
        std::size_t i = first(key, table);
        for (;; i = (i + 1) & table.mask) {
            const std::uint64_t found = table.entries[i].key.load(std::memory_order_relaxed);
            if (found == kEmpty) {
                ++used_;
                break;
            }
            if (found == kGone) break;
        }
        table.entries[i].value.store(value, std::memory_order_release);
        table.entries[i].key.store(key, std::memory_order_release);
    }

    Table* grow(Table* old) {
        const std::size_t size = old ? (old->mask + 1) * 2 : kFirstSize;
        Table* table = new Table;
        table->entries = new (std::nothrow) Entry[size];
        if (!table->entries) {
            delete table;
            throw std::bad_alloc();
        }
        table->mask = size - 1;
        table->older = old;
        used_ = 0;
        for (std::size_t i = 0; old && i <= old->mask; ++i) {
            const std::uint64_t key = old->entries[i].key.load(std::memory_order_relaxed);
            if (key == kEmpty || key == kGone) continue;
            put(*table, key, old->entries[i].value.load(std::memory_order_relaxed));
        }
        table_.store(table, std::memory_order_release);
        return table;
    }

    std::atomic<Table*> table_{nullptr};
    mutable std::mutex mutex_;
    std::size_t used_ = 0;  // entries that are not empty
    std::size_t reserved_ = 0;
};

// Room for an entry that is made later; unless it is taken, it is given up again.
template <typename T>
class ReservedEntry {
  public:
    explicit ReservedEntry(HandleTable<T>& table) : table_(&table) { table.reserve(); }
    ~ReservedEntry() {
        if (table_) table_->give_up_reserved();
    }
    ReservedEntry(const ReservedEntry&) = delete;
    ReservedEntry& operator=(const ReservedEntry&) = delete;
    void take(std::uint64_t key, T* value) noexcept {
        table_->insert_reserved(key, value);
        table_ = nullptr;
    }

  private:
    HandleTable<T>* table_;
};

}  // namespace vdmabuf
