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

// What is wrong with a file is told with the line, by each program and by `vdmabufctl config`.
TEST_F(ConfigFile, MistakesAreToldWithTheirLine) {
    const struct {
        const char* text;
        const char* program;  // the one whose matter it is
        const char* says;
    } kMistakes[] = {
        {"[vdmabuf-viewer]\nhud = true\ntimeuot = 1\n", VIEWER,
         ":3: [vdmabuf-viewer] has no option 'timeuot'"},
        {"[vdmabuf-viewer]\n# a comment\n\nscale = \"fat\"\n", VIEWER,
         ":4: --scale: must be fit, integer, stretch or 1:1, not 'fat'"},
        {"[vdmabuf-viewer]\nstream = \"one\"\n", VIEWER, ":2: "},
        {"[vdmabuf-viewer]\nrefresh = 1\nrefresh = 2\n", VIEWER,
         ":3: 'refresh' stands here already"},
        {"[vdmabuf-viewer]\nrefresh\n", VIEWER, ":2: 'refresh' is no key = value"},
        {"[vdmabuf-viewer]\nversion = true\n", VIEWER, ":2: "},
        {"[vdmabuf-viewer]\nscale = \"fit\n", VIEWER, ":2: '\"fit' is no value"},
        {"[vdmabuf-viewer]\nscale = fit stretch\n", VIEWER, ":2: 'fit stretch' is no value"},
        {"[vdmabuf-viewer]\nscale = [\"fit\", \"fit\"]\n", VIEWER, ":2: 'scale' takes one value"},
        {"hud = true\n", VIEWER, ":1: 'hud' stands in no [section]"},
        {"[vdmabuf]\n", VDMABUFD, ":1: there is no section [vdmabuf]"},
        {"[vdmabufd]\nvm = [\"a=/s\",\n  \"b\"]\nno-local = true\n", VDMABUFD,
         ":2: --vm: 'b' must be NAME=SOCKET"},
        {"[vdmabufd]\nvm = [\"a=/s\"\n", VDMABUFD, ":2: an array that does not end"},
        {"[vdmabufctl.screenshot]\nfile = \"a\"\n", CTL,
         ":2: [vdmabufctl.screenshot] has no option 'file'"},
        {"[vdmabuf-run]\n\ngl = \"glx\"\n", RUN,
         ":3: gl must be auto, egl, zink or none, not 'glx'"},
        {"[vdmabuf-run]\nglx = true\n", RUN, ":2: [vdmabuf-run] has no option 'glx'"},
        {"# a [comment]\n[vdmabuf-rum]\ngl = \"none\"\n", RUN,
         ":2: there is no section [vdmabuf-rum]; there are [vdmabufd], [vdmabuf-viewer], "},
        {"[vdmabuf-run.gl]\ngl = \"none\"\n", RUN, ":2: there is no section [vdmabuf-run.gl]"},
        {"gl = \"none\"\n[vdmabuf-run]\n", RUN, ":1: 'gl' stands in no [section]"},
        {"[vdmabuf-run]\ngl\n", RUN, ":2: 'gl' is no key = value"},
        {"[[vdmabuf-run]]\ngl = \"none\"\n", RUN, ":1: '[[vdmabuf-run]]' is no [section]"},
        {"[vdmabuf-run]\ngl = \"none\"\ngl = \"egl\"\n", RUN,
         ":3: 'gl' stands here already, in line 2"},
    };
    const std::string file = scene_.path("mistake.toml");
    int number = 0;
    for (const auto& mistake : kMistakes) {
        put(mistake.text, "mistake.toml");
        const std::string log = scene_.path("mistake-" + std::to_string(++number));
        Process program({mistake.program, "--print-config", "--config", file}, log);
        EXPECT_EQ(program.wait(), 2) << mistake.text;
        EXPECT_THAT(program.output(), HasSubstr(file + mistake.says));
        Process ctl({CTL, "config", file}, log + ".ctl");
        EXPECT_EQ(ctl.wait(), 1);
        EXPECT_THAT(ctl.output(), HasSubstr(file + mistake.says));
    }
}

TEST_F(ConfigFile, IsShownWithWhatTheCommandLineSays) {
    put("[vdmabufd]\nvm = [\"a=/tmp/a\",\n  \"b=/tmp/b#\"]  # two\n[vdmabuf-viewer]\nhud = true\n"
        "refresh = 30\n[vdmabufctl]\nsocket = \"/tmp/c\"\n[vdmabuf-run]\ngl = \"zink\" # GLX\n"
        "no-window-system = true\n");
    const std::string file = scene_.path("config/vdmabuf/vdmabuf.toml");
    Process all({CTL, "config"}, scene_.path("all"));
    EXPECT_EQ(all.wait(), 0);
    for (const std::string& line :
         {"vm = [\"a=/tmp/a\", \"b=/tmp/b#\"]  # " + file + ":2\n",
          "hud = true  # " + file + ":5\n", "refresh = \"30\"  # " + file + ":6\n",
          "socket = \"/tmp/c\"  # " + file + ":8\n", "gl = \"zink\"  # " + file + ":10\n",
          "no-window-system = true  # " + file + ":11\n", std::string("# hidden-rate: 10\n")}) {
        EXPECT_THAT(all.output(), HasSubstr(line));
    }
    // It is such a file itself.
    put(all.output(), "shown.toml");
    Process again({CTL, "config", scene_.path("shown.toml")}, scene_.path("again"));
    EXPECT_EQ(again.wait(), 0) << again.output();
    EXPECT_THAT(again.output(), HasSubstr("refresh = \"30\"  # " + scene_.path("shown.toml")));
    Process viewer({VIEWER, "--refresh", "60", "--print-config"}, scene_.path("viewer"));
    EXPECT_EQ(viewer.wait(), 0);
    EXPECT_THAT(viewer.output(), HasSubstr("refresh = \"60\"  # command line\n"));
    Process run({RUN, "--gl", "none", "--explain", "--config", file, "true"}, scene_.path("run"));
    EXPECT_EQ(run.wait(), 0);
    EXPECT_THAT(run.output(), HasSubstr("VDMABUF_GL=none"));
    EXPECT_THAT(run.output(), HasSubstr("window system: none, as it was asked for"));
}

// The socket of [vdmabufctl], and options of its commands in sections of theirs.
TEST_F(ConfigFile, HasSectionsForCommands) {
    put("[vdmabufctl]\nsocket = \"" + scene_.path("nobody.sock") +
        "\"\n[vdmabufctl.screenshot]\ntimeout = 0.2\n");
    auto list = scene_.ctl({"list"});
    EXPECT_EQ(list->wait(), 1);
    EXPECT_THAT(list->output(), HasSubstr("nobody.sock"));
    scene_.start_broker();
    auto app = scene_.app({"--never"});
    const std::string socket = scene_.path("vdmabuf/consumer.sock");
    std::string stream;
    ASSERT_TRUE(wait_until([&] {
        auto ctl = scene_.ctl({"list", "--json", "--socket", socket});
        if (ctl->wait() != 0) return false;
        const auto json = nlohmann::json::parse(ctl->output(), nullptr, false);
        if (json["streams"].empty()) return false;
        stream = std::to_string(json["streams"][0]["stream"].get<int>());
        return true;
    }));
    auto shot = scene_.ctl({"screenshot", stream, scene_.path("x.png"), "--socket", socket});
    EXPECT_EQ(shot->wait(4), 3);  // by itself after five seconds
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
