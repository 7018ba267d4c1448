// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "runtime/common/clipboard_messages.hpp"

namespace vdmabuf::consumer {

// A text on its way to the app of one stream, in parts, of which no more are under way than the
// broker takes.
class ClipboardOutgoing {
  public:
    // In place of an older one.
    void set(std::string text) {
        text_ = std::move(text);
        next_ = 0;
    }
    // False: no so many are under way.
    bool taken(std::uint32_t count) {
        if (count > under_way_) return false;
        under_way_ -= count;
        return true;
    }
    // Sends what may be sent now.
    template <typename Send>
    void push(std::uint64_t stream, Send send) {
        while (next_ < text_.size() && under_way_ < clipboard::kWindow) {
            auto part = clipboard::make<clipboard::PartOfConsumer>();
            part.stream = stream;
            clipboard::put_part(part, text_, next_);
            next_ += part.count;
            ++under_way_;
            send(part);
        }
        if (next_ != 0 && next_ == text_.size()) set({});
    }

  private:
    std::string text_;
    std::size_t next_ = 0;
    std::uint32_t under_way_ = 0;
};

}  // namespace vdmabuf::consumer
