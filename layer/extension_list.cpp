// SPDX-License-Identifier: MIT
#include "layer/extension_list.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace vdmabuf::layer {
namespace {

// What an extension needs (the registry's "depends"), as far as we use it. Those with a version are
// part of Vulkan from then on.
struct Rule {
    const char* name;
    std::uint32_t core = 0;
    std::array<const char*, 4> needs{};
};

constexpr Rule kRules[] = {
    {VK_KHR_MAINTENANCE_1_EXTENSION_NAME, VK_API_VERSION_1_1},
    {VK_KHR_GET_MEMORY_REQUIREMENTS_2_EXTENSION_NAME, VK_API_VERSION_1_1},
    {VK_KHR_BIND_MEMORY_2_EXTENSION_NAME, VK_API_VERSION_1_1},
    {VK_KHR_DEDICATED_ALLOCATION_EXTENSION_NAME,
     VK_API_VERSION_1_1,
     {VK_KHR_GET_MEMORY_REQUIREMENTS_2_EXTENSION_NAME}},
    {VK_KHR_SAMPLER_YCBCR_CONVERSION_EXTENSION_NAME,
     VK_API_VERSION_1_1,
     {VK_KHR_MAINTENANCE_1_EXTENSION_NAME, VK_KHR_BIND_MEMORY_2_EXTENSION_NAME,
      VK_KHR_GET_MEMORY_REQUIREMENTS_2_EXTENSION_NAME}},
    {VK_KHR_IMAGE_FORMAT_LIST_EXTENSION_NAME, VK_API_VERSION_1_2},
    {VK_KHR_EXTERNAL_MEMORY_EXTENSION_NAME, VK_API_VERSION_1_1},
    {VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME, 0, {VK_KHR_EXTERNAL_MEMORY_EXTENSION_NAME}},
    {VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME, 0, {VK_KHR_EXTERNAL_MEMORY_EXTENSION_NAME}},
    // Whoever exports or imports a dmabuf may have to make a dedicated allocation.
    {VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME,
     0,
     {VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME, VK_KHR_DEDICATED_ALLOCATION_EXTENSION_NAME}},
    {VK_EXT_IMAGE_DRM_FORMAT_MODIFIER_EXTENSION_NAME,
     0,
     {VK_KHR_BIND_MEMORY_2_EXTENSION_NAME, VK_KHR_IMAGE_FORMAT_LIST_EXTENSION_NAME,
      VK_KHR_SAMPLER_YCBCR_CONVERSION_EXTENSION_NAME}},
    {VK_EXT_QUEUE_FAMILY_FOREIGN_EXTENSION_NAME, 0, {VK_KHR_EXTERNAL_MEMORY_EXTENSION_NAME}},
    {VK_KHR_EXTERNAL_SEMAPHORE_EXTENSION_NAME, VK_API_VERSION_1_1},
    {VK_KHR_EXTERNAL_SEMAPHORE_FD_EXTENSION_NAME, 0, {VK_KHR_EXTERNAL_SEMAPHORE_EXTENSION_NAME}},
    {VK_KHR_EXTERNAL_FENCE_EXTENSION_NAME, VK_API_VERSION_1_1},
    {VK_KHR_EXTERNAL_FENCE_FD_EXTENSION_NAME, 0, {VK_KHR_EXTERNAL_FENCE_EXTENSION_NAME}},
};

const Rule* rule_of(const char* name) {
    for (const Rule& rule : kRules) {
        if (std::strcmp(rule.name, name) == 0) return &rule;
    }
    return nullptr;
}

}  // namespace

bool ExtensionList::add(const char* name) {
    const std::size_t before = names_.size();
    if (add_with_needs(name)) return true;
    names_.resize(before);
    return false;
}

bool ExtensionList::add_with_needs(const char* name) {
    const Rule* rule = rule_of(name);
    if (rule && rule->core != 0 && api_version_ >= rule->core) return true;
    if (has(name)) return true;
    if (!is_available(name)) return false;
    if (rule) {
        for (const char* needed : rule->needs) {
            if (needed && !add_with_needs(needed)) return false;
        }
    }
    names_.push_back(name);
    return true;
}

bool ExtensionList::has(const char* name) const {
    return std::any_of(names_.begin(), names_.end(),
                       [&](const char* known) { return std::strcmp(known, name) == 0; });
}

bool ExtensionList::is_available(const char* name) const {
    return std::any_of(available_.begin(), available_.end(), [&](const auto& extension) {
        return std::strcmp(extension.extensionName, name) == 0;
    });
}

}  // namespace vdmabuf::layer
