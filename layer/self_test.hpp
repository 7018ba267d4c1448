// SPDX-License-Identifier: MIT
// What a driver says it can do is not always what it does. Before a strategy is used with a device,
// the GPU renders a pattern by it, and the CPU looks at what came into the pages.
#pragma once

#include "layer/image_strategy.hpp"

namespace vdmabuf::layer {

// Whether the strategy works on this device, with modifiers of the host, found out at the first
// call and remembered by the process; a failure goes to the log once. The result is not kept on
// disk: the test costs a few milliseconds, once, and an app's process is not ours to write files
// from.
bool strategy_works(const Device& device, const ImageStrategy& strategy,
                    producer::Connection& connection, std::span<const std::uint64_t> modifiers);

// What the test could not know: the host does not take what the strategy makes.
void strategy_failed(const Device& device, const ImageStrategy& strategy);

}  // namespace vdmabuf::layer
