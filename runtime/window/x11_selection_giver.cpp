// SPDX-License-Identifier: MIT
#include "runtime/window/x11_selection_giver.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "runtime/common/clock.hpp"

namespace vdmabuf::window {
namespace {

constexpr std::size_t kWhole = 1U << 18;  // what larger texts are given in parts for
constexpr std::size_t kOverhead = 64;     // of a request that changes a property

// Null where a character is none of Latin-1's, which is what STRING means (ICCCM 2.7.1).
std::shared_ptr<const std::string> to_latin1(std::string_view text) {
    std::string latin1;
    latin1.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        if (byte < 0x80) {
            latin1 += text[i];
        } else if (byte <= 0xC3 && i + 1 < text.size()) {
            const auto next = static_cast<unsigned char>(text[++i]);
            latin1 += static_cast<char>((byte & 0x03) << 6 | (next & 0x3F));
        } else {
            return nullptr;
        }
    }
    return std::make_shared<const std::string>(std::move(latin1));
}

}  // namespace

void SelectionGiver::own(std::string text) {
    latin1_ = to_latin1(text);
    text_ = std::make_shared<const std::string>(std::move(text));
    since_ = XCB_CURRENT_TIME;  // until the server has told
    (void)selection_.xcb.set_selection_owner(selection_.connection, selection_.window,
                                             selection_.atoms.clipboard, XCB_CURRENT_TIME);
    (void)selection_.xcb.flush(selection_.connection);
}

void SelectionGiver::put(xcb_window_t window, xcb_atom_t place, xcb_atom_t type, std::uint8_t bits,
                         std::size_t count, const void* data) {
    (void)selection_.xcb.change_property(selection_.connection, XCB_PROP_MODE_REPLACE, window,
                                         place, type, bits, static_cast<std::uint32_t>(count),
                                         data);
}

void SelectionGiver::selection_request(const xcb_selection_request_event_t& event) {
    const xcb_atom_t place = event.property != XCB_ATOM_NONE ? event.property : event.target;
    const bool given =
        owns() && event.selection == selection_.atoms.clipboard && give(event, place);
    xcb_selection_notify_event_t answer{};
    answer.response_type = XCB_SELECTION_NOTIFY;
    answer.time = event.time;
    answer.requestor = event.requestor;
    answer.selection = event.selection;
    answer.target = event.target;
    answer.property = given ? place : xcb_atom_t{XCB_ATOM_NONE};
    (void)selection_.xcb.send_event(selection_.connection, 0, event.requestor,
                                    XCB_EVENT_MASK_NO_EVENT,
                                    reinterpret_cast<const char*>(&answer));
    (void)selection_.xcb.flush(selection_.connection);
}

bool SelectionGiver::give(const xcb_selection_request_event_t& event, xcb_atom_t place) {
    const SelectionAtoms& atoms = selection_.atoms;
    if (event.target == atoms.targets) {
        std::vector<xcb_atom_t> offered{atoms.targets, atoms.timestamp, atoms.utf8, atoms.text_utf8,
                                        atoms.from_host};
        if (latin1_) offered.push_back(XCB_ATOM_STRING);
        put(event.requestor, place, XCB_ATOM_ATOM, 32, offered.size(), offered.data());
        return true;
    }
    if (event.target == atoms.timestamp) {
        put(event.requestor, place, XCB_ATOM_INTEGER, 32, 1, &since_);
        return true;
    }
    if (event.target == atoms.utf8 || event.target == atoms.text_utf8) {
        return give_text(event.requestor, place, event.target, text_);
    }
    if (event.target == XCB_ATOM_STRING && latin1_) {
        return give_text(event.requestor, place, event.target, latin1_);
    }
    return false;
}

bool SelectionGiver::give_text(xcb_window_t window, xcb_atom_t place, xcb_atom_t type,
                               std::shared_ptr<const std::string> text) {
    const std::size_t request =
        std::size_t{selection_.xcb.get_maximum_request_length(selection_.connection)} * 4;
    if (text->size() <= std::min(kWhole, request - kOverhead)) {
        put(window, place, type, 8, text->size(), text->data());
        return true;
    }
    // ICCCM 2.7.2: whoever asks takes it away to get the first part.
    std::erase_if(transfers_, [&](const Transfer& other) {
        return other.window == window && other.place == place;
    });
    if (transfers_.size() >= kMostTransfers) return false;
    follow_(window, true);
    const auto size = static_cast<std::uint32_t>(text->size());
    put(window, place, selection_.atoms.incr, 32, 1, &size);
    transfers_.push_back({window, place, type, std::move(text), 0, now_ns() + kPatienceNs});
    return true;
}

void SelectionGiver::property_notify(const xcb_property_notify_event_t& event) {
    if (event.state != XCB_PROPERTY_DELETE) return;
    const auto found =
        std::find_if(transfers_.begin(), transfers_.end(), [&](const Transfer& transfer) {
            return transfer.window == event.window && transfer.place == event.atom;
        });
    if (found == transfers_.end() || !give_next(*found)) return;
    const Transfer over = std::move(*found);
    transfers_.erase(found);
    ended(over);
}

void SelectionGiver::ended(const Transfer& transfer) {
    const bool others =
        std::any_of(transfers_.begin(), transfers_.end(),
                    [&](const Transfer& each) { return each.window == transfer.window; });
    if (!others) follow_(transfer.window, false);
}

// True: that was the end, which is a part without bytes.
bool SelectionGiver::give_next(Transfer& transfer) {
    const std::size_t count = std::min<std::size_t>(kPart, transfer.text->size() - transfer.given);
    put(transfer.window, transfer.place, transfer.type, 8, count,
        transfer.text->data() + transfer.given);
    (void)selection_.xcb.flush(selection_.connection);
    transfer.given += count;
    transfer.deadline_ns = now_ns() + kPatienceNs;
    return count == 0;
}

std::uint64_t SelectionGiver::deadline_ns() const {
    std::uint64_t first = 0;
    for (const Transfer& transfer : transfers_) {
        if (first == 0 || transfer.deadline_ns < first) first = transfer.deadline_ns;
    }
    return first;
}

void SelectionGiver::tick(std::uint64_t now_ns) {
    std::vector<Transfer> late;
    std::erase_if(transfers_, [&](const Transfer& transfer) {
        if (now_ns < transfer.deadline_ns) return false;
        late.push_back(transfer);
        return true;
    });
    for (const Transfer& transfer : late) ended(transfer);
}

}  // namespace vdmabuf::window
