// SPDX-License-Identifier: MIT
#pragma once

namespace vdmabuf::doctor {

// For a process of its own, that vdmabuf-run has started: makes a swapchain of each format on each
// GPU, so that the layer says which strategy it chooses. On standard output a line before each:
// "probe GPU\tFORMAT". The exit status.
int probe_swapchains();

}  // namespace vdmabuf::doctor
