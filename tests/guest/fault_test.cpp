// SPDX-License-Identifier: MIT
// Runs inside a guest, with fault_host.py behind the device, and has that host do what a good one
// never does: be silent, forget everything, keep buffers, answer nonsense, break the rules of
// virtio. Nobody may hang, nothing may be lost or leak, and a broken device must come back when it
// is bound again.
//
//   fault_test [--device /dev/vdmabuf0] [--only NAME]
#include "guest_test.hpp"

namespace {

using namespace guest_test;

// ---- Orders to the host ------------------------------------------------------

void order(int channel, const std::string& text) {
    EXPECT_ERRNO(try_send(channel, text.data(), text.size()), 0);
}

std::string answer(int channel) {
    const Event event = read_event(channel);
    EXPECT(event.type == VDMABUF_EVENT_MESSAGE);
    return {event.body.begin(), event.body.end()};
}

std::string ask(int channel, const std::string& text) {
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

Count count(int channel) {
    Count count;
    EXPECT(std::sscanf(ask(channel, "count").c_str(), "%d %d %d", &count.channels, &count.buffers,
                       &count.pending) == 3);
    return count;
}

template <typename Bytes>
std::string hex(const Bytes& bytes) {
    std::string text;
    for (const auto byte : bytes) {
        char digits[3];
        std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned char>(byte));
        text += digits;
    }
    return text;
}

std::string peek(int channel, const Id& id, std::size_t offset, std::size_t size) {
    return ask(channel,
               "peek " + hex(id) + " " + std::to_string(offset) + " " + std::to_string(size));
}

void poke(int channel, const Id& id, std::size_t offset, const std::string& data) {
    EXPECT(ask(channel, "poke " + hex(id) + " " + std::to_string(offset) + " " + data) == "done");
}

// An event of any layout.
std::string raw_event(std::uint32_t type, std::uint32_t size, std::uint32_t channel,
                      const std::string& body = "") {
    std::string raw(16, '\0');
    const std::uint32_t words[] = {type, size, channel, 0};
    std::memcpy(raw.data(), words, sizeof words);
    return "raw " + hex(raw + body);
}

void expect_resync(int channel) {
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

bool hung_up(int channel) {
    return (poll_events(channel, 0, 0ms) & POLLHUP) != 0;
}

// ---- Messages and memory -----------------------------------------------------

void test_messages() {
    const Fd channel = open_channel();
    for (const std::size_t size : {1u, 100u, 490u, 507u, 508u, 1000u, 4091u}) {
        std::string text(size, 'a');
        text.back() = 'z';
        EXPECT(ask(channel, "echo " + text) == text);
    }
    for (int i = 0; i < 1000; i += 50) {
        for (int k = i; k < i + 50; ++k) order(channel, "echo " + std::to_string(k));
        for (int k = i; k < i + 50; ++k) EXPECT(answer(channel) == std::to_string(k));
    }
}

// The host sees what the guest has written, and the other way round.
void expect_same_pages(int channel, const Id& id, const Map& map) {
    for (std::size_t offset = 0; offset < map.size; offset += map.size < 65536 ? 4096 : 69632) {
        const std::string text = "guest at " + std::to_string(offset);
        std::memcpy(map.bytes() + offset, text.data(), text.size());
        EXPECT(peek(channel, id, offset, text.size()) == text);
        poke(channel, id, offset, "HOST");
        EXPECT(std::memcmp(map.bytes() + offset, "HOST", 4) == 0);
    }
}

void test_pages() {
    const Fd channel = open_channel();
    for (const std::size_t size : {4096u, 9u << 20}) {
        const Fd buffer = alloc_buffer(channel, size);
        const Map map(buffer, size);
        expect_same_pages(channel, share_buffer(channel, buffer), map);
    }
}

void foreign_pages(const std::string& name) {
    const auto exporter = new_exporter(name);
    const Fd channel = open_channel();
    for (const std::size_t size : {4096u, 40960u, 5u << 20}) {
        const Fd buffer = exporter->buffer(size);
        const Map map(buffer, size);
        const Id id = share_buffer(channel, buffer);
        expect_same_pages(channel, id, map);
        order(channel, "resync 1");
        expect_resync(channel);
        expect_same_pages(channel, id, map);
        EXPECT_ERRNO(try_unshare(channel, id), 0);
    }
}

void test_pages_of_udmabuf() {
    foreign_pages("udmabuf");
}

void test_pages_of_system_heap() {
    foreign_pages("system heap");
}

void test_pages_of_vgem() {
    foreign_pages("vgem");
}

// ---- A host that keeps buffers -------------------------------------------------

void test_kept_buffer() {
    const Fd channel = open_channel();
    const Count before = count(channel);
    const unsigned limit = info_of(channel).max_buffers;
    {
        const Fd buffer = alloc_buffer(channel, 1u << 20);
        const Id id = share_buffer(channel, buffer);
        order(channel, "hold 1");
        EXPECT_ERRNO(try_unshare(channel, id), 0);
        EXPECT(count(channel).pending == before.pending + 1);
        EXPECT_ERRNO(try_unshare(channel, id), ENOENT);
    }
    // It counts until the host lets go of it.
    std::vector<Fd> buffers;
    int fd = -1;
    while ((fd = try_alloc(channel, 4096)) >= 0) buffers.emplace_back(fd);
    EXPECT(errno == EDQUOT && buffers.size() == limit - 1);
    order(channel, "release");
    EXPECT(eventually([&] { return Fd(try_alloc(channel, 4096)) >= 0; }));
    EXPECT(count(channel) == before);
}

void test_kept_foreign_buffer() {
    const auto exporter = any_exporter();
    const Fd channel = open_channel();
    const Count before = count(channel);
    EXPECT(eventually([] { return attachments() <= 0; }));
    const Id id = share_buffer(channel, exporter->buffer(65536));
    order(channel, "hold 1");
    EXPECT_ERRNO(try_unshare(channel, id), 0);
    EXPECT(count(channel).pending == before.pending + 1);
    std::this_thread::sleep_for(50ms);
    if (attachments() >= 0) EXPECT(attachments() == 1);
    order(channel, "release");
    EXPECT(eventually([] { return attachments() <= 0; }));
    EXPECT(count(channel) == before);
}

void test_kept_beyond_close() {
    const Fd other = open_channel();
    const Count before = count(other);
    order(other, "hold 2");
    {
        const Fd channel = open_channel();
        for (int i = 0; i < 3; ++i) share_buffer(channel, alloc_buffer(channel, 65536));
    }
    const Count kept{before.channels, before.buffers, before.pending + 2};
    EXPECT(eventually([&] { return count(other) == kept; }));
    order(other, "release");
    EXPECT(count(other) == before);
}

// ---- A host that starts anew ---------------------------------------------------

void restart(int times) {
    const Fd channel = open_channel();
    const Fd other = open_channel();
    const Fd buffer = alloc_buffer(channel, 1u << 20);
    const Map map(buffer, 1u << 20);
    const Id id = share_buffer(channel, buffer);
    share_buffer(other, buffer);
    std::strcpy(static_cast<char*>(map.at), "before");
    order(channel, "flood 5 32");
    order(other, "resync " + std::to_string(times));
    EXPECT(eventually([&] { return try_send(channel, "echo x", 6) < 0 && errno == ESTALE; }));
    const Fd late = alloc_buffer(channel, 4096);
    Id refused{};
    EXPECT_ERRNO(try_share(channel, late, refused), ESTALE);
    // What was unread is void.
    expect_resync(channel);
    expect_resync(other);
    EXPECT(!readable(channel, 20ms));
    EXPECT(peek(channel, id, 0, 6) == "before");
    EXPECT(count(channel).buffers >= 2);
    EXPECT_ERRNO(try_unshare(channel, id), 0);
    EXPECT_ERRNO(try_share(channel, buffer, refused), 0);
}

void test_restart() {
    restart(1);
}

void test_restarts() {
    for (int i = 0; i < 10; ++i) restart(5);
}

void test_restart_frees_what_was_kept() {
    const Fd channel = open_channel();
    std::vector<Id> ids;
    for (unsigned i = 0; i < info_of(channel).max_buffers; ++i) {
        ids.push_back(share_buffer(channel, alloc_buffer(channel, 4096)));
    }
    order(channel, "hold 100000");
    for (const Id& id : ids) EXPECT_ERRNO(try_unshare(channel, id), 0);
    EXPECT_ERRNO(try_alloc(channel, 4096), EDQUOT);
    order(channel, "hold 0");
    order(channel, "resync 1");
    expect_resync(channel);
    alloc_buffer(channel, 4096);
}

// The host has lost everything, and says so only 300 ms later.
void test_restart_that_is_told_late() {
    const Fd channel = open_channel(O_NONBLOCK);
    const Fd buffer = alloc_buffer(channel, 65536);
    order(channel, "lose 0.3");
    const auto start = Clock::now();
    const Id id = share_buffer(channel, buffer);
    EXPECT(Clock::now() - start > 200ms);
    expect_resync(channel);
    peek(channel, id, 0, 8);
    // The new host knows this one before it has said that it is new.
    order(channel, "lose 0.3");
    const Fd early = open_channel();
    EXPECT(ask(early, "echo early") == "early");
    expect_resync(early);
    expect_resync(channel);
    EXPECT(ask(early, "echo late") == "late");
    EXPECT_ERRNO(try_unshare(channel, id), 0);
}

void test_silent_restart() {
    const Fd channel = open_channel();
    const Fd buffer = alloc_buffer(channel, 4096);
    order(channel, "mute 0.4");
    order(channel, "resync 1");
    Id id{};
    const bool shared = try_share(channel, buffer, id) == 0;
    EXPECT(shared || errno == ESTALE);
    expect_resync(channel);
    if (!shared) share_buffer(channel, buffer);
    EXPECT(ask(channel, "echo on") == "on");
}

// Reads what there is.
void drain(int channel) {
    std::array<unsigned char, VDMABUF_MAX_EVENT> raw;
    while (::read(channel, raw.data(), raw.size()) > 0) continue;
}

void test_restarts_under_load() {
    std::atomic<bool> stop = false;
    std::atomic<int> unexpected = 0;
    const auto worker = [&](unsigned seed) {
        const auto note = [&](std::initializer_list<int> fine) {
            if (std::find(fine.begin(), fine.end(), errno) == fine.end()) unexpected = errno;
        };
        std::unique_ptr<Exporter> exporter;
        try {
            exporter = any_exporter();
        } catch (const Skip&) {
        }
        while (!stop) {
            const Fd channel(::open(g_device.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK));
            if (channel < 0) {
                note({EDQUOT});
                continue;
            }
            for (int k = 0; k < 20 && !stop; ++k) {
                drain(channel);
                const std::size_t size = 4096u << ::rand_r(&seed) % 6;
                const Fd buffer =
                    k % 4 == 3 && exporter ? exporter->buffer(size) : Fd(try_alloc(channel, size));
                if (buffer < 0) continue;
                Id id{};
                if (try_share(channel, buffer, id) != 0) {
                    note({ESTALE, EDQUOT});
                } else if (k % 2 == 1 && try_unshare(channel, id) != 0) {
                    note({ENOENT});
                }
                try_send(channel, "echo hi", 7);
            }
        }
    };
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < 4; ++i) threads.emplace_back(worker, i);
    const Fd channel = open_channel(O_NONBLOCK);
    const auto until = Clock::now() + 4s;
    int rounds = 0;
    for (; Clock::now() < until; ++rounds) {
        try_send(channel, "hold 3", 6);
        try_send(channel, "resync 2", 8);
        // The next restart may have taken back what was there to read.
        if (readable(channel, 500ms)) drain(channel);
        std::this_thread::sleep_for(std::chrono::milliseconds(rounds % 20));
    }
    stop = true;
    for (auto& thread : threads) thread.join();
    if (unexpected != 0) throw std::runtime_error(std::strerror(unexpected));
    EXPECT(rounds > 10);
}

void test_restart_drops_messages() {
    const auto timeline = new_timeline();
    const Fd channel = open_channel();
    const Fd fence = timeline->fence(1);
    EXPECT_ERRNO(try_send(channel, "echo 1", 6, fence), 0);
    EXPECT_ERRNO(try_send(channel, "echo 2", 6), 0);
    const Fd other = open_channel();
    order(other, "resync 1");
    expect_resync(channel);
    timeline->advance(1);
    EXPECT(!readable(channel, 100ms));
    EXPECT(ask(channel, "echo 3") == "3");
}

void test_restart_wakes_senders() {
    const auto timeline = new_timeline();
    const Fd channel = open_channel(O_NONBLOCK);
    const Fd fence = timeline->fence(1);
    while (try_send(channel, "echo 1", 6, fence) == 0) continue;
    EXPECT(errno == EAGAIN);
    EXPECT_ERRNO(::fcntl(channel, F_SETFL, 0), 0);
    int rc = 0;
    int error = 0;
    std::jthread sender([&] {
        rc = try_send(channel, "echo 2", 6);
        error = errno;
    });
    std::this_thread::sleep_for(50ms);
    const Fd other = open_channel();
    order(other, "resync 1");
    sender.join();
    EXPECT(rc < 0 && error == ESTALE);
}

// ---- A host that is silent -------------------------------------------------------

void test_silence() {
    const Fd channel = open_channel();
    const Count before = count(channel);
    const Fd buffer = alloc_buffer(channel, 65536);
    const Fd late = alloc_buffer(channel, 4096);
    const Id id = share_buffer(channel, buffer);
    {
        const Patience patience(300);
        order(channel, "mute 1.8");
        std::this_thread::sleep_for(20ms);
        const auto start = Clock::now();
        Id refused{};
        EXPECT_ERRNO(try_share(channel, late, refused), ETIMEDOUT);
        EXPECT_ERRNO(try_unshare(channel, id), ETIMEDOUT);
        EXPECT_ERRNO(::open(g_device.c_str(), O_RDWR), ETIMEDOUT);
        EXPECT(Clock::now() - start > 850ms);
        int sent = 0;
        EXPECT_ERRNO(::fcntl(channel, F_SETFL, O_NONBLOCK), 0);
        while (try_send(channel, "echo m", 6) == 0) ++sent;
        EXPECT(errno == EAGAIN && sent == 64);
        EXPECT_ERRNO(::fcntl(channel, F_SETFL, 0), 0);
        EXPECT_ERRNO(try_send(channel, "echo m", 6), ETIMEDOUT);
        for (int i = 0; i < sent; ++i) EXPECT(answer(channel) == "m");
    }
    // What nobody waited for was undone when the answers came.
    EXPECT(eventually([&] { return count(channel) == before; }));
}

void test_close_in_silence() {
    const Fd other = open_channel();
    const Count before = count(other);
    {
        const Patience patience(300);
        const Fd channel = open_channel();
        share_buffer(channel, alloc_buffer(channel, 1u << 20));
        order(channel, "mute 0.5");
        for (int i = 0; i < 30; ++i) try_send(channel, "echo m", 6);
    }
    EXPECT(eventually([&] { return count(other) == before; }));
}

void test_killed_in_silence() {
    const Fd channel = open_channel();
    const Count before = count(channel);
    order(channel, "mute 1");
    std::this_thread::sleep_for(20ms);
    const pid_t sharer = ::fork();
    if (sharer == 0) {
        Id id{};
        try_share(channel, try_alloc(channel, 4096), id);
        ::_exit(1);
    }
    const pid_t opener = ::fork();
    if (opener == 0) {
        const int fd = ::open(g_device.c_str(), O_RDWR);
        ::_exit(fd < 0 ? 1 : 2);
    }
    std::this_thread::sleep_for(100ms);
    const auto start = Clock::now();
    for (const pid_t child : {sharer, opener}) {
        ::kill(child, SIGKILL);
        EXPECT(::waitpid(child, nullptr, 0) == child);
    }
    EXPECT(Clock::now() - start < 500ms);
    EXPECT(eventually([&] { return count(channel) == before; }));
}

// ---- A host that answers oddly -----------------------------------------------------

void test_statuses() {
    const Fd channel = open_channel();
    const Fd buffer = alloc_buffer(channel, 4096);
    const struct {
        int status, error;
    } cases[] = {
        {VIRTIO_VDMABUF_ERR_INVALID, EPROTO},
        {VIRTIO_VDMABUF_ERR_UNSUPPORTED, EOPNOTSUPP},
        {VIRTIO_VDMABUF_ERR_QUOTA, EDQUOT},
        {VIRTIO_VDMABUF_ERR_ADDRESS, EOPNOTSUPP},
        {VIRTIO_VDMABUF_ERR_NO_MEMORY, ENOMEM},
        {VIRTIO_VDMABUF_PENDING, EPROTO},
        {77, EPROTO},
    };
    const auto refuse = [&](int command, int status) {
        order(channel, "status " + std::to_string(command) + " " + std::to_string(status) + " 1");
    };
    Id id{};
    for (const auto& [status, error] : cases) {
        refuse(VIRTIO_VDMABUF_CMD_BUFFER_CREATE, status);
        EXPECT_ERRNO(try_share(channel, buffer, id), error);
        refuse(VIRTIO_VDMABUF_CMD_CHANNEL_OPEN, status);
        EXPECT_ERRNO(::open(g_device.c_str(), O_RDWR), error);
    }
    refuse(VIRTIO_VDMABUF_CMD_BUFFER_CREATE, VIRTIO_VDMABUF_ERR_EXISTS);
    EXPECT_ERRNO(try_share(channel, buffer, id), EPROTO);
    EXPECT_ERRNO(try_share(channel, buffer, id), 0);
    refuse(VIRTIO_VDMABUF_CMD_BUFFER_DESTROY, VIRTIO_VDMABUF_ERR_INVALID);
    EXPECT_ERRNO(try_unshare(channel, id), 0);
}

// The exporter gets its buffer back at once when the host does not want it.
void test_refused_foreign_buffer() {
    const auto exporter = any_exporter();
    const Fd buffer = exporter->buffer(65536);
    const Fd channel = open_channel();
    EXPECT(eventually([] { return attachments() <= 0; }));
    Id id{};
    for (int i = 0; i < 5; ++i) {
        order(channel, "status 3 8 1");
        EXPECT_ERRNO(try_share(channel, buffer, id), EOPNOTSUPP);
    }
    EXPECT(eventually([] { return attachments() <= 0; }));
    EXPECT_ERRNO(try_share(channel, buffer, id), 0);
}

void test_closed() {
    for (const std::uint32_t reason : {1u, 2u, 3u, 4u}) {
        const Fd channel = open_channel();
        order(channel, "flood 3 32");
        order(channel, "close " + std::to_string(reason));
        for (int i = 0; i < 3; ++i) answer(channel);
        EXPECT(expect_closed(channel) == reason);
    }
}

void test_unread_events() {
    const Fd other = open_channel();
    const Count before = count(other);
    {
        const Fd channel = open_channel();
        share_buffer(channel, alloc_buffer(channel, 4096));
        order(channel, "flood 300 32");
        EXPECT(eventually([&] { return hung_up(channel); }));
        for (int i = 0; i < 256; ++i) EXPECT(std::atoi(answer(channel).c_str()) == i);
        EXPECT(expect_closed(channel) == VIRTIO_VDMABUF_CLOSE_PROTOCOL);
    }
    EXPECT(eventually([&] { return count(other) == before; }));
    const Fd channel = open_channel();
    order(channel, "flood 250 4096");
    for (int i = 0; i < 250; ++i) EXPECT(answer(channel).size() == 4096);
    order(channel, "flood 256 32");
    for (int i = 0; i < 256; ++i) answer(channel);
}

void test_odd_events() {
    const Fd channel = open_channel();
    const std::uint32_t number = info_of(channel).channel;
    const std::string zeros(16, '\0');
    // Of a type that comes with a later version.
    order(channel, raw_event(99, 16, number));
    // About channels that there are none of.
    order(channel, raw_event(VIRTIO_VDMABUF_EVT_BUFFER_RELEASED, 32, 0x7fffffff, zeros));
    order(channel, raw_event(VIRTIO_VDMABUF_EVT_CHANNEL_CLOSED, 24, 0x7fffffff, zeros.substr(8)));
    // Released, though nobody has destroyed it.
    const Fd buffer = alloc_buffer(channel, 4096);
    const Id id = share_buffer(channel, buffer);
    order(channel,
          raw_event(VIRTIO_VDMABUF_EVT_BUFFER_RELEASED, 32, number, {id.begin(), id.end()}));
    peek(channel, id, 0, 4);
    EXPECT_ERRNO(try_unshare(channel, id), 0);
}

// ---- A host that breaks the rules: the device is of no use until it is bound again -----

void expect_broken(const std::string& how, bool close_first) {
    {
        const Fd channel = open_channel();
        const Fd idle = open_channel(O_NONBLOCK);
        const Fd buffer = alloc_buffer(channel, 65536);
        share_buffer(channel, buffer);
        try_send(channel, how.data(), how.size());
        EXPECT(eventually([&] { return hung_up(idle); }));
        Id id{};
        EXPECT_ERRNO(try_alloc(channel, 4096), ENODEV);
        EXPECT_ERRNO(try_share(channel, buffer, id), ENODEV);
        EXPECT_ERRNO(try_send(channel, "echo", 4), ENODEV);
        EXPECT_ERRNO(::open(g_device.c_str(), O_RDWR), ENODEV);
        char raw[8];
        EXPECT_ERRNO(::read(idle, raw, sizeof raw), ENODEV);
        if (!close_first) {
            const std::string device = virtio_name();
            write_driver("unbind", device);
            bind_again(device);
        }
    }
    if (close_first) {
        const std::string device = virtio_name();
        write_driver("unbind", device);
        bind_again(device);
    }
    const Fd fresh = open_channel();
    EXPECT(ask(fresh, "echo alive") == "alive");
}

void test_broken() {
    bool close_first = false;
    for (const std::string& how : {
             std::string("length 0"),
             std::string("length 9"),
             std::string("raw 01000000"),
             raw_event(VIRTIO_VDMABUF_EVT_MESSAGE, 0, 1, "x"),
             raw_event(VIRTIO_VDMABUF_EVT_MESSAGE, 16, 1),
             raw_event(VIRTIO_VDMABUF_EVT_MESSAGE, 255, 1, "xx"),
             raw_event(VIRTIO_VDMABUF_EVT_MESSAGE, 20, 1, "four") + " 100000",
             raw_event(VIRTIO_VDMABUF_EVT_RESYNC, 16, 0),
         }) {
        expect_broken(how, close_first);
        close_first = !close_first;
    }
}

// ---- Sleep ---------------------------------------------------------------------------

void write_power(const char* file, const char* what) {
    std::ofstream out(std::string("/sys/power/") + file);
    out << what << std::flush;
    if (!out) throw Skip(std::string("no /sys/power/") + file);
}

// Buffers of the driver's own and of others are there again after a sleep.
void test_sleep() {
    if (::access("/sys/bus/virtio/drivers/9pnet_virtio/virtio0", F_OK) == 0) {
        throw Skip("files over 9p do not survive it");
    }
    const auto exporter = any_exporter();
    for (int round = 0; round < 4; ++round) {
        const Fd channel = open_channel();
        const Fd buffer = alloc_buffer(channel, 1u << 20);
        const Map map(buffer, 1u << 20);
        const Fd foreign = exporter->buffer(65536);
        const Map foreign_map(foreign, 65536);
        const Id id = share_buffer(channel, buffer);
        const Id foreign_id = share_buffer(channel, foreign);
        std::strcpy(static_cast<char*>(map.at), "asleep");
        std::strcpy(static_cast<char*>(foreign_map.at), "dreams");
        if (round % 2 == 1) {
            order(channel, "hold 1");
            try_unshare(channel, share_buffer(channel, alloc_buffer(channel, 4096)));
        }
        write_power("pm_test", "devices");
        write_power("state", "freeze");
        expect_resync(channel);
        EXPECT(peek(channel, id, 0, 6) == "asleep");
        EXPECT(peek(channel, foreign_id, 0, 6) == "dreams");
    }
}

// ---- The end: nothing works afterwards -------------------------------------------------

// The host still has buffers, one of them foreign, of a channel that was closed.
void test_unload() {
    if (::access("/sys/module/virtio_vdmabuf/refcnt", R_OK) != 0) throw Skip("built in");
    std::unique_ptr<Exporter> exporter;
    try {
        exporter = any_exporter();
    } catch (const Skip&) {
    }
    {
        const Fd channel = open_channel();
        order(channel, "hold 2");
        share_buffer(channel, alloc_buffer(channel, 65536));
        if (exporter) share_buffer(channel, exporter->buffer(65536));
        count(channel);
    }
    const auto unload = [] {
        return ::syscall(SYS_delete_module, "virtio_vdmabuf", O_NONBLOCK) == 0;
    };
    EXPECT(eventually(unload));
    EXPECT(attachments() <= 0);
    EXPECT_ERRNO(::open(g_device.c_str(), O_RDWR), ENOENT);
}

const Test kTests[] = {
    {"messages", test_messages},
    {"the host sees the pages", test_pages},
    {"pages of a udmabuf", test_pages_of_udmabuf},
    {"pages of the system heap", test_pages_of_system_heap},
    {"pages of vgem", test_pages_of_vgem},
    {"a buffer that the host keeps", test_kept_buffer},
    {"a foreign buffer that the host keeps", test_kept_foreign_buffer},
    {"buffers that the host keeps beyond close", test_kept_beyond_close},
    {"restart", test_restart},
    {"restarts", test_restarts},
    {"restart frees what the host kept", test_restart_frees_what_was_kept},
    {"restart that is told late", test_restart_that_is_told_late},
    {"restart after silence", test_silent_restart},
    {"restarts under load", test_restarts_under_load},
    {"restart drops messages", test_restart_drops_messages},
    {"restart wakes senders", test_restart_wakes_senders},
    {"silence", test_silence},
    {"close in silence", test_close_in_silence},
    {"killed in silence", test_killed_in_silence},
    {"statuses", test_statuses},
    {"refused foreign buffer", test_refused_foreign_buffer},
    {"closed", test_closed},
    {"unread events", test_unread_events},
    {"odd events", test_odd_events},
    {"broken", test_broken},
    {"sleep", test_sleep},
    {"unload", test_unload},
};

}  // namespace

int main(int argc, char** argv) {
    std::string only;
    for (int i = 1; i < argc; ++i) {
        const std::string option = argv[i];
        if (option == "--device" && i + 1 < argc) {
            g_device = argv[++i];
        } else if (option == "--only" && i + 1 < argc) {
            only = argv[++i];
        } else {
            std::fprintf(stderr, "usage: %s [--device FILE] [--only NAME]\n", argv[0]);
            return 2;
        }
    }
    return run_tests(kTests, only);
}
