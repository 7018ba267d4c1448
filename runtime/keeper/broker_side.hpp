// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "runtime/broker/producer_port.hpp"
#include "runtime/common/event_loop.hpp"
#include "runtime/common/result.hpp"
#include "runtime/common/unique_fd.hpp"
#include "runtime/device/guest_input.hpp"
#include "runtime/device/limits.hpp"
#include "runtime/device/virtio_device.hpp"
#include "runtime/keeper/handover.hpp"

namespace vdmabuf::keeper {

// The keeper as the broker's process sees it: brings the state of the VMs to their devices.
class BrokerSide {
  public:
    struct Vm {
        device::Limits limits;
        bool input = false;  // has input devices
    };
    // The devices of each of `vms`. `ended` is called once when there is nothing more to serve: the
    // keeper is gone (0), or is of another version (EPROTONOSUPPORT).
    static Result<std::unique_ptr<BrokerSide>> create(EventLoop& loop, UniqueFd link,
                                                      const std::map<std::string, Vm>& vms,
                                                      broker::PortHandler& handler,
                                                      std::function<void(int error)> ended);
    ~BrokerSide();
    BrokerSide(const BrokerSide&) = delete;
    BrokerSide& operator=(const BrokerSide&) = delete;

    // Tells the keeper how many connections there are, if that is news.
    void report(std::uint32_t connections);

  private:
    BrokerSide(EventLoop& loop, UniqueFd link, broker::PortHandler& handler,
               std::function<void(int error)> ended);
    void readable();
    void acknowledge(std::uint64_t sequence, int status);
    void end(int error);

    EventLoop& loop_;
    UniqueFd link_;
    std::function<void(int error)> ended_;
    // Of one VM. Streams end with the vdmabuf device, and before the input that they go to.
    struct Devices {
        std::unique_ptr<device::GuestInput> input;
        std::unique_ptr<device::VirtioDevice> vdmabuf;
    };
    static Status apply(Devices& devices, std::uint32_t number, const device::VmState& state);

    broker::PortHandler& handler_;
    std::map<std::string, Devices> devices_;
    handover::Receiver receiver_;
    std::uint32_t reported_ = 0;
};

}  // namespace vdmabuf::keeper
