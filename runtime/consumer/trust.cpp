// SPDX-License-Identifier: MIT
#include "runtime/consumer/trust.hpp"

#include <span>
#include <string>

#include "runtime/common/log.hpp"

namespace vdmabuf::consumer {
namespace {

std::string hex(std::span<const std::uint8_t> bytes) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (const std::uint8_t byte : bytes) {
        text += kDigits[byte >> 4];
        text += kDigits[byte & 15];
    }
    return text;
}

// Without the extension there is nothing to test, nor to remember.
std::optional<Verdict> not_there(const gpu::ImportAbilities& can, Way way) {
    const auto lacks = [](const char* extension) {
        return Verdict{Verdict::Is::broken, std::string("no ") + extension, false};
    };
    switch (way) {
        case Way::dmabuf_image:
        case Way::dmabuf_image_any_pitch:
            if (!can.drm_modifier) return lacks("VK_EXT_image_drm_format_modifier");
            break;
        case Way::dmabuf_buffer:
            if (!can.dmabuf) return lacks("VK_EXT_external_memory_dma_buf");
            break;
        case Way::host_pointer_image:
        case Way::host_pointer_buffer:
            if (!can.host_pointer) return lacks("VK_EXT_external_memory_host");
            break;
    }
    return std::nullopt;
}

}  // namespace

std::string verdict_key(const gpu::Identity& identity, Way way) {
    return "device=" + hex(identity.device) + " driver=" + hex(identity.driver) + "/" +
           std::to_string(identity.driver_id) + "/" + std::to_string(identity.driver_version) +
           "/" + printable(identity.driver_info) + kernel_key() + " way=" + to_string(way) +
           " test=" + std::to_string(kSelfTestVersion);
}

Trust::Trust(std::shared_ptr<gpu::Device> device)
    : device_(std::move(device)),
      cache_(VerdictCache::default_path()),
      identity_(device_->identity()),
      again_(VerdictCache::distrusted()) {}

const Verdict& Trust::of(Way way) {
    std::optional<Verdict>& verdict = verdicts_[static_cast<std::size_t>(way)];
    if (verdict) return *verdict;
    verdict = not_there(device_->abilities(), way);
    if (verdict) return *verdict;
    const std::string key = verdict_key(identity_, way);
    const char* from = "remembered";
    if (!again_) verdict = cache_.find(key);
    if (!verdict) {
        from = "self-test";
        verdict = self_test(device_, way);
        if (verdict->lasting) cache_.put(key, *verdict);
    }
    // For people: it is about our own pages and layout there.
    if (verdict->is == Verdict::Is::broken) verdict->text = "self-test: " + verdict->text;
    switch (verdict->is) {
        case Verdict::Is::works:
            LOG_DEBUG("%s: %s works (%s)", device_->name().c_str(), to_string(way), from);
            break;
        case Verdict::Is::broken:
            LOG_INFO("%s: %s does not work (%s): %s", device_->name().c_str(), to_string(way), from,
                     verdict->text.c_str());
            break;
        case Verdict::Is::untested:
            LOG_INFO("%s: %s could not be tested, the first frame decides: %s",
                     device_->name().c_str(), to_string(way), verdict->text.c_str());
            break;
    }
    return *verdict;
}

void Trust::learn(Way way, Verdict verdict) {
    if (verdict.is == Verdict::Is::broken) {
        LOG_WARNING("%s: %s does not work: %s", device_->name().c_str(), to_string(way),
                    verdict.text.c_str());
    }
    verdicts_[static_cast<std::size_t>(way)] = std::move(verdict);
}

}  // namespace vdmabuf::consumer
