// SPDX-License-Identifier: MIT
// colour_app: presents one picture of bars, 32 pixels wide each, whose numbers and colour space are
// said on the command line, and stays until it is ended. For tests.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "runtime/common/clock.hpp"
#include "runtime/producer/connection.hpp"

namespace {

using namespace vdmabuf;

constexpr std::uint32_t kBar = 32;
constexpr std::uint32_t kHeight = 48;

class Listener final : public producer::StreamListener {
  public:
    void on_release(std::uint32_t, std::uint64_t) override {}
    void on_presented(const stream::Presented&) override {}
    void on_configure(const stream::Configure&) override {}
    void on_close() override { ::_exit(0); }
    void on_lost() override { ::_exit(3); }
};

int fail(const Error& error) {
    std::fprintf(stderr, "colour_app: %s\n", error.text.c_str());
    return 1;
}

// Of values that halfs have exactly, or that the test allows to be rounded.
std::uint16_t half(double value) {
    if (value == 0) return 0;
    const std::uint16_t sign = value < 0 ? 0x8000 : 0;
    int exponent = 0;
    const double mantissa = std::frexp(std::fabs(value), &exponent);  // 0.5 .. 1
    const auto bits = static_cast<std::uint16_t>(std::lround((mantissa * 2 - 1) * 1024));
    return static_cast<std::uint16_t>(sign + ((exponent + 14) << 10) + bits);
}

void put(const std::string& fourcc, const double* rgb, std::byte* at) {
    const auto code = [&](double value, double most) {
        return static_cast<std::uint32_t>(std::lround(std::clamp(value, 0.0, 1.0) * most));
    };
    if (fourcc == "AB4H") {
        const std::uint16_t halfs[4] = {half(rgb[0]), half(rgb[1]), half(rgb[2]), half(1)};
        std::memcpy(at, halfs, sizeof halfs);
        return;
    }
    const bool ten = fourcc.substr(2) == "30";
    const bool red_low = fourcc[1] == 'B';
    const int bits = ten ? 10 : 8;
    const double most = ten ? 1023 : 255;
    const std::uint32_t low = code(rgb[red_low ? 0 : 2], most);
    const std::uint32_t high = code(rgb[red_low ? 2 : 0], most);
    const std::uint32_t word = low | code(rgb[1], most) << bits | high << 2 * bits;
    std::memcpy(at, &word, sizeof word);
}

}  // namespace

int main(int argc, char** argv) {
    std::string path;
    std::string fourcc = "AB30";
    std::string title = "colours";
    std::uint32_t space = 0;
    bool y_flip = false;
    stream::HdrMetadata metadata;
    std::vector<double> values;
    CLI::App app("Presents bars of given numbers.");
    app.add_option("--endpoint", path)->required();
    app.add_option("--fourcc", fourcc);
    app.add_option("--title", title);
    app.add_option("--space", space);
    app.add_option("--max-content-light", metadata.max_content_light);
    app.add_option("--max-luminance", metadata.max_luminance);
    app.add_flag("--y-flip", y_flip);
    app.add_option("values", values, "Red, green and blue of each bar, 0 .. 1")->required();
    CLI11_PARSE(app, argc, argv);
    const auto bars = static_cast<std::uint32_t>(values.size() / 3);
    const std::uint32_t width = bars * kBar;
    const std::uint32_t bytes = fourcc == "AB4H" ? 8 : 4;

    producer::Endpoint endpoint;
    endpoint.path = path;
    auto connection = producer::Connection::open(endpoint, "colour_app");
    if (!connection) return fail(connection.error());
    Listener listener;
    producer::StreamInfo info;
    info.title = title;
    info.app_id = "org.example.colours";
    info.width = width;
    info.height = kHeight;
    info.hdr = metadata;
    auto stream = (*connection)->create_stream(info, &listener);
    if (!stream) return fail(stream.error());
    auto slots = (*stream)->reserve_slots(1);
    if (!slots) return fail(slots.error());
    const std::uint64_t pitch = (std::uint64_t{width} * bytes + 255) / 256 * 256;
    auto buffer = (*connection)->alloc((pitch * kHeight + 4095) / 4096 * 4096);
    if (!buffer) return fail(buffer.error());
    for (std::uint32_t y = 0; y < kHeight; ++y) {
        for (std::uint32_t x = 0; x < width; ++x) {
            put(fourcc, &values[std::size_t{x / kBar} * 3],
                (*buffer)->mapping.bytes() + y * pitch + std::size_t{x} * bytes);
        }
    }
    producer::ImageInfo image;
    image.width = width;
    image.height = kHeight;
    std::memcpy(&image.fourcc, fourcc.data(), 4);
    image.flags = stream::kImageOpaque | (y_flip ? stream::kImageYFlip : 0);
    image.colour_space = static_cast<stream::ColourSpace>(space);
    image.planes[0] = {0, pitch};
    auto set = (*stream)->set_image((*slots)[0], image, *buffer, &listener);
    if (!set) return fail(set.error());
    producer::FrameInfo frame;
    frame.slot = (*slots)[0];
    frame.called_ns = now_ns();
    (*stream)->present(frame);
    std::printf("presented\n");
    std::fflush(stdout);
    for (;;) ::pause();
}
