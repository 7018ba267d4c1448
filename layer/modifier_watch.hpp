// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/common/drm_format.hpp"
#include "runtime/common/stream_messages.hpp"

namespace vdmabuf::layer {

// Modifiers of one format in a list of formats, in its order.
inline std::vector<std::uint64_t> modifiers_of(std::uint32_t fourcc,
                                               std::span<const stream::FormatModifier> formats) {
    std::vector<std::uint64_t> found;
    for (const stream::FormatModifier& known : formats) {
        if (known.fourcc == fourcc) found.push_back(known.modifier);
    }
    return found;
}

// Notices when the host stops importing the modifier of a swapchain's images, or showing their
// colour space, as when another viewer has come.
class ModifierWatch {
  public:
    // Of `version` when it is not known what the host had then.
    static constexpr std::uint64_t kLookAgain = UINT64_MAX;

    ModifierWatch() = default;
    // `version`: of the list that the modifier was chosen from.
    ModifierWatch(std::uint32_t fourcc, std::uint64_t modifier, stream::ColourSpace space,
                  std::uint64_t version)
        : fourcc_(fourcc), modifier_(modifier), space_(space), version_(version) {}

    // True once for each change of what the host has after which it lacks the modifier or the
    // colour space. `Host` has formats_version(), formats() and colour_spaces(), as
    // producer::Connection; the list is asked for only when its version is another.
    template <typename Host>
    bool gone(const Host& host) {
        // Always imported and shown.
        if (modifier_ == kModifierLinear && space_ == stream::ColourSpace::srgb_nonlinear) {
            return false;
        }
        // The version first: a change in between is noticed the next time.
        const std::uint64_t version = host.formats_version();
        if (version == version_) return false;
        version_ = version;
        if (!(host.colour_spaces() & stream::bit_of(space_))) return true;
        if (modifier_ == kModifierLinear) return false;
        const std::vector<std::uint64_t> shared = modifiers_of(fourcc_, host.formats());
        return std::find(shared.begin(), shared.end(), modifier_) == shared.end();
    }

  private:
    std::uint32_t fourcc_ = 0;
    std::uint64_t modifier_ = kModifierLinear;
    stream::ColourSpace space_ = stream::ColourSpace::srgb_nonlinear;
    std::uint64_t version_ = 0;
};

}  // namespace vdmabuf::layer
