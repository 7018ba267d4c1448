// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string>

#include "tests/layer/support/process.hpp"

namespace vdmabuf::test {

// A broker in a process of its own, on sockets in a directory of its own.
class BrokerProcess {
  public:
    BrokerProcess();
    ~BrokerProcess();
    BrokerProcess(const BrokerProcess&) = delete;
    BrokerProcess& operator=(const BrokerProcess&) = delete;

    void start();
    void kill();  // SIGKILL, as a crash
    void stop();  // SIGSTOP: it does not move any more
    std::string producer_socket() const { return directory_ + "/producer.sock"; }
    std::string consumer_socket() const { return directory_ + "/consumer.sock"; }

  private:
    std::string directory_;
    std::unique_ptr<Process> process_;
};

}  // namespace vdmabuf::test
