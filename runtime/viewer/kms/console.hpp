// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <memory>

#include "runtime/common/event_loop.hpp"
#include "runtime/common/result.hpp"
#include "runtime/common/unique_fd.hpp"

namespace vdmabuf::viewer {

// The kernel's virtual terminal behind a screen that we have for ourselves: the one that this
// program was started on, else the one that is seen. While we have a keyboard, what is typed does
// not reach it (K_OFF); it is given back at the end, and by the signals that end or crash the
// process (SIGKILL alone leaves it so: `kbd_mode -u` there, or Alt+SysRq+R). One of a process.
class Console {
  public:
    // On the loop's thread.
    struct Handlers {
        std::function<void()> leaves;   // another terminal is to be seen: screen and keys are its
        std::function<void()> returns;  // ours again
    };

    // Before the first thread of this process: all of them leave the signals of the terminal
    // alone. An error: there is no terminal, or it is not for this user.
    static Result<std::unique_ptr<Console>> take(EventLoop& loop, Handlers handlers);
    ~Console();
    Console(const Console&) = delete;
    Console& operator=(const Console&) = delete;

    // Whether the terminal is to hear nothing. The kernel switches no terminals then: that is for
    // whoever has the keyboard.
    void set_deaf(bool deaf) const;
    // As Ctrl+Alt+Fn does. handlers.leaves follows if there is such a terminal.
    void switch_to(int number) const;

  private:
    Console(EventLoop& loop, Handlers handlers) : loop_(loop), handlers_(std::move(handlers)) {}
    void on_signal();

    EventLoop& loop_;
    const Handlers handlers_;
    UniqueFd terminal_;
    UniqueFd signals_;
    bool watched_ = false;
};

}  // namespace vdmabuf::viewer
