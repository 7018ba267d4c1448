// SPDX-License-Identifier: MIT
// What an app's layer does inside of a VM, without the VM: a FakeGuest whose memory a vdmabufd maps
// over vhost-user, one channel, one stream. Its pages lie scattered over the guest's memory.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/common/stream_messages.hpp"
#include "tests/unit/device/fake_guest.hpp"
#include "tests/unit/keeper/fake_front.hpp"

namespace vdmabuf::test {

class FakeApp {
  public:
    static constexpr std::uint64_t kPage = 4096;
    static constexpr std::byte kForeign{0x5a};
    // Pages of a run, and of the gap behind it that belongs to nobody.
    static constexpr std::uint64_t kRunPages = 3;

    explicit FakeApp(UniqueFd vhost_user) : front_(std::move(vhost_user)) {}

    // VMM, driver and producer up to WELCOME. False: something did not answer.
    bool start();

    // Shares a buffer of `size` bytes (whole pages), announces it as the image in slot 0 of a new
    // stream. `image` needs extent, format and planes only. False: the host refused.
    bool show(std::uint64_t size, stream::StreamImage image);
    // Presents slot 0 with the next serial.
    bool present();
    // Takes the stream and the buffer back. The status of BUFFER_DESTROY (OK or PENDING).
    std::uint32_t withdraw();
    // Whether BUFFER_RELEASED came for the last buffer.
    bool released(int limit_ms);

    // Bytes of the buffer, through the guest's memory.
    void write(std::uint64_t at, const void* bytes, std::size_t count);
    // Whether every page between the runs is as it was made.
    bool foreign_untouched() const;

  private:
    std::uint32_t command(std::span<const std::byte> bytes);
    template <typename Message>
    bool send(const Message& message);
    std::byte* page(std::uint64_t index) const;

    FakeGuest guest_;
    FakeFront front_;
    std::uint32_t stream_ = 0;
    std::uint64_t serial_ = 0;
    std::uint8_t buffer_ = 0;
    std::vector<std::uint64_t> pages_;  // GPA of each page of the buffer
    std::vector<std::uint64_t> foreign_;
};

}  // namespace vdmabuf::test
