// SPDX-License-Identifier: MIT
// send_input SOCKET: a consumer that attaches to the one stream there is, as often as it comes
// back, and sends what stdin says, a line each: focus 1, key CODE 1, button CODE 1, motion X Y,
// relative X Y, wheel X Y, touch_down FINGER X Y, touch_motion FINGER X Y, touch_up FINGER
// (positions are pixels of a window of 640 x 480). Prints "ready" when it is attached. Ends with
// stdin.
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cstdio>
#include <map>
#include <sstream>
#include <string>

#include "runtime/common/event_loop.hpp"
#include "runtime/common/input_messages.hpp"
#include "runtime/common/stream_messages.hpp"
#include "runtime/consumer/client.hpp"

namespace {

using namespace vdmabuf;
using input::Kind;

const std::map<std::string, Kind> kKinds{
    {"focus", Kind::focus},
    {"release_all", Kind::release_all},
    {"key", Kind::key},
    {"button", Kind::button},
    {"motion", Kind::motion},
    {"relative", Kind::relative},
    {"wheel", Kind::wheel},
    {"touch_down", Kind::touch_down},
    {"touch_up", Kind::touch_up},
    {"touch_motion", Kind::touch_motion},
    {"touch_cancel", Kind::touch_cancel},
};

class Sender final : public consumer::ClientListener {
  public:
    Sender(EventLoop& loop, const std::string& socket)
        : loop_(loop),
          client_(loop,
                  {.socket_path = socket, .name = "send_input", .features = input::kFeatureInput},
                  *this) {}

    void stream_added(const consumer::StreamAdded& message) override {
        stream_ = message.stream;
        client_.attach(stream_);
        std::printf("ready%s\n",
                    message.flags & stream::kStreamTakesInput ? "" : ", takes no input");
        std::fflush(stdout);
    }
    void disconnected(const std::string&) override {
        std::printf("disconnected\n");
        std::fflush(stdout);
    }
    void frame(const consumer::Frame& frame) override {
        client_.presented(frame.stream, frame.serial, 0, 0, true);
    }
    void image_gone(std::uint64_t stream, std::uint64_t image) override {
        client_.image_done(stream, image);
    }

    void read() {
        char bytes[4096];
        const ssize_t got = ::read(STDIN_FILENO, bytes, sizeof bytes);
        if (got <= 0) return loop_.stop();
        text_.append(bytes, static_cast<std::size_t>(got));
        for (std::size_t at; (at = text_.find('\n')) != std::string::npos; text_.erase(0, at + 1)) {
            say(text_.substr(0, at));
        }
    }

  private:
    void say(const std::string& line) {
        std::istringstream words(line);
        std::string name;
        words >> name;
        const auto kind = kKinds.find(name);
        if (kind == kKinds.end()) {
            std::printf("what is '%s'?\n", line.c_str());
            return;
        }
        input::Event event = input::make_event(kind->second);
        const std::int32_t unit = kind->second == Kind::wheel ? 1 : input::kFraction;
        switch (kind->second) {
            case Kind::focus:
                words >> event.value;
                break;
            case Kind::key:
            case Kind::button:
                words >> event.code >> event.value;
                break;
            case Kind::touch_down:
            case Kind::touch_motion:
            case Kind::touch_up:
                words >> event.code;
                [[fallthrough]];
            default:
                words >> event.x >> event.y;
                event.x *= unit;
                event.y *= unit;
                break;
        }
        client_.input(stream_, std::span(&event, 1), 640, 480);
    }

    EventLoop& loop_;
    consumer::Client client_;
    std::uint64_t stream_ = 0;
    std::string text_;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: send_input SOCKET\n");
        return 2;
    }
    auto loop = EventLoop::create();
    if (!loop) return 1;
    Sender sender(**loop, argv[1]);
    if (!(*loop)->add(STDIN_FILENO, EPOLLIN, [&sender](std::uint32_t) { sender.read(); })) return 1;
    (*loop)->run();
    return 0;
}
