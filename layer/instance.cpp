// SPDX-License-Identifier: MIT
#include "layer/instance.hpp"

#include <cerrno>
#include <cstring>
#include <vector>

#include "layer/device.hpp"
#include "layer/extensions.hpp"
#include "layer/guard.hpp"
#include "layer/layer_name.hpp"
#include "layer/surface.hpp"
#include "layer/virtual_display.hpp"
#include "runtime/common/handle_table.hpp"
#include "runtime/common/log.hpp"
#include "runtime/window/x11_window.hpp"

namespace vdmabuf::layer {
namespace {

constinit HandleTable<Instance> g_instances;

bool has_name(const VkInstanceCreateInfo& info, const char* name) {
    for (std::uint32_t i = 0; i < info.enabledExtensionCount; ++i) {
        if (std::strcmp(info.ppEnabledExtensionNames[i], name) == 0) return true;
    }
    return false;
}

// The loader's chain is the one thing in a pNext that a layer has to write to (loader interface,
// "Layer Dispatch Initialization").
VkLayerInstanceCreateInfo* link_of(const VkInstanceCreateInfo& info) {
    for (auto* at = static_cast<const VkLayerInstanceCreateInfo*>(info.pNext); at;
         at = static_cast<const VkLayerInstanceCreateInfo*>(at->pNext)) {
        if (at->sType == VK_STRUCTURE_TYPE_LOADER_INSTANCE_CREATE_INFO &&
            at->function == VK_LAYER_LINK_INFO) {
            return const_cast<VkLayerInstanceCreateInfo*>(at);
        }
    }
    return nullptr;
}

// A host may be there: asked without connecting, since most apps that make an instance never
// present.
bool host_is_there() {
    auto endpoint = producer::find_endpoint();
    if (!endpoint) {
        LOG_WARNING("stepping aside, the driver presents: %s", endpoint.error().text.c_str());
        return false;
    }
    return true;
}

VkResult create_instance(const VkInstanceCreateInfo& info, const VkAllocationCallbacks* allocator,
                         VkInstance* out) {
    VkLayerInstanceCreateInfo* link = link_of(info);
    if (!link) return VK_ERROR_INITIALIZATION_FAILED;
    const PFN_vkGetInstanceProcAddr next = link->u.pLayerInfo->pfnNextGetInstanceProcAddr;
    const PFN_GetPhysicalDeviceProcAddr next_physical =
        link->u.pLayerInfo->pfnNextGetPhysicalDeviceProcAddr;
    const auto next_create =
        reinterpret_cast<PFN_vkCreateInstance>(next(nullptr, "vkCreateInstance"));
    if (!next_create) return VK_ERROR_INITIALIZATION_FAILED;
    link->u.pLayerInfo = link->u.pLayerInfo->pNext;

    // A headless surface is always ours: the driver need not have any.
    const bool host = has_name(info, VK_KHR_SURFACE_EXTENSION_NAME) && host_is_there();
    const bool active = host || (has_name(info, VK_KHR_SURFACE_EXTENSION_NAME) &&
                                 has_name(info, VK_EXT_HEADLESS_SURFACE_EXTENSION_NAME));
    std::uint32_t version = info.pApplicationInfo ? info.pApplicationInfo->apiVersion : 0;
    if (version == 0) version = VK_API_VERSION_1_0;

    VkInstanceCreateInfo copy = info;
    std::vector<const char*> names;
    if (active && version < VK_API_VERSION_1_1) {
        // For importing memory. The loader keeps from drivers what they do not know.
        names.assign(info.ppEnabledExtensionNames,
                     info.ppEnabledExtensionNames + info.enabledExtensionCount);
        for (const char* wanted : {VK_KHR_GET_PHYSICAL_DEVICE_PROPERTIES_2_EXTENSION_NAME,
                                   VK_KHR_EXTERNAL_MEMORY_CAPABILITIES_EXTENSION_NAME,
                                   VK_KHR_EXTERNAL_SEMAPHORE_CAPABILITIES_EXTENSION_NAME,
                                   VK_KHR_EXTERNAL_FENCE_CAPABILITIES_EXTENSION_NAME}) {
            if (!has_name(info, wanted)) names.push_back(wanted);
        }
        copy.enabledExtensionCount = static_cast<std::uint32_t>(names.size());
        copy.ppEnabledExtensionNames = names.data();
    }
    auto instance = std::make_unique<Instance>(next_physical, version, active);
    if (host && has_name(info, VK_KHR_DISPLAY_EXTENSION_NAME)) instance->offer_display();
    if (has_name(info, VK_EXT_SWAPCHAIN_COLOR_SPACE_EXTENSION_NAME)) {
        instance->set_knows_colour_spaces();
    }
    ReservedEntry entry(g_instances);
    const VkResult result = next_create(&copy, allocator, out);
    if (result != VK_SUCCESS) return result;
    instance->made(*out, next);
    entry.take(dispatch_key(*out), instance.release());  // until DestroyInstance
    return VK_SUCCESS;
}

}  // namespace

Instance::Instance(PFN_GetPhysicalDeviceProcAddr next_for_physical, std::uint32_t version,
                   bool presents)
    : next_physical_(next_for_physical), api_version_(version), active_(presents) {}

void Instance::made(VkInstance handle, PFN_vkGetInstanceProcAddr next) noexcept {
    handle_ = handle;
    load(down_, handle, next, api_version_);
}

// Surfaces first (they end their streams), then the connection, whose thread is joined here: the
// loader may unmap the library when vkDestroyInstance returns.
Instance::~Instance() {
    surfaces_.clear();
    watchers_.clear();
    connection_.reset();
}

Instance* Instance::find(std::uint64_t key) {
    return g_instances.find(key);
}

const PhysicalDevice& Instance::physical(VkPhysicalDevice device) {
    const std::lock_guard lock(physical_mutex_);
    auto& entry = physical_[device];
    if (!entry) entry = std::make_unique<const PhysicalDevice>(*this, device);
    return *entry;
}

std::shared_ptr<producer::Connection> Instance::connection() {
    const std::lock_guard lock(connection_mutex_);
    if (connection_ && connection_->usable()) return connection_;
    connection_.reset();
    auto endpoint = producer::find_endpoint();
    if (!endpoint) {
        LOG_WARNING("no host for this surface, the driver presents: %s",
                    endpoint.error().text.c_str());
        return nullptr;
    }
    auto connection = producer::Connection::open(*endpoint, program_invocation_short_name);
    if (!connection) {
        LOG_WARNING("no host for this surface, the driver presents: %s",
                    connection.error().text.c_str());
        return nullptr;
    }
    connection_ = *std::move(connection);
    return connection_;
}

std::shared_ptr<window::X11Watcher> Instance::watcher(const std::string& display) {
    const std::lock_guard lock(watcher_mutex_);
    auto& known = watchers_[display];
    if (auto watcher = known.lock(); watcher && watcher->alive()) return watcher;
    auto watcher = window::X11Watcher::open(display);
    known = watcher;
    return watcher;
}

VirtualDisplay* Instance::display() noexcept {
    if (!display_offered_) return nullptr;
    (void)guarded([&] {
        std::call_once(display_decided_, [&] {
            if (connection()) display_ = std::make_unique<VirtualDisplay>();
        });
        return VK_SUCCESS;
    });
    return display_.get();
}

void Instance::add_surface(VkSurfaceKHR handle, std::shared_ptr<Surface> surface) {
    const std::unique_lock lock(surface_mutex_);
    surfaces_[handle_bits(handle)] = std::move(surface);
}

std::shared_ptr<Surface> Instance::surface(VkSurfaceKHR handle) const {
    const std::shared_lock lock(surface_mutex_);
    const auto found = surfaces_.find(handle_bits(handle));
    return found == surfaces_.end() ? nullptr : found->second;
}

std::shared_ptr<Surface> Instance::remove_surface(VkSurfaceKHR handle) {
    const std::unique_lock lock(surface_mutex_);
    const auto found = surfaces_.find(handle_bits(handle));
    if (found == surfaces_.end()) return nullptr;
    auto surface = std::move(found->second);
    surfaces_.erase(found);
    return surface;
}

VKAPI_ATTR VkResult VKAPI_CALL CreateInstance(const VkInstanceCreateInfo* info,
                                              const VkAllocationCallbacks* allocator,
                                              VkInstance* instance) noexcept {
    return guarded([&] { return create_instance(*info, allocator, instance); });
}

VKAPI_ATTR void VKAPI_CALL DestroyInstance(VkInstance instance,
                                           const VkAllocationCallbacks* allocator) noexcept {
    if (instance == VK_NULL_HANDLE) return;
    // Out of the table before the call down: afterwards another thread may get the same address.
    const std::unique_ptr<Instance> ours(g_instances.erase(dispatch_key(instance)));
    if (!ours) return;
    Device::end_all(*ours);
    const PFN_vkDestroyInstance down = ours->down().DestroyInstance;
    down(instance, allocator);
}

VKAPI_ATTR VkResult VKAPI_CALL EnumerateInstanceExtensionProperties(
    const char* layer, std::uint32_t* count, VkExtensionProperties* properties) noexcept {
    if (!layer || std::strcmp(layer, kLayerName) != 0) return VK_ERROR_LAYER_NOT_PRESENT;
    return return_array(instance_extensions(), count, properties);
}

VKAPI_ATTR VkResult VKAPI_CALL
EnumerateInstanceLayerProperties(std::uint32_t* count, VkLayerProperties* properties) noexcept {
    VkLayerProperties ours{};
    std::memcpy(ours.layerName, kLayerName, sizeof(kLayerName));
    std::memcpy(ours.description, kLayerDescription, sizeof(kLayerDescription));
    ours.specVersion = VK_HEADER_VERSION_COMPLETE;
    ours.implementationVersion = 1;
    return return_array(std::span(&ours, 1), count, properties);
}

VKAPI_ATTR VkResult VKAPI_CALL
EnumerateDeviceExtensionProperties(VkPhysicalDevice device, const char* layer, std::uint32_t* count,
                                   VkExtensionProperties* properties) noexcept {
    const bool ours = layer && std::strcmp(layer, kLayerName) == 0;
    Instance* instance = device ? Instance::of(device) : nullptr;
    if (!instance) {
        if (!ours) return VK_ERROR_LAYER_NOT_PRESENT;
        *count = 0;  // which there are depends on the device
        return VK_SUCCESS;
    }
    if ((layer && !ours) || !instance->active()) {
        return instance->down().EnumerateDeviceExtensionProperties(device, layer, count,
                                                                   properties);
    }
    return guarded([&] {
        const PhysicalDevice& physical = instance->physical(device);
        return return_array(ours ? layer_extensions(physical) : shown_extensions(physical), count,
                            properties);
    });
}

}  // namespace vdmabuf::layer
