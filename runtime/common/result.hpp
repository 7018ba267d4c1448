// SPDX-License-Identifier: MIT
// A value or the reason why there is none. The project throws no exceptions of its own: libraries
// of it live inside other people's processes.
#pragma once

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>
#include <variant>

namespace vdmabuf {

struct Error {
    int code = EINVAL;  // an errno value
    std::string text;   // what happened and, where a person can act on it, what to do
};

// "text: strerror(code)"
inline Error system_error(std::string text, int code = errno) {
    text += ": ";
    text += std::strerror(code);
    return Error{code, std::move(text)};
}

template <typename T>
class [[nodiscard]] Result {
  public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

    explicit operator bool() const { return state_.index() == 0; }
    // Only when true: the caller has asked.
    T& operator*() & { return *std::get_if<0>(&state_); }
    const T& operator*() const& { return *std::get_if<0>(&state_); }
    T&& operator*() && { return std::move(*std::get_if<0>(&state_)); }
    T* operator->() { return std::get_if<0>(&state_); }
    const T* operator->() const { return std::get_if<0>(&state_); }
    // Only when false.
    const Error& error() const { return *std::get_if<1>(&state_); }

  private:
    std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
  public:
    Result() = default;
    Result(Error error) : failed_(true), error_(std::move(error)) {}

    explicit operator bool() const { return !failed_; }
    const Error& error() const { return error_; }

  private:
    bool failed_ = false;
    Error error_{0, {}};
};

using Status = Result<void>;

}  // namespace vdmabuf
