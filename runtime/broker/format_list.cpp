// SPDX-License-Identifier: MIT
#include "runtime/broker/format_list.hpp"

#include <algorithm>
#include <utility>

#include "runtime/broker/image_layout.hpp"
#include "runtime/common/drm_format.hpp"

namespace vdmabuf::broker {
namespace {

bool same(const stream::FormatModifier& a, const stream::FormatModifier& b) {
    return a.fourcc == b.fourcc && a.modifier == b.modifier;
}

bool contains(const FormatList& list, const stream::FormatModifier& wanted) {
    return std::any_of(list.begin(), list.end(),
                       [&](const auto& each) { return same(each, wanted); });
}

FormatList linear_formats() {
    FormatList list;
    for (const Format& format : known_formats()) {
        list.push_back({format.fourcc, 0, kModifierLinear});
    }
    return list;
}

}  // namespace

bool same_formats(const FormatList& a, const FormatList& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), same);
}

FormatNegotiation::FormatNegotiation() : linear_(linear_formats()), list_(linear_) {}

bool FormatNegotiation::say(unsigned consumer, std::span<const stream::FormatModifier> formats) {
    FormatList taken;
    for (const auto& each : formats) {
        const bool known = contains(linear_, {each.fourcc, 0, kModifierLinear});
        if (!known || each.modifier == kModifierLinear || each.modifier == kModifierInvalid) {
            continue;
        }
        const stream::FormatModifier clean{each.fourcc, 0, each.modifier};
        if (!contains(taken, clean)) taken.push_back(clean);
    }
    said_[consumer] = std::move(taken);
    return update();
}

bool FormatNegotiation::attach(unsigned consumer) {
    if (said_[consumer]) return false;
    said_[consumer].emplace();
    return update();
}

bool FormatNegotiation::leave(unsigned consumer) {
    if (!said_[consumer]) return false;
    said_[consumer].reset();
    return update();
}

bool FormatNegotiation::update() {
    const FormatList* first = nullptr;
    for (const auto& said : said_) {
        if (said && !first) first = &*said;
    }
    if (!first) return false;
    FormatList list = linear_;
    for (const auto& each : *first) {
        const bool by_all = std::all_of(said_.begin(), said_.end(), [&](const auto& said) {
            return !said || contains(*said, each);
        });
        if (by_all && list.size() < stream::kMaxFormats) list.push_back(each);
    }
    if (same_formats(list, list_)) return false;
    list_ = std::move(list);
    return true;
}

}  // namespace vdmabuf::broker
