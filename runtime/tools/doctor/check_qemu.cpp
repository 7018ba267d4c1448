// SPDX-License-Identifier: MIT
// vhost-user-test-device-pci, which carries the device, can be had from QEMU 10.2 on.
#include <fmt/format.h>

#include <cstdio>
#include <set>

#include "runtime/tools/doctor/checks.hpp"
#include "runtime/tools/doctor/command_line.hpp"
#include "runtime/tools/doctor/run_program.hpp"

namespace vdmabuf::doctor {
namespace {

void check_one(const std::string& program, Findings& findings) {
    const auto output = run_program({program, "--version"});
    int major = 0;
    int minor = 0;
    constexpr const char* kLine = "QEMU emulator version ";
    const std::size_t at = output ? output->text.find(kLine) : std::string::npos;
    if (at == std::string::npos ||
        std::sscanf(output->text.c_str() + at, "QEMU emulator version %d.%d", &major, &minor) !=
            2) {
        findings.hint(program + " does not tell its version");
        return;
    }
    const std::string text = fmt::format("{} is version {}.{}", program, major, minor);
    if (major > 10 || (major == 10 && minor >= 2)) {
        findings.good(text + ": it has vhost-user-test-device-pci");
    } else {
        findings.bad(text + ": vhost-user-test-device-pci cannot be used with it",
                     "install QEMU 10.2 or newer (Debian: from backports or the next release; "
                     "vdmabuf's ./demo fetches one for itself)");
    }
}

}  // namespace

void check_qemu(const Machine& machine, Findings& findings) {
    std::set<std::string> programs;
    for (const char* folder : {"/usr/local/bin", "/usr/bin", "/usr/libexec"}) {
        for (const char* name : {"qemu-system-x86_64", "qemu-kvm", "qemu-system-aarch64"}) {
            const std::string path = fmt::format("{}/{}", folder, name);
            if (machine.exists(path)) programs.insert(machine.at(path));
        }
    }
    for (const QemuProcess& qemu : find_qemus(machine)) {
        if (qemu.program[0] == '/' && machine.exists(qemu.program)) {
            programs.insert(machine.at(qemu.program));
        }
    }
    if (programs.empty()) {
        findings.hint("no QEMU is installed: programs of this machine only, or another VMM");
    }
    for (const std::string& program : programs) check_one(program, findings);
}

}  // namespace vdmabuf::doctor
