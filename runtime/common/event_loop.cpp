// SPDX-License-Identifier: MIT
#include "runtime/common/event_loop.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>

#include "runtime/common/clock.hpp"

namespace vdmabuf {

struct EventLoop::Watch {
    int fd;
    FdHandler handler;
};

struct EventLoop::Posted {
    std::mutex mutex;
    std::vector<TimerHandler> handlers;
    std::atomic<bool> stop{false};
};

Result<std::unique_ptr<EventLoop>> EventLoop::create() {
    std::unique_ptr<EventLoop> loop(new EventLoop);
    loop->posted_ = std::make_shared<Posted>();
    loop->epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
    if (!loop->epoll_) return system_error("epoll_create1");
    loop->wake_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!loop->wake_) return system_error("eventfd");
    const int wake = loop->wake_.get();
    auto added = loop->add(wake, EPOLLIN, [wake](std::uint32_t) {
        std::uint64_t count = 0;
        [[maybe_unused]] const ssize_t got = ::read(wake, &count, sizeof count);
    });
    if (!added) return added.error();
    return loop;
}

Status EventLoop::add(int fd, std::uint32_t epoll_events, FdHandler handler) {
    auto watch = std::make_shared<Watch>(Watch{fd, std::move(handler)});
    epoll_event event{};
    event.events = epoll_events;
    event.data.fd = fd;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return system_error("epoll_ctl");
    watches_[fd] = std::move(watch);
    return {};
}

Status EventLoop::modify(int fd, std::uint32_t epoll_events) {
    epoll_event event{};
    event.events = epoll_events;
    event.data.fd = fd;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) != 0) return system_error("epoll_ctl");
    return {};
}

void EventLoop::remove(int fd) {
    const auto found = watches_.find(fd);
    if (found == watches_.end()) return;
    watches_.erase(found);
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

EventLoop::TimerId EventLoop::at(std::uint64_t deadline_ns, TimerHandler handler) {
    const TimerId id = next_timer_++;
    timers_.emplace(std::pair{deadline_ns, id}, std::move(handler));
    deadlines_[id] = deadline_ns;
    return id;
}

void EventLoop::cancel(TimerId timer) {
    const auto found = deadlines_.find(timer);
    if (found == deadlines_.end()) return;
    timers_.erase({found->second, timer});
    deadlines_.erase(found);
}

void EventLoop::post(TimerHandler handler) {
    {
        const std::lock_guard lock(posted_->mutex);
        posted_->handlers.push_back(std::move(handler));
    }
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);
}

EventLoop::RoundEndId EventLoop::add_round_end(TimerHandler handler) {
    const RoundEndId id = next_round_end_++;
    round_ends_.emplace(id, std::move(handler));
    return id;
}

void EventLoop::remove_round_end(RoundEndId id) {
    round_ends_.erase(id);
}

void EventLoop::stop() {
    posted_->stop = true;
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);
}

void EventLoop::run_timers() {
    const std::uint64_t now = now_ns();
    while (!timers_.empty() && timers_.begin()->first.first <= now) {
        auto first = timers_.begin();
        TimerHandler handler = std::move(first->second);
        deadlines_.erase(first->first.second);
        timers_.erase(first);
        handler();
    }
}

void EventLoop::run_posted() {
    std::vector<TimerHandler> handlers;
    {
        const std::lock_guard lock(posted_->mutex);
        handlers.swap(posted_->handlers);
    }
    for (auto& handler : handlers) handler();
}

void EventLoop::run_once(std::int64_t timeout_ns) {
    run_posted();
    std::int64_t wait_ns = timeout_ns;
    if (!timers_.empty()) {
        const std::uint64_t now = now_ns();
        const std::uint64_t next = timers_.begin()->first.first;
        const auto until = static_cast<std::int64_t>(next > now ? next - now : 0);
        wait_ns = wait_ns < 0 ? until : std::min(wait_ns, until);
    }
    std::array<epoll_event, 64> events{};
    timespec timeout{};
    timeout.tv_sec = static_cast<time_t>(wait_ns / static_cast<std::int64_t>(kNsPerSecond));
    timeout.tv_nsec = static_cast<long>(wait_ns % static_cast<std::int64_t>(kNsPerSecond));
    // epoll_pwait2(2) has nanoseconds; epoll_wait(2) would round pacing to milliseconds.
    const int count = ::epoll_pwait2(epoll_.get(), events.data(), static_cast<int>(events.size()),
                                     wait_ns < 0 ? nullptr : &timeout, nullptr);
    for (int i = 0; i < count; ++i) {
        // A handler before this one may have removed the descriptor, or put another in its place;
        // level-triggered, so that a new one is reported again in the next round.
        const auto found = watches_.find(events[static_cast<std::size_t>(i)].data.fd);
        if (found == watches_.end()) continue;
        const std::shared_ptr<Watch> watch = found->second;
        watch->handler(events[static_cast<std::size_t>(i)].events);
    }
    run_timers();
    run_posted();
    for (const auto& [id, handler] : round_ends_) handler();
}

void EventLoop::run() {
    while (!posted_->stop) run_once(-1);
    posted_->stop = false;
}

}  // namespace vdmabuf
