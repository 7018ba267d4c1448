// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>

#include "tests/layer/support/app.hpp"
#include "tests/layer/support/broker_process.hpp"
#include "tests/layer/support/environment.hpp"
#include "tests/layer/support/host_window.hpp"

namespace vdmabuf::test {

constexpr std::uint16_t kWidth = 100;  // of lines of 400 bytes: every pitch differs from that
constexpr std::uint16_t kHeight = 61;

// An app with the validation layer below us, which keeps account of what the layer does: queues
// used by two threads at once, objects destroyed while in use, semaphores signalled twice.
inline AppOptions watched_from_below() {
    AppOptions options;
    options.layers = {"VK_LAYER_KHRONOS_validation"};
    options.validation = true;
    return options;
}

inline void expect_silence(App& app) {
    for (const auto& message : app.messages()) ADD_FAILURE() << message;
}

// The same, and the layer has left no object behind on the device.
inline void expect_clean_end(App& app) {
    app.destroy_device();
    expect_silence(app);
}

// A broker, an X server, and the layer in this process.
class LayerTest : public ::testing::Test {
  protected:
    void SetUp() override {
        ASSERT_TRUE(x.running()) << "Xvfb does not start";
        ASSERT_NO_FATAL_FAILURE(broker.start());
        set_environment(Layer::implicit, broker.producer_socket());
    }

    // The consumer, made on first use.
    HostWindow& host() {
        if (!host_) {
            host_ = std::make_unique<HostWindow>(broker.consumer_socket());
            EXPECT_TRUE(host_->wait_connected());
        }
        return *host_;
    }
    // The frame with the picture `seed` has come to the host as it was drawn.
    std::shared_ptr<const SeenFrame> expect_picture(std::uint32_t seed) {
        auto frame = host().wait_frame([&](const SeenFrame& seen) {
            return wrong_pixels(seen.pixels, seen.image.width, seen.image.height, seed) == 0;
        });
        EXPECT_TRUE(frame) << "picture " << seed << " did not come";
        return frame;
    }

    XServer x;
    BrokerProcess broker;

  private:
    std::unique_ptr<HostWindow> host_;
};

}  // namespace vdmabuf::test
