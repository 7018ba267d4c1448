// SPDX-License-Identifier: MIT
#include "runtime/consumer/import.hpp"

#include "runtime/common/log.hpp"
#include "runtime/consumer/rungs.hpp"
#include "runtime/consumer/scattered_mapping.hpp"

namespace vdmabuf::consumer {

const Status& Importer::trust_host_pointer() {
    if (!host_pointer_trust_) {
        host_pointer_trust_ = self_test_host_pointer(device_);
        if (!*host_pointer_trust_) {
            LOG_WARNING("%s: import by host pointer does not work: %s", device_->name().c_str(),
                        host_pointer_trust_->error().text.c_str());
        }
    }
    return *host_pointer_trust_;
}

void Importer::warm_up() {
    if (!forced_ || *forced_ == ImportPath::host_pointer) trust_host_pointer();
}

ImportOutcome Importer::import(const Image& image, BufferFiles files) {
    ImportOutcome outcome;
    const auto may = [this](ImportPath path) { return !forced_ || *forced_ == path; };
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
    if (may(ImportPath::udmabuf)) {
        auto parts = import_dmabuf(device_, *layout, files);
        if (parts) {
            take(std::move(*parts));
            return outcome;
        }
        note("udmabuf", parts.error().text);
    } else {
        note("udmabuf", "not asked for");
    }
    if (files.kind != MemoryKind::runs) return outcome;

    auto pages = map_scattered(files);
    if (!pages) {
        note("mapping", pages.error().text);
        return outcome;
    }
    if (!may(ImportPath::host_pointer)) {
        note("host-pointer", "not asked for");
    } else if (const Status& trust = trust_host_pointer(); !trust) {
        note("host-pointer", trust.error().text);
    } else {
        auto parts = import_host_pointer(device_, *layout, image.buffer_size, *pages);
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

}  // namespace vdmabuf::consumer
