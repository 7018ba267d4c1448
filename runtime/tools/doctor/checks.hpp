// SPDX-License-Identifier: MIT
// One check a file. Each says what works and what to do about the rest.
#pragma once

#include <string>

#include "runtime/tools/doctor/finding.hpp"
#include "runtime/tools/doctor/machine.hpp"

namespace vdmabuf::doctor {

// The guest's: driver, device, input devices.
void check_module(const Machine& machine, Findings& findings);
void check_device(const Machine& machine, Findings& findings);
void check_input(const Machine& machine, Findings& findings);

// The host's: what pages become dmabufs with, the VMs, their VMM, the broker, the drawing GPU.
void check_udmabuf(const Machine& machine, Findings& findings);
void check_qemu(const Machine& machine, Findings& findings);
void check_vms(const Machine& machine, Findings& findings);
void check_broker(const Machine& machine, Findings& findings);
void check_import(const Machine& machine, Findings& findings);

// Wherever apps run.
void check_manifests(const Machine& machine, Findings& findings);
void check_loaders(const Machine& machine, Findings& findings);
void check_strategies(const Machine& machine, Findings& findings);
void check_flatpak(const Machine& machine, Findings& findings);
void check_steam(const Machine& machine, Findings& findings);

}  // namespace vdmabuf::doctor
