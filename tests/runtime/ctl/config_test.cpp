// SPDX-License-Identifier: MIT
// The configuration file of the programs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>

#include "tests/runtime/viewer/harness.hpp"

namespace vdmabuf::test {
namespace {

using testing::HasSubstr;

class ConfigFile : public testing::Test {
  protected:
    ConfigFile() {
        ::setenv("XDG_CONFIG_HOME", scene_.path("config").c_str(), 1);
        std::filesystem::create_directories(scene_.path("config/vdmabuf"));
    }
    ~ConfigFile() override { ::unsetenv("XDG_CONFIG_HOME"); }
    void put(const std::string& text, const std::string& name = "config/vdmabuf/vdmabuf.toml") {
        std::ofstream(scene_.path(name)) << text;
    }
    std::unique_ptr<Process> run(std::vector<std::string> words) {
        words.insert(words.begin() + 1, {"--no-broker", "--headless"});
        return std::make_unique<Process>(words, scene_.path("run.log"));
    }
    Scene scene_;
};

TEST_F(ConfigFile, HasASectionForEachProgramAndYieldsToTheCommandLine) {
    scene_.start_broker();
    put("[vdmabufd]\nno-local = true\n[vdmabuf-viewer]\ntimeout = 0.2\n");
    EXPECT_EQ(run({VIEWER})->wait(), 3);  // no frame in time
    auto patient = run({VIEWER, "--timeout", "300"});
    EXPECT_EQ(patient->wait(1.5), -1);
}

TEST_F(ConfigFile, IsTheOneThatIsNamed) {
    scene_.start_broker();
    put("[vdmabuf-viewer]\ntimeout = 300\n");
    put("[vdmabuf-viewer]\ntimeout = 0.2\n", "other.toml");
    EXPECT_EQ(run({VIEWER, "--config", scene_.path("other.toml")})->wait(), 3);
    EXPECT_EQ(run({VIEWER, "--config", scene_.path("missing.toml")})->wait(), 2);
}

TEST_F(ConfigFile, WithAnUnknownKeyIsWrongUsage) {
    put("[vdmabuf-viewer]\ntimeuot = 0.2\n");
    auto viewer = run({VIEWER});
    EXPECT_EQ(viewer->wait(), 2);
    EXPECT_THAT(viewer->output(), HasSubstr("timeuot"));
}

TEST_F(ConfigFile, ServesTheDaemonAndItsBroker) {
    put("[vdmabufd]\nproducer-socket = \"" + scene_.path("p.sock") +
        "\"\nvm = [\"games=" + scene_.path("g.sock") + "\"]\n");
    auto daemon =
        std::make_unique<Process>(std::vector<std::string>{VDMABUFD}, scene_.path("daemon.log"));
    EXPECT_TRUE(wait_until([&] {
        return std::filesystem::exists(scene_.path("p.sock")) &&
               std::filesystem::exists(scene_.path("g.sock"));
    }));
    EXPECT_FALSE(std::filesystem::exists(scene_.path("vdmabuf/producer.sock")));
    auto list = scene_.ctl({"list"});
    EXPECT_EQ(list->wait(), 0);  // the broker runs with it, too
    daemon->signal(SIGTERM);
    EXPECT_EQ(daemon->wait(), 0);
}

}  // namespace
}  // namespace vdmabuf::test
