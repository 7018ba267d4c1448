// SPDX-License-Identifier: MIT
#include "runtime/device/command.hpp"

#include <gtest/gtest.h>

#include "tests/unit/device/fake_guest.hpp"

namespace vdmabuf::device {
namespace {

using test::make_id;
using test::poke;

constexpr std::size_t kType = 0;
constexpr std::size_t kSize = 4;
constexpr std::size_t kChannel = 8;
constexpr std::size_t kReserved = 12;

const Limits kLimits{.runs = 4, .buffer_bytes = 0x10000, .message = 64};

virtio_vdmabuf_status parse(std::span<const std::byte> bytes) {
    Command command;
    return parse_command(bytes, kLimits, command);
}

std::vector<std::vector<std::byte>> all_commands() {
    return {test::channel_open(1), test::channel_close(1),
            test::buffer_create(1, make_id(1), {{0x1000, 0x1000}, {0x8000, 0x2000}}),
            test::buffer_destroy(1, make_id(1)), test::message(1, "hello")};
}

TEST(CommandTest, TakesEachCommand) {
    Command command;
    ASSERT_EQ(parse_command(test::channel_open(7, "vkcube"), kLimits, command), VIRTIO_VDMABUF_OK);
    const auto& open = std::get<ChannelOpen>(command);
    EXPECT_EQ(open.channel, 7U);
    EXPECT_EQ(open.pid, 42U);
    EXPECT_EQ(open.uid, 1000U);
    EXPECT_EQ(open.comm, "vkcube");

    ASSERT_EQ(parse_command(test::channel_close(8), kLimits, command), VIRTIO_VDMABUF_OK);
    EXPECT_EQ(std::get<ChannelClose>(command).channel, 8U);

    const auto bytes = test::buffer_create(9, make_id(3), {{0x1000, 0x1000}, {0x8000, 0x2000}});
    ASSERT_EQ(parse_command(bytes, kLimits, command), VIRTIO_VDMABUF_OK);
    const auto& create = std::get<BufferCreate>(command);
    EXPECT_EQ(create.size, 0x3000U);
    ASSERT_EQ(create.runs.size(), 2U);
    EXPECT_EQ(create.runs[1].gpa, 0x8000U);

    ASSERT_EQ(parse_command(test::buffer_destroy(9, make_id(3)), kLimits, command),
              VIRTIO_VDMABUF_OK);
    EXPECT_EQ(std::get<BufferDestroy>(command).id, make_id(3));

    const auto text = test::message(9, "hello");
    ASSERT_EQ(parse_command(text, kLimits, command), VIRTIO_VDMABUF_OK);
    EXPECT_EQ(std::get<Message>(command).data.size(), 5U);
}

TEST(CommandTest, RefusesEveryTruncation) {
    for (const auto& whole : all_commands()) {
        for (std::size_t size = 0; size < whole.size(); ++size) {
            auto bytes = whole;
            bytes.resize(size);
            EXPECT_EQ(parse(bytes), VIRTIO_VDMABUF_ERR_INVALID) << size;
            if (size < sizeof(virtio_vdmabuf_command)) continue;
            // With a size that is true: still not what the type asks for.
            poke(bytes, kSize, static_cast<std::uint32_t>(size));
            if (test::peek<std::uint32_t>(whole) == VIRTIO_VDMABUF_CMD_MESSAGE && size > 16) {
                EXPECT_EQ(parse(bytes), VIRTIO_VDMABUF_OK);
            } else {
                EXPECT_EQ(parse(bytes), VIRTIO_VDMABUF_ERR_INVALID) << size;
            }
        }
    }
}

TEST(CommandTest, RefusesBadHeaders) {
    for (const auto& whole : all_commands()) {
        auto longer = whole;
        longer.push_back(std::byte{0});
        EXPECT_EQ(parse(longer), VIRTIO_VDMABUF_ERR_INVALID);
        if (test::peek<std::uint32_t>(whole) != VIRTIO_VDMABUF_CMD_MESSAGE) {
            poke(longer, kSize, static_cast<std::uint32_t>(longer.size()));
            EXPECT_EQ(parse(longer), VIRTIO_VDMABUF_ERR_INVALID) << "oversized";
        }
        auto bytes = whole;
        poke<std::uint32_t>(bytes, kChannel, 0);
        EXPECT_EQ(parse(bytes), VIRTIO_VDMABUF_ERR_INVALID);
        bytes = whole;
        poke<std::uint32_t>(bytes, kReserved, 1);
        EXPECT_EQ(parse(bytes), VIRTIO_VDMABUF_ERR_INVALID);
        bytes = whole;
        poke<std::uint32_t>(bytes, kType, 99);
        EXPECT_EQ(parse(bytes), VIRTIO_VDMABUF_ERR_UNSUPPORTED);
        poke<std::uint32_t>(bytes, kType, 0);
        EXPECT_EQ(parse(bytes), VIRTIO_VDMABUF_ERR_UNSUPPORTED);
    }
}

TEST(CommandTest, RefusesANameWithoutEnd) {
    auto bytes = test::channel_open(1);
    std::memset(bytes.data() + 24, 'x', VIRTIO_VDMABUF_COMM_SIZE);
    EXPECT_EQ(parse(bytes), VIRTIO_VDMABUF_ERR_INVALID);
}

TEST(CommandTest, ShowsOnlyPrintableNames) {
    Command command;
    ASSERT_EQ(parse_command(test::channel_open(1, "a\x1b[2Jb"), kLimits, command),
              VIRTIO_VDMABUF_OK);
    EXPECT_EQ(std::get<ChannelOpen>(command).comm.find('\x1b'), std::string::npos);
}

TEST(CommandTest, RefusesBadBuffers) {
    const auto create = [](std::vector<GuestRun> runs, std::uint8_t id = 1) {
        return test::buffer_create(1, make_id(id), runs);
    };
    EXPECT_EQ(parse(create({{0x1000, 0x1000}}, 0)), VIRTIO_VDMABUF_ERR_INVALID) << "id of zeros";
    EXPECT_EQ(parse(create({})), VIRTIO_VDMABUF_ERR_INVALID);
    EXPECT_EQ(parse(create({{0x1000, 0}})), VIRTIO_VDMABUF_ERR_INVALID);
    EXPECT_EQ(parse(create({{0x1001, 0x1000}})), VIRTIO_VDMABUF_ERR_INVALID);
    EXPECT_EQ(parse(create({{0x1000, 0x1010}})), VIRTIO_VDMABUF_ERR_INVALID);
    EXPECT_EQ(parse(create({{UINT64_MAX - 0xfff, 0x1000}})), VIRTIO_VDMABUF_ERR_INVALID);
    EXPECT_EQ(parse(create({{0, 0x8000}, {0x8000, 0x9000}})), VIRTIO_VDMABUF_ERR_QUOTA);
    EXPECT_EQ(parse(create({{0, 0x1000}, {0, 0x1000}, {0, 0x1000}, {0, 0x1000}, {0, 0x1000}})),
              VIRTIO_VDMABUF_ERR_QUOTA);
    EXPECT_EQ(parse(create({{0, 0x1000}, {0, 0x1000}, {0, 0x1000}, {0, 0x1000}})),
              VIRTIO_VDMABUF_OK);

    auto bytes = create({{0x1000, 0x2000}});
    poke<std::uint64_t>(bytes, 32, 0x1000);  // size: less than the runs
    EXPECT_EQ(parse(bytes), VIRTIO_VDMABUF_ERR_INVALID);
    poke<std::uint64_t>(bytes, 32, 0x3000);  // more
    EXPECT_EQ(parse(bytes), VIRTIO_VDMABUF_ERR_INVALID);
    bytes = create({{0x1000, 0x2000}});
    poke<std::uint32_t>(bytes, 40, 2);  // nr_runs
    EXPECT_EQ(parse(bytes), VIRTIO_VDMABUF_ERR_INVALID);
    poke<std::uint32_t>(bytes, 40, 0x10000001);  // overflows 32 bits with a run's size
    EXPECT_EQ(parse(bytes), VIRTIO_VDMABUF_ERR_INVALID);
    bytes = create({{0x1000, 0x2000}});
    poke<std::uint32_t>(bytes, 44, 1);  // reserved
    EXPECT_EQ(parse(bytes), VIRTIO_VDMABUF_ERR_INVALID);
}

TEST(CommandTest, RefusesSumsThatOverflow) {
    const Limits wide{.buffer_bytes = UINT64_MAX, .total_bytes = UINT64_MAX};
    const std::uint64_t half = 1ULL << 63;
    auto bytes = test::buffer_create(1, make_id(1), {{0, half}, {0, half}, {0, 0x1000}});
    EXPECT_EQ(test::peek<std::uint64_t>(bytes, 32), 0x1000U) << "the sum has wrapped";
    Command command;
    EXPECT_EQ(parse_command(bytes, wide, command), VIRTIO_VDMABUF_ERR_INVALID);
}

TEST(CommandTest, LimitsMessages) {
    EXPECT_EQ(parse(test::message(1, std::string(64, 'x'))), VIRTIO_VDMABUF_OK);
    EXPECT_EQ(parse(test::message(1, std::string(65, 'x'))), VIRTIO_VDMABUF_ERR_INVALID);
    EXPECT_EQ(parse(test::message(1, "")), VIRTIO_VDMABUF_ERR_INVALID);
}

TEST(CommandTest, KnowsItsLongest) {
    EXPECT_EQ(max_command_bytes(kLimits), 48U + 4 * 16);
    EXPECT_EQ(max_command_bytes({.runs = 1}), 16U + 4096);
}

}  // namespace
}  // namespace vdmabuf::device
