// SPDX-License-Identifier: MIT
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <utility>

namespace vdmabuf {

// Owns a range of mapped memory.
class Mapping {
  public:
    Mapping() = default;
    Mapping(void* address, std::size_t size) : address_(address), size_(size) {}
    Mapping(Mapping&& other) noexcept
        : address_(std::exchange(other.address_, nullptr)), size_(std::exchange(other.size_, 0)) {}
    Mapping& operator=(Mapping&& other) noexcept {
        if (this != &other) {
            reset();
            address_ = std::exchange(other.address_, nullptr);
            size_ = std::exchange(other.size_, 0);
        }
        return *this;
    }
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;
    ~Mapping() { reset(); }

    explicit operator bool() const { return address_ != nullptr; }
    void* data() const { return address_; }
    std::byte* bytes() const { return static_cast<std::byte*>(address_); }
    std::size_t size() const { return size_; }
    // The range is the caller's from now on.
    void* release() {
        size_ = 0;
        return std::exchange(address_, nullptr);
    }
    void reset() {
        if (address_) ::munmap(address_, size_);
        address_ = nullptr;
        size_ = 0;
    }

  private:
    void* address_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace vdmabuf
