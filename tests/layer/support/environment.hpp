// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace vdmabuf::test {

// Which way the layer comes into the app.
enum class Layer {
    implicit,  // as vdmabuf-run does
    off,
};

// Sets what the loader and the layer read, for this process: each test has one of its own.
void set_environment(Layer layer, const std::string& producer_socket);

}  // namespace vdmabuf::test
