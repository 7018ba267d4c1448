// SPDX-License-Identifier: MIT
// Finds the EGL vendor that really draws.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace vdmabuf::egl {

// ICD.library_path of a vendor's JSON (libglvnd, EGL_VENDOR_CONFIG), or nothing.
std::string library_path_of(std::string_view json);

// Libraries of vendors, in the order in which libglvnd looks: VDMABUF_EGL_VENDOR alone where it is
// set; else those that the JSON files name, ours included.
std::vector<std::string> vendor_libraries();
// Those of the JSON files, whatever VDMABUF_EGL_VENDOR says: what libglvnd loads itself.
std::vector<std::string> listed_libraries();
// Those of the system's folders, for when the environment names this library alone: every display
// and device is ours then. None where VDMABUF_EGL_VENDOR is set.
std::vector<std::string> usual_libraries();

}  // namespace vdmabuf::egl
