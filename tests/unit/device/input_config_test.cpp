// SPDX-License-Identifier: MIT
#include "runtime/device/input_config.hpp"

#include <gtest/gtest.h>
#include <linux/input.h>

#include <cstring>
#include <set>
#include <vector>

namespace vdmabuf::device {
namespace {

class InputConfigTest : public testing::TestWithParam<InputRole> {
  protected:
    virtio_input_config ask(std::uint8_t select, std::uint8_t subsel) {
        const std::byte bytes[]{std::byte{select}, std::byte{subsel}};
        EXPECT_TRUE(config_.write(0, bytes));
        virtio_input_config answer{};
        const auto space = config_.bytes();
        EXPECT_EQ(space.size(), sizeof answer);
        std::memcpy(&answer, space.data(), sizeof answer);
        EXPECT_EQ(answer.select, select);
        EXPECT_EQ(answer.subsel, subsel);
        return answer;
    }
    std::string text(std::uint8_t select) {
        const auto answer = ask(select, 0);
        return {answer.u.string, answer.size};
    }
    std::set<unsigned> bits(std::uint8_t select, std::uint8_t subsel) {
        const auto answer = ask(select, subsel);
        std::set<unsigned> found;
        for (unsigned i = 0; i < answer.size * 8U; ++i) {
            if (answer.u.bitmap[i / 8] & 1 << i % 8) found.insert(i);
        }
        return found;
    }
    std::set<unsigned> events(std::uint8_t type) { return bits(VIRTIO_INPUT_CFG_EV_BITS, type); }
    std::uint32_t most(std::uint8_t axis) {
        const auto answer = ask(VIRTIO_INPUT_CFG_ABS_INFO, axis);
        if (answer.size == 0) return 0;
        EXPECT_EQ(answer.size, sizeof(virtio_input_absinfo));
        EXPECT_EQ(answer.u.abs.min, 0U);
        return answer.u.abs.max;
    }

    InputConfig config_{GetParam(), "games"};
};

const std::set<unsigned> kWheels{REL_HWHEEL, REL_WHEEL, REL_WHEEL_HI_RES, REL_HWHEEL_HI_RES};

INSTANTIATE_TEST_SUITE_P(Roles, InputConfigTest,
                         testing::Values(InputRole::pointer, InputRole::mouse, InputRole::touch));

// As udev's input_id tells the kinds apart.
TEST_P(InputConfigTest, IsOneKindOfPointer) {
    const auto keys = events(EV_KEY);
    const auto relative = events(EV_REL);
    const auto absolute = events(EV_ABS);
    const bool moves = relative.contains(REL_X) && relative.contains(REL_Y);
    const bool points = absolute.contains(ABS_X) && absolute.contains(ABS_Y);
    const bool touches = absolute.contains(ABS_MT_SLOT);
    EXPECT_EQ(moves, GetParam() == InputRole::mouse);
    EXPECT_EQ(points, GetParam() != InputRole::mouse);
    EXPECT_EQ(touches, GetParam() == InputRole::touch);
    EXPECT_EQ(keys.contains(BTN_LEFT), !touches);
    EXPECT_EQ(keys.contains(BTN_TOUCH), touches);
    EXPECT_EQ(keys.contains(KEY_A), GetParam() == InputRole::pointer);
    EXPECT_EQ(bits(VIRTIO_INPUT_CFG_PROP_BITS, 0),
              touches ? std::set<unsigned>{INPUT_PROP_DIRECT} : std::set<unsigned>{});
}

TEST_P(InputConfigTest, HasAName) {
    EXPECT_EQ(text(VIRTIO_INPUT_CFG_ID_NAME), name_of(GetParam()));
    EXPECT_EQ(text(VIRTIO_INPUT_CFG_ID_SERIAL), "games");
    const auto ids = ask(VIRTIO_INPUT_CFG_ID_DEVIDS, 0);
    EXPECT_EQ(ids.size, sizeof ids.u.ids);
    EXPECT_EQ(ids.u.ids.bustype, BUS_VIRTUAL);
    EXPECT_EQ(ids.u.ids.product, static_cast<unsigned>(GetParam()));
}

TEST_P(InputConfigTest, HasNothingElse) {
    for (unsigned select = 0; select < 256; ++select) {
        for (unsigned subsel = 0; subsel < 256; ++subsel) {
            const auto answer =
                ask(static_cast<std::uint8_t>(select), static_cast<std::uint8_t>(subsel));
            ASSERT_LE(answer.size, sizeof answer.u);
            // What is beyond its size is zero.
            for (std::size_t i = answer.size; i < sizeof answer.u; ++i) {
                ASSERT_EQ(answer.u.bitmap[i], 0) << select << ' ' << subsel;
            }
        }
    }
    EXPECT_EQ(ask(VIRTIO_INPUT_CFG_UNSET, 0).size, 0);
    EXPECT_EQ(ask(VIRTIO_INPUT_CFG_EV_BITS, EV_FF).size, 0);
    EXPECT_EQ(ask(VIRTIO_INPUT_CFG_ID_NAME, 1).size, 0);
    EXPECT_EQ(most(ABS_PRESSURE), 0U);
}

TEST_P(InputConfigTest, TakesTheWaysInWhichItIsWritten) {
    // QEMU writes all of it; who is exact writes byte by byte.
    std::vector<std::byte> whole(sizeof(virtio_input_config), std::byte{0xff});
    whole[0] = std::byte{VIRTIO_INPUT_CFG_EV_BITS};
    whole[1] = std::byte{EV_KEY};
    EXPECT_TRUE(config_.write(0, whole));
    EXPECT_NE(std::to_integer<int>(config_.bytes()[2]), 0);
    const std::byte name[]{std::byte{VIRTIO_INPUT_CFG_ID_NAME}};
    const std::byte none[]{std::byte{0}};
    EXPECT_TRUE(config_.write(0, name));
    EXPECT_TRUE(config_.write(1, none));
    EXPECT_EQ(std::to_integer<std::size_t>(config_.bytes()[2]), std::strlen(name_of(GetParam())));
    EXPECT_TRUE(config_.write(2, whole)) << "ignored";
    EXPECT_TRUE(config_.write(0, {}));
    EXPECT_TRUE(config_.write(UINT32_MAX, whole));
    EXPECT_EQ(std::to_integer<std::size_t>(config_.bytes()[2]), std::strlen(name_of(GetParam())));
}

TEST(InputConfigRoleTest, Pointer) {
    InputConfig config(InputRole::pointer, std::string(200, 'x'));
    const auto size = [&](int select, int subsel) {
        const std::byte bytes[]{static_cast<std::byte>(select), static_cast<std::byte>(subsel)};
        config.write(0, bytes);
        return std::to_integer<int>(config.bytes()[2]);
    };
    EXPECT_NE(size(VIRTIO_INPUT_CFG_EV_BITS, EV_REP), 0);
    EXPECT_NE(size(VIRTIO_INPUT_CFG_EV_BITS, EV_LED), 0);
    EXPECT_EQ(size(VIRTIO_INPUT_CFG_ID_SERIAL, 0), 128) << "cut";
    EXPECT_EQ(size(VIRTIO_INPUT_CFG_EV_BITS, EV_KEY), 0x117 / 8 + 1);
}

TEST_P(InputConfigTest, HasRanges) {
    const bool touch = GetParam() == InputRole::touch;
    const bool mouse = GetParam() == InputRole::mouse;
    const std::uint32_t range = kInputRange - 1;
    EXPECT_EQ(most(ABS_X), mouse ? 0 : range);
    EXPECT_EQ(most(ABS_Y), mouse ? 0 : range);
    EXPECT_EQ(most(ABS_MT_POSITION_X), touch ? range : 0);
    EXPECT_EQ(most(ABS_MT_POSITION_Y), touch ? range : 0);
    EXPECT_EQ(most(ABS_MT_SLOT), touch ? 15U : 0);
    const auto relative = events(EV_REL);
    for (const unsigned wheel : kWheels) EXPECT_EQ(relative.contains(wheel), !touch);
}

}  // namespace
}  // namespace vdmabuf::device
