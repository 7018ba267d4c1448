// SPDX-License-Identifier: MIT
// What the input devices of a VM are: virtio devices of id 18 (virtio 1.2, 5.8), of which a guest's
// kernel makes evdev devices.
#pragma once

#include <linux/virtio_input.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "runtime/device/config_access.hpp"

namespace vdmabuf::device {

// Three devices and not one: who reads evdev devices (udev's input_id, libinput, SDL) takes each
// for one kind of pointer. SDL ignores absolute positions of a device that can also move
// relatively, and libinput takes one with fingers for a touch screen alone. A keyboard goes with
// any. In the order in which they are of use: a VM with one has the first. The values are
// DeviceName::number.
enum class InputRole : std::uint32_t { pointer = 1, mouse = 2, touch = 3 };
constexpr std::size_t kInputRoles = 3;

const char* name_of(InputRole role);  // "vdmabuf keyboard and pointer": the device's in the guest

// Values of ABS_X and ABS_Y are 0 .. kInputRange - 1 over the width and the height of the screen.
constexpr std::int32_t kInputRange = 65536;

class InputConfig final : public ConfigAccess {
  public:
    // `serial` tells the devices of several VMs apart, where a person looks for them.
    InputConfig(InputRole role, std::string serial);

    std::span<const std::byte> bytes() override;
    // Only `select` and `subsel`, the first two bytes, are the guest's; what is written to others
    // is ignored: QEMU writes the whole space when the guest has written one byte.
    bool write(std::uint32_t offset, std::span<const std::byte> bytes) override;
    const char* advice() const override { return "use QEMU with vhost-user-input-pci"; }

  private:
    void answer();  // what `select` and `subsel` ask for
    void bits(std::uint32_t code);
    void range(std::int32_t most);

    const InputRole role_;
    const std::string serial_;
    virtio_input_config config_{};
};

}  // namespace vdmabuf::device
