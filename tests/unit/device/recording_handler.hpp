// SPDX-License-Identifier: MIT
// A broker that remembers what it was told, and does what a test says.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "runtime/broker/producer_port.hpp"

namespace vdmabuf::test {

class RecordingHandler final : public broker::PortHandler {
  public:
    bool opened(broker::ProducerPort& port, const broker::ProducerInfo& info) override {
        if (refuse_open) return false;
        ports.push_back(&port);
        infos.push_back(info);
        return true;
    }
    void message(broker::ProducerPort& port, std::span<const std::byte> bytes) override {
        messages.emplace_back(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        if (on_message) on_message(port, messages.back());
    }
    void present(broker::ProducerPort& port, std::span<const std::byte> bytes, UniqueFd) override {
        message(port, bytes);
    }
    broker::Created buffer_created(broker::ProducerPort& port, const stream::BufferId& id,
                                   std::shared_ptr<const BufferMemory> memory) override {
        if (created == broker::Created::ok) buffers[{&port, id}] = std::move(memory);
        return created;
    }
    bool buffer_destroyed(broker::ProducerPort& port, const stream::BufferId& id) override {
        const auto found = buffers.find({&port, id});
        if (found == buffers.end()) return false;
        if (hold) held.push_back(found->second);
        buffers.erase(found);
        return true;
    }
    void closed(broker::ProducerPort& port) override {
        ++closes;
        for (auto entry = buffers.begin(); entry != buffers.end();) {
            if (entry->first.first != &port) {
                ++entry;
                continue;
            }
            if (hold) held.push_back(entry->second);
            entry = buffers.erase(entry);
        }
        std::erase(ports, &port);
    }

    void input_port(const std::string&, broker::InputPort*) override {}

    bool refuse_open = false;
    bool hold = false;  // keeps destroyed buffers, as a consumer does that still shows them
    broker::Created created = broker::Created::ok;
    std::function<void(broker::ProducerPort&, const std::string&)> on_message;

    std::vector<broker::ProducerPort*> ports;
    std::vector<broker::ProducerInfo> infos;
    std::vector<std::string> messages;
    std::map<std::pair<broker::ProducerPort*, stream::BufferId>,
             std::shared_ptr<const BufferMemory>>
        buffers;
    std::vector<std::shared_ptr<const BufferMemory>> held;
    int closes = 0;
};

}  // namespace vdmabuf::test
