// SPDX-License-Identifier: MIT
#include "runtime/keeper/broker_side.hpp"

#include <fcntl.h>
#include <sys/epoll.h>

#include <array>
#include <utility>

#include "runtime/common/clock.hpp"
#include "runtime/common/log.hpp"

namespace vdmabuf::keeper {

BrokerSide::BrokerSide(EventLoop& loop, UniqueFd link, broker::PortHandler& handler,
                       std::function<void(int error)> ended)
    : loop_(loop), link_(std::move(link)), ended_(std::move(ended)), handler_(handler) {}

BrokerSide::~BrokerSide() {
    if (link_) loop_.remove(link_.get());
    for (auto& [name, devices] : devices_) {
        devices.vdmabuf.reset();
        if (devices.input) handler_.input_port(name, nullptr);
    }
}

Result<std::unique_ptr<BrokerSide>> BrokerSide::create(EventLoop& loop, UniqueFd link,
                                                       const std::map<std::string, Vm>& vms,
                                                       broker::PortHandler& handler,
                                                       std::function<void(int error)> ended) {
    ::fcntl(link.get(), F_SETFD, FD_CLOEXEC);
    std::unique_ptr<BrokerSide> side(
        new BrokerSide(loop, std::move(link), handler, std::move(ended)));
    for (const auto& [name, vm] : vms) {
        Devices& devices = side->devices_[name];
        if (vm.input) {
            devices.input = std::make_unique<device::GuestInput>(loop, name);
            handler.input_port(name, devices.input.get());
        }
        devices.vdmabuf = std::make_unique<device::VirtioDevice>(loop, name, vm.limits, handler);
    }
    BrokerSide* self = side.get();
    self->receiver_.on_state = [self](const device::DeviceName& name, const device::VmState& state,
                                      std::uint64_t sequence) {
        const auto found = self->devices_.find(name.vm);
        if (found == self->devices_.end()) return self->acknowledge(sequence, ENOENT);
        const Status applied = apply(found->second, name.number, state);
        if (!applied) LOG_ERROR("%s", applied.error().text.c_str());
        self->acknowledge(sequence, applied ? 0 : applied.error().code);
    };
    self->receiver_.on_shut_down = [self](std::uint64_t sequence) {
        for (auto& [name, devices] : self->devices_) devices.vdmabuf->shut_down();
        self->acknowledge(sequence, 0);
    };
    auto added = loop.add(self->link_.get(), EPOLLIN, [self](std::uint32_t) { self->readable(); });
    if (!added) return added.error();
    return side;
}

Status BrokerSide::apply(Devices& devices, std::uint32_t number, const device::VmState& state) {
    if (number == 0) return devices.vdmabuf->apply(state);
    if (!devices.input) return Error{ENOENT, "a VM without input devices"};
    return devices.input->apply(number, state);
}

void BrokerSide::readable() {
    while (link_) {
        std::array<std::byte, handover::kMaxSize> buffer{};
        auto received = receive_message(link_.get(), buffer);
        if (!received && received.error().code == EAGAIN) return;
        if (!received || received->size == 0) return end(0);
        auto taken = receiver_.take(std::span<const std::byte>(buffer).first(received->size),
                                    std::move(received->fds));
        if (!taken) {
            LOG_ERROR("%s", taken.error().text.c_str());
            return end(taken.error().code);
        }
    }
}

void BrokerSide::acknowledge(std::uint64_t sequence, int status) {
    auto ack = handover::make<handover::Ack>(sequence);
    ack.status = status;
    handover::send_within(link_.get(), ack, {}, now_ns() + kNsPerSecond);
}

void BrokerSide::report(std::uint32_t connections) {
    if (!link_ || connections == reported_) return;
    auto load = handover::make<handover::Load>(0);
    load.connections = connections;
    if (handover::send_within(link_.get(), load, {}, now_ns()) == 0) reported_ = connections;
}

void BrokerSide::end(int error) {
    loop_.remove(link_.get());
    link_.reset();
    if (ended_) ended_(error);
}

}  // namespace vdmabuf::keeper
