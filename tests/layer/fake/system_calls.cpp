// SPDX-License-Identifier: MIT
#include "tests/layer/fake/system_calls.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "tests/layer/fake/fixture.hpp"

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#define PR_SYS_DISPATCH_OFF 0
#define PR_SYS_DISPATCH_ON 1
#endif

// The only code that may enter the kernel by itself: a system call with the C calling convention,
// and the end of a signal handler.
asm(R"(
    .text
    .globl fake_system_calls_begin
    .globl fake_system_call
    .globl fake_signal_return
    .globl fake_system_calls_end
    .hidden fake_system_calls_begin
    .hidden fake_system_call
    .hidden fake_signal_return
    .hidden fake_system_calls_end
fake_system_calls_begin:
fake_system_call:
    movq %rdi, %rax
    movq %rsi, %rdi
    movq %rdx, %rsi
    movq %rcx, %rdx
    movq %r8, %r10
    movq %r9, %r8
    movq 8(%rsp), %r9
    syscall
    ret
fake_signal_return:
    movq $15, %rax
    syscall
    hlt
fake_system_calls_end:
)");

extern "C" {
extern const char fake_system_calls_begin[];
extern const char fake_system_calls_end[];
long fake_system_call(long number, long a, long b, long c, long d, long e, long f);
void fake_signal_return();
}

namespace vdmabuf::fake {
namespace {

constexpr std::size_t kRoom = 4096;
char g_selector = 0;  // SYSCALL_DISPATCH_FILTER_ALLOW; 1: BLOCK
std::array<long, kRoom> g_calls;
std::size_t g_count = 0;
Control* g_control = nullptr;

// As the kernel has it.
struct KernelAction {
    void (*handler)(int, siginfo_t*, void*);
    unsigned long flags;
    void (*restorer)();
    std::uint64_t mask;
};

void on_system_call(int, siginfo_t*, void* context) {
    auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
    const long number = registers[REG_RAX];
    if (!g_control->inside() && g_count < kRoom) g_calls[g_count++] = number;
    registers[REG_RAX] =
        fake_system_call(number, registers[REG_RDI], registers[REG_RSI], registers[REG_RDX],
                         registers[REG_R10], registers[REG_R8], registers[REG_R9]);
}

}  // namespace

SystemCalls::SystemCalls() {
    g_control = &control();
    (void)g_control->inside();                       // its thread-local memory is there
    constexpr unsigned long kRestorer = 0x04000000;  // SA_RESTORER
    const KernelAction action{on_system_call, SA_SIGINFO | kRestorer, fake_signal_return, 0};
    if (::syscall(SYS_rt_sigaction, SIGSYS, &action, nullptr, sizeof(action.mask)) != 0) return;
    g_count = 0;
    g_selector = 0;
    if (::prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, fake_system_calls_begin,
                fake_system_calls_end - fake_system_calls_begin, &g_selector) != 0) {
        return;
    }
    seen_ = true;
    *const_cast<volatile char*>(&g_selector) = 1;
}

SystemCalls::~SystemCalls() {
    *const_cast<volatile char*>(&g_selector) = 0;
    if (seen_) ::prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_OFF, 0, 0, 0);
    ::signal(SIGSYS, SIG_DFL);
}

std::vector<long> SystemCalls::take() {
    *const_cast<volatile char*>(&g_selector) = 0;
    std::vector<long> calls(g_calls.begin(), g_calls.begin() + static_cast<long>(g_count));
    g_count = 0;
    *const_cast<volatile char*>(&g_selector) = 1;
    return calls;
}

}  // namespace vdmabuf::fake

#else

namespace vdmabuf::fake {
SystemCalls::SystemCalls() = default;
SystemCalls::~SystemCalls() = default;
std::vector<long> SystemCalls::take() {
    return {};
}
}  // namespace vdmabuf::fake

#endif
