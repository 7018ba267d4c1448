// SPDX-License-Identifier: MIT
#include "runtime/device/input_device.hpp"

#include <utility>

#include "runtime/common/log.hpp"

namespace vdmabuf::device {
namespace {

constexpr std::size_t kEventQueue = 0;  // virtio 1.2, 5.8.2
constexpr std::size_t kStatusQueue = 1;
// Status buffers in one go; then others have their turn.
constexpr int kStatusBudget = 64;

}  // namespace

template <typename Work>
void InputDevice::later(Work work) {
    loop_.post([anchor = anchor_, work = std::move(work)] {
        if (*anchor) work(**anchor);
    });
}

InputDevice::InputDevice(EventLoop& loop, std::string vm, InputRole role)
    : loop_(loop),
      name_("VM '" + std::move(vm) + "' (" + name_of(role) + ")"),
      outbox_(role),
      events_(loop),
      status_(loop) {
    // One interrupt for all that a round brings.
    round_end_ = loop_.add_round_end([this] {
        if (std::exchange(delivered_, false)) events_.interrupt();
    });
}

InputDevice::~InputDevice() {
    loop_.remove_round_end(round_end_);
    *anchor_ = nullptr;
}

Status InputDevice::apply(const VmState& state) {
    const RingState& events = state.rings[kEventQueue];
    const bool goes_on = events.active() && events_.state.active() &&
                         events.same_place(events_.state) && !state.resumed;
    if (!goes_on) broken_ = false;
    // Whatever changed: kick and call descriptors are new, and the memory may be.
    stop();
    if (state.active()) {
        if (auto started = start(state); !started) {
            stop();
            outbox_.restart(false);
            return Error{started.error().code, name_ + ": " + started.error().text};
        }
    } else {
        memory_.reset();
    }
    if (broken_) {  // goes on as it was: only a reset of the device helps
        stop();
        events_.state = events;  // for `goes_on`
        return {};
    }
    if (!goes_on) {
        const bool used = events_.ring && events_.ring->used_index() != 0;
        outbox_.restart(state.resumed || (used && !known_));
        known_ = known_ || events_.ring;
    }
    // A kick or an interrupt may have been lost with the process that served before.
    later([](InputDevice& device) {
        device.events_.interrupt();
        device.status_.interrupt();
        device.deliver();
        device.take_status();
    });
    return {};
}

Status InputDevice::start(const VmState& state) {
    if (!memory_ || !memory_->same_as(state.regions)) {
        memory_.reset();
        auto memory = GuestMemory::create(state.regions);
        if (!memory) return memory.error();
        memory_ = std::move(*memory);
    }
    const Error lost{EIO, "its kick descriptor cannot be read"};
    if (const RingState& ring = state.rings[kEventQueue]; ring.active()) {
        auto started = events_.start(memory_, ring, [this, lost](bool readable) {
            if (!readable) return fail(lost);
            deliver();
        });
        if (!started) return started;
        // Posting buffers is no news, unless events wait for them.
        events_.ring->set_kicks(false);
    }
    if (const RingState& ring = state.rings[kStatusQueue]; ring.active()) {
        auto started = status_.start(memory_, ring, [this, lost](bool readable) {
            if (!readable) return fail(lost);
            take_status();
        });
        if (!started) return started;
        status_.ring->set_kicks(true);
    }
    return {};
}

void InputDevice::stop() {
    events_.stop();
    status_.stop();
}

void InputDevice::fail(const Error& why) {
    // A guest that breaks its queues again and again must not fill the log.
    if (!announced_broken_) {
        LOG_ERROR(
            "%s: its driver broke a virtqueue (%s); the device is stopped until the driver resets "
            "it",
            name_.c_str(), why.text.c_str());
    }
    announced_broken_ = true;
    broken_ = true;
    const RingState events = events_.state;
    stop();
    events_.state = events;
    outbox_.restart(false);
}

void InputDevice::send(std::span<const EvdevEvent> packet) {
    if (!running()) return;
    outbox_.add(packet);
    deliver();
}

void InputDevice::release_all() {
    outbox_.release_all();
    deliver();
}

void InputDevice::deliver() {
    if (!events_.ring || !outbox_.next()) return;
    events_.ring->set_kicks(false);
    while (const EvdevEvent* event = outbox_.next()) {
        auto next = events_.ring->next(chain_);
        if (next && !*next) {
            // The guest is to say when it has posted buffers; it may have just done so.
            events_.ring->set_kicks(true);
            next = events_.ring->next(chain_);
            if (next && !*next) return;
            events_.ring->set_kicks(false);
        }
        if (!next) return fail(next.error());
        if (!chain_.readable.empty()) {
            return fail(Error{EBADMSG, "a buffer of the event queue is not writable"});
        }
        if (!scatter(*memory_, chain_.writable, std::as_bytes(std::span(event, 1)))) {
            return fail(Error{EBADMSG, "a buffer of the event queue is too small for an event"});
        }
        events_.ring->push(chain_, sizeof *event);
        outbox_.pop();
        delivered_ = true;
    }
}

void InputDevice::take_status() {
    if (!status_.ring) return;
    bool pushed = false;
    for (int budget = kStatusBudget;;) {
        auto next = status_.ring->next(chain_);
        if (!next) return fail(next.error());
        if (!*next) break;
        if (budget-- == 0) {
            later([](InputDevice& device) { device.take_status(); });
            break;
        }
        status_.ring->push(chain_, 0);
        pushed = true;
    }
    if (pushed) status_.interrupt();
}

}  // namespace vdmabuf::device
