// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include "runtime/common/udmabuf.hpp"
#include "runtime/tools/doctor/checks.hpp"

namespace vdmabuf::doctor {
namespace {

constexpr const char* kDevice = "/dev/udmabuf";
// A 3840x2160 image of 4 bytes a pixel, and what it falls into where memory is fragmented to 64
// KiB.
constexpr std::uint64_t kImageMb = 32;
constexpr std::uint64_t kImageRuns = 512;
constexpr std::uint64_t kAmpleRuns = 8192;

void check_limits(const Machine& machine, Findings& findings) {
    const UdmabufLimits limits = UdmabufLimits::read(machine.at("/sys/module/udmabuf/parameters"));
    const std::string have = fmt::format("list_limit {} runs, size_limit_mb {} MiB",
                                         limits.list_limit, limits.size_limit_mb);
    if (limits.size_limit_mb < kImageMb || limits.list_limit < kImageRuns) {
        findings.bad("udmabuf's limits are too low for a 4K image: " + have,
                     fmt::format("echo {} >/sys/module/udmabuf/parameters/list_limit; echo 256 "
                                 ">/sys/module/udmabuf/parameters/size_limit_mb; on the kernel's "
                                 "command line: udmabuf.list_limit={} udmabuf.size_limit_mb=256",
                                 kAmpleRuns, kAmpleRuns));
    } else if (limits.list_limit < kAmpleRuns) {
        findings.hint("udmabuf's limits: " + have,
                      fmt::format("a long-running guest's memory is fragmented; with udmabuf."
                                  "list_limit={} on the host's kernel command line its images fit "
                                  "all the same",
                                  kAmpleRuns));
    } else {
        findings.good("udmabuf's limits: " + have);
    }
}

}  // namespace

void check_udmabuf(const Machine& machine, Findings& findings) {
    if (!machine.exists(kDevice)) {
        findings.hint(
            "there is no /dev/udmabuf: images are imported by host pointer, where the "
            "GPU's driver can, else copied",
            "modprobe udmabuf (CONFIG_UDMABUF)");
        return;
    }
    if (!machine.may_open(kDevice)) {
        const std::string group = machine.group(kDevice);
        findings.bad(fmt::format("/dev/udmabuf is not for this user ({})", machine.owner(kDevice)),
                     group == "root"
                         ? "a udev rule gives it to a group: KERNEL==\"udmabuf\", GROUP=\"kvm\", "
                           "MODE=\"0660\"; then join that group"
                         : fmt::format("usermod -aG {} $USER, and log in again", group));
        return;
    }
    findings.good("/dev/udmabuf may be used: pages become dmabufs");
    check_limits(machine, findings);
}

}  // namespace vdmabuf::doctor
