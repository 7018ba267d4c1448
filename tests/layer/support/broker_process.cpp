// SPDX-License-Identifier: MIT
#include "tests/layer/support/broker_process.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>
#include <filesystem>

namespace vdmabuf::test {

BrokerProcess::BrokerProcess() {
    std::string name = (std::filesystem::temp_directory_path() / "vdmabuf-XXXXXX").string();
    if (::mkdtemp(name.data())) directory_ = name;
}

BrokerProcess::~BrokerProcess() {
    process_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
}

void BrokerProcess::start() {
    process_ = std::make_unique<Process>(
        std::vector<std::string>{VDMABUF_TEST_BROKER, producer_socket(), consumer_socket()});
    ASSERT_EQ(process_->read_line(20000), "ready");
}

void BrokerProcess::kill() {
    process_->kill(SIGKILL);
    (void)process_->wait();
}

void BrokerProcess::stop() {
    process_->kill(SIGSTOP);
}

}  // namespace vdmabuf::test
