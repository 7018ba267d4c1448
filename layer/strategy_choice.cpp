// SPDX-License-Identifier: MIT
#include "layer/strategy_choice.hpp"

namespace vdmabuf::layer {
namespace {

using enum stream::Strategy;

// Rendering into linear rows costs a processor nothing. The host pointer comes first because it
// asks least of driver and kernel.
constexpr StrategyOrder kProcessor{
    "drawn by the CPU, which likes linear images as well as others",
    {host_pointer, dmabuf_import, dmabuf_export, gpu_copy, cpu_copy}};

// The GPU works in the same memory as the guest, so that the shared pages cost it no more than any:
// a copy would cost more than what linear rows cost. As a dmabuf the pages are mapped for the
// device once and for all; pages that come by host pointer are watched by an MMU notifier.
constexpr StrategyOrder kSharedMemory{
    "the GPU's memory is the guest's memory",
    {dmabuf_import, host_pointer, dmabuf_export, gpu_copy, cpu_copy}};

// As above, and the driver's own tiling can cross: it is faster to render to than linear rows.
constexpr StrategyOrder kSharedTiling{
    "the host imports the GPU's own tiling",
    {dmabuf_export, dmabuf_import, host_pointer, gpu_copy, cpu_copy}};

// Over PCIe every blended or read pixel is a round trip, uncompressed and in linear rows, and
// rendering touches pixels several times; one copy of the finished image touches each once. What
// such a driver exports lies in its own memory, or is moved out of it for good when it is shared.
constexpr StrategyOrder kOwnMemory{
    "the GPU has memory of its own: one copy is cheaper than "
    "rendering over the bus",
    {gpu_copy, dmabuf_import, host_pointer, dmabuf_export, cpu_copy}};

}  // namespace

const StrategyOrder& strategy_order(VkPhysicalDeviceType type, VkDriverId driver,
                                    bool shared_tiling) {
    // Layers and drivers above other APIs do not always tell the type of what is below.
    if (type == VK_PHYSICAL_DEVICE_TYPE_CPU || driver == VK_DRIVER_ID_MESA_LLVMPIPE ||
        driver == VK_DRIVER_ID_GOOGLE_SWIFTSHADER) {
        return kProcessor;
    }
    if (type == VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU) return kOwnMemory;
    // INTEGRATED; VIRTUAL and OTHER promise nothing, and have no bus of their own within a guest.
    return shared_tiling ? kSharedTiling : kSharedMemory;
}

}  // namespace vdmabuf::layer
