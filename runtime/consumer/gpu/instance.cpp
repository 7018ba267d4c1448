// SPDX-License-Identifier: MIT
#include "runtime/consumer/gpu/instance.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>

#include "runtime/common/log.hpp"
#include "runtime/consumer/gpu/result.hpp"

namespace vdmabuf::gpu {
namespace {

constexpr const char* kValidationLayer = "VK_LAYER_KHRONOS_validation";
constexpr const char* kOwnLayer = "VK_LAYER_VDMABUF_wsi";

VKAPI_ATTR VkBool32 VKAPI_CALL on_message(VkDebugUtilsMessageSeverityFlagBitsEXT severity,
                                          VkDebugUtilsMessageTypeFlagsEXT types,
                                          const VkDebugUtilsMessengerCallbackDataEXT* data,
                                          void* user) {
    // General messages are the loader's and the driver's talk about themselves.
    if (!(types & VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT)) return VK_FALSE;
    static_cast<Instance*>(user)->count_message();
    const bool is_error = severity & VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT;
    // Asked for by VDMABUF_VALIDATION, so it is said at every log level.
    log::write(is_error ? log::Level::error : log::Level::warning, "validation: %s",
               data->pMessage ? data->pMessage : "?");
    return VK_FALSE;
}

bool has_layer(const char* name) {
    std::uint32_t count = 0;
    vkEnumerateInstanceLayerProperties(&count, nullptr);
    std::vector<VkLayerProperties> layers(count);
    vkEnumerateInstanceLayerProperties(&count, layers.data());
    return std::any_of(layers.begin(), layers.end(), [&](const VkLayerProperties& layer) {
        return std::strcmp(layer.layerName, name) == 0;
    });
}

}  // namespace

bool validation_wanted() {
    const char* value = std::getenv("VDMABUF_VALIDATION");
    return value && *value && std::strcmp(value, "0") != 0;
}

bool has_instance_extension(const char* name) {
    std::uint32_t count = 0;
    vkEnumerateInstanceExtensionProperties(nullptr, &count, nullptr);
    std::vector<VkExtensionProperties> extensions(count);
    vkEnumerateInstanceExtensionProperties(nullptr, &count, extensions.data());
    return std::any_of(extensions.begin(), extensions.end(), [&](const auto& extension) {
        return std::strcmp(extension.extensionName, name) == 0;
    });
}

void leave_layer_out() {
    ::setenv("DISABLE_VDMABUF", "1", 1);
    ::unsetenv("ENABLE_VDMABUF");
    const char* listed = std::getenv("VK_INSTANCE_LAYERS");
    if (!listed) return;
    const std::string all = listed;
    std::string others;
    for (std::size_t at = 0; at <= all.size();) {
        const std::size_t end = std::min(all.find(':', at), all.size());
        const std::string name = all.substr(at, end - at);
        if (!name.empty() && name != kOwnLayer) others += (others.empty() ? "" : ":") + name;
        at = end + 1;
    }
    ::setenv("VK_INSTANCE_LAYERS", others.c_str(), 1);
}

Result<std::shared_ptr<Instance>> Instance::create(const std::vector<const char*>& extensions,
                                                   bool validation) {
    if (validation && !has_layer(kValidationLayer)) {
        return Error{ENOENT, std::string("VDMABUF_VALIDATION is set, but ") + kValidationLayer +
                                 " is not installed (package vulkan-validationlayers)"};
    }
    std::vector<const char*> enabled = extensions;
    if (validation) enabled.push_back(VK_EXT_DEBUG_UTILS_EXTENSION_NAME);

    std::shared_ptr<Instance> instance(new Instance);
    VkDebugUtilsMessengerCreateInfoEXT messenger{};
    messenger.sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT;
    messenger.messageSeverity = VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT |
                                VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT;
    messenger.messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT;
    messenger.pfnUserCallback = on_message;
    messenger.pUserData = instance.get();
    const VkValidationFeatureEnableEXT sync =
        VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT;
    VkValidationFeaturesEXT features{};
    features.sType = VK_STRUCTURE_TYPE_VALIDATION_FEATURES_EXT;
    features.pNext = &messenger;  // reports on vkCreateInstance and vkDestroyInstance themselves
    features.enabledValidationFeatureCount = 1;
    features.pEnabledValidationFeatures = &sync;

    VkApplicationInfo application{};
    application.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO;
    application.pApplicationName = "vdmabuf";
    application.apiVersion = VK_API_VERSION_1_1;  // external memory is core there
    VkInstanceCreateInfo info{};
    info.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO;
    info.pNext = validation ? &features : nullptr;
    info.pApplicationInfo = &application;
    info.enabledExtensionCount = static_cast<std::uint32_t>(enabled.size());
    info.ppEnabledExtensionNames = enabled.data();
    info.enabledLayerCount = validation ? 1 : 0;
    info.ppEnabledLayerNames = &kValidationLayer;
    const VkResult created = vkCreateInstance(&info, nullptr, &instance->instance_);
    if (created != VK_SUCCESS) {
        Error error = vulkan_error("cannot start Vulkan (vkCreateInstance)", created);
        error.text += "; is a Vulkan driver installed (package mesa-vulkan-drivers)?";
        return error;
    }
    if (validation) {
        const auto create_messenger = reinterpret_cast<PFN_vkCreateDebugUtilsMessengerEXT>(
            vkGetInstanceProcAddr(instance->instance_, "vkCreateDebugUtilsMessengerEXT"));
        if (create_messenger) {
            create_messenger(instance->instance_, &messenger, nullptr, &instance->messenger_);
        }
    }
    return instance;
}

Instance::~Instance() {
    if (messenger_ != VK_NULL_HANDLE) {
        const auto destroy = reinterpret_cast<PFN_vkDestroyDebugUtilsMessengerEXT>(
            vkGetInstanceProcAddr(instance_, "vkDestroyDebugUtilsMessengerEXT"));
        if (destroy) destroy(instance_, messenger_, nullptr);
    }
    if (instance_ != VK_NULL_HANDLE) vkDestroyInstance(instance_, nullptr);
}

}  // namespace vdmabuf::gpu
