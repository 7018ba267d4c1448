// SPDX-License-Identifier: MIT
#include "runtime/keeper/broker_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "runtime/common/clock.hpp"
#include "runtime/common/log.hpp"
#include "runtime/keeper/handover.hpp"

namespace vdmabuf::keeper {
namespace {

constexpr const char* kOwnBinary = "/proc/self/exe";
// A process that lived this long does not die for a reason that is there from its start.
constexpr std::uint64_t kStableNs = 250 * kNsPerMs;
constexpr unsigned kFreeCrashes = 5;  // starts without a delay
constexpr std::uint64_t kMaxDelayNs = 2 * kNsPerSecond;

std::string how_it_ended(int status) {
    if (WIFSIGNALED(status)) {
        return std::string("was killed by signal ") + std::to_string(WTERMSIG(status)) + " (" +
               ::strsignal(WTERMSIG(status)) + ")";
    }
    return "exited with code " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

BrokerProcess::BrokerProcess(EventLoop& loop, Options options, std::function<void()> started)
    : loop_(loop), options_(std::move(options)), started_(std::move(started)) {}

BrokerProcess::~BrokerProcess() {
    if (timer_ != 0) loop_.cancel(timer_);
    if (pid_ > 0) {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    forget();
}

Status BrokerProcess::start() {
    const std::string program = own_binary_ ? kOwnBinary : options_.program;
    Status spawned = spawn(program);
    if (!spawned && !own_binary_) {
        LOG_WARNING("%s; starting the binary that runs already", spawned.error().text.c_str());
        spawned = spawn(kOwnBinary);
    }
    if (spawned && started_) started_();
    return spawned;
}

Status BrokerProcess::spawn(const std::string& program) {
    std::array<int, 2> pair{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()) != 0) {
        return system_error("socketpair");
    }
    UniqueFd ours(pair[0]);
    const UniqueFd theirs(pair[1]);
    // Tells whether execv(2) worked: closed by it, or written to.
    std::array<int, 2> report{};
    if (::pipe2(report.data(), O_CLOEXEC) != 0) return system_error("pipe2");
    const UniqueFd report_read(report[0]);
    UniqueFd report_write(report[1]);

    std::vector<std::string> words{program, "--broker-link=" + std::to_string(theirs.get()),
                                   "--producers-fd=" + std::to_string(options_.producers),
                                   "--consumers-fd=" + std::to_string(options_.consumers)};
    words.insert(words.end(), options_.arguments.begin(), options_.arguments.end());
    std::vector<char*> argv;
    argv.reserve(words.size() + 1);
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);

    const pid_t keeper = ::getpid();
    const pid_t pid = ::fork();
    if (pid < 0) return system_error("fork");
    if (pid == 0) {
        // Without its keeper it must not hold on to the listening sockets, even if it hangs.
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != keeper) ::_exit(127);
        // Only these outlive execv(2).
        for (const int fd : {theirs.get(), options_.producers, options_.consumers}) {
            if (fd >= 0) ::fcntl(fd, F_SETFD, 0);
        }
        ::execv(program.c_str(), argv.data());
        const int error = errno;
        [[maybe_unused]] const ssize_t written = ::write(report_write.get(), &error, sizeof error);
        ::_exit(127);
    }
    report_write.reset();
    int error = 0;
    ssize_t got = 0;
    do {
        got = ::read(report_read.get(), &error, sizeof error);
    } while (got < 0 && errno == EINTR);
    if (got == sizeof error) {
        ::waitpid(pid, nullptr, 0);
        return system_error("cannot start '" + program + "'", error);
    }
    pid_ = pid;
    link_ = std::move(ours);
    process_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!process_) return system_error("pidfd_open");
    if (auto added = loop_.add(process_.get(), EPOLLIN, [this](std::uint32_t) { exited(); });
        !added) {
        return added;
    }
    if (auto added = loop_.add(link_.get(), EPOLLIN, [this](std::uint32_t) { readable(); });
        !added) {
        return added;
    }
    started_ns_ = now_ns();
    restarting_ = false;
    ++starts_;
    LOG_INFO("broker process %d started", static_cast<int>(pid));
    return {};
}

void BrokerProcess::forget() {
    if (link_) loop_.remove(link_.get());
    if (process_) loop_.remove(process_.get());
    link_.reset();
    process_.reset();
    pid_ = -1;
    connections_ = 0;
}

void BrokerProcess::readable() {
    while (link_) {
        std::array<std::byte, handover::kMaxSize> buffer{};
        auto received = receive_message(link_.get(), buffer);
        if (!received || received->size == 0) {
            if (!received && received.error().code == EAGAIN) return;
            loop_.remove(link_.get());  // exited() follows
            link_.reset();
            return;
        }
        const auto bytes = std::span<const std::byte>(buffer).first(received->size);
        handover::Header header;
        if (bytes.size() < sizeof header) continue;
        std::memcpy(&header, bytes.data(), sizeof header);
        if (header.version != handover::kVersion) continue;
        if (header.type == static_cast<std::uint16_t>(handover::Type::ack) &&
            bytes.size() == sizeof(handover::Ack)) {
            handover::Ack ack;
            std::memcpy(&ack, bytes.data(), sizeof ack);
            acknowledged_ = std::max(acknowledged_, ack.header.sequence);
            acknowledged_status_ = ack.status;
        } else if (header.type == static_cast<std::uint16_t>(handover::Type::load) &&
                   bytes.size() == sizeof(handover::Load)) {
            handover::Load load;
            std::memcpy(&load, bytes.data(), sizeof load);
            connections_ = load.connections;
        }
    }
}

bool BrokerProcess::wait_for(std::uint64_t sequence, std::int32_t& status) {
    const std::uint64_t deadline = now_ns() + options_.answer_ns;
    while (acknowledged_ < sequence) {
        const std::uint64_t now = now_ns();
        if (!link_ || now >= deadline) return false;
        pollfd poll_fd{link_.get(), POLLIN, 0};
        ::poll(&poll_fd, 1, static_cast<int>((deadline - now) / kNsPerMs + 1));
        if (poll_fd.revents != 0) readable();
    }
    status = acknowledged_status_;
    return true;
}

bool BrokerProcess::hand_over(const device::DeviceName& device, const device::VmState& state,
                              bool wait) {
    if (!link_) return true;
    const std::uint64_t sequence = ++sequence_;
    const int error =
        handover::send_state(link_.get(), device, state, sequence, now_ns() + options_.answer_ns);
    if (error == 0 && !wait) return true;
    std::int32_t status = 0;
    if (error == 0 && wait_for(sequence, status)) return status == 0;
    // It is dead, or as good as that. In either case it must not touch the memory any more.
    kill_now(error == EPIPE || error == ECONNRESET || !link_ ? nullptr : "does not answer");
    return true;
}

void BrokerProcess::kill_now(const char* why) {
    if (pid_ <= 0) return;
    if (why) LOG_ERROR("broker process %d %s; it is killed", static_cast<int>(pid_), why);
    ::kill(pid_, SIGKILL);
    exited();
}

void BrokerProcess::exited() {
    if (pid_ <= 0) return;
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    const bool wanted = restarting_ || stopping_;
    if (!wanted) {
        LOG_ERROR("broker process %d %s", static_cast<int>(pid_), how_it_ended(status).c_str());
    }
    if (timer_ != 0) loop_.cancel(timer_);
    timer_ = 0;
    forget();
    if (stopping_) return;
    if (WIFEXITED(status) && WEXITSTATUS(status) == kExitVersion && !own_binary_) {
        LOG_WARNING(
            "'%s' is of another version than the keeper: the old broker goes on until "
            "vdmabufd is started anew",
            options_.program.c_str());
        own_binary_ = true;
    }
    crashes_ = wanted || now_ns() - started_ns_ >= kStableNs ? 0 : crashes_ + 1;
    if (crashes_ <= kFreeCrashes) {
        start_later(0);
        return;
    }
    const unsigned doublings = std::min(crashes_ - kFreeCrashes - 1, 6U);
    start_later(std::min((100 * kNsPerMs) << doublings, kMaxDelayNs));
}

void BrokerProcess::start_later(std::uint64_t delay_ns) {
    // Not from within whatever found out: it may be in the middle of something.
    timer_ = loop_.at(now_ns() + delay_ns, [this] {
        timer_ = 0;
        if (auto started = start(); !started) {
            LOG_ERROR("%s", started.error().text.c_str());
            if (pid_ > 0) return kill_now("cannot be watched");
            start_later(kNsPerSecond);
        }
    });
}

void BrokerProcess::restart() {
    if (pid_ <= 0) return;
    LOG_INFO("restarting the broker");
    restarting_ = true;
    own_binary_ = false;
    ::kill(pid_, SIGTERM);
    if (timer_ != 0) loop_.cancel(timer_);
    timer_ = loop_.at(now_ns() + options_.answer_ns, [this] {
        timer_ = 0;
        kill_now("does not end");
    });
}

void BrokerProcess::stop(bool orderly) {
    stopping_ = true;
    if (timer_ != 0) loop_.cancel(timer_);
    timer_ = 0;
    if (pid_ <= 0) return;
    if (orderly && link_) {
        const std::uint64_t sequence = ++sequence_;
        std::int32_t status = 0;
        if (handover::send_within(link_.get(), handover::make<handover::ShutDown>(sequence), {},
                                  now_ns() + options_.answer_ns) == 0) {
            [[maybe_unused]] const bool answered = wait_for(sequence, status);
        }
    }
    ::kill(pid_, SIGTERM);
    pollfd poll_fd{process_.get(), POLLIN, 0};
    if (::poll(&poll_fd, 1, static_cast<int>(options_.answer_ns / kNsPerMs)) != 1) {
        return kill_now("does not end");
    }
    exited();
}

}  // namespace vdmabuf::keeper
