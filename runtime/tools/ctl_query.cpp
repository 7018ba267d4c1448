// SPDX-License-Identifier: MIT
#include "runtime/tools/ctl_query.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "runtime/common/clock.hpp"
#include "runtime/common/event_loop.hpp"
#include "runtime/common/seqpacket.hpp"
#include "runtime/consumer/client.hpp"

namespace vdmabuf::tools {
namespace {

constexpr std::uint64_t kPatienceNs = 2 * kNsPerSecond;

// A connection that asks and waits.
class Inquiry final : public consumer::ClientListener {
  public:
    static Result<std::unique_ptr<Inquiry>> open(const std::string& socket_path) {
        auto socket = connect_to(socket_path, SOCK_SEQPACKET);
        if (!socket) {
            return Error{socket.error().code,
                         "no broker runs at '" + socket_path +
                             "': start vdmabufd, or vdmabuf-viewer, which starts one"};
        }
        std::unique_ptr<Inquiry> inquiry(new Inquiry);
        auto loop = EventLoop::create();
        if (!loop) return loop.error();
        inquiry->loop_ = std::move(*loop);
        consumer::Client::Options options;
        options.name = "vdmabufctl";
        inquiry->client_ = std::make_unique<consumer::Client>(*inquiry->loop_, options, *inquiry);
        inquiry->client_->adopt(std::move(*socket));
        return inquiry;
    }

    // All that the broker knows. What was said to it before has been dealt with then.
    Result<BrokerState> ask() {
        done_ = false;
        state_.streams.clear();
        state_.raw_buffers.clear();
        if (client_->is_connected()) client_->query();
        const std::uint64_t deadline = now_ns() + kPatienceNs;
        for (std::uint64_t now = now_ns(); now < deadline; now = now_ns()) {
            loop_->run_once(static_cast<std::int64_t>(deadline - now));
            if (done_) return state_;
            if (lost_) return Error{ECONNRESET, "the broker ended the connection: " + *lost_};
        }
        return Error{ETIMEDOUT, "the broker does not answer"};
    }
    consumer::Client& client() { return *client_; }

  private:
    Inquiry() = default;
    void connected(const consumer::Welcome& message) override {
        state_.version = consumer::get_text(message.broker_version);
        state_.pid = message.broker_pid;
        client_->query();
    }
    void disconnected(const std::string& reason) override { lost_ = reason; }
    void stream_status(const consumer::StreamStatus& message) override {
        state_.streams.push_back({message, {}});
    }
    void image_status(const consumer::ImageStatus& message) override {
        for (auto& stream : state_.streams) {
            if (stream.status.stream == message.stream) stream.images.push_back(message);
        }
    }
    Status raw_message(std::span<const std::byte> bytes, std::vector<UniqueFd> /*fds*/) override {
        if (const auto status = raw::decode<raw::Status>(bytes)) {
            state_.raw_buffers.push_back(*status);
        }
        return {};
    }
    void query_done() override { done_ = true; }

    std::unique_ptr<EventLoop> loop_;
    std::unique_ptr<consumer::Client> client_;
    BrokerState state_;
    std::optional<std::string> lost_;
    bool done_ = false;
};

// ESRCH: it is not one of the streams.
Status is_in(const BrokerState& state, std::uint64_t stream) {
    std::string known;
    bool found = false;
    for (const auto& each : state.streams) {
        found = found || each.status.stream == stream;
        known += (known.empty() ? "" : ", ") + std::to_string(each.status.stream);
    }
    if (!found) {
        return Error{ESRCH, "there is no stream " + std::to_string(stream) +
                                "; there are: " + (known.empty() ? "none" : known)};
    }
    return {};
}

}  // namespace

Result<BrokerState> query_broker(const std::string& socket_path) {
    auto inquiry = Inquiry::open(socket_path);
    if (!inquiry) return inquiry.error();
    auto state = (*inquiry)->ask();
    if (!state) return state.error();
    std::sort(state->streams.begin(), state->streams.end(),
              [](const auto& a, const auto& b) { return a.status.stream < b.status.stream; });
    return state;
}

Status find_stream(const std::string& socket_path, std::uint64_t stream) {
    auto state = query_broker(socket_path);
    return state ? is_in(*state, stream) : Status(state.error());
}

Status close_stream(const std::string& socket_path, std::uint64_t stream) {
    auto inquiry = Inquiry::open(socket_path);
    if (!inquiry) return inquiry.error();
    auto state = (*inquiry)->ask();
    if (!state) return state.error();
    if (auto known = is_in(*state, stream); !known) return known;
    (*inquiry)->client().close_stream(stream);
    // Messages keep their order: with the answer to this one, the other has arrived.
    auto after = (*inquiry)->ask();
    return after ? Status{} : Status(after.error());
}

}  // namespace vdmabuf::tools
