// SPDX-License-Identifier: MIT
// Every message of the three protocols, field by field, as the compiler lays it out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace vdmabuf::test {

struct Field {
    std::string name;
    std::size_t offset = 0;
    std::size_t size = 0;
};

struct Layout {
    std::string section;  // of docs/protocol.md
    std::string name;     // as people write it
    std::uint32_t type = 0;
    std::size_t size = 0;
    std::vector<Field> fields;
    bool open_ended = false;  // more bytes may follow
};

std::vector<Layout> all_layouts();

}  // namespace vdmabuf::test
