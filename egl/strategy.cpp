// SPDX-License-Identifier: MIT
#include "egl/strategy.hpp"

#include <cstdlib>
#include <string_view>

#include "egl/real_vendor.hpp"
#include "runtime/common/strategy_name.hpp"

namespace vdmabuf::egl {

stream::Strategy wanted_strategy() noexcept {
    const char* variable = std::getenv("VDMABUF_STRATEGY");
    const std::string_view wanted = variable ? variable : "";
    using enum stream::Strategy;
    constexpr std::pair<std::string_view, stream::Strategy> kLetters[] = {
        {"C", dmabuf_export}, {"D", gpu_copy}, {"E", cpu_copy}};
    for (const auto& [letter, strategy] : kLetters) {
        if (wanted == letter || wanted == strategy_name(static_cast<std::uint32_t>(strategy))) {
            return strategy;
        }
    }
    return unknown;
}

bool drawn_by_cpu() noexcept {
    constexpr unsigned kRenderer = 0x1F01;  // GL_RENDERER
    static const auto get_string =
        real().function<const unsigned char* (*)(unsigned)>("glGetString");
    const auto* name = get_string ? reinterpret_cast<const char*>(get_string(kRenderer)) : nullptr;
    if (!name) return true;
    const std::string_view renderer = name;
    for (const std::string_view known : {"llvmpipe", "softpipe", "SWR", "Software Rasterizer"}) {
        if (renderer.find(known) != std::string_view::npos) return true;
    }
    return false;
}

}  // namespace vdmabuf::egl
