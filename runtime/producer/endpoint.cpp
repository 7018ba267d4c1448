// SPDX-License-Identifier: MIT
#include "runtime/producer/endpoint.hpp"

#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "runtime/common/seqpacket.hpp"

namespace vdmabuf::producer {
namespace {

constexpr int kMaxDevices = 16;

bool exists(const std::string& path) {
    return ::access(path.c_str(), F_OK) == 0;
}
bool may_open(const std::string& path) {
    return ::access(path.c_str(), R_OK | W_OK) == 0;
}

}  // namespace

Result<Endpoint> find_endpoint() {
    if (const char* wanted = std::getenv("VDMABUF_ENDPOINT"); wanted && *wanted) {
        if (std::strncmp(wanted, "unix:", 5) == 0) {
            return Endpoint{Endpoint::Kind::socket, wanted + 5};
        }
        if (wanted[0] == '/') return Endpoint{Endpoint::Kind::device, wanted};
        return Error{EINVAL, std::string("VDMABUF_ENDPOINT='") + wanted +
                                 "' is neither /dev/vdmabufN nor unix:PATH"};
    }
    std::string denied;
    for (int i = 0; i < kMaxDevices; ++i) {
        std::string path = "/dev/vdmabuf" + std::to_string(i);
        if (may_open(path)) return Endpoint{Endpoint::Kind::device, std::move(path)};
        if (denied.empty() && exists(path)) denied = path;
    }
    std::string looked = denied.empty() ? "no /dev/vdmabufN (is the module virtio_vdmabuf loaded?)"
                                        : denied + " is not for this user (join the group render)";
    if (const auto directory = runtime_directory(false)) {
        std::string path = *directory + "/producer.sock";
        if (exists(path)) return Endpoint{Endpoint::Kind::socket, std::move(path)};
        looked += " and no " + path + " (is vdmabufd or vdmabuf-viewer running?)";
    } else {
        looked += " and no broker of this user: " + directory.error().text;
    }
    return Error{ENOENT, std::move(looked)};
}

}  // namespace vdmabuf::producer
