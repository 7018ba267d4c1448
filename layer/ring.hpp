// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <vector>

namespace vdmabuf::layer {

// A queue that never grows: presenting must not allocate. Whoever uses it knows how many can be in
// it at a time.
template <typename T>
class Ring {
  public:
    explicit Ring(std::size_t room = 1) : room_(room) {}

    std::size_t count() const { return count_; }
    std::size_t size() const { return room_.size(); }
    const T& front() const { return room_[first_]; }
    void push(const T& value) { room_[(first_ + count_++) % room_.size()] = value; }
    T pop() {
        const T value = room_[first_];
        first_ = (first_ + 1) % room_.size();
        --count_;
        return value;
    }

  private:
    std::vector<T> room_;
    std::size_t first_ = 0;
    std::size_t count_ = 0;
};

}  // namespace vdmabuf::layer
