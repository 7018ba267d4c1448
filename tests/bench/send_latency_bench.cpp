// SPDX-License-Identifier: MIT
// send_latency_bench --producer S --consumer S [--rounds N]: from Stream::present() until a
// consumer has the frame, through a broker in a process of its own, beside half the round trip of a
// bare Unix socket to another process, turn and turn about. One JSON object on standard output;
// microseconds.
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "runtime/common/clock.hpp"
#include "runtime/common/event_loop.hpp"
#include "runtime/consumer/client.hpp"
#include "runtime/producer/connection.hpp"
#include "tests/bench/need.hpp"

namespace {

using namespace vdmabuf;
using bench::fail;
using bench::need;

constexpr int kBlock = 200;                  // frames, and round trips, of a round
constexpr std::uint32_t kXr24 = 0x34325258;  // DRM_FORMAT_XRGB8888

// Notes when each frame came, and answers.
class Receiving : public consumer::ClientListener {
  public:
    explicit Receiving(const std::string& socket)
        : loop_(need(EventLoop::create())),
          client_(*loop_, {socket, "send_latency_bench"}, *this),
          thread_([this] { loop_->run(); }) {}
    ~Receiving() override {
        loop_->stop();
        thread_.join();
    }
    std::uint64_t came_ns() const { return came_ns_.load(); }

  private:
    void stream_added(const consumer::StreamAdded& message) override {
        client_.attach(message.stream);
    }
    void frame(const consumer::Frame& message) override {
        came_ns_ = now_ns();
        client_.presented(message.stream, message.serial, now_ns(), 0, true);
        if (before_ != 0) client_.release(message.stream, before_);
        before_ = message.serial;
    }
    std::unique_ptr<EventLoop> loop_;
    consumer::Client client_;
    std::uint64_t before_ = 0;
    std::atomic<std::uint64_t> came_ns_ = 0;
    std::thread thread_;
};

class Answers : public producer::StreamListener {
  public:
    void on_release(std::uint32_t, std::uint64_t serial) override { note(released_, serial); }
    void on_presented(const stream::Presented& message) override {
        note(presented_, message.serial);
    }
    void on_configure(const stream::Configure&) override {}
    void on_close() override {}
    void on_lost() override { fail("the broker refuses to serve"); }
    // All that belongs to this frame is over: nobody is awake when the next one starts.
    void wait(std::uint64_t serial) {
        std::unique_lock lock(mutex_);
        if (!changed_.wait_for(lock, std::chrono::seconds(5),
                               [&] { return presented_ >= serial && released_ + 1 >= serial; })) {
            fail("a frame was not answered within five seconds");
        }
    }

  private:
    void note(std::uint64_t& last, std::uint64_t serial) {
        const std::lock_guard lock(mutex_);
        last = std::max(last, serial);
        changed_.notify_all();
    }
    std::mutex mutex_;
    std::condition_variable changed_;
    std::uint64_t presented_ = 0;
    std::uint64_t released_ = 0;
};

// Another process that sends back what it gets.
class Echo {
  public:
    Echo() {
        int ends[2];
        if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) fail("socketpair");
        child_ = ::fork();
        if (child_ == 0) {
            ::close(ends[0]);
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            std::byte bytes[512];
            ssize_t got = 0;
            while ((got = ::recv(ends[1], bytes, sizeof bytes, 0)) > 0) {
                if (::send(ends[1], bytes, static_cast<std::size_t>(got), MSG_NOSIGNAL) < 0) break;
            }
            ::_exit(0);
        }
        ::close(ends[1]);
        socket_.reset(ends[0]);
    }
    ~Echo() {
        socket_.reset();
        ::waitpid(child_, nullptr, 0);
    }
    Echo(const Echo&) = delete;
    Echo& operator=(const Echo&) = delete;
    std::uint64_t round_trip_ns() const {
        const auto message = stream::make<stream::Present>();
        std::byte answer[512];
        const std::uint64_t start = now_ns();
        if (::send(socket_.get(), &message, sizeof message, MSG_NOSIGNAL) < 0 ||
            ::recv(socket_.get(), answer, sizeof answer, 0) <= 0) {
            fail("the echo has gone");
        }
        return now_ns() - start;
    }

  private:
    pid_t child_ = -1;
    UniqueFd socket_;
};

// What no broker can do without: another process that waits for a message on one socket, and sends
// it on, on another one; and a thread that waits for it there in the same manner. With epoll, as
// everybody must who has more than one socket, or in recv(2), the shortest way that there is.
class Relay {
  public:
    enum class Waits : std::uint8_t { with_epoll, in_recv };
    explicit Relay(Waits waits) : waits_(waits) {
        int in[2];
        int out[2];
        if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, in) != 0 ||
            ::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, out) != 0) {
            fail("socketpair");
        }
        child_ = ::fork();
        if (child_ == 0) {
            ::close(in[0]);
            ::close(out[0]);
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            std::byte bytes[512];
            wait_and_receive(
                in[1],
                [&](ssize_t got) {
                    return ::send(out[1], bytes, static_cast<std::size_t>(got), MSG_NOSIGNAL) > 0;
                },
                bytes);
            ::_exit(0);
        }
        ::close(in[1]);
        ::close(out[1]);
        to_.reset(in[0]);
        from_.reset(out[0]);
    }
    ~Relay() {
        to_.reset();
        ::waitpid(child_, nullptr, 0);
        if (thread_.joinable()) thread_.join();
    }
    Relay(const Relay&) = delete;
    Relay& operator=(const Relay&) = delete;
    // Threads come after all fork()s.
    void start() {
        thread_ = std::thread([this] {
            std::byte bytes[512];
            wait_and_receive(
                from_.get(),
                [&](ssize_t) {
                    const std::lock_guard lock(mutex_);
                    came_ns_ = now_ns();
                    changed_.notify_all();
                    return true;
                },
                bytes);
        });
    }
    std::uint64_t way_ns() {
        const auto message = stream::make<stream::Present>();
        const std::uint64_t start = now_ns();
        if (::send(to_.get(), &message, sizeof message, MSG_NOSIGNAL) < 0)
            fail("the relay has gone");
        std::unique_lock lock(mutex_);
        if (!changed_.wait_for(lock, std::chrono::seconds(5), [&] { return came_ns_ >= start; })) {
            fail("the relay does not answer");
        }
        return came_ns_ - start;
    }

  private:
    template <typename Then>
    void wait_and_receive(int socket, Then then, std::span<std::byte> bytes) const {
        if (waits_ == Waits::in_recv) {
            for (;;) {
                const ssize_t got = ::recv(socket, bytes.data(), bytes.size(), 0);
                if (got <= 0 || !then(got)) return;
            }
        }
        const UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
        epoll_event event{};
        event.events = EPOLLIN;
        if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, socket, &event) != 0) return;
        while (::epoll_wait(epoll.get(), &event, 1, -1) == 1) {
            const ssize_t got = ::recv(socket, bytes.data(), bytes.size(), MSG_DONTWAIT);
            if (got <= 0 || !then(got)) return;
        }
    }
    Waits waits_;
    pid_t child_ = -1;
    UniqueFd to_;
    UniqueFd from_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::uint64_t came_ns_ = 0;
    std::thread thread_;
};

double us(std::vector<std::uint64_t> times, double part) {
    std::sort(times.begin(), times.end());
    return static_cast<double>(
               times[static_cast<std::size_t>(part * static_cast<double>(times.size() - 1))]) /
           1e3;
}

}  // namespace

int main(int argc, char** argv) {
    std::string producer_socket;
    std::string consumer_socket;
    unsigned long rounds = 20;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string option = argv[i];
        if (option == "--producer") producer_socket = argv[i + 1];
        if (option == "--consumer") consumer_socket = argv[i + 1];
        if (option == "--rounds") rounds = std::strtoul(argv[i + 1], nullptr, 10);
    }
    if (producer_socket.empty() || consumer_socket.empty() || rounds == 0) {
        fail("--producer S --consumer S [--rounds N]");
    }
    const Echo echo;  // before there are threads
    Relay relay(Relay::Waits::with_epoll);
    Relay shortest(Relay::Waits::in_recv);
    relay.start();
    shortest.start();
    const Receiving receiving(consumer_socket);
    Answers answers;
    const auto connection = need(producer::Connection::open(
        {producer::Endpoint::Kind::socket, producer_socket}, "send_latency_bench"));
    const auto window = need(connection->create_stream({"bench", "bench", 64, 64}, &answers));
    for (const std::uint32_t slot : need(window->reserve_slots(2))) {
        producer::ImageInfo info;
        info.width = 64;
        info.height = 64;
        info.fourcc = kXr24;
        info.planes[0].pitch = 256;
        auto buffer = need(connection->alloc(64 * 256));
        if (auto set = window->set_image(slot, info, buffer, &answers); !set)
            fail(set.error().text);
    }
    std::vector<std::uint64_t> sends;
    std::vector<std::uint64_t> trips;
    std::vector<std::uint64_t> relays;
    std::vector<double> ratios;
    std::vector<std::uint64_t> shortests;
    std::vector<double> relay_ratios;
    std::vector<double> shortest_ratios;
    std::uint32_t slot = 0;
    for (unsigned long round = 0; round < rounds + 1; ++round) {
        std::vector<std::uint64_t> block_sends;
        std::vector<std::uint64_t> block_trips;
        for (int i = 0; i < kBlock; ++i) {
            producer::FrameInfo frame;
            frame.slot = slot++ % 2;
            frame.mode = stream::PresentMode::fifo;
            const std::uint64_t start = now_ns();
            answers.wait(window->present(frame));
            block_sends.push_back(receiving.came_ns() - start);
        }
        for (int i = 0; i < kBlock; ++i) block_trips.push_back(echo.round_trip_ns() / 2);
        std::vector<std::uint64_t> block_relays;
        for (int i = 0; i < kBlock; ++i) block_relays.push_back(relay.way_ns());
        std::vector<std::uint64_t> block_shortests;
        for (int i = 0; i < kBlock; ++i) block_shortests.push_back(shortest.way_ns());
        if (round == 0) continue;
        shortests.insert(shortests.end(), block_shortests.begin(), block_shortests.end());
        shortest_ratios.push_back(us(block_shortests, 0.5) / us(block_trips, 0.5));
        relay_ratios.push_back(us(block_sends, 0.5) / us(block_relays, 0.5));
        relays.insert(relays.end(), block_relays.begin(), block_relays.end());
        ratios.push_back(us(block_sends, 0.5) / us(block_trips, 0.5));
        sends.insert(sends.end(), block_sends.begin(), block_sends.end());
        trips.insert(trips.end(), block_trips.begin(), block_trips.end());
    }
    std::sort(ratios.begin(), ratios.end());
    std::sort(relay_ratios.begin(), relay_ratios.end());
    std::sort(shortest_ratios.begin(), shortest_ratios.end());
    std::printf(
        "{\"send_to_receive\": {\"p50\": %.2f, \"p90\": %.2f, \"p99\": %.2f}, "
        "\"socket_one_way\": {\"p50\": %.2f, \"p90\": %.2f, \"p99\": %.2f}, "
        "\"bare_relay\": {\"p50\": %.2f, \"p90\": %.2f, \"p99\": %.2f}, \"over_relay\": %.2f, "
        "\"shortest_relay\": {\"p50\": %.2f, \"p90\": %.2f, \"p99\": %.2f}, "
        "\"shortest_relay_ratio\": %.2f, "
        "\"ratio\": %.2f, \"ratio_min\": %.2f, \"ratio_max\": %.2f, \"rounds\": %lu}\n",
        us(sends, 0.5), us(sends, 0.9), us(sends, 0.99), us(trips, 0.5), us(trips, 0.9),
        us(trips, 0.99), us(relays, 0.5), us(relays, 0.9), us(relays, 0.99),
        relay_ratios[relay_ratios.size() / 2], us(shortests, 0.5), us(shortests, 0.9),
        us(shortests, 0.99), shortest_ratios[shortest_ratios.size() / 2], ratios[ratios.size() / 2],
        ratios.front(), ratios.back(), rounds);
    return 0;
}
