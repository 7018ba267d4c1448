// SPDX-License-Identifier: MIT
#include "tests/layer/fake/bare_chain.hpp"

#include <dlfcn.h>
#include <vulkan/vk_layer.h>

#include <array>
#include <cstring>

#include "tests/layer/fake/fixture.hpp"

namespace vdmabuf::fake {
namespace {

PFN_vkGetInstanceProcAddr g_driver = nullptr;

// What the first word of an object points to tells the layer whose it is: the loader's tables.
struct Key {
    int unused = 0;
};
Key g_instance_key;
Key g_device_key;

template <typename Handle>
void set_key(Handle object, Key& key) {
    void* const address = &key;
    std::memcpy(reinterpret_cast<void*>(object), &address, sizeof address);
}

VkResult VKAPI_CALL set_device_loader_data(VkDevice, void* object) {
    set_key(object, g_device_key);
    return VK_SUCCESS;
}

VkResult VKAPI_CALL create_instance_below(const VkInstanceCreateInfo* info,
                                          const VkAllocationCallbacks* allocator, VkInstance* out) {
    VkInstanceCreateInfo own = *info;
    own.pNext = nullptr;  // the chain is between loader and layers
    // What a driver does not know the loader keeps from it.
    std::array<const char*, 8> names{};
    own.enabledExtensionCount = 0;
    for (std::uint32_t i = 0; i < info->enabledExtensionCount; ++i) {
        const char* const name = info->ppEnabledExtensionNames[i];
        if (std::strcmp(name, VK_EXT_HEADLESS_SURFACE_EXTENSION_NAME) == 0) continue;
        names.at(own.enabledExtensionCount++) = name;
    }
    own.ppEnabledExtensionNames = names.data();
    const auto create =
        reinterpret_cast<PFN_vkCreateInstance>(g_driver(VK_NULL_HANDLE, "vkCreateInstance"));
    const VkResult result = create(&own, allocator, out);
    if (result == VK_SUCCESS) set_key(*out, g_instance_key);
    return result;
}

VkResult VKAPI_CALL create_device_below(VkPhysicalDevice physical, const VkDeviceCreateInfo* info,
                                        const VkAllocationCallbacks* allocator, VkDevice* out) {
    VkDeviceCreateInfo own = *info;
    own.pNext = nullptr;
    const auto create =
        reinterpret_cast<PFN_vkCreateDevice>(g_driver(VK_NULL_HANDLE, "vkCreateDevice"));
    const VkResult result = create(physical, &own, allocator, out);
    if (result == VK_SUCCESS) set_key(*out, g_device_key);
    return result;
}

PFN_vkVoidFunction VKAPI_CALL next_instance(VkInstance instance, const char* name) {
    if (std::strcmp(name, "vkCreateInstance") == 0) {
        return reinterpret_cast<PFN_vkVoidFunction>(create_instance_below);
    }
    if (std::strcmp(name, "vkCreateDevice") == 0) {
        return reinterpret_cast<PFN_vkVoidFunction>(create_device_below);
    }
    return g_driver(instance, name);
}

PFN_vkVoidFunction VKAPI_CALL next_device(VkDevice device, const char* name) {
    const auto get =
        reinterpret_cast<PFN_vkGetDeviceProcAddr>(g_driver(VK_NULL_HANDLE, "vkGetDeviceProcAddr"));
    return get ? get(device, name) : nullptr;
}

}  // namespace

BareChain::BareChain() {
    (void)control();  // the driver stays loaded
    void* driver = ::dlopen(VDMABUF_TEST_FAKE_DRIVER, RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);
    g_driver =
        reinterpret_cast<PFN_vkGetInstanceProcAddr>(::dlsym(driver, "vk_icdGetInstanceProcAddr"));
    ::dlclose(driver);
    library_ = ::dlopen(VDMABUF_TEST_LAYER, RTLD_NOW | RTLD_LOCAL);
    VkNegotiateLayerInterface negotiation{};
    negotiation.sType = LAYER_NEGOTIATE_INTERFACE_STRUCT;
    negotiation.loaderLayerInterfaceVersion = 2;
    const auto negotiate = reinterpret_cast<PFN_vkNegotiateLoaderLayerInterfaceVersion>(
        ::dlsym(library_, "vkNegotiateLoaderLayerInterfaceVersion"));
    EXPECT_EQ(negotiate(&negotiation), VK_SUCCESS);
    layer_ = negotiation.pfnGetInstanceProcAddr;
    layer_device_ = negotiation.pfnGetDeviceProcAddr;
}

BareChain::~BareChain() {
    ::dlclose(library_);
}

VkResult BareChain::create_instance(VkInstanceCreateInfo info, VkInstance* out) {
    VkLayerInstanceLink next{};
    next.pfnNextGetInstanceProcAddr = next_instance;
    VkLayerInstanceCreateInfo link{};
    link.sType = VK_STRUCTURE_TYPE_LOADER_INSTANCE_CREATE_INFO;
    link.pNext = info.pNext;
    link.function = VK_LAYER_LINK_INFO;
    link.u.pLayerInfo = &next;
    info.pNext = &link;
    const auto create = function<PFN_vkCreateInstance>(VK_NULL_HANDLE, "vkCreateInstance");
    const VkResult result = create(&info, nullptr, out);
    instance_ = *out;
    return result;
}

VkPhysicalDevice BareChain::first_physical(VkInstance instance) const {
    VkPhysicalDevice physical = VK_NULL_HANDLE;
    std::uint32_t count = 1;
    const auto enumerate = reinterpret_cast<PFN_vkEnumeratePhysicalDevices>(
        g_driver(instance, "vkEnumeratePhysicalDevices"));
    if (enumerate(instance, &count, &physical) < 0 || count == 0) return VK_NULL_HANDLE;
    set_key(physical, g_instance_key);
    return physical;
}

VkResult BareChain::create_device(VkPhysicalDevice physical, VkDeviceCreateInfo info,
                                  VkDevice* out) {
    VkLayerDeviceLink next{};
    next.pfnNextGetInstanceProcAddr = next_instance;
    next.pfnNextGetDeviceProcAddr = next_device;
    VkLayerDeviceCreateInfo link{};
    link.sType = VK_STRUCTURE_TYPE_LOADER_DEVICE_CREATE_INFO;
    link.pNext = info.pNext;
    link.function = VK_LAYER_LINK_INFO;
    link.u.pLayerInfo = &next;
    VkLayerDeviceCreateInfo data{};
    data.sType = VK_STRUCTURE_TYPE_LOADER_DEVICE_CREATE_INFO;
    data.pNext = &link;
    data.function = VK_LOADER_DATA_CALLBACK;
    data.u.pfnSetDeviceLoaderData = set_device_loader_data;
    info.pNext = &data;
    const auto create = function<PFN_vkCreateDevice>(instance_, "vkCreateDevice");
    return create(physical, &info, nullptr, out);
}

}  // namespace vdmabuf::fake
