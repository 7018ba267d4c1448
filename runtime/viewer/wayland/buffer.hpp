// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "runtime/consumer/imported_image.hpp"
#include "runtime/viewer/wayland/display.hpp"

struct wl_buffer;
struct zwp_linux_buffer_params_v1;

namespace vdmabuf::viewer::wayland {

// The compositor's view of an image: a wl_buffer of the same dmabuf. Ends with the image.
class Buffer {
  public:
    // Asks for it. Refused, with the reason, is also what the compositor would take for a breach of
    // the protocol, which ends a client.
    static Result<std::shared_ptr<Buffer>> ask(std::shared_ptr<Display> display,
                                               const consumer::ImportedImage& image);
    ~Buffer();
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;

    // With the display's lock. What the compositor has said so far:
    bool is_answered() const { return !params_; }
    wl_buffer* get() const { return buffer_; }  // null: not yet, or refused
    bool is_held() const { return held_; }      // by the compositor, which may read it
    void hold() { held_ = true; }

    int dmabuf() const { return dmabuf_.get(); }

  private:
    friend struct BufferListeners;
    explicit Buffer(std::shared_ptr<Display> display) : display_(std::move(display)) {}
    std::shared_ptr<Display> display_;
    UniqueFd dmabuf_;
    zwp_linux_buffer_params_v1* params_ = nullptr;  // until it is answered
    wl_buffer* buffer_ = nullptr;
    bool held_ = false;
};

}  // namespace vdmabuf::viewer::wayland
