// SPDX-License-Identifier: MIT
// Runs inside a guest, with a host behind the driver: eight processes do random things with the
// device, right and wrong ones, while the device is unbound and bound again now and then. Nobody
// may hang, the driver must work at the end and have given everything back. What the kernel itself
// has to say (KASAN, lockdep, kmemleak) is looked at by this program, for leaks, and by who runs
// it.
//
//   stress_test [--device FILE] [--seconds N] [--seed N] [--inject] [--leaks] [--keep]
//
// --inject: allocations and copies fail inside of the kernel (needs fault injection). --leaks: ends
// with a scan of kmemleak. --keep: the device stays bound.
#include <sys/prctl.h>
#include <sys/socket.h>

#include "tests/guest/binding.hpp"
#include "tests/guest/stress/actor.hpp"

namespace guest_test {
namespace {

constexpr int kProcesses = 8;
constexpr auto kGrace = 60s;  // for what waits, killed processes and slow kernels

struct Options {
    std::chrono::seconds time = 10s;
    std::uint64_t seed = std::random_device{}();
    bool inject = false;
    bool leaks = false;
    bool keep = false;
};

void write_file(const std::string& path, const std::string& text) {
    std::ofstream file(path);
    file << text << std::flush;
    if (!file) throw std::runtime_error("cannot write '" + text + "' to " + path);
}

// Whichever allocation a task has asked for by its fail-nth, also those that may sleep.
void allow_faults() {
    const std::string debug = "/sys/kernel/debug/";
    for (const char* kind : {"failslab", "fail_page_alloc"}) {
        write_file(debug + kind + "/ignore-gfp-wait", "N");
        write_file(debug + kind + "/verbose", "0");
    }
    write_file(debug + "fail_page_alloc/min-order", "0");
    // The pages of buffers are such.
    write_file(debug + "fail_page_alloc/ignore-gfp-highmem", "N");
    if (::access((debug + "fail_usercopy").c_str(), F_OK) == 0) {
        write_file(debug + "fail_usercopy/verbose", "0");
    }
}

[[noreturn]] void be_actor(const Options& options, int number, int post) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    interrupt_often();
    ::signal(SIGPIPE, SIG_IGN);
    std::uint64_t acts = 0;
    std::uint64_t successes = 0;
    std::uint64_t failures = 0;
    {
        Actor actor(options.seed * kProcesses + static_cast<unsigned>(number), post,
                    options.inject);
        const auto until = Clock::now() + options.time;
        while (Clock::now() < until) actor.act();
        acts = actor.acts();
        successes = actor.successes();
        failures = actor.failures();
    }
    std::printf("process %d: %llu acts, %llu with success, %llu made to fail\n", number,
                static_cast<unsigned long long>(acts), static_cast<unsigned long long>(successes),
                static_cast<unsigned long long>(failures));
    std::fflush(stdout);
    ::_exit(successes > 0 && (failures > 0 || !options.inject) ? 0 : 1);
}

// Unbinds the device under the actors, and waits for their end.
void supervise(const Options& options, std::set<pid_t>& actors) {
    const auto start = Clock::now();
    auto rebind = start + 2s;
    while (!actors.empty()) {
        const auto now = Clock::now();
        if (now > start + options.time + kGrace) throw std::runtime_error("a process hangs");
        if (!options.keep && now > rebind && now < start + options.time) {
            const std::string device = virtio_name();
            write_driver("unbind", device);
            bind_again(device);
            rebind = Clock::now() + 2s;
        }
        int status = 0;
        const pid_t ended = ::waitpid(-1, &status, WNOHANG);
        if (ended <= 0) {
            std::this_thread::sleep_for(20ms);
            continue;
        }
        actors.erase(ended);
        if (status != 0) throw std::runtime_error("a process failed: " + std::to_string(status));
    }
}

// The driver works, and nothing of the actors is left.
void expect_health() {
    std::ofstream("/sys/module/virtio_vdmabuf/parameters/timeout_ms") << 10000;
    const Fd channel = open_channel();
    const Fd buffer = alloc_buffer(channel, 1u << 20);
    share_buffer(channel, buffer);
    EXPECT_ERRNO(try_send(channel, hello().data(), hello().size()), 0);
    expect_welcome(channel);
    const vdmabuf_info info = info_of(channel);
    std::vector<Fd> buffers;
    EXPECT(eventually([&] {
        int fd = -1;
        while (buffers.size() + 1 < info.max_buffers && (fd = try_alloc(channel, 4096)) >= 0) {
            buffers.emplace_back(fd);
        }
        return buffers.size() + 1 == info.max_buffers;
    }));
    buffers.clear();
    expect_attachments(0);
}

// kmemleak reports what nothing has pointed to for some seconds, in two scans.
void expect_no_leaks() {
    const std::string path = "/sys/kernel/debug/kmemleak";
    std::this_thread::sleep_for(6s);
    write_file(path, "scan");
    std::this_thread::sleep_for(6s);
    write_file(path, "scan");
    std::ifstream file(path);
    const std::string report{std::istreambuf_iterator<char>(file), {}};
    std::printf("%s", report.c_str());
    EXPECT(report.empty());
}

int run(const Options& options) {
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    std::printf("seed %llu\n", static_cast<unsigned long long>(options.seed));
    std::set<pid_t> actors;
    try {
        if (options.inject) allow_faults();
        if (options.leaks) write_file("/sys/kernel/debug/kmemleak", "clear");
        int post[2];
        EXPECT_ERRNO(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, post), 0);
        {
            const Fd one(post[0]);
            const Fd other(post[1]);
            for (int i = 0; i < kProcesses; ++i) {
                const pid_t actor = ::fork();
                EXPECT(actor >= 0);
                if (actor == 0) be_actor(options, i, post[i % 2]);
                actors.insert(actor);
            }
        }
        supervise(options, actors);
        expect_health();
        if (options.leaks) expect_no_leaks();
    } catch (const std::exception& error) {
        std::printf("FAIL  %s\n", error.what());
        for (const pid_t actor : actors) ::kill(actor, SIGKILL);
        return 1;
    }
    std::printf("ok    stress\n");
    return 0;
}

}  // namespace
}  // namespace guest_test

int main(int argc, char** argv) {
    guest_test::Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string option = argv[i];
        if (option == "--inject") {
            options.inject = true;
        } else if (option == "--leaks") {
            options.leaks = true;
        } else if (option == "--keep") {
            options.keep = true;
        } else if (option == "--device" && i + 1 < argc) {
            guest_test::g_device = argv[++i];
        } else if (option == "--seconds" && i + 1 < argc) {
            options.time = std::chrono::seconds(std::atoi(argv[++i]));
        } else if (option == "--seed" && i + 1 < argc) {
            options.seed = std::strtoull(argv[++i], nullptr, 0);
        } else {
            std::fprintf(stderr,
                         "usage: %s [--device FILE] [--seconds N] [--seed N] [--inject] [--leaks] "
                         "[--keep]\n",
                         argv[0]);
            return 2;
        }
    }
    return guest_test::run(options);
}
