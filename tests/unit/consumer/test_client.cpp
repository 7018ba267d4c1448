// SPDX-License-Identifier: MIT
// The client against a broker that the test plays, well-behaved and hostile.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>

#include "runtime/common/clock.hpp"
#include "runtime/common/drm_format.hpp"
#include "runtime/common/seqpacket.hpp"
#include "runtime/consumer/client.hpp"
#include "tests/unit/consumer/scattered_buffer.hpp"

namespace vdmabuf::consumer {
namespace {

using test::image_message;
using test::ScatteredBuffer;
using testing::HasSubstr;

struct Recorder : ClientListener {
    std::vector<std::string> log;
    std::vector<BufferFiles> buffers;
    void connected(const Welcome&) override { log.push_back("connected"); }
    void disconnected(const std::string& reason) override { log.push_back("lost: " + reason); }
    void stream_added(const StreamAdded& m) override {
        log.push_back("added " + std::to_string(m.stream) + " " + get_text(m.title));
    }
    void stream_removed(std::uint64_t s) override { log.push_back("removed " + std::to_string(s)); }
    void stream_title(std::uint64_t, const std::string& t) override { log.push_back("title " + t); }
    void image(const Image& m, BufferFiles files) override {
        log.push_back("image " + std::to_string(m.image));
        buffers.push_back(std::move(files));
    }
    void image_gone(std::uint64_t, std::uint64_t i) override {
        log.push_back("gone " + std::to_string(i));
    }
    void frame(const Frame& m) override { log.push_back("frame " + std::to_string(m.serial)); }
    void broker_says(const ErrorMessage& m) override { log.push_back("says: " + get_text(m.text)); }
    void query_done() override { log.push_back("query done"); }
};

class ClientTest : public testing::Test {
  protected:
    void SetUp() override {
        auto loop = EventLoop::create();
        ASSERT_TRUE(loop);
        loop_ = std::move(*loop);
        int ends[2];
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
        broker_.reset(ends[0]);
        Client::Options options;
        options.name = "test";
        options.max_images = 3;
        client_ = std::make_unique<Client>(*loop_, options, listener_);
        client_->adopt(UniqueFd(ends[1]));
    }
    void spin() {
        for (int i = 0; i < 20; ++i) loop_->run_once(0);
    }
    template <typename Message>
    void say(const Message& message, const std::vector<UniqueFd>& fds = {}) {
        std::vector<int> numbers;
        for (const UniqueFd& fd : fds) numbers.push_back(fd.get());
        ASSERT_EQ(send_message(broker_.get(), bytes_of(message), numbers), 0);
        spin();
    }
    // The next message of the client, which must be of this type.
    template <typename Message>
    Message hear() {
        std::array<std::byte, 4096> buffer{};
        auto got = receive_message(broker_.get(), buffer);
        if (!got) {
            ADD_FAILURE() << got.error().text;
            return {};
        }
        auto message = decode<Message>(std::span(buffer).first(got->size));
        if (!message) {
            ADD_FAILURE() << message.error().text;
            return {};
        }
        return *message;
    }
    void greet() {
        EXPECT_EQ(get_text(hear<Hello>().name), "test");
        auto welcome = make<Welcome>();
        welcome.version = 1;
        say(welcome);
    }
    void add_stream(std::uint64_t stream) {
        auto added = make<StreamAdded>();
        added.stream = stream;
        put_text(added.title, "cube");
        say(added);
        client_->attach(stream);
        EXPECT_EQ(hear<Attach>().stream, stream);
    }
    bool lost() const { return !listener_.log.empty() && listener_.log.back().starts_with("lost"); }

    std::unique_ptr<EventLoop> loop_;
    Recorder listener_;
    UniqueFd broker_;
    std::unique_ptr<Client> client_;
};

Frame frame_of(std::uint64_t image, std::uint64_t serial) {
    auto frame = make<Frame>();
    frame.stream = 1;
    frame.image = image;
    frame.serial = serial;
    return frame;
}

TEST_F(ClientTest, AStreamFromBeginningToEnd) {
    greet();
    add_stream(1);
    const ScatteredBuffer buffer(1 << 20, 2);
    say(image_message(buffer, 100, 100, 512), buffer.descriptors());
    ASSERT_EQ(listener_.buffers.size(), 1U);
    EXPECT_EQ(listener_.buffers[0].runs.size(), buffer.runs().size());
    say(frame_of(1, 5));
    client_->presented(1, 5, 123, 456, true);
    const auto presented = hear<Presented>();
    EXPECT_EQ(presented.serial, 5U);
    EXPECT_EQ(presented.time_ns, 123U);
    EXPECT_EQ(presented.flags, stream::kPresentedShown);
    client_->release(1, 5);
    EXPECT_EQ(hear<Release>().serial, 5U);
    auto gone = make<ImageGone>();
    gone.stream = 1;
    gone.image = 1;
    say(gone);
    client_->image_done(1, 1);
    EXPECT_EQ(hear<ImageDone>().image, 1U);
    auto title = make<StreamTitle>();
    title.stream = 1;
    put_text(title.title, "sphere");
    say(title);
    client_->imported(1, 1, ImportPath::copy, std::string(500, 'x'));
    EXPECT_EQ(get_text(hear<Imported>().reason).size(), kReasonSize - 1);
    auto removed = make<StreamRemoved>();
    removed.stream = 1;
    say(removed);
    EXPECT_THAT(listener_.log,
                testing::ElementsAre("connected", "added 1 cube", "image 1", "frame 5", "gone 1",
                                     "title sphere", "removed 1"));
}

// One that turns consumers away does not read what they say.
TEST_F(ClientTest, WhyTheBrokerGoesIsHeardThoughItReadNothing) {
    auto message = make<ErrorMessage>();
    put_text(message.text, "no room");
    ASSERT_EQ(send_message(broker_.get(), bytes_of(message)), 0);
    broker_.reset();  // HELLO is unread
    spin();
    EXPECT_THAT(listener_.log,
                testing::ElementsAre("says: no room", testing::HasSubstr("closed by the broker")));
}

TEST_F(ClientTest, OfALongListTheBestOfEachFormatAreSaid) {
    greet();
    std::vector<stream::FormatModifier> list{{1, 0, kModifierLinear}};
    for (std::uint64_t i = 1; i <= 200; ++i) list.push_back({1, 0, i});
    for (std::uint64_t i = 1; i <= 3; ++i) list.push_back({2, 0, i});
    client_->formats(list);
    const auto said = hear<Formats>();
    ASSERT_EQ(said.format_count, stream::kMaxFormats);
    std::vector<std::uint64_t> of_two;
    std::uint64_t of_one = 0;
    for (const auto& each : said.formats) {
        if (each.fourcc == 2) {
            of_two.push_back(each.modifier);
        } else {
            EXPECT_EQ(each.modifier, ++of_one) << "best first";
        }
    }
    EXPECT_THAT(of_two, testing::ElementsAre(1, 2, 3));
    EXPECT_EQ(of_one, stream::kMaxFormats - 3);
    client_->formats({});
    EXPECT_EQ(hear<Formats>().format_count, 0u);
}

TEST_F(ClientTest, AnImageComesAgainWhenAskedForOnly) {
    greet();
    add_stream(1);
    const ScatteredBuffer buffer(1 << 20, 2);
    const auto runs = image_message(buffer, 100, 100, 512);
    auto dmabuf = runs;
    dmabuf.memory = static_cast<std::uint32_t>(MemoryKind::dmabuf);
    std::vector<UniqueFd> one;
    one.push_back(std::move(buffer.descriptors()[1]));
    say(dmabuf, one);
    ASSERT_EQ(listener_.buffers.size(), 1u);
    EXPECT_EQ(listener_.buffers[0].kind, MemoryKind::dmabuf);
    client_->image_again(1, dmabuf.image + 1);  // none such: nothing is said
    client_->image_again(1, dmabuf.image);
    const auto asked = hear<ImageAgain>();
    EXPECT_EQ(asked.image, dmabuf.image);
    EXPECT_EQ(asked.memory, static_cast<std::uint32_t>(MemoryKind::runs));
    auto none = runs;
    none.memory = static_cast<std::uint32_t>(MemoryKind::none);
    none.run_count = none.file_count = 0;
    put_text(none.reason, "kept");
    say(none);
    ASSERT_EQ(listener_.buffers.size(), 2u);
    EXPECT_EQ(listener_.buffers[1].kind, MemoryKind::none);
    EXPECT_TRUE(listener_.buffers[1].files.empty());
    EXPECT_FALSE(lost());
    say(runs, buffer.descriptors());
    EXPECT_TRUE(lost()) << "not asked for";
}

TEST_F(ClientTest, HostileBrokersAreLeft) {
    const ScatteredBuffer buffer(1 << 20);
    const auto attempt = [&](const char* what, const std::function<void()>& act) {
        SCOPED_TRACE(what);
        client_.reset();
        listener_.log.clear();
        SetUp();
        greet();
        add_stream(1);
        act();
        EXPECT_TRUE(lost());
        EXPECT_FALSE(client_->is_connected());
    };
    const Image sound = image_message(buffer, 100, 100, 512);
    attempt("frame of no image", [&] { say(frame_of(9, 1)); });
    attempt("image twice", [&] {
        say(sound, buffer.descriptors());
        say(sound, buffer.descriptors());
    });
    attempt("frame of a gone image", [&] {
        say(sound, buffer.descriptors());
        auto gone = make<ImageGone>();
        gone.stream = 1;
        gone.image = 1;
        say(gone);
        say(frame_of(1, 1));
    });
    attempt("too many images", [&] {
        for (std::uint64_t i = 1; i <= 4; ++i) {
            Image image = sound;
            image.image = i;
            say(image, buffer.descriptors());
        }
    });
    attempt("no descriptors", [&] { say(sound); });
    attempt("run count", [&] {
        Image image = sound;
        image.run_count += 1;
        say(image, buffer.descriptors());
    });
    attempt("buffer size", [&] {
        Image image = sound;
        image.buffer_size += 4096;
        say(image, buffer.descriptors());
    });
    attempt("descriptors where none belong", [&] { say(frame_of(1, 1), buffer.descriptors()); });
    attempt("stream twice", [&] {
        auto added = make<StreamAdded>();
        added.stream = 1;
        say(added);
    });
    attempt("unknown stream removed", [&] {
        auto removed = make<StreamRemoved>();
        removed.stream = 2;
        say(removed);
    });
    attempt("a consumer's message", [&] { say(make<Query>()); });
    attempt("truncated", [&] {
        const Frame frame = frame_of(1, 1);
        ASSERT_EQ(send_message(broker_.get(), bytes_of(frame).first(40)), 0);
        spin();
    });
    attempt("nonsense", [&] {
        const std::array<std::byte, 64> bytes{};
        ASSERT_EQ(send_message(broker_.get(), bytes), 0);
        spin();
    });
}

TEST_F(ClientTest, NothingBeforeWelcome) {
    auto added = make<StreamAdded>();
    added.stream = 1;
    spin();
    say(added);
    EXPECT_TRUE(lost());
}

TEST_F(ClientTest, LateMessagesOfADetachedStreamAreHarmless) {
    greet();
    add_stream(1);
    client_->detach(1);
    EXPECT_EQ(hear<Detach>().stream, 1U);
    const ScatteredBuffer buffer(1 << 20);
    say(image_message(buffer, 100, 100, 512), buffer.descriptors());
    say(frame_of(1, 1));
    EXPECT_EQ(listener_.log.back(), "added 1 cube");
    EXPECT_TRUE(client_->is_connected());
}

TEST_F(ClientTest, AFullSocketKeepsTheOrder) {
    greet();
    add_stream(1);
    for (std::uint64_t i = 1; i <= 3000; ++i) client_->release(1, i);
    for (std::uint64_t i = 1; i <= 3000; ++i) {
        spin();
        ASSERT_EQ(hear<Release>().serial, i);
    }
}

TEST(ClientReconnect, ComesBackAfterTheBroker) {
    auto loop = EventLoop::create();
    ASSERT_TRUE(loop);
    char directory[] = "/tmp/vdmabuf-test-XXXXXX";
    ASSERT_NE(::mkdtemp(directory), nullptr);
    Recorder listener;
    Client::Options options;
    options.socket_path = std::string(directory) + "/consumer.sock";
    options.name = "test";
    Client client(**loop, options, listener);

    const auto serve_once = [&] {
        auto server = listen_at(options.socket_path, SOCK_SEQPACKET);
        ASSERT_TRUE(server) << server.error().text;
        UniqueFd peer;
        const std::uint64_t until = now_ns() + 2 * kNsPerSecond;
        while (!client.is_connected() && now_ns() < until) {
            (*loop)->run_once(5 * static_cast<std::int64_t>(kNsPerMs));
            if (peer) continue;
            peer.reset(::accept4(server->get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
            if (!peer) continue;
            auto welcome = make<Welcome>();
            welcome.version = 1;
            ASSERT_EQ(send_message(peer.get(), bytes_of(welcome)), 0);
        }
        EXPECT_TRUE(client.is_connected());
    };  // the broker dies here
    for (int i = 0; i < 3; ++i) {
        serve_once();
        for (int k = 0; k < 5; ++k) (*loop)->run_once(0);
        EXPECT_FALSE(client.is_connected());
    }
    EXPECT_EQ(std::count(listener.log.begin(), listener.log.end(), "connected"), 3);
    std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace vdmabuf::consumer
