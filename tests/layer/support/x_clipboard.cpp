// SPDX-License-Identifier: MIT
#include "tests/layer/support/x_clipboard.hpp"

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <utility>

namespace vdmabuf::test {
namespace {

struct Free {
    void operator()(void* memory) const { std::free(memory); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

xcb_atom_t atom(xcb_connection_t* c, const std::string& name) {
    const auto ask = xcb_intern_atom(c, 0, static_cast<std::uint16_t>(name.size()), name.c_str());
    const Owned<xcb_intern_atom_reply_t> reply(xcb_intern_atom_reply(c, ask, nullptr));
    return reply ? reply->atom : xcb_atom_t{XCB_ATOM_NONE};
}

std::string name_of(xcb_connection_t* c, xcb_atom_t atom) {
    const Owned<xcb_get_atom_name_reply_t> reply(
        xcb_get_atom_name_reply(c, xcb_get_atom_name(c, atom), nullptr));
    if (!reply) return {};
    return {xcb_get_atom_name_name(reply.get()),
            static_cast<std::size_t>(xcb_get_atom_name_name_length(reply.get()))};
}

xcb_window_t make_window(xcb_connection_t* c) {
    const xcb_window_t window = xcb_generate_id(c);
    const std::uint32_t events = XCB_EVENT_MASK_PROPERTY_CHANGE;
    xcb_create_window(c, 0, window, xcb_setup_roots_iterator(xcb_get_setup(c)).data->root, 0, 0, 1,
                      1, 0, XCB_WINDOW_CLASS_INPUT_ONLY, XCB_COPY_FROM_PARENT, XCB_CW_EVENT_MASK,
                      &events);
    return window;
}

// The next event for which `wanted` holds; none after a while.
template <typename Event>
Owned<Event> wait_event(xcb_connection_t* c, std::uint8_t type,
                        const std::function<bool(const Event&)>& wanted) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (std::chrono::steady_clock::now() < end && !xcb_connection_has_error(c)) {
        while (xcb_generic_event_t* event = xcb_poll_for_event(c)) {
            Owned<Event> one(reinterpret_cast<Event*>(event));
            if ((event->response_type & 0x7f) == type && wanted(*one)) return one;
        }
        pollfd fd{xcb_get_file_descriptor(c), POLLIN, 0};
        (void)::poll(&fd, 1, 50);
    }
    return nullptr;
}

Owned<xcb_get_property_reply_t> take(xcb_connection_t* c, xcb_window_t window, xcb_atom_t place) {
    return Owned<xcb_get_property_reply_t>(xcb_get_property_reply(
        c, xcb_get_property(c, 1, window, place, XCB_GET_PROPERTY_TYPE_ANY, 0, 1U << 22), nullptr));
}

std::string bytes_of(const xcb_get_property_reply_t& reply) {
    return {static_cast<const char*>(xcb_get_property_value(&reply)),
            static_cast<std::size_t>(xcb_get_property_value_length(&reply))};
}

}  // namespace

XCopied::XCopied(const std::string& display, std::string text, As as)
    : text_(std::move(text)),
      as_(std::move(as)),
      connection_(xcb_connect(display.c_str(), nullptr)),
      window_(make_window(connection_)) {
    xcb_set_selection_owner(connection_, window_, atom(connection_, "CLIPBOARD"), XCB_CURRENT_TIME);
    xcb_flush(connection_);
    thread_ = std::thread([this] { serve(); });
}

XCopied::~XCopied() {
    stop_ = true;
    thread_.join();
    xcb_disconnect(connection_);
}

void XCopied::serve() {
    while (!stop_ && !xcb_connection_has_error(connection_)) {
        while (const Owned<xcb_generic_event_t> event{xcb_poll_for_event(connection_)}) {
            switch (event->response_type & 0x7f) {
                case XCB_SELECTION_CLEAR:
                    lost_ = true;
                    break;
                case XCB_SELECTION_REQUEST:
                    ++requests_;
                    answer(reinterpret_cast<const xcb_selection_request_event_t&>(*event));
                    break;
                case XCB_PROPERTY_NOTIFY:
                    next_part(reinterpret_cast<const xcb_property_notify_event_t&>(*event));
                    break;
                default:
                    break;
            }
        }
        pollfd fd{xcb_get_file_descriptor(connection_), POLLIN, 0};
        (void)::poll(&fd, 1, 20);
    }
}

void XCopied::answer(const xcb_selection_request_event_t& event) {
    if (!as_.answers) return;
    const std::string target = name_of(connection_, event.target);
    bool given = false;
    if (target == "TARGETS" && as_.knows_targets) {
        std::vector<xcb_atom_t> atoms{event.target};
        for (const std::string& each : as_.targets) atoms.push_back(atom(connection_, each));
        xcb_change_property(connection_, XCB_PROP_MODE_REPLACE, event.requestor, event.property,
                            XCB_ATOM_ATOM, 32, static_cast<std::uint32_t>(atoms.size()),
                            atoms.data());
        given = true;
    } else if (std::find(as_.targets.begin(), as_.targets.end(), target) != as_.targets.end()) {
        const auto size = static_cast<std::uint32_t>(text_.size());
        if (as_.part == 0) {
            xcb_change_property(connection_, XCB_PROP_MODE_REPLACE, event.requestor, event.property,
                                event.target, 8, size, text_.data());
        } else {
            const std::uint32_t events = XCB_EVENT_MASK_PROPERTY_CHANGE;
            xcb_change_window_attributes(connection_, event.requestor, XCB_CW_EVENT_MASK, &events);
            xcb_change_property(connection_, XCB_PROP_MODE_REPLACE, event.requestor, event.property,
                                atom(connection_, "INCR"), 32, 1, &size);
            requestor_ = event.requestor;
            place_ = event.property;
            type_ = event.target;
            given_ = parts_given_ = 0;
        }
        given = true;
    }
    xcb_selection_notify_event_t told{};
    told.response_type = XCB_SELECTION_NOTIFY;
    told.time = event.time;
    told.requestor = event.requestor;
    told.selection = event.selection;
    told.target = event.target;
    told.property = given ? event.property : xcb_atom_t{XCB_ATOM_NONE};
    xcb_send_event(connection_, 0, event.requestor, 0, reinterpret_cast<const char*>(&told));
    xcb_flush(connection_);
}

void XCopied::next_part(const xcb_property_notify_event_t& event) {
    if (event.window != requestor_ || event.atom != place_ || event.state != XCB_PROPERTY_DELETE ||
        parts_given_ >= as_.parts) {
        return;
    }
    const std::size_t count = std::min(as_.part, text_.size() - given_);
    xcb_change_property(connection_, XCB_PROP_MODE_REPLACE, requestor_, place_, type_, 8,
                        static_cast<std::uint32_t>(count), text_.data() + given_);
    xcb_flush(connection_);
    given_ += count;
    ++parts_given_;
    if (count == 0) requestor_ = 0;
}

std::optional<XPasted> x_paste(const std::string& display, const std::string& target) {
    const std::unique_ptr<xcb_connection_t, decltype(&xcb_disconnect)> owned(
        xcb_connect(display.c_str(), nullptr), &xcb_disconnect);
    xcb_connection_t* c = owned.get();
    if (xcb_connection_has_error(c)) return std::nullopt;
    const xcb_window_t window = make_window(c);
    const xcb_atom_t place = atom(c, "PASTED");
    xcb_convert_selection(c, window, atom(c, "CLIPBOARD"), atom(c, target), place,
                          XCB_CURRENT_TIME);
    xcb_flush(c);
    const auto answer = wait_event<xcb_selection_notify_event_t>(c, XCB_SELECTION_NOTIFY,
                                                                 [](const auto&) { return true; });
    if (!answer || answer->property == XCB_ATOM_NONE) return std::nullopt;
    auto reply = take(c, window, place);
    if (!reply) return std::nullopt;
    XPasted pasted{bytes_of(*reply), name_of(c, reply->type), false};
    if (pasted.type != "INCR") return pasted;
    pasted = {{}, {}, true};
    while (true) {
        const auto change = wait_event<xcb_property_notify_event_t>(
            c, XCB_PROPERTY_NOTIFY, [&](const xcb_property_notify_event_t& event) {
                return event.atom == place && event.state == XCB_PROPERTY_NEW_VALUE;
            });
        if (!change || !(reply = take(c, window, place))) return std::nullopt;
        const std::string part = bytes_of(*reply);
        if (part.empty()) return pasted;
        pasted.bytes += part;
        pasted.type = name_of(c, reply->type);
    }
}

std::vector<std::string> x_targets(const std::string& display) {
    const auto pasted = x_paste(display, "TARGETS");
    if (!pasted) return {};
    std::vector<xcb_atom_t> atoms(pasted->bytes.size() / sizeof(xcb_atom_t));
    std::memcpy(atoms.data(), pasted->bytes.data(), atoms.size() * sizeof(xcb_atom_t));
    const std::unique_ptr<xcb_connection_t, decltype(&xcb_disconnect)> c(
        xcb_connect(display.c_str(), nullptr), &xcb_disconnect);
    std::vector<std::string> names;
    for (const xcb_atom_t each : atoms) names.push_back(name_of(c.get(), each));
    return names;
}

bool x_wait_pasted(const std::string& display, const std::string& text, int timeout_ms) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
    do {
        const auto pasted = x_paste(display);
        if (pasted && pasted->bytes == text) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    } while (std::chrono::steady_clock::now() < end);
    return false;
}

}  // namespace vdmabuf::test
