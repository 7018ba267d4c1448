// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runtime/common/mapping.hpp"
#include "runtime/common/result.hpp"
#include "runtime/common/unique_fd.hpp"
#include "runtime/consumer/run_table.hpp"

namespace vdmabuf::consumer {

// Memory of our own that looks like a producer's: a buffer whose pages lie scattered in a memfd.
// For the self-tests.
class TestPages {
  public:
    // Larger than 2 MiB: one driver is known to read only that much of some scattered imports. In
    // pieces of 12 KiB, of which /dev/udmabuf takes 1024 unless told otherwise.
    static constexpr std::uint64_t kSize = std::uint64_t{3} << 20;
    static constexpr std::uint64_t kPiece = std::uint64_t{12} << 10;

    static Result<TestPages> create();

    // Fills the buffer, through its order, with a pattern that no two salts have in common.
    void fill(std::uint32_t salt);
    static std::uint32_t pattern(std::uint64_t word, std::uint32_t salt) {
        return (static_cast<std::uint32_t>(word) ^ salt << 24) * 2654435761U ^
               static_cast<std::uint32_t>(word >> 7);
    }

    Result<BufferFiles> as_runs() const;
    // A dmabuf of the pages. What this kernel cannot make, or this user may not, is replaced by a
    // memfd of our own, in order: software drivers take it for a dmabuf. fill() fills that one
    // then.
    Result<BufferFiles> as_dmabuf();
    // Why there is no real dmabuf; empty if there is.
    const std::string& no_udmabuf() const { return no_udmabuf_; }

  private:
    TestPages() = default;
    std::shared_ptr<const UniqueFd> memfd_;
    Mapping bytes_;
    std::vector<Run> runs_;
    std::string no_udmabuf_;
};

}  // namespace vdmabuf::consumer
