// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <cstring>
#include <string>

#include "runtime/common/result.hpp"
#include "runtime/producer/endpoint.hpp"

namespace vdmabuf::api {

// What a program of the C interface names so; NULL: what there is.
inline Result<producer::Endpoint> endpoint_named(const char* text) {
    if (!text) return producer::find_endpoint();
    if (std::strncmp(text, "unix:", 5) == 0) {
        return producer::Endpoint{producer::Endpoint::Kind::socket, text + 5};
    }
    if (text[0] == '/') return producer::Endpoint{producer::Endpoint::Kind::device, text};
    return Error{EINVAL, std::string("'") + text + "' is neither /dev/vdmabufN nor unix:PATH"};
}

}  // namespace vdmabuf::api
