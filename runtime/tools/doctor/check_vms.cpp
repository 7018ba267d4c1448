// SPDX-License-Identifier: MIT
// The memory of VMs that run: shared with the process that serves the device, and sealed, so that
// udmabuf takes its pages.
#include <fmt/format.h>

#include "runtime/tools/doctor/checks.hpp"
#include "runtime/tools/doctor/command_line.hpp"

namespace vdmabuf::doctor {
namespace {

bool is_device(const std::string& option) {
    return option.starts_with("-device vhost-user-test-device") ||
           option.starts_with("-device vhost-user-device") ||
           option.starts_with("-device {\"driver\":\"vhost-user-test-device");
}

// The object that backs the VM's memory, as the machine's or a NUMA node's option names it.
std::string memory_backend(const QemuProcess& qemu) {
    std::string id;
    for (const std::string& option : qemu.options) {
        if (option.starts_with("-machine ") || option.starts_with("-M ")) {
            if (auto named = value_of(option, "memory-backend"); !named.empty()) id = named;
        } else if (option.starts_with("-numa ")) {
            if (auto named = value_of(option, "memdev"); !named.empty()) id = named;
        }
    }
    for (const std::string& option : qemu.options) {
        if (option.starts_with("-object ") && !id.empty() && value_of(option, "id") == id) {
            return option.substr(8);
        }
        // libvirt's way of writing.
        if (option.starts_with("-object {") && !id.empty() &&
            option.find("\"id\":\"" + id + "\"") != std::string::npos) {
            return option.substr(8);
        }
    }
    return {};
}

bool says(const std::string& object, const std::string& key, const char* plain, const char* json) {
    return value_of(object, key) == plain ||
           object.find("\"" + key + "\":" + json) != std::string::npos;
}

void check_memory(const std::string& vm, const std::string& backend, Findings& findings) {
    constexpr const char* kBetter =
        "-object memory-backend-memfd,id=mem,size=...,share=on -machine q35,memory-backend=mem "
        "(libvirt: <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>)";
    if (backend.empty()) {
        findings.bad(vm + "'s memory is private to QEMU", kBetter);
        return;
    }
    const bool memfd = backend.find("memory-backend-memfd") != std::string::npos;
    // A memfd is shared unless it is told not to be; a file only if it is told so.
    const bool shared =
        memfd ? !says(backend, "share", "off", "false") : says(backend, "share", "on", "true");
    if (!shared) {
        findings.bad(vm + "'s memory is not shared", kBetter);
    } else if (!memfd) {
        findings.hint(vm + "'s memory is shared, but no memfd: udmabuf does not take its pages",
                      kBetter);
    } else if (says(backend, "seal", "off", "false")) {
        findings.hint(vm + "'s memory is not sealed: udmabuf does not take its pages",
                      "leave seal=off away from the memory-backend-memfd");
    } else {
        findings.good(vm + "'s memory is shared and sealed");
    }
}

}  // namespace

void check_vms(const Machine& machine, Findings& findings) {
    const auto qemus = find_qemus(machine);
    if (qemus.empty()) {
        findings.hint("no QEMU runs that this user may look at");
        return;
    }
    for (const QemuProcess& qemu : qemus) {
        const std::string vm = qemu.name.empty()
                                   ? fmt::format("the VM of process {}", qemu.pid)
                                   : fmt::format("VM '{}' (process {})", qemu.name, qemu.pid);
        bool device = false;
        bool ours = false;
        for (const std::string& option : qemu.options) {
            if (!is_device(option)) continue;
            device = true;
            ours = ours || value_of(option, "virtio-id") == "37" ||
                   option.find("\"virtio-id\":37") != std::string::npos;
        }
        if (!ours) {
            findings.hint(vm + (device ? " has a vhost-user device of another kind only"
                                       : " has no vdmabuf device"),
                          "-device vhost-user-test-device-pci,chardev=...,virtio-id=37,num_vqs=2,"
                          "vq_size=256,config_size=64");
            continue;
        }
        findings.good(vm + " has a vdmabuf device");
        check_memory(vm, memory_backend(qemu), findings);
    }
}

}  // namespace vdmabuf::doctor
