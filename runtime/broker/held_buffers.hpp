// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <functional>
#include <list>
#include <memory>

#include "runtime/broker/memory_export.hpp"
#include "runtime/common/event_loop.hpp"

namespace vdmabuf::broker {

// Makes buffers, and keeps one that nobody in the broker uses any more for as long as somebody else
// holds the dmabuf that the broker made of it: a consumer that has said IMAGE_DONE too early, or
// whose end the kernel is still cleaning up after. Until then its pages are not the producer's
// (BUFFER_RELEASED waits) and count in its VM's quota: the kernel keeps them pinned.
//
// One thread, that of the loop; must outlive what it makes, or end together with all of it.
class HeldBuffers {
  public:
    // How many references a dmabuf has beside the broker's own one; 0 too where nobody can tell.
    using Others = std::function<std::uint64_t(int dmabuf)>;

    explicit HeldBuffers(EventLoop& loop, Others others = count_others)
        : loop_(loop), others_(std::move(others)) {}
    ~HeldBuffers();
    HeldBuffers(const HeldBuffers&) = delete;
    HeldBuffers& operator=(const HeldBuffers&) = delete;

    std::shared_ptr<Buffer> make();
    // Buffers that are held by somebody else only.
    std::size_t size() const { return held_.size(); }

  private:
    // First soon, since it is a matter of messages on their way mostly, then more and more rarely.
    static constexpr std::uint64_t kFirstLookNs = 2'000'000;
    static constexpr std::uint64_t kLastLookNs = 250'000'000;

    static std::uint64_t count_others(int dmabuf);
    void ended(std::unique_ptr<Buffer> buffer);
    void look();
    void look_later();

    EventLoop& loop_;
    const Others others_;
    std::list<std::unique_ptr<Buffer>> held_;
    EventLoop::TimerId timer_ = 0;
    std::uint64_t pause_ns_ = kFirstLookNs;
    // What a buffer finds us by; it may end after us.
    std::shared_ptr<HeldBuffers*> self_ = std::make_shared<HeldBuffers*>(this);
};

}  // namespace vdmabuf::broker
