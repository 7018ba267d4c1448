// SPDX-License-Identifier: MIT
#include "layer/image_strategy.hpp"

#include <cstdlib>
#include <cstring>

#include "layer/physical_device.hpp"
#include "layer/strategy_choice.hpp"
#include "runtime/common/log.hpp"
#include "runtime/common/strategy_name.hpp"

namespace vdmabuf::layer {
namespace {

struct Known {
    char letter;  // in docs/architecture.md
    stream::Strategy id;
    const ImageStrategy& (*get)();
};

constexpr Known kStrategies[] = {
    {'A', stream::Strategy::host_pointer, host_pointer_strategy},
    {'B', stream::Strategy::dmabuf_import, dmabuf_import_strategy},
    {'C', stream::Strategy::dmabuf_export, dmabuf_export_strategy},
    {'D', stream::Strategy::gpu_copy, gpu_copy_strategy},
    {'E', stream::Strategy::cpu_copy, cpu_copy_strategy},
};

const ImageStrategy* strategy_of(stream::Strategy id) {
    for (const Known& known : kStrategies) {
        if (known.id == id) return &known.get();
    }
    return nullptr;
}

// VDMABUF_STRATEGY, or nullptr.
const ImageStrategy* wanted_strategy() {
    const char* wanted = std::getenv("VDMABUF_STRATEGY");
    if (!wanted || !*wanted) return nullptr;
    for (const Known& known : kStrategies) {
        const char letter[] = {known.letter, '\0'};
        if (std::strcmp(wanted, letter) == 0 || std::strcmp(wanted, known.get().name()) == 0) {
            return &known.get();
        }
    }
    LOG_WARNING(
        "VDMABUF_STRATEGY=%s is not known: A host-pointer, B dmabuf-import, "
        "C dmabuf-export, D gpu-copy and E cpu-copy are",
        wanted);
    return nullptr;
}

}  // namespace

VkResult SharedImage::bind(const Device& device, VkImage alias) const {
    return device.down().BindImageMemory(device.handle(), alias, memory_.get(), 0);
}

const char* ImageStrategy::name() const {
    return id() == stream::Strategy::unknown ? "unseen"
                                             : strategy_name(static_cast<std::uint32_t>(id()));
}

std::vector<const ImageStrategy*> strategies_for(const Device& device, const ImageRequest& request,
                                                 bool seen) {
    if (!seen) return {&unseen_strategy()};
    const ImageStrategy* wanted = wanted_strategy();
    if (wanted && !wanted->supports(device, request)) {
        LOG_WARNING("strategy %s cannot serve this swapchain on this device", wanted->name());
        wanted = nullptr;
    }
    std::vector<const ImageStrategy*> found;
    if (wanted) found.push_back(wanted);
    const PhysicalDevice& physical = device.physical();
    const StrategyOrder& order = strategy_order(physical.type, physical.driver,
                                                !exportable_tilings(device, request).empty());
    LOG_DEBUG("order of strategies: %s", order.reason);
    for (const stream::Strategy id : order.strategies) {
        const ImageStrategy* strategy = strategy_of(id);
        if (strategy != wanted && strategy->supports(device, request)) found.push_back(strategy);
    }
    return found;
}

producer::ImageInfo describe(const ImageRequest& request, stream::Strategy strategy,
                             std::uint64_t offset, std::uint64_t pitch) {
    producer::ImageInfo info;
    info.width = request.extent.width;
    info.height = request.extent.height;
    info.fourcc = request.format.fourcc;
    info.modifier = kModifierLinear;
    info.colour_space = request.colour_space;
    // Surfaces offer OPAQUE and INHERIT, and X11 windows as apps make them have no alpha to give.
    info.flags = stream::kImageOpaque;
    info.strategy = strategy;
    info.plane_count = 1;
    info.planes[0] = {offset, pitch};
    return info;
}

std::shared_ptr<producer::Buffer> pages_for(producer::Connection& connection, std::uint64_t size) {
    auto buffer = connection.alloc(size);
    if (buffer) return *std::move(buffer);
    LOG_WARNING("no pages for an image of %llu bytes: %s", static_cast<unsigned long long>(size),
                buffer.error().text.c_str());
    return nullptr;
}

}  // namespace vdmabuf::layer
