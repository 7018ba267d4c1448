// SPDX-License-Identifier: MIT
// What holds for every function: NULL, sizes of structures, errors with their texts.
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "tests/api/world.hpp"

namespace vdmabuf::test {
namespace {

class CallsTest : public World {};

TEST_F(CallsTest, WithoutABrokerOpenFailsAndSaysWhy) {
    const std::string socket = consumers();
    vdmabuf_consumer_options options{};
    options.size = sizeof options;
    options.socket = socket.c_str();
    auto* handle = reinterpret_cast<vdmabuf_consumer*>(16);
    EXPECT_EQ(vdmabuf_consumer_open(&options, &handle), -ENOENT);
    EXPECT_EQ(handle, nullptr);
    EXPECT_NE(std::strstr(vdmabuf_consumer_error(nullptr), socket.c_str()), nullptr);
    const std::string endpoint = "unix:" + producers();
    vdmabuf_producer_options producer_options{};
    producer_options.size = sizeof producer_options;
    producer_options.endpoint = endpoint.c_str();
    vdmabuf_producer* other = nullptr;
    EXPECT_EQ(vdmabuf_producer_open(&producer_options, &other), -ENOENT);
    EXPECT_NE(std::strstr(vdmabuf_producer_error(nullptr), producers().c_str()), nullptr);
    producer_options.endpoint = "nonsense";
    EXPECT_EQ(vdmabuf_producer_open(&producer_options, &other), -EINVAL);
}

TEST_F(CallsTest, TheyWaitForABrokerWhereTheyAreAskedTo) {
    auto* c = consumer(VDMABUF_CONSUMER_WAIT);
    auto* p = producer(VDMABUF_PRODUCER_WAIT);
    ASSERT_TRUE(c && p);
    EXPECT_EQ(next(c, 150).type, 0u);
    EXPECT_EQ(vdmabuf_producer_online(p), 0);
    EXPECT_EQ(vdmabuf_consumer_attach(c, 1), -ENOTCONN);
    start_broker();
    const auto connected = next(c);
    EXPECT_EQ(connected.type, VDMABUF_CONSUMER_CONNECTED);
    EXPECT_STREQ(connected.text, VDMABUF_VERSION);
    EXPECT_EQ(next(p).type, VDMABUF_PRODUCER_BACK);
    EXPECT_EQ(vdmabuf_producer_online(p), 1);
}

TEST_F(CallsTest, ABrokerThatTakesNobodySaysSo) {
    config.consumers = 1;
    start_broker();
    auto* first = consumer();
    EXPECT_EQ(next(first).type, VDMABUF_CONSUMER_CONNECTED);
    auto* second = consumer();
    const auto refused = next(second);
    ASSERT_EQ(refused.type, VDMABUF_CONSUMER_ERROR);
    EXPECT_NE(std::strstr(refused.text, "no more consumers"), nullptr) << refused.text;
    EXPECT_EQ(vdmabuf_consumer_attach(second, 1), -ENOTCONN);
    // And takes it when there is room.
    close(first);
    EXPECT_EQ(await(second, VDMABUF_CONSUMER_CONNECTED).type, VDMABUF_CONSUMER_CONNECTED);
}

TEST_F(CallsTest, StructuresOfOtherVersions) {
    start_broker();
    const std::string socket = consumers();
    // Of a header to come: what is not known here must be zero.
    struct {
        vdmabuf_consumer_options known;
        std::uint64_t more;
    } newer{};
    newer.known.size = sizeof newer;
    newer.known.socket = socket.c_str();
    vdmabuf_consumer* handle = nullptr;
    EXPECT_EQ(vdmabuf_consumer_open(&newer.known, &handle), 0);
    vdmabuf_consumer_close(handle);
    newer.more = 1;
    EXPECT_EQ(vdmabuf_consumer_open(&newer.known, &handle), -EINVAL);
    newer.more = 0;
    newer.known.flags = 1u << 31;
    EXPECT_EQ(vdmabuf_consumer_open(&newer.known, &handle), -EINVAL);
    newer.known.size = 0;
    EXPECT_EQ(vdmabuf_consumer_open(&newer.known, &handle), -EINVAL);

    auto* c = consumer();
    struct {
        vdmabuf_consumer_event known;
        std::uint64_t more;
    } event{};
    event.more = 77;
    event.known.size = sizeof event;
    while (vdmabuf_consumer_dispatch(c, &event.known) == 0) ::usleep(1000);
    EXPECT_EQ(event.known.type, VDMABUF_CONSUMER_CONNECTED);
    EXPECT_EQ(event.known.size, sizeof(vdmabuf_consumer_event)) << "so much was filled in";
    EXPECT_EQ(event.more, 77u);
    // Of an older one: nothing behind its end is written.
    stop_broker();
    std::memset(&event, 0x55, sizeof event);
    event.known.size = 8;
    while (vdmabuf_consumer_dispatch(c, &event.known) == 0) ::usleep(1000);
    EXPECT_EQ(event.known.type, VDMABUF_CONSUMER_DISCONNECTED);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(event.known.text), 0x5555555555555555u);
}

TEST_F(CallsTest, NullIsRefusedAndBreaksNothing) {
    start_broker();
    auto* c = consumer();
    auto* p = producer();
    vdmabuf_buffer* buffer = nullptr;
    EXPECT_EQ(vdmabuf_consumer_open(nullptr, nullptr), -EINVAL);
    vdmabuf_consumer_close(nullptr);
    EXPECT_EQ(vdmabuf_consumer_fd(nullptr), -EINVAL);
    EXPECT_NE(vdmabuf_consumer_error(nullptr), nullptr);
    EXPECT_EQ(vdmabuf_consumer_dispatch(nullptr, nullptr), -EINVAL);
    EXPECT_EQ(vdmabuf_consumer_dispatch(c, nullptr), -EINVAL);
    EXPECT_EQ(vdmabuf_consumer_stream_count(nullptr), 0u);
    EXPECT_EQ(vdmabuf_consumer_stream_at(c, 0), nullptr);
    EXPECT_EQ(vdmabuf_consumer_stream(nullptr, 1), nullptr);
    EXPECT_EQ(vdmabuf_consumer_image(c, 1, 1), nullptr);
    EXPECT_EQ(vdmabuf_consumer_attach(nullptr, 1), -EINVAL);
    EXPECT_EQ(vdmabuf_consumer_raw_subscribe(c, nullptr, "topic", 0), -EINVAL);
    EXPECT_EQ(vdmabuf_consumer_raw_subscribe(c, "", nullptr, 0), -EINVAL);
    EXPECT_EQ(vdmabuf_consumer_raw_subscribe(c, "", "a\nb", 0), -EINVAL);
    EXPECT_EQ(vdmabuf_consumer_raw_subscribe(c, "", std::string(64, 'x').c_str(), 0), -EINVAL);
    EXPECT_EQ(vdmabuf_consumer_raw_subscribe(c, "", "topic", 1u << 7), -EINVAL);
    EXPECT_EQ(vdmabuf_consumer_raw_take(c, nullptr, 0), -EINVAL);
    EXPECT_EQ(vdmabuf_consumer_raw_buffer(c, nullptr), nullptr);
    EXPECT_EQ(vdmabuf_consumer_formats(c, nullptr, 3), -EINVAL);
    EXPECT_EQ(vdmabuf_map(nullptr, nullptr, nullptr), -EINVAL);
    vdmabuf_unmap(nullptr, 0);
    EXPECT_EQ(vdmabuf_producer_open(nullptr, nullptr), -EINVAL);
    vdmabuf_producer_close(nullptr);
    EXPECT_EQ(vdmabuf_producer_dispatch(p, nullptr), -EINVAL);
    EXPECT_EQ(vdmabuf_buffer_alloc(p, 4096, nullptr), -EINVAL);
    EXPECT_EQ(vdmabuf_buffer_alloc(nullptr, 4096, &buffer), -EINVAL);
    EXPECT_EQ(vdmabuf_buffer_alloc(p, 0, &buffer), -EINVAL);
    vdmabuf_buffer_free(nullptr);
    EXPECT_EQ(vdmabuf_buffer_offer(nullptr, "topic", nullptr, 0, -1), -EINVAL);
    EXPECT_EQ(vdmabuf_buffer_data(nullptr), nullptr);
    EXPECT_EQ(vdmabuf_buffer_fd(nullptr), -EINVAL);
    ASSERT_EQ(vdmabuf_buffer_alloc(p, 1, &buffer), 0);
    EXPECT_EQ(vdmabuf_buffer_bytes(buffer), 4096u);
    EXPECT_EQ(vdmabuf_buffer_offer(buffer, nullptr, nullptr, 0, -1), -EINVAL);
    EXPECT_EQ(vdmabuf_buffer_offer(buffer, "", nullptr, 0, -1), -EINVAL);
    EXPECT_EQ(vdmabuf_buffer_offer(buffer, "topic", nullptr, 5, -1), -EINVAL);
    const std::vector<char> long_message(1025);
    EXPECT_EQ(vdmabuf_buffer_offer(buffer, "topic", long_message.data(), 1025, -1), -EMSGSIZE);
    EXPECT_EQ(vdmabuf_buffer_offer(buffer, "topic", nullptr, 0, 9999), -EBADF);
    EXPECT_EQ(vdmabuf_buffer_withdraw(buffer), -ENOENT);
    EXPECT_EQ(vdmabuf_buffer_send(buffer, 1, "x", 1, -1), -ENOENT);
    EXPECT_STRNE(vdmabuf_producer_error(p), "");
    int mark = 0;
    vdmabuf_buffer_set_user(buffer, &mark);
    EXPECT_EQ(vdmabuf_buffer_user(buffer), &mark);
    // A producer that is closed leaves its buffers to the program.
    static_cast<char*>(vdmabuf_buffer_data(buffer))[5] = 'x';
    close(p);
    EXPECT_EQ(static_cast<char*>(vdmabuf_buffer_data(buffer))[5], 'x');
    EXPECT_EQ(vdmabuf_buffer_offer(buffer, "topic", nullptr, 0, -1), -ENOTCONN);
    vdmabuf_buffer_free(buffer);
}

TEST_F(CallsTest, MappingChecksWhatItIsGiven) {
    const int fd = ::memfd_create("test", MFD_CLOEXEC);
    ASSERT_EQ(::ftruncate(fd, 3 * 4096), 0);
    for (char page = 0; page < 3; ++page) {
        const char c = static_cast<char>('a' + page);
        ASSERT_EQ(::pwrite(fd, &c, 1, page * 4096), 1);
    }
    vdmabuf_run runs[] = {{0, 0, 8192, 4096}, {0, 0, 0, 4096}};
    vdmabuf_memory memory{};
    memory.size = sizeof memory;
    memory.kind = VDMABUF_MEMORY_RUNS;
    memory.bytes = 8192;
    memory.files = &fd;
    memory.nr_files = 1;
    memory.runs = runs;
    memory.nr_runs = 2;
    memory.reason = "";
    const void* address = nullptr;
    std::size_t length = 0;
    ASSERT_EQ(vdmabuf_map(&memory, &address, &length), 0) << vdmabuf_consumer_error(nullptr);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(address) % 65536, 0u);
    EXPECT_EQ(length, 65536u);
    const char* bytes = static_cast<const char*>(address);
    EXPECT_EQ(bytes[0], 'c');
    EXPECT_EQ(bytes[4096], 'a');
    EXPECT_EQ(bytes[8192], 0);
    vdmabuf_unmap(address, length);

    auto wrong = memory;
    wrong.bytes = 4096;
    EXPECT_EQ(vdmabuf_map(&wrong, &address, &length), -EINVAL);
    runs[0].offset = 3 * 4096;
    EXPECT_EQ(vdmabuf_map(&memory, &address, &length), -EINVAL);
    runs[0].offset = 0;
    runs[0].file = 1;
    EXPECT_EQ(vdmabuf_map(&memory, &address, &length), -EINVAL);
    memory.kind = VDMABUF_MEMORY_NONE;
    memory.reason = "not for you";
    EXPECT_EQ(vdmabuf_map(&memory, &address, &length), -EACCES);
    EXPECT_STREQ(vdmabuf_consumer_error(nullptr), "not for you");
    memory.kind = 9;
    EXPECT_EQ(vdmabuf_map(&memory, &address, &length), -EINVAL);
    ::close(fd);
}

}  // namespace
}  // namespace vdmabuf::test
