// SPDX-License-Identifier: MIT
// Text of clipboards, in parts: to the host of what the app has copied, from it of what it offers
// to paste.
#include <mutex>
#include <utility>

#include "runtime/common/clipboard_messages.hpp"
#include "runtime/producer/core.hpp"

namespace vdmabuf::producer {

void Stream::set_clipboard(const std::string& text) {
    State& state = *state_;
    if (state.core->fork_guard.in_child()) return;
    const auto plain = clipboard::plain_text(text);
    if (!plain) return;
    auto part = clipboard::make<clipboard::PartOfProducer>();
    part.stream = state.number;
    for (std::size_t first = 0; first < plain->size(); first += part.count) {
        clipboard::put_part(part, *plain, first);
        const bool sent = state.send_aside(clipboard::bytes_of(part), [](const State& it) {
            return it.core->takes_clipboard(it);
        });
        if (!sent) return;
    }
}

bool Connection::Core::takes_clipboard(const Stream::State& stream) const {
    return stream.info.takes_input && stream.info.takes_clipboard &&
           (features & clipboard::kFeatureClipboard) != 0;
}

void Connection::Core::handle_clipboard(std::span<const std::byte> bytes) {
    // One from before our HELLO is about streams that the broker has forgotten.
    const auto part = clipboard::decode<clipboard::PartToProducer>(bytes);
    if (!part || phase != Phase::online) return;
    std::shared_ptr<Stream::State> state;
    {
        const std::lock_guard lock(mutex);
        const auto found = streams.find(part->stream);
        if (found == streams.end() || !takes_clipboard(*found->second)) return;
        state = found->second;
    }
    // One at a time, of the window that has the focus.
    if (std::exchange(clipboard_stream, part->stream) != part->stream) clipboard_parts = {};
    auto text = clipboard_parts.add(*part);
    // With the lock until it is acknowledged: STREAM_DESTROY must not overtake that.
    const std::lock_guard lock(state->dispatch);
    if (!state->listener) return;
    if (text) state->listener->on_clipboard(std::move(*text));
    auto taken = clipboard::make<clipboard::TakenByProducer>();
    taken.stream = part->stream;
    taken.count = 1;
    transport->send_waiting(clipboard::bytes_of(taken));
}

}  // namespace vdmabuf::producer
