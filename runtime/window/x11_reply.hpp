// SPDX-License-Identifier: MIT
// Replies, errors and events of xcb, which are malloc(3)'s.
#pragma once

#include <cstdlib>
#include <memory>

namespace vdmabuf::window {

struct FreeReply {
    void operator()(void* memory) const { std::free(memory); }
};
template <typename T>
using Reply = std::unique_ptr<T, FreeReply>;

}  // namespace vdmabuf::window
