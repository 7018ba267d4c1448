// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/consumer/run_table.hpp"
#include "tests/unit/consumer/scattered_buffer.hpp"

namespace vdmabuf::consumer {
namespace {

using test::image_message;
using test::ScatteredBuffer;
using testing::HasSubstr;

constexpr std::uint64_t kPage = 4096;
const std::vector<std::uint64_t> kFiles = {16 * kPage, 4 * kPage};

std::string why(const std::vector<Run>& runs, std::uint64_t size) {
    const Status checked = check_runs(runs, kFiles, size);
    if (checked) return "ok";
    EXPECT_EQ(checked.error().code, EBADMSG);
    return checked.error().text;
}

TEST(CheckRuns, TakesSoundRuns) {
    EXPECT_EQ(why({{0, 0, 0, 16 * kPage}}, 16 * kPage), "ok");
    EXPECT_EQ(why({{1, 0, 3 * kPage, kPage}, {0, 0, 15 * kPage, kPage}}, 2 * kPage), "ok");
    // The same page twice is odd, but harms nobody.
    EXPECT_EQ(why({{0, 0, 0, kPage}, {0, 0, 0, kPage}}, 2 * kPage), "ok");
}

TEST(CheckRuns, RefusesEveryMalformedKind) {
    EXPECT_THAT(why({{2, 0, 0, kPage}}, kPage), HasSubstr("no such file"));
    EXPECT_THAT(why({{0, 1, 0, kPage}}, kPage), HasSubstr("reserved"));
    EXPECT_THAT(why({{0, 0, 1, kPage}}, kPage), HasSubstr("alignment"));
    EXPECT_THAT(why({{0, 0, 0, 100}}, kPage), HasSubstr("alignment"));
    EXPECT_THAT(why({{0, 0, 0, 0}, {0, 0, 0, kPage}}, kPage), HasSubstr("empty"));
    EXPECT_THAT(why({{0, 0, 16 * kPage, kPage}}, kPage), HasSubstr("outside"));
    EXPECT_THAT(why({{1, 0, 3 * kPage, 2 * kPage}}, 2 * kPage), HasSubstr("outside"));
    EXPECT_THAT(why({{0, 0, ~std::uint64_t{0} << 12, kPage}}, kPage), HasSubstr("outside"));
    EXPECT_THAT(why({{0, 0, kPage, ~std::uint64_t{0} << 12}}, kPage), HasSubstr("outside"));
    EXPECT_THAT(why({{0, 0, 0, 2 * kPage}}, kPage), HasSubstr("more than"));
    EXPECT_THAT(why({{0, 0, 0, kPage}, {0, 0, 0, kPage}}, kPage), HasSubstr("more than"));
    EXPECT_THAT(why({{0, 0, 0, kPage}}, 2 * kPage), HasSubstr("less than"));
    EXPECT_THAT(why({}, kPage), HasSubstr("less than"));
    EXPECT_THAT(why({}, 0), HasSubstr("buffer size"));
    EXPECT_THAT(why({{0, 0, 0, kPage}}, kMaxBufferSize + kPage), HasSubstr("buffer size"));
}

TEST(CheckRuns, SumCannotOverflow) {
    const std::vector<std::uint64_t> huge = {~std::uint64_t{0} << 12};
    std::vector<consumer::Run> runs(4, consumer::Run{0, 0, 0, std::uint64_t{1} << 62});
    runs.push_back({0, 0, 0, kPage});
    EXPECT_FALSE(check_runs(runs, huge, kPage));
}

TEST(ReadRunTable, RefusesWhatIsNoTable) {
    UniqueFd table(::memfd_create("runs", MFD_CLOEXEC));
    ASSERT_EQ(::ftruncate(table.get(), sizeof(consumer::Run)), 0);
    EXPECT_TRUE(read_run_table(table.get(), 1));
    EXPECT_FALSE(read_run_table(table.get(), 2));
    EXPECT_FALSE(read_run_table(table.get(), 0));
    EXPECT_FALSE(read_run_table(table.get(), kMaxRuns + 1));
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    UniqueFd in(ends[0]);
    UniqueFd out(ends[1]);
    EXPECT_FALSE(read_run_table(in.get(), 1));  // and does not wait
    UniqueFd zero(::open("/dev/zero", O_RDONLY | O_CLOEXEC));
    EXPECT_FALSE(read_run_table(zero.get(), 1));
}

TEST(TakeBuffer, CountsDescriptors) {
    const ScatteredBuffer buffer(64 * kPage, 2);
    const Image image = image_message(buffer, 16, 16, 64);
    auto taken = take_buffer(image, buffer.descriptors());
    ASSERT_TRUE(taken) << taken.error().text;
    EXPECT_EQ(taken->files.size(), 2U);
    EXPECT_EQ(taken->runs.size(), buffer.runs().size());

    auto few = buffer.descriptors();
    few.pop_back();
    EXPECT_FALSE(take_buffer(image, std::move(few)));
    auto many = buffer.descriptors();
    many.emplace_back(::dup(0));
    EXPECT_FALSE(take_buffer(image, std::move(many)));
    EXPECT_FALSE(take_buffer(image, {}));
}

TEST(TakeBuffer, RefusesAFileThatIsTooShort) {
    const ScatteredBuffer buffer(64 * kPage);
    auto fds = buffer.descriptors();
    UniqueFd small(::memfd_create("small", MFD_CLOEXEC));
    ASSERT_EQ(::ftruncate(small.get(), kPage), 0);
    fds.back() = std::move(small);
    EXPECT_FALSE(take_buffer(image_message(buffer, 16, 16, 64), std::move(fds)));
}

}  // namespace
}  // namespace vdmabuf::consumer
