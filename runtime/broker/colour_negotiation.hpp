// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <optional>

#include "runtime/broker/frame_pacer.hpp"
#include "runtime/common/colour_space.hpp"

namespace vdmabuf::broker {

// Which colour spaces producers may use: those that all consumers show. Consumers are numbered as
// in FramePacer; the rules are those of FormatNegotiation.
class ColourNegotiation {
  public:
    // The consumer says what it shows. What the broker does not know is left out, sRGB is taken for
    // granted. Here and below: true when spaces() has changed.
    bool say(unsigned consumer, stream::ColourSpaces spaces) {
        said_[consumer] = (spaces & stream::kAllColourSpaces) | stream::kSrgbAlone;
        return update();
    }
    // The consumer wants images: one that has said nothing shows sRGB alone.
    bool attach(unsigned consumer) {
        if (said_[consumer]) return false;
        said_[consumer] = stream::kSrgbAlone;
        return update();
    }
    // With the last consumer the set stays, as with formats: nobody is there to be shown something
    // wrong, and nobody who does not know a space is given an image of it.
    bool leave(unsigned consumer) {
        if (!said_[consumer]) return false;
        said_[consumer].reset();
        return update();
    }

    stream::ColourSpaces spaces() const { return spaces_; }
    stream::ColourSpaces of(unsigned consumer) const {
        return said_[consumer].value_or(stream::kSrgbAlone);
    }

  private:
    bool update() {
        stream::ColourSpaces by_all = stream::kAllColourSpaces;
        bool anybody = false;
        for (const auto& said : said_) {
            if (!said) continue;
            anybody = true;
            by_all &= *said;
        }
        if (!anybody || by_all == spaces_) return false;
        spaces_ = by_all;
        return true;
    }

    std::array<std::optional<stream::ColourSpaces>, FramePacer::kMaxConsumers> said_;
    stream::ColourSpaces spaces_ = stream::kSrgbAlone;  // until somebody says that he shows more
};

}  // namespace vdmabuf::broker
