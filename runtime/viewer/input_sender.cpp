// SPDX-License-Identifier: MIT
#include "runtime/viewer/input_sender.hpp"

#include "runtime/common/clock.hpp"

namespace vdmabuf::viewer {

InputSender::~InputSender() {
    if (timer_ != 0) loop_.cancel(timer_);
}

void InputSender::add(std::span<const input::Event> events, std::uint32_t width,
                      std::uint32_t height) {
    if (events.empty()) return;
    if (width != width_ || height != height_) flush();
    width_ = width;
    height_ = height;
    for (const input::Event& event : events) {
        if (input::kind_of(event) == input::Kind::focus) focused_ = event.value == 1;
        if (waiting_.empty() || !input::merge(waiting_.back(), event)) waiting_.push_back(event);
    }
    if (timer_ != 0) return;
    const std::uint64_t now = now_ns();
    if (now >= sent_ns_ + kPauseNs) return flush();
    timer_ = loop_.at(sent_ns_ + kPauseNs, [this] {
        timer_ = 0;
        flush();
    });
}

void InputSender::say_again() {
    waiting_.clear();
    if (!focused_) return;
    const input::Event focus = input::make_event(input::Kind::focus, 0, 1);
    add({&focus, 1}, width_, height_);
}

void InputSender::flush() {
    if (timer_ != 0) loop_.cancel(timer_);
    timer_ = 0;
    if (waiting_.empty()) return;
    sent_ns_ = now_ns();
    send_(waiting_, width_, height_);
    waiting_.clear();
}

}  // namespace vdmabuf::viewer
