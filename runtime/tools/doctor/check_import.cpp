// SPDX-License-Identifier: MIT
// What the GPUs of this side import, as their self-tests found: what a viewer would use.
#include <fmt/format.h>

#include "runtime/consumer/trust.hpp"
#include "runtime/tools/doctor/checks.hpp"

namespace vdmabuf::doctor {
namespace {

void check_gpu(const std::shared_ptr<gpu::Device>& device, Findings& findings) {
    consumer::Trust trust(device);
    std::string good;
    std::string rest;
    bool copies = true;  // for all that is known
    for (const consumer::Way way : consumer::kWays) {
        const consumer::Verdict& verdict = trust.of(way);
        if (verdict.is == consumer::Verdict::Is::works) {
            good += (good.empty() ? "" : ", ") + std::string(consumer::to_string(way));
            copies = false;
        } else {
            copies = copies && verdict.is == consumer::Verdict::Is::broken;
            rest += fmt::format("{}{}: {}", rest.empty() ? "" : "; ", consumer::to_string(way),
                                verdict.is == consumer::Verdict::Is::untested
                                    ? "nothing to test it with, the first frame will tell"
                                    : verdict.text);
        }
    }
    if (copies) {
        findings.bad(fmt::format("{} imports nothing: each frame is copied by a CPU ({})",
                                 device->name(), rest),
                     "a newer driver may; VDMABUF_SELF_TEST=1 vdmabufctl doctor tests again");
        return;
    }
    if (!good.empty())
        findings.good(fmt::format("{} imports without a copy by: {}", device->name(), good));
    if (!rest.empty()) findings.hint(fmt::format("{} does not: {}", device->name(), rest));
}

}  // namespace

void check_import(const Machine& machine, Findings& findings) {
    if (!machine.is_this_one()) return;
    auto instance = gpu::Instance::create({});
    if (!instance) {
        findings.bad("no Vulkan here: " + instance.error().text,
                     "install the driver of the GPU, or mesa-vulkan-drivers");
        return;
    }
    std::uint32_t count = 0;
    vkEnumeratePhysicalDevices((*instance)->get(), &count, nullptr);
    if (count == 0) findings.bad("Vulkan knows no GPU", "install the driver of the GPU");
    for (std::uint32_t i = 0; i < count; ++i) {
        auto device = gpu::Device::create(*instance, std::to_string(i));
        if (device) {
            check_gpu(*device, findings);
        } else {
            findings.hint(fmt::format("GPU {}: {}", i, device.error().text));
        }
    }
}

}  // namespace vdmabuf::doctor
