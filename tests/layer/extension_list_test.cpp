// SPDX-License-Identifier: MIT
#include "layer/extension_list.hpp"

#include <gmock/gmock.h>

#include <cstring>
#include <string>

namespace vdmabuf::layer {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

std::vector<VkExtensionProperties> device_with(std::initializer_list<const char*> names) {
    std::vector<VkExtensionProperties> available;
    for (const char* name : names) {
        VkExtensionProperties properties{};
        std::strncpy(properties.extensionName, name, sizeof properties.extensionName - 1);
        available.push_back(properties);
    }
    return available;
}

std::vector<std::string> names_of(const ExtensionList& list) {
    return {list.names().begin(), list.names().end()};
}

TEST(ExtensionList, WhatIsInTheCoreIsNotAdded) {
    const auto available = device_with({"VK_EXT_external_memory_host", "VK_KHR_external_memory"});
    ExtensionList list(available, VK_API_VERSION_1_1, {"VK_KHR_swapchain"});
    EXPECT_TRUE(list.add("VK_EXT_external_memory_host"));
    EXPECT_THAT(names_of(list), ElementsAre("VK_KHR_swapchain", "VK_EXT_external_memory_host"));
}

TEST(ExtensionList, AppsOfVulkan1_0GetWhatAnExtensionNeeds) {
    const auto available =
        device_with({"VK_KHR_maintenance1", "VK_KHR_get_memory_requirements2",
                     "VK_KHR_bind_memory2", "VK_KHR_sampler_ycbcr_conversion",
                     "VK_KHR_image_format_list", "VK_EXT_image_drm_format_modifier"});
    ExtensionList list(available, VK_API_VERSION_1_0, {"VK_KHR_swapchain", "VK_KHR_bind_memory2"});
    EXPECT_TRUE(list.add("VK_EXT_image_drm_format_modifier"));
    EXPECT_THAT(
        names_of(list),
        UnorderedElementsAre("VK_KHR_swapchain", "VK_KHR_bind_memory2", "VK_KHR_maintenance1",
                             "VK_KHR_get_memory_requirements2", "VK_KHR_sampler_ycbcr_conversion",
                             "VK_KHR_image_format_list", "VK_EXT_image_drm_format_modifier"));
    // Once is enough.
    EXPECT_TRUE(list.add("VK_EXT_image_drm_format_modifier"));
    EXPECT_EQ(list.names().size(), 7u);
}

TEST(ExtensionList, NothingIsAddedForWhatIsLacking) {
    const auto available = device_with({"VK_EXT_external_memory_dma_buf", "VK_KHR_external_memory",
                                        "VK_KHR_external_memory_fd"});  // no dedicated_allocation
    ExtensionList list(available, VK_API_VERSION_1_0, {"VK_KHR_swapchain"});
    EXPECT_FALSE(list.add("VK_EXT_external_memory_dma_buf"));
    EXPECT_FALSE(list.add("VK_EXT_queue_family_foreign"));
    EXPECT_THAT(names_of(list), ElementsAre("VK_KHR_swapchain"));
    // In 1.1 it is part of Vulkan.
    ExtensionList newer(available, VK_API_VERSION_1_1, {"VK_KHR_swapchain"});
    EXPECT_TRUE(newer.add("VK_EXT_external_memory_dma_buf"));
    EXPECT_THAT(names_of(newer), ElementsAre("VK_KHR_swapchain", "VK_KHR_external_memory_fd",
                                             "VK_EXT_external_memory_dma_buf"));
}

}  // namespace
}  // namespace vdmabuf::layer
