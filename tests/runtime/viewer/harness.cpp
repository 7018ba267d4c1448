// SPDX-License-Identifier: MIT
#include "tests/runtime/viewer/harness.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <png.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xcb/xcb.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

namespace vdmabuf::test {

bool wait_until(const std::function<bool()>& condition, double seconds) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return true;
}

std::string read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

Process::Process(const std::vector<std::string>& words, const std::string& output)
    : output_(output) {
    std::vector<char*> argv;
    for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int fd = ::open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::dup2(fd, STDOUT_FILENO);
    ::dup2(fd, STDERR_FILENO);
    ::execvp(argv[0], argv.data());
    ::_exit(127);
}

Process::~Process() {
    if (pid_ > 0 && running()) {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
}

bool Process::running() {
    if (pid_ <= 0) return false;
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == 0) return true;
    status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    pid_ = -1;
    return false;
}

void Process::signal(int number) {
    if (running()) ::kill(pid_, number);
}

int Process::wait(double seconds) {
    return wait_until([this] { return !running(); }, seconds) ? status_ : -1;
}

std::uint64_t Process::sleeps() const {
    static const std::string kKey = "\nvoluntary_ctxt_switches:";
    std::uint64_t sum = 0;
    std::error_code gone;
    for (const auto& task :
         std::filesystem::directory_iterator("/proc/" + std::to_string(pid_) + "/task", gone)) {
        const std::string status = read_file(task.path() / "status");
        const std::size_t at = status.find(kKey);
        if (at != std::string::npos) sum += std::stoull(status.substr(at + kKey.size()));
    }
    return sum;
}

Rgb Png::at(std::uint32_t x, std::uint32_t y) const {
    if (x >= width || y >= height) return {1, 2, 3};
    const std::uint8_t* pixel = rgba.data() + (std::size_t{y} * width + x) * 4;
    return {pixel[0], pixel[1], pixel[2]};
}

std::uint8_t Png::alpha(std::uint32_t x, std::uint32_t y) const {
    return rgba[(std::size_t{y} * width + x) * 4 + 3];
}

Png read_png(const std::string& path) {
    png_image image{};
    image.version = PNG_IMAGE_VERSION;
    Png png;
    if (!png_image_begin_read_from_file(&image, path.c_str())) return png;
    image.format = PNG_FORMAT_RGBA;
    png.rgba.resize(PNG_IMAGE_SIZE(image));
    if (!png_image_finish_read(&image, nullptr, png.rgba.data(), 0, nullptr)) return {};
    png.width = image.width;
    png.height = image.height;
    return png;
}

std::size_t wrong_pixels(const Png& png, std::uint64_t serial) {
    std::size_t wrong = 0;
    for (std::uint32_t y = 0; y < png.height; ++y) {
        for (std::uint32_t x = 0; x < png.width; ++x) {
            if (png.at(x, y) != test_picture(x, y, png.width, png.height, serial)) ++wrong;
        }
    }
    return wrong;
}

Scene::Scene() {
    char directory[] = "/tmp/vdmabuf-viewer-test-XXXXXX";
    directory_ = ::mkdtemp(directory);
    std::filesystem::create_directory(path("vdmabuf"));
    ::chmod(path("vdmabuf").c_str(), 0700);
    ::setenv("XDG_RUNTIME_DIR", directory_.c_str(), 1);
    ::setenv("XDG_CACHE_HOME", directory_.c_str(), 1);
    ::setenv("VDMABUF_VALIDATION", "1", 1);
    ::setenv("SDL_VIDEODRIVER", "x11", 1);
    ::unsetenv("VDMABUF_LOG");
    ::unsetenv("DISPLAY");
    ::unsetenv("WAYLAND_DISPLAY");
}

Scene::~Scene() {
    if (testing::Test::HasFailure()) {
        for (const auto& file : std::filesystem::directory_iterator(directory_)) {
            if (file.path().extension() != ".log") continue;
            std::fprintf(stderr, "---- %s\n%s", file.path().c_str(),
                         read_file(file.path()).c_str());
        }
    }
    display_.reset();
    broker_.reset();
    std::filesystem::remove_all(directory_);
}

void Scene::start_broker() {
    const std::string log = path("broker-" + std::to_string(++processes_) + ".log");
    broker_ = std::make_unique<Process>(
        std::vector<std::string>{BROKER_HOST, path("vdmabuf/producer.sock"),
                                 path("vdmabuf/consumer.sock")},
        log);
    ASSERT_TRUE(wait_until([&] { return read_file(log).find("ready") != std::string::npos; }));
}

bool Scene::start_display() {
    const std::string number = path("display");
    display_ = std::make_unique<Process>(
        std::vector<std::string>{
            "sh", "-c",  // noreset: or the server starts anew whenever its last client leaves.
            "exec Xvfb -noreset -displayfd 3 -screen 0 1280x1024x24 -nolisten tcp 3>" + number},
        path("xvfb.log"));
    const bool up = wait_until(
        [&] { return read_file(number).find('\n') != std::string::npos || !display_->running(); });
    std::string name = read_file(number);
    if (!up || name.empty()) return false;
    name.pop_back();
    ::setenv("DISPLAY", (":" + name).c_str(), 1);
    return true;
}

std::unique_ptr<Process> Scene::app(std::vector<std::string> options) {
    options.insert(options.begin(), {PATTERN_APP, "--endpoint", path("vdmabuf/producer.sock")});
    return std::make_unique<Process>(options, path("app-" + std::to_string(++processes_) + ".log"));
}

std::unique_ptr<Process> Scene::viewer(std::vector<std::string> options) {
    options.insert(options.begin(), {VIEWER, "--no-broker", "--screenshot", path("shot.png"),
                                     "--stats", path("stats.json")});
    return std::make_unique<Process>(options,
                                     path("viewer-" + std::to_string(++processes_) + ".log"));
}

std::unique_ptr<Process> Scene::ctl(std::vector<std::string> options) {
    options.insert(options.begin(), CTL);
    return std::make_unique<Process>(options, path("ctl-" + std::to_string(++processes_) + ".txt"));
}

nlohmann::json Scene::stats() const {
    return nlohmann::json::parse(read_file(path("stats.json")), nullptr, false);
}

namespace {

std::string name_of(xcb_connection_t* x, xcb_window_t window) {
    auto* reply = xcb_get_property_reply(
        x, xcb_get_property(x, 0, window, XCB_ATOM_WM_NAME, XCB_GET_PROPERTY_TYPE_ANY, 0, 64),
        nullptr);
    if (!reply) return {};
    const std::string name(static_cast<const char*>(xcb_get_property_value(reply)),
                           static_cast<std::size_t>(xcb_get_property_value_length(reply)));
    std::free(reply);
    return name;
}

Png picture_of(xcb_connection_t* x, xcb_window_t window) {
    Png png;
    auto* size = xcb_get_geometry_reply(x, xcb_get_geometry(x, window), nullptr);
    if (!size) return png;
    auto* image = xcb_get_image_reply(x,
                                      xcb_get_image(x, XCB_IMAGE_FORMAT_Z_PIXMAP, window, 0, 0,
                                                    size->width, size->height, 0xffffffff),
                                      nullptr);
    if (image) {
        png.width = size->width;
        png.height = size->height;
        const std::uint8_t* from = xcb_get_image_data(image);
        for (std::size_t i = 0; i < std::size_t{png.width} * png.height; ++i, from += 4) {
            png.rgba.insert(png.rgba.end(), {from[2], from[1], from[0], 255});
        }
        std::free(image);
    }
    std::free(size);
    return png;
}

xcb_atom_t atom(xcb_connection_t* x, const std::string& name) {
    auto* reply = xcb_intern_atom_reply(
        x, xcb_intern_atom(x, 0, static_cast<std::uint16_t>(name.size()), name.c_str()), nullptr);
    const xcb_atom_t value = reply ? reply->atom : xcb_atom_t{XCB_ATOM_NONE};
    std::free(reply);
    return value;
}

using Act = std::function<void(xcb_connection_t*, xcb_window_t)>;

// A window manager puts windows into frames of its own.
void search_below(xcb_connection_t* x, xcb_window_t parent, const std::string& title,
                  const Act& act) {
    auto* tree = xcb_query_tree_reply(x, xcb_query_tree(x, parent), nullptr);
    const xcb_window_t* children = tree ? xcb_query_tree_children(tree) : nullptr;
    for (int i = 0; tree && i < xcb_query_tree_children_length(tree); ++i) {
        if (name_of(x, children[i]) == title) act(x, children[i]);
        search_below(x, children[i], title, act);
    }
    std::free(tree);
}

void with_window(const std::string& title, const Act& act) {
    xcb_connection_t* x = xcb_connect(nullptr, nullptr);
    if (xcb_connection_has_error(x) == 0) {
        search_below(x, xcb_setup_roots_iterator(xcb_get_setup(x)).data->root, title, act);
    }
    xcb_disconnect(x);
}

}  // namespace

Png Scene::window(const std::string& title) const {
    Png png;
    with_window(title,
                [&](xcb_connection_t* x, xcb_window_t window) { png = picture_of(x, window); });
    return png;
}

void Scene::click_close(const std::string& title) const {
    with_window(title, [](xcb_connection_t* x, xcb_window_t window) {
        xcb_client_message_event_t event{};
        event.response_type = XCB_CLIENT_MESSAGE;
        event.format = 32;
        event.window = window;
        event.type = atom(x, "WM_PROTOCOLS");
        event.data.data32[0] = atom(x, "WM_DELETE_WINDOW");
        xcb_send_event(x, 0, window, XCB_EVENT_MASK_NO_EVENT,
                       reinterpret_cast<const char*>(&event));
        // The answer says that the server has had the event before this connection ends.
        std::free(xcb_get_input_focus_reply(x, xcb_get_input_focus(x), nullptr));
    });
}

}  // namespace vdmabuf::test
