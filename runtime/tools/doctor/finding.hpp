// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace vdmabuf::doctor {

enum class Verdict {
    good,
    hint,  // works, could be better, or worth knowing
    bad,   // something of vdmabuf does not work
};

struct Finding {
    Verdict verdict = Verdict::good;
    std::string subject;  // the check that found it
    std::string text;     // what is
    std::string advice;   // what to do about it; empty: nothing
};

// What the checks have found, in their order.
class Findings {
  public:
    void begin(std::string subject) { subject_ = std::move(subject); }
    void good(std::string text) { add(Verdict::good, std::move(text), {}); }
    void hint(std::string text, std::string advice = {}) {
        add(Verdict::hint, std::move(text), std::move(advice));
    }
    void bad(std::string text, std::string advice) {
        add(Verdict::bad, std::move(text), std::move(advice));
    }
    const std::vector<Finding>& all() const { return all_; }

  private:
    void add(Verdict verdict, std::string text, std::string advice) {
        all_.push_back({verdict, subject_, std::move(text), std::move(advice)});
    }

    std::string subject_;
    std::vector<Finding> all_;
};

}  // namespace vdmabuf::doctor
