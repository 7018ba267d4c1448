// SPDX-License-Identifier: MIT
#include "layer/calibrated_times.hpp"

#ifdef VK_EXT_present_timing

#include <algorithm>
#include <vector>

#include "layer/device.hpp"
#include "layer/guard.hpp"
#include "layer/instance.hpp"
#include "layer/physical_device.hpp"
#include "layer/present_timing.hpp"
#include "runtime/common/clock.hpp"

namespace vdmabuf::layer {
namespace {

using GetDomains = PFN_vkGetPhysicalDeviceCalibrateableTimeDomainsKHR;
using GetTimestamps = PFN_vkGetCalibratedTimestampsKHR;

// By either name: the functions are the same. Loaders that do not know one of them have it for
// layers by the second way alone.
GetDomains domains_below(const Instance& instance) {
    const InstanceDispatch& down = instance.down();
    if (down.GetPhysicalDeviceCalibrateableTimeDomainsKHR) {
        return down.GetPhysicalDeviceCalibrateableTimeDomainsKHR;
    }
    if (down.GetPhysicalDeviceCalibrateableTimeDomainsEXT) {
        return down.GetPhysicalDeviceCalibrateableTimeDomainsEXT;
    }
    if (!instance.next_physical()) return nullptr;
    return reinterpret_cast<GetDomains>(instance.next_physical()(
        instance.handle(), "vkGetPhysicalDeviceCalibrateableTimeDomainsKHR"));
}

GetTimestamps timestamps_below(const DeviceDispatch& down) {
    return down.GetCalibratedTimestampsKHR ? down.GetCalibratedTimestampsKHR
                                           : down.GetCalibratedTimestampsEXT;
}

}  // namespace

VKAPI_ATTR VkResult VKAPI_CALL GetPhysicalDeviceCalibrateableTimeDomainsKHR(
    VkPhysicalDevice device, std::uint32_t* count, VkTimeDomainKHR* out) noexcept {
    return guarded([&] {
        Instance& instance = *Instance::of(device);
        const GetDomains down = domains_below(instance);
        if (!down) return VK_ERROR_EXTENSION_NOT_PRESENT;
        if (!has(instance.physical(device).served, Extension::present_timing)) {
            return down(device, count, out);
        }
        std::uint32_t known = 0;
        VkResult result = down(device, &known, nullptr);
        if (result != VK_SUCCESS) return result;
        std::vector<VkTimeDomainKHR> domains(known);
        result = down(device, &known, domains.data());
        if (result < 0) return result;
        domains.resize(known);
        for (const VkTimeDomainKHR ours : kTimeDomains) {
            const bool there = std::find(domains.begin(), domains.end(), ours) != domains.end();
            if (is_local_domain(ours) && !there) domains.push_back(ours);
        }
        return return_array(domains, count, out);
    });
}

VKAPI_ATTR VkResult VKAPI_CALL GetPhysicalDeviceCalibrateableTimeDomainsEXT(
    VkPhysicalDevice device, std::uint32_t* count, VkTimeDomainKHR* domains) noexcept {
    return GetPhysicalDeviceCalibrateableTimeDomainsKHR(device, count, domains);
}

// The driver's clocks are read between two looks at ours, which the deviation covers.
VKAPI_ATTR VkResult VKAPI_CALL GetCalibratedTimestampsKHR(VkDevice handle, std::uint32_t count,
                                                          const VkCalibratedTimestampInfoKHR* infos,
                                                          std::uint64_t* timestamps,
                                                          std::uint64_t* deviation) noexcept {
    return guarded([&] {
        const Device& device = *Device::of(handle);
        const GetTimestamps down = timestamps_below(device.down());
        if (!down) return VK_ERROR_EXTENSION_NOT_PRESENT;
        const auto local = [](const VkCalibratedTimestampInfoKHR& info) {
            return is_local_domain(info.timeDomain);
        };
        if (!device.enabled(Extension::present_timing) ||
            std::none_of(infos, infos + count, local)) {
            return down(handle, count, infos, timestamps, deviation);
        }
        std::vector<VkCalibratedTimestampInfoKHR> theirs;
        std::remove_copy_if(infos, infos + count, std::back_inserter(theirs), local);
        std::vector<std::uint64_t> values(theirs.size());
        *deviation = 0;
        const std::uint64_t before = now_ns();
        if (!theirs.empty()) {
            const VkResult result = down(handle, static_cast<std::uint32_t>(theirs.size()),
                                         theirs.data(), values.data(), deviation);
            if (result != VK_SUCCESS) return result;
        }
        const std::uint64_t after = now_ns();
        *deviation += after - before;
        std::size_t next = 0;
        for (std::uint32_t i = 0; i < count; ++i) {
            timestamps[i] = local(infos[i]) ? before + (after - before) / 2 : values[next++];
        }
        return VK_SUCCESS;
    });
}

VKAPI_ATTR VkResult VKAPI_CALL GetCalibratedTimestampsEXT(VkDevice device, std::uint32_t count,
                                                          const VkCalibratedTimestampInfoKHR* infos,
                                                          std::uint64_t* timestamps,
                                                          std::uint64_t* deviation) noexcept {
    return GetCalibratedTimestampsKHR(device, count, infos, timestamps, deviation);
}

}  // namespace vdmabuf::layer

#endif
