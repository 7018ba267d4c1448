// SPDX-License-Identifier: MIT
#include "runtime/viewer/kms/kms_user.hpp"

#include <utility>

#include "runtime/common/log.hpp"

namespace vdmabuf::viewer {

KmsUser::KmsUser(EventLoop& loop, bool apps_take_input)
    : loop_(loop), apps_take_input_(apps_take_input) {
    auto console = Console::take(loop, {[this] { leave(); }, [this] { enter(); }});
    if (!console) {
        LOG_INFO("no terminal behind the screen: %s", console.error().text.c_str());
        return;
    }
    console_ = std::move(*console);
}

void KmsUser::sit_down(KmsOutputs& outputs, const Screen& screen, std::function<void()> quit) {
    outputs_ = &outputs;
    quit_ = std::move(quit);
    auto seat = Seat::open(loop_, screen.width(), screen.height(),
                           {[this](std::uint16_t code, bool down) { return key(code, down); },
                            [this](bool there) {
                                if (console_) console_->set_deaf(there);
                            },
                            [this](std::span<const input::Event> events) {
                                if (apps_take_input_) outputs_->input(events);
                            }});
    if (!seat) {
        LOG_WARNING("no input: %s", seat.error().text.c_str());
        return;
    }
    seat_ = std::move(*seat);
}

void KmsUser::stand_up() {
    seat_.reset();
    outputs_ = nullptr;
}

bool KmsUser::key(std::uint16_t code, bool down) {
    const ViewerKeys::Taken taken = keys_.take(code, down);
    // What it does may end the stream that is told of other keys now.
    if (taken.action != ViewerKeys::Action::none) {
        loop_.post([this, taken] { act(taken); });
    }
    return taken.own;
}

void KmsUser::act(const ViewerKeys::Taken& taken) {
    if (!outputs_) return;
    switch (taken.action) {
        case ViewerKeys::Action::hud:
            return outputs_->toggle_hud();
        case ViewerKeys::Action::scale:
            return outputs_->next_scale();
        case ViewerKeys::Action::picture:
            return outputs_->picture_wanted();
        case ViewerKeys::Action::next_stream:
            return outputs_->next_stream();
        case ViewerKeys::Action::grab:
            grabbed_ = !grabbed_;
            seat_->set_grabbed(grabbed_);
            return outputs_->set_grabbed(grabbed_);
        case ViewerKeys::Action::quit:
            return quit_();
        case ViewerKeys::Action::console:
            if (console_) console_->switch_to(taken.console);
            return;
        case ViewerKeys::Action::none:
            return;
    }
}

void KmsUser::leave() {
    if (!outputs_) return;
    if (seat_) seat_->suspend();
    keys_.forget();
    outputs_->leave();
}

void KmsUser::enter() {
    if (!outputs_) return;
    outputs_->enter();
    if (seat_) seat_->resume();
}

}  // namespace vdmabuf::viewer
