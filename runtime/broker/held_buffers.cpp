// SPDX-License-Identifier: MIT
#include "runtime/broker/held_buffers.hpp"

#include <algorithm>
#include <utility>

#include "runtime/common/clock.hpp"
#include "runtime/common/dmabuf.hpp"

namespace vdmabuf::broker {

HeldBuffers::~HeldBuffers() {
    *self_ = nullptr;
    if (timer_) loop_.cancel(timer_);
}

std::uint64_t HeldBuffers::count_others(int dmabuf) {
    const auto references = dmabuf_references(dmabuf);
    return references && *references > 1 ? *references - 1 : 0;
}

std::shared_ptr<Buffer> HeldBuffers::make() {
    return {new Buffer, [self = self_](Buffer* ending) {
                std::unique_ptr<Buffer> buffer(ending);
                if (*self && buffer->udmabuf) (*self)->ended(std::move(buffer));
            }};
}

void HeldBuffers::ended(std::unique_ptr<Buffer> buffer) {
    if (others_(buffer->udmabuf->get()) == 0) return;
    held_.push_back(std::move(buffer));
    pause_ns_ = kFirstLookNs;
    if (timer_) loop_.cancel(timer_);
    look_later();
}

void HeldBuffers::look_later() {
    timer_ = loop_.at(now_ns() + pause_ns_, [this] { look(); });
    pause_ns_ = std::min(2 * pause_ns_, kLastLookNs);
}

void HeldBuffers::look() {
    timer_ = 0;
    // The end of a buffer tells its VM, and may have further effects: not while walking the list.
    std::list<std::unique_ptr<Buffer>> free;
    for (auto buffer = held_.begin(); buffer != held_.end();) {
        const auto next = std::next(buffer);
        if (others_((*buffer)->udmabuf->get()) == 0) free.splice(free.end(), held_, buffer);
        buffer = next;
    }
    if (!held_.empty()) look_later();
}

}  // namespace vdmabuf::broker
