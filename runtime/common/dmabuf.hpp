// SPDX-License-Identifier: MIT
// What can be asked of any dmabuf, whoever exports it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "runtime/common/result.hpp"

namespace vdmabuf {

// Whether `fd` is a dmabuf.
bool is_dmabuf(int fd);

// Its size in bytes. EINVAL when it is no dmabuf.
Result<std::uint64_t> dmabuf_size(int fd);

// How many references to the dmabuf there are in the whole system: descriptors (also those on their
// way in sockets), mappings and imports of GPUs. Nothing where the kernel does not tell.
std::optional<std::uint64_t> dmabuf_references(int fd);

// The same, of the text of its /proc/self/fdinfo.
std::optional<std::uint64_t> references_in_fdinfo(std::string_view text);

}  // namespace vdmabuf
