// SPDX-License-Identifier: MIT
// One process of the stress: does one random thing after the other with what it has collected.
#ifndef VDMABUF_TESTS_GUEST_STRESS_ACTOR_HPP
#define VDMABUF_TESTS_GUEST_STRESS_ACTOR_HPP

#include <cstdint>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include "tests/guest/dmabufs.hpp"
#include "tests/guest/fences.hpp"

namespace guest_test {

// Whatever waits in this process is interrupted now and then.
void interrupt_often();

class Actor {
  public:
    // post: a socket through which actors give each other descriptors. inject: some calls fail
    // inside of the kernel.
    Actor(std::uint64_t seed, int post, bool inject);
    ~Actor();
    Actor(const Actor&) = delete;
    Actor& operator=(const Actor&) = delete;

    void act();
    std::uint64_t acts() const { return acts_; }
    std::uint64_t successes() const { return successes_; }
    std::uint64_t failures() const { return failures_; }  // that were made to fail

  private:
    struct Memory {
        void* at;
        std::size_t size;
    };

    std::uint64_t number(std::uint64_t below);
    bool one_in(std::uint64_t n) { return number(n) == 0; }
    int any(const std::vector<Fd>& fds);
    int channel() { return any(channels_); }
    int any_descriptor();
    void keep(std::vector<Fd>& fds, int fd, std::size_t most);
    void* any_pointer();
    Id any_id();
    void note(bool success) { successes_ += success ? 1 : 0; }

    void do_something(bool fails);
    void open_device();
    void close_something();
    void copy_something();
    void alloc();
    void share();
    void unshare();
    void send();
    void valid_send();
    void random_ioctl();
    void odd_ioctl();
    void read_events();
    void odd_read_write();
    void poll_some();
    void map();
    void use_memory();
    void unmap();
    void sync_dmabuf();
    void foreign_buffer();
    void new_fence();
    void signal_fences();
    void give();
    void take();
    void fork_child();
    void patience();

    std::mt19937_64 random_;
    const int post_;
    Fd fail_nth_;
    std::vector<Fd> channels_;
    std::vector<Fd> buffers_;
    std::vector<Fd> fences_;
    std::vector<Memory> memory_;
    std::vector<Id> ids_;
    std::vector<std::unique_ptr<Exporter>> exporters_;
    std::unique_ptr<Timeline> timeline_;
    std::uint32_t next_fence_ = 1;
    std::vector<unsigned char> bytes_ = std::vector<unsigned char>(1u << 16);
    const Map edge_;  // a page, and nothing behind it
    std::uint64_t acts_ = 0;
    std::uint64_t successes_ = 0;
    std::uint64_t failures_ = 0;
    bool is_child_ = false;
};

}  // namespace guest_test

#endif  // VDMABUF_TESTS_GUEST_STRESS_ACTOR_HPP
