// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "runtime/consumer/gpu/device.hpp"
#include "runtime/consumer/gpu/instance.hpp"
#include "runtime/consumer/imported_image.hpp"

namespace vdmabuf::test {

// Tests on a real driver, with validation, which must stay silent.
class VulkanTest : public testing::Test {
  protected:
    void SetUp() override {
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
    }

    std::shared_ptr<gpu::Instance> instance_;
    std::shared_ptr<gpu::Device> device_;
};

}  // namespace vdmabuf::test
