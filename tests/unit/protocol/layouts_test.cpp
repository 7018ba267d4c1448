// SPDX-License-Identifier: MIT
// The wire formats have no holes, and docs/protocol.md says the same as the compiler.
#include "tests/unit/protocol/layouts.hpp"

#include <gtest/gtest.h>
#include <linux/virtio_vdmabuf.h>

#include <cstdio>
#include <fstream>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <sstream>

#include "runtime/common/stream_messages.hpp"

namespace vdmabuf::test {
namespace {

// Tables of the document, by section and name.
struct Documented {
    std::uint32_t type = 0;
    std::size_t size = 0;
    bool open_ended = false;
    std::vector<Field> fields;
};

std::map<std::pair<std::string, std::string>, Documented> read_document() {
    std::map<std::pair<std::string, std::string>, Documented> tables;
    std::ifstream file(VDMABUF_PROTOCOL_DOC);
    std::string section;
    std::string line;
    Documented* current = nullptr;
    // "### NAME (0x12), 40 bytes", "### NAME, 16 bytes", "### NAME (3), 48 bytes and more"
    const std::regex heading(R"(### (.+?)(?: \((0x[0-9a-f]+|[0-9]+)\))?, (\d+) bytes( and more)?)");
    const std::regex row(R"(\| *(\d+) *\| *(\d+) *\| *`(\w+)` *\|.*)");
    while (std::getline(file, line)) {
        std::smatch match;
        if (line.rfind("## ", 0) == 0) {
            section = line.substr(3);
            current = nullptr;
        } else if (std::regex_match(line, match, heading)) {
            current = &tables[{section, match[1]}];
            if (match[2].matched) {
                current->type = static_cast<std::uint32_t>(std::stoul(match[2], nullptr, 0));
            }
            current->size = std::stoul(match[3]);
            current->open_ended = match[4].matched;
        } else if (line.rfind("### ", 0) == 0) {
            current = nullptr;
        } else if (current && std::regex_match(line, match, row)) {
            current->fields.push_back({match[3], std::stoul(match[1]), std::stoul(match[2])});
        }
    }
    return tables;
}

TEST(LayoutsTest, NoMessageHasHoles) {
    for (const Layout& layout : all_layouts()) {
        SCOPED_TRACE(layout.section + ": " + layout.name);
        std::size_t end = 0;
        for (const Field& field : layout.fields) {
            EXPECT_EQ(field.offset, end) << field.name;
            end = field.offset + field.size;
        }
        EXPECT_EQ(end, layout.size);
        EXPECT_EQ(layout.size % (layout.open_ended ? 4 : 2), 0u);
        EXPECT_LE(layout.size, stream::kMaxMessage);
    }
}

TEST(LayoutsTest, NoTypeIsUsedTwice) {
    std::map<std::string, std::set<std::uint32_t>> used;
    for (const Layout& layout : all_layouts()) {
        if (layout.type == 0 || layout.section == "Device protocol") continue;
        EXPECT_TRUE(used[layout.section].insert(layout.type).second) << layout.name;
    }
    EXPECT_EQ(used["Stream protocol"].size(), 20u);
    EXPECT_EQ(used["Consumer protocol"].size(), 28u);
    EXPECT_EQ(used["Raw buffers, producer's side"].size(), 9u);
    EXPECT_EQ(used["Raw buffers, consumer's side"].size(), 13u);
    EXPECT_EQ(used["Input, producer's side"].size(), 3u);
    EXPECT_EQ(used["Input, consumer's side"].size(), 2u);
    EXPECT_EQ(used["Shapes of cursors"].size(), 2u);
}

TEST(LayoutsTest, DeviceAndStreamsAgreeOnTheirLimits) {
    EXPECT_EQ(stream::kMaxMessage, std::size_t{VIRTIO_VDMABUF_MAX_MESSAGE});
    EXPECT_EQ(stream::kIdSize, std::size_t{VIRTIO_VDMABUF_ID_SIZE});
}

TEST(LayoutsTest, TheDocumentSaysTheSame) {
    auto documented = read_document();
    for (const Layout& layout : all_layouts()) {
        SCOPED_TRACE(layout.section + ": " + layout.name);
        const auto found = documented.find({layout.section, layout.name});
        if (found == documented.end()) {
            ADD_FAILURE() << "is not in docs/protocol.md";
            continue;
        }
        EXPECT_EQ(found->second.type, layout.type);
        EXPECT_EQ(found->second.size, layout.size);
        EXPECT_EQ(found->second.open_ended, layout.open_ended);
        std::ostringstream expected;
        std::ostringstream actual;
        for (const Field& field : layout.fields) {
            expected << field.offset << ' ' << field.size << ' ' << field.name << '\n';
        }
        for (const Field& field : found->second.fields) {
            actual << field.offset << ' ' << field.size << ' ' << field.name << '\n';
        }
        EXPECT_EQ(actual.str(), expected.str());
        documented.erase(found);
    }
    for (const auto& [key, table] : documented) {
        ADD_FAILURE() << key.first << ": " << key.second << " is documented but not there";
    }
}

}  // namespace
}  // namespace vdmabuf::test
