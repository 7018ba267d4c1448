// SPDX-License-Identifier: MIT
// What every decoder has to be put through.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "runtime/common/result.hpp"

namespace vdmabuf::test {

// `good` decodes to itself; of any other size, with another type or a wrong size field, it is
// refused with EBADMSG.
template <typename Message, typename Decode>
void check_envelope(const Message& good, Decode decode) {
    const auto span = std::as_bytes(std::span<const Message, 1>(&good, 1));
    std::vector<std::byte> bytes(span.begin(), span.end());
    const auto whole = decode(bytes);
    ASSERT_TRUE(whole) << whole.error().text;
    EXPECT_EQ(std::memcmp(&*whole, &good, sizeof good), 0);

    for (std::size_t size = 0; size < bytes.size(); ++size) {
        // In memory of its own, so that a sanitizer sees a read behind the end.
        const std::vector<std::byte> part(bytes.begin(),
                                          bytes.begin() + static_cast<std::ptrdiff_t>(size));
        const auto refused = decode(part);
        ASSERT_FALSE(refused) << size;
        ASSERT_EQ(refused.error().code, EBADMSG);
        // With a size field that agrees.
        if (size < 8) continue;
        auto honest = part;
        const auto claim = static_cast<std::uint32_t>(size);
        std::memcpy(honest.data() + 4, &claim, sizeof claim);
        ASSERT_FALSE(decode(honest)) << size;
    }
    for (const std::size_t more : {1u, 8u, 4096u}) {
        auto longer = bytes;
        longer.resize(bytes.size() + more);
        EXPECT_FALSE(decode(longer));
        const auto claim = static_cast<std::uint32_t>(longer.size());
        std::memcpy(longer.data() + 4, &claim, sizeof claim);
        EXPECT_FALSE(decode(longer));
    }
    for (std::size_t at = 0; at < 8; ++at) {
        auto wrong = bytes;
        wrong[at] ^= std::byte{1};
        EXPECT_FALSE(decode(wrong)) << "byte " << at;
    }
}

}  // namespace vdmabuf::test
