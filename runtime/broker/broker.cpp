// SPDX-License-Identifier: MIT
#include "runtime/broker/broker.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>
#include <unordered_map>
#include <utility>

#include "runtime/broker/acceptor.hpp"
#include "runtime/broker/consumer_session.hpp"
#include "runtime/broker/local_producers.hpp"
#include "runtime/broker/producer_session.hpp"
#include "runtime/broker/quota.hpp"
#include "runtime/broker/router.hpp"
#include "runtime/common/consumer_messages.hpp"
#include "runtime/common/log.hpp"
#include "runtime/common/seqpacket.hpp"

namespace vdmabuf::broker {
namespace {

class BrokerImpl final : public Broker, public PortHandler {
  public:
    BrokerImpl(EventLoop& loop, Config config) : loop_(loop), config_(std::move(config)) {}

    Status start(UniqueFd producers, UniqueFd consumers) {
        auto router = Router::create(loop_, config_.share_vm_memory, config_.clipboard);
        if (!router) return router.error();
        router_ = std::move(*router);
        auto local =
            LocalProducers::create(loop_, *this, std::move(producers), config_.producer_uids);
        if (!local) return local.error();
        local_producers_ = std::move(*local);
        auto added =
            loop_.add(consumers.get(), EPOLLIN, [this](std::uint32_t) { accept_consumer(); });
        if (!added) return added.error();
        consumer_listener_ = std::move(consumers);
        return {};
    }

    ~BrokerImpl() override {
        if (consumer_listener_) loop_.remove(consumer_listener_.get());
        // Producers first: their streams' ends are told to consumers that still exist.
        local_producers_.reset();
        producers_.clear();
        consumers_.clear();
    }

    PortHandler& ports() override { return *this; }
    std::size_t connections() const override { return producers_.size() + consumers_.size(); }

    bool opened(ProducerPort& port, const ProducerInfo& info) override {
        const auto quota = quota_of(info.vm);
        auto connection = quota->take(Quota::Kind::connections, 1);
        if (!connection) {
            LOG_WARNING("%s has as many connections as it may have", name_of(info).c_str());
            return false;
        }
        producers_[&port] =
            std::make_unique<ProducerSession>(*router_, port, info, quota, std::move(*connection));
        return true;
    }

    void message(ProducerPort& port, std::span<const std::byte> bytes) override {
        if (ProducerSession* session = find(port)) session->message(bytes);
    }

    void present(ProducerPort& port, std::span<const std::byte> bytes, UniqueFd fence) override {
        if (ProducerSession* session = find(port)) session->present(bytes, std::move(fence));
    }

    Created buffer_created(ProducerPort& port, const stream::BufferId& id,
                           std::shared_ptr<const BufferMemory> memory) override {
        ProducerSession* session = find(port);
        return session ? session->buffer_created(id, std::move(memory)) : Created::quota;
    }

    bool buffer_destroyed(ProducerPort& port, const stream::BufferId& id) override {
        ProducerSession* session = find(port);
        return session && session->buffer_destroyed(id);
    }

    void closed(ProducerPort& port) override { producers_.erase(&port); }

    void input_port(const std::string& vm, InputPort* port) override {
        router_->set_input_port(vm, port);
    }

  private:
    static std::string name_of(const ProducerInfo& info) {
        return info.vm.empty() ? "this kernel" : "VM '" + info.vm + "'";
    }

    ProducerSession* find(ProducerPort& port) {
        const auto found = producers_.find(&port);
        return found == producers_.end() ? nullptr : found->second.get();
    }

    std::shared_ptr<Quota> quota_of(const std::string& vm) {
        auto& quota = quotas_[vm];
        if (!quota) {
            const auto configured = config_.vms.find(vm);
            quota = Quota::create(vm.empty()                        ? config_.local
                                  : configured == config_.vms.end() ? Limits{}
                                                                    : configured->second);
        }
        return quota;
    }

    void accept_consumer() {
        auto accepted = accept_peer(consumer_listener_.get());
        if (!accepted) {
            if (accepted.error().code != EAGAIN) LOG_WARNING("%s", accepted.error().text.c_str());
            return;
        }
        if (accepted->peer.uid != ::getuid()) {
            return turn_away(
                accepted->socket, stream::ErrorCode::policy,
                "consumers of user " + std::to_string(accepted->peer.uid) + " are not served");
        }
        const unsigned index = router_->free_index(config_.consumers);
        if (index >= FramePacer::kMaxConsumers) {
            return turn_away(accepted->socket, stream::ErrorCode::quota,
                             "the broker takes no more consumers");
        }
        auto session = ConsumerSession::create(*router_, index, std::move(accepted->socket),
                                               [this, index] { end_consumer(index); });
        if (!session) {
            LOG_WARNING("%s", session.error().text.c_str());
            return;
        }
        router_->add_consumer(index, **session);
        consumers_[index] = std::move(*session);
    }

    void end_consumer(unsigned index) {
        router_->remove_consumer(index);
        consumers_.erase(index);
    }

    static void turn_away(const UniqueFd& socket, stream::ErrorCode code, const std::string& text) {
        LOG_WARNING("%s", text.c_str());
        auto message = consumer::make<consumer::ErrorMessage>();
        message.code = static_cast<std::uint32_t>(code);
        consumer::put_text(message.text, text);
        send_message(socket.get(), consumer::bytes_of(message));
    }

    EventLoop& loop_;
    const Config config_;
    std::unordered_map<std::string, std::shared_ptr<Quota>> quotas_;  // by VM
    std::unique_ptr<Router> router_;
    std::unordered_map<ProducerPort*, std::unique_ptr<ProducerSession>> producers_;
    std::unordered_map<unsigned, std::unique_ptr<ConsumerSession>> consumers_;  // by index
    std::unique_ptr<LocalProducers> local_producers_;
    UniqueFd consumer_listener_;
};

}  // namespace

Result<std::unique_ptr<Broker>> Broker::create(EventLoop& loop, Config config, UniqueFd producers,
                                               UniqueFd consumers) {
    auto broker = std::make_unique<BrokerImpl>(loop, std::move(config));
    if (auto status = broker->start(std::move(producers), std::move(consumers)); !status) {
        return status.error();
    }
    return std::unique_ptr<Broker>(std::move(broker));
}

}  // namespace vdmabuf::broker
