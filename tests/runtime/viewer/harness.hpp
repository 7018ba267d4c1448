// SPDX-License-Identifier: MIT
// Runs the real programs against each other: a broker, apps, viewers, an X server.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/runtime/viewer/test_picture.hpp"

namespace vdmabuf::test {

// Waits for a condition; generous, since machines may be busy. False: it never came true.
bool wait_until(const std::function<bool()>& condition, double seconds = 30);

std::string read_file(const std::string& path);

// A program that runs; killed with the object.
class Process {
  public:
    // `output`: file for what it prints.
    Process(const std::vector<std::string>& words, const std::string& output);
    ~Process();
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    std::string output() const { return read_file(output_); }
    bool running();
    void signal(int number);
    // Exit status; 128 + the signal's number where one ended it; -1: still running after `seconds`.
    int wait(double seconds = 60);
    // How often one of its threads has gone to sleep (proc(5): voluntary_ctxt_switches).
    std::uint64_t sleeps() const;

  private:
    pid_t pid_ = -1;
    int status_ = -1;
    std::string output_;
};

struct Png {
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    std::vector<std::uint8_t> rgba;
    Rgb at(std::uint32_t x, std::uint32_t y) const;
    std::uint8_t alpha(std::uint32_t x, std::uint32_t y) const;
};
Png read_png(const std::string& path);

// Pixels that are not those of test_picture().
std::size_t wrong_pixels(const Png& png, std::uint64_t serial);

// A directory with a broker in it, and all else that a test starts.
class Scene {
  public:
    Scene();
    ~Scene();
    Scene(const Scene&) = delete;
    Scene& operator=(const Scene&) = delete;

    std::string path(const std::string& name) const { return directory_ + "/" + name; }
    void start_broker();
    void kill_broker() { broker_.reset(); }
    const Process& broker() const { return *broker_; }
    // An X server; DISPLAY is set for what is started later. False: there is none.
    bool start_display();

    std::unique_ptr<Process> app(std::vector<std::string> options);
    // With validation, a screenshot "shot.png", figures "stats.json", and no broker of its own.
    std::unique_ptr<Process> viewer(std::vector<std::string> options);
    std::unique_ptr<Process> ctl(std::vector<std::string> options);

    Png shot() const { return read_png(path("shot.png")); }
    nlohmann::json stats() const;
    // What the X server shows of the window with this title; empty when there is no such window.
    Png window(const std::string& title) const;
    // What a window manager does when its close button is clicked.
    void click_close(const std::string& title) const;

  private:
    std::string directory_;
    int processes_ = 0;
    std::unique_ptr<Process> broker_;
    std::unique_ptr<Process> display_;
};

}  // namespace vdmabuf::test
