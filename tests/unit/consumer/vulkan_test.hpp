// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "runtime/consumer/gpu/device.hpp"
#include "runtime/consumer/gpu/instance.hpp"

namespace vdmabuf::test {

// Tests on a real driver, with validation, which must stay silent, and with a cache of their own:
// what earlier runs found out about the driver, they found with other code.
class VulkanTest : public testing::Test {
  protected:
    void SetUp() override {
        char name[] = "/tmp/vdmabuf-test-XXXXXX";
        ASSERT_NE(::mkdtemp(name), nullptr);
        directory_ = name;
        ::setenv("XDG_CACHE_HOME", name, 1);
        gpu::leave_layer_out();
        auto instance = gpu::Instance::create({}, true);
        ASSERT_TRUE(instance) << instance.error().text;
        instance_ = *instance;
        auto device = gpu::Device::create(instance_, "");
        ASSERT_TRUE(device) << device.error().text;
        device_ = *device;
    }
    void TearDown() override {
        device_.reset();
        if (instance_) {
            EXPECT_EQ(instance_->validation_messages(), 0U);
        }
        ::unsetenv("XDG_CACHE_HOME");
        std::filesystem::remove_all(directory_);
    }

    std::string directory_;  // this test's
    std::shared_ptr<gpu::Instance> instance_;
    std::shared_ptr<gpu::Device> device_;
};

}  // namespace vdmabuf::test
