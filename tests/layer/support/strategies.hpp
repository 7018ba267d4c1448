// SPDX-License-Identifier: MIT
#pragma once

#include <unistd.h>

#include <ostream>

#include "runtime/common/stream_messages.hpp"
#include "tests/layer/support/app.hpp"

namespace vdmabuf::test {

// A strategy that a test asks for by VDMABUF_STRATEGY.
struct Way {
    const char* name;
    const char* test_name;
    stream::Strategy announced;
    bool copies;   // the CPU does
    bool dmabufs;  // the driver has to import or export them
};

inline void PrintTo(const Way& way, std::ostream* out) {
    *out << way.name;  // in the test's name: else its bytes
}

constexpr Way kWays[] = {
    {"host-pointer", "HostPointer", stream::Strategy::host_pointer, false, false},
    {"dmabuf-import", "DmabufImport", stream::Strategy::dmabuf_import, false, true},
    {"dmabuf-export", "DmabufExport", stream::Strategy::dmabuf_export, false, true},
    {"gpu-copy", "GpuCopy", stream::Strategy::gpu_copy, false, false},
    {"cpu-copy", "CpuCopy", stream::Strategy::cpu_copy, true, false},
};

// The machine and its driver have what the strategy needs. Where they have it the layer must not
// fall back: that is for tests to see.
inline bool has_what_it_takes(const App& app, const Way& way) {
    return !way.dmabufs || (app.has_device_extension("VK_EXT_external_memory_dma_buf") &&
                            ::access("/dev/udmabuf", R_OK | W_OK) == 0);
}

}  // namespace vdmabuf::test
