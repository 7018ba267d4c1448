// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "layer/vulkan.hpp"

namespace vdmabuf::layer {

// The device extensions of an app, to which the layer adds its own.
class ExtensionList {
  public:
    // `api_version`: the lower one of the app's and the device's; what it has in it is not added.
    ExtensionList(std::span<const VkExtensionProperties> available, std::uint32_t api_version,
                  std::vector<const char*> names)
        : available_(available), api_version_(api_version), names_(std::move(names)) {}

    // Adds an extension together with what it needs. False, and nothing is added, when the device
    // lacks one of them.
    bool add(const char* name);

    const std::vector<const char*>& names() const { return names_; }

  private:
    bool add_with_needs(const char* name);
    bool has(const char* name) const;
    bool is_available(const char* name) const;

    const std::span<const VkExtensionProperties> available_;
    const std::uint32_t api_version_;
    std::vector<const char*> names_;
};

}  // namespace vdmabuf::layer
