// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/device/limits.hpp"

namespace vdmabuf::device {

// A device's configuration space, as a VMM reads and writes it for its guest.
class ConfigAccess {
  public:
    virtual ~ConfigAccess() = default;
    // What a guest reads, from offset 0 on; beyond its end are zeros. Valid until the next call.
    virtual std::span<const std::byte> bytes() = 0;
    // What a guest writes, not checked. False: that cannot be written.
    virtual bool write(std::uint32_t offset, std::span<const std::byte> bytes) = 0;
    // What to do about a VMM that gives the device no configuration space.
    virtual const char* advice() const = 0;
};

// That of the vdmabuf device, which never changes.
class VdmabufConfig final : public ConfigAccess {
  public:
    explicit VdmabufConfig(const Limits& limits) : space_(config_space(limits)) {}
    std::span<const std::byte> bytes() override { return space_; }
    bool write(std::uint32_t, std::span<const std::byte>) override { return false; }
    const char* advice() const override {
        return "use QEMU 10.2 or newer with vhost-user-test-device-pci,config_size=64";
    }

  private:
    const ConfigSpace space_;
};

}  // namespace vdmabuf::device
