// SPDX-License-Identifier: MIT
#include "runtime/consumer/import.hpp"

#include "runtime/common/log.hpp"
#include "runtime/consumer/compare_frame.hpp"
#include "runtime/consumer/drm_modifiers.hpp"
#include "runtime/consumer/rungs.hpp"
#include "runtime/consumer/scattered_mapping.hpp"

namespace vdmabuf::consumer {
namespace {

// Of a way that is not taken since the VkImage before it served not.
std::string as_buffer(const Error& no_image) {
    return "VkBuffer (" + no_image.text + ")";
}

Error neither(const Error& no_image, const Error& no_buffer) {
    // Of a malformed dmabuf nothing else need be said.
    if (no_image.text == no_buffer.text || no_buffer.code == EBADMSG) return no_buffer;
    return Error{no_buffer.code, no_image.text + ", and as VkBuffer: " + no_buffer.text};
}

}  // namespace

Importer::Importer(std::shared_ptr<gpu::Device> device, std::optional<ImportPath> forced)
    : device_(std::move(device)), forced_(forced), trust_(device_) {}

void Importer::warm_up() {
    if (may(ImportPath::udmabuf)) static_cast<void>(takes_dmabufs());
    if (!may(ImportPath::host_pointer)) return;
    trust_.of(Way::host_pointer_image);
    trust_.of(Way::host_pointer_buffer);
}

bool Importer::takes_dmabufs() {
    if (!may(ImportPath::udmabuf)) return false;
    bool any = false;
    for (const Way way : {Way::dmabuf_image, Way::dmabuf_image_any_pitch, Way::dmabuf_buffer}) {
        any |= trust_.of(way).is != Verdict::Is::broken;
    }
    return any;
}

std::vector<stream::FormatModifier> Importer::formats() {
    if (!takes_dmabufs()) return {};
    std::vector<stream::FormatModifier> formats = importable_formats(*device_);
    // Other modifiers than LINEAR come as images alone.
    if (trust_.of(Way::dmabuf_image).is == Verdict::Is::broken) {
        std::erase_if(formats, [](const auto& each) { return each.modifier != kModifierLinear; });
    }
    return formats;
}

Status Importer::trusted(Way way) {
    const Verdict& verdict = trust_.of(way);
    if (verdict.is != Verdict::Is::broken) return {};
    return Error{ENOTSUP, verdict.text};
}

Result<ImportedImage::Parts> Importer::from_dmabuf(const ImageLayout& layout, BufferFiles& files) {
    const Way way = layout.is_linear() ? dmabuf_image_way(layout.pitch) : Way::dmabuf_image;
    Error no_image{ENOTSUP, {}};
    if (auto trust = trusted(way); !trust) {
        no_image = trust.error();
    } else {
        auto parts = import_dmabuf_image(device_, layout, files);
        if (parts) {
            parts->reason = "VkImage";
            return parts;
        }
        no_image = parts.error();
    }
    if (auto trust = trusted(Way::dmabuf_buffer); !trust) return neither(no_image, trust.error());
    auto parts = import_dmabuf_buffer(device_, layout, files);
    if (!parts) return neither(no_image, parts.error());
    parts->reason = as_buffer(no_image);
    return parts;
}

Result<ImportedImage::Parts> Importer::from_host_pointer(const ImageLayout& layout,
                                                         std::uint64_t buffer_size,
                                                         Mapping& pages) {
    Error no_image{ENOTSUP, {}};
    if (auto trust = trusted(Way::host_pointer_image); !trust) {
        no_image = trust.error();
    } else {
        auto parts = import_host_pointer_image(device_, layout, pages);
        if (parts) {
            parts->reason = "VkImage";
            return parts;
        }
        no_image = parts.error();
    }
    if (auto trust = trusted(Way::host_pointer_buffer); !trust) {
        return neither(no_image, trust.error());
    }
    auto parts = import_host_pointer_buffer(device_, layout, buffer_size, pages);
    if (!parts) return neither(no_image, parts.error());
    parts->reason = as_buffer(no_image);
    return parts;
}

std::string Importer::why_no_dmabuf(const Image& image, const std::string& no_dmabuf) {
    if (!no_dmabuf.empty()) return no_dmabuf;
    // It was not asked for then.
    if (!takes_dmabufs()) return trust_.of(Way::dmabuf_buffer).text;
    const std::string brokers = get_text(image.reason);
    return brokers.empty() ? "not offered by the broker" : brokers;
}

ImportOutcome Importer::import(const Image& image, BufferFiles files,
                               const std::string& no_dmabuf) {
    ImportOutcome outcome;
    const auto note = [&outcome](const char* rung, const std::string& text) {
        if (!outcome.reason.empty()) outcome.reason += "; ";
        outcome.reason += std::string(rung) + ": " + text;
    };
    const auto take = [&outcome](ImportedImage::Parts parts) {
        const std::string better = std::move(outcome.reason);
        outcome.reason = parts.reason;
        if (!better.empty()) outcome.reason += (outcome.reason.empty() ? "" : "; ") + better;
        parts.reason = outcome.reason;
        outcome.path = parts.path;
        outcome.image = std::make_shared<ImportedImage>(std::move(parts));
    };

    auto layout = check_layout(image);
    if (!layout) {
        outcome.reason = layout.error().text;
        return outcome;
    }
    if (!may(ImportPath::udmabuf)) {
        note("udmabuf", "not asked for");
    } else if (files.kind != MemoryKind::dmabuf) {
        note("udmabuf", why_no_dmabuf(image, no_dmabuf));
    } else {
        auto parts = from_dmabuf(*layout, files);
        if (parts) {
            take(std::move(*parts));
            return outcome;
        }
        outcome.no_dmabuf = parts.error().text;
        outcome.again =
            layout->is_linear() && (may(ImportPath::host_pointer) || may(ImportPath::copy));
        note("udmabuf", outcome.no_dmabuf);
    }
    if (files.kind == MemoryKind::none) {
        // IMAGE's reason is about this then, if it was not said already.
        const std::string brokers = get_text(image.reason);
        if (!no_dmabuf.empty() && !brokers.empty()) note("host-pointer and copy", brokers);
    }
    if (files.kind != MemoryKind::runs) return outcome;
    if (!layout->is_linear()) {
        note("host-pointer", "not for images of other modifiers than LINEAR");
        return outcome;
    }
    auto pages = map_scattered(files);
    if (!pages) {
        note("mapping", pages.error().text);
        return outcome;
    }
    if (!may(ImportPath::host_pointer)) {
        note("host-pointer", "not asked for");
    } else {
        auto parts = from_host_pointer(*layout, image.buffer_size, *pages);
        if (parts) {
            take(std::move(*parts));
            return outcome;
        }
        note("host-pointer", parts.error().text);
    }
    if (!may(ImportPath::copy)) return outcome;
    auto parts = import_copy(device_, *layout, *pages);
    if (!parts) {
        note("copy", parts.error().text);
        return outcome;
    }
    take(std::move(*parts));
    if (!copy_announced_) {
        LOG_WARNING("the CPU copies every frame (%s)", outcome.reason.c_str());
        copy_announced_ = true;
    }
    return outcome;
}

Status Importer::confirm(const ImportedImage& image) {
    if (!image.way()) return {};
    const Verdict& verdict = trust_.of(*image.way());
    if (verdict.is == Verdict::Is::works) return {};
    // Another image's frame has shown it meanwhile.
    if (verdict.is == Verdict::Is::broken) return Error{EIO, verdict.text};
    const auto same = compare_frame(device_, image);
    if (!same) {
        trust_.learn(*image.way(),
                     {Verdict::Is::broken, "first frame: " + same.error().text, false});
        return same.error();
    }
    if (*same == Likeness::proof) trust_.learn(*image.way(), {Verdict::Is::works, {}, false});
    return {};
}

}  // namespace vdmabuf::consumer
