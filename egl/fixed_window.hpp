// SPDX-License-Identifier: MIT
#pragma once

#include "egl/native_window.hpp"

namespace vdmabuf::egl {

// No window of any window system: what stands for a pbuffer or a pixmap, whose size never changes.
class FixedWindow final : public NativeWindow {
  public:
    explicit FixedWindow(window::Extent extent, const void* identity = nullptr)
        : extent_(extent), identity_(identity ? identity : this) {}
    void watch(Events) override {}
    void unwatch() noexcept override {}
    window::Extent extent() noexcept override { return extent_; }
    bool lost() const noexcept override { return false; }
    const void* identity() const noexcept override { return identity_; }

  private:
    const window::Extent extent_;
    const void* const identity_;
};

}  // namespace vdmabuf::egl
