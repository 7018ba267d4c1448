// SPDX-License-Identifier: MIT
// The tests of fault_test, by what they are about, and the orders that they give to fault_host.py.
#ifndef VDMABUF_TESTS_GUEST_FAULT_TESTS_HPP
#define VDMABUF_TESTS_GUEST_FAULT_TESTS_HPP

#include "tests/guest/guest_test.hpp"

namespace guest_test {

std::span<const Test> memory_tests();
std::span<const Test> kept_tests();
std::span<const Test> restart_tests();
std::span<const Test> fence_tests();
std::span<const Test> traffic_tests();
std::span<const Test> silence_tests();
std::span<const Test> answer_tests();
std::span<const Test> broken_tests();
std::span<const Test> sleep_tests();
std::span<const Test> unload_tests();

inline void order(int channel, const std::string& text) {
    EXPECT_ERRNO(try_send(channel, text.data(), text.size()), 0);
}

inline std::string answer(int channel) {
    const Event event = read_event(channel);
    EXPECT(event.type == VDMABUF_EVENT_MESSAGE);
    return {event.body.begin(), event.body.end()};
}

inline std::string ask(int channel, const std::string& text) {
    order(channel, text);
    return answer(channel);
}

// What the host has.
struct Count {
    int channels = 0;
    int buffers = 0;
    int pending = 0;  // destroyed, but not released
    bool operator==(const Count&) const = default;
};

inline Count count(int channel) {
    Count count;
    EXPECT(std::sscanf(ask(channel, "count").c_str(), "%d %d %d", &count.channels, &count.buffers,
                       &count.pending) == 3);
    return count;
}

template <typename Bytes>
inline std::string hex(const Bytes& bytes) {
    std::string text;
    for (const auto byte : bytes) {
        char digits[3];
        std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned char>(byte));
        text += digits;
    }
    return text;
}

inline std::string peek(int channel, const Id& id, std::size_t offset, std::size_t size) {
    return ask(channel,
               "peek " + hex(id) + " " + std::to_string(offset) + " " + std::to_string(size));
}

inline void poke(int channel, const Id& id, std::size_t offset, const std::string& data) {
    EXPECT(ask(channel, "poke " + hex(id) + " " + std::to_string(offset) + " " + data) == "done");
}

// An event of any layout.
inline std::string raw_event(std::uint32_t type, std::uint32_t size, std::uint32_t channel,
                             const std::string& body = "") {
    std::string raw(16, '\0');
    const std::uint32_t words[] = {type, size, channel, 0};
    std::memcpy(raw.data(), words, sizeof words);
    return "raw " + hex(raw + body);
}

inline void expect_resync(int channel) {
    const Event event = read_event(channel);
    EXPECT(event.type == VDMABUF_EVENT_RESYNC && event.body.empty());
}

// How long a caller waits for the host, while this is alive.
class Patience {
  public:
    explicit Patience(int ms) { set(ms); }
    ~Patience() { set(10000); }

  private:
    static void set(int ms) {
        std::ofstream("/sys/module/virtio_vdmabuf/parameters/timeout_ms") << ms << std::flush;
    }
};

inline bool hung_up(int channel) {
    return (poll_events(channel, 0, 0ms) & POLLHUP) != 0;
}

}  // namespace guest_test

#endif  // VDMABUF_TESTS_GUEST_FAULT_TESTS_HPP
