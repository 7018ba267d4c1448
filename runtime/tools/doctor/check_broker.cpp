// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include "runtime/consumer/client.hpp"
#include "runtime/tools/ctl_query.hpp"
#include "runtime/tools/doctor/checks.hpp"

namespace vdmabuf::doctor {

void check_broker(const Machine& machine, Findings& findings) {
    if (!machine.is_this_one()) return;
    auto path = consumer::default_socket_path();
    auto state = path ? tools::query_broker(*path) : Result<tools::BrokerState>(path.error());
    if (!state) {
        findings.hint("no broker answers: " + state.error().text,
                      "start vdmabufd, or vdmabuf-viewer, which starts one");
        return;
    }
    findings.good(fmt::format("the broker at {} runs (version {}, process {}, {} stream{})", *path,
                              state->version, state->pid, state->streams.size(),
                              state->streams.size() == 1 ? "" : "s"));
    if (state->version != VDMABUF_VERSION) {
        findings.hint("the broker's version is not that of this tool, " VDMABUF_VERSION,
                      "SIGUSR1 to vdmabufd starts the installed one, VMs stay connected");
    }
    for (const auto& stream : state->streams) {
        for (const auto& image : stream.images) {
            if (static_cast<consumer::ImportPath>(image.path) != consumer::ImportPath::copy) {
                continue;
            }
            findings.bad(fmt::format("stream {} is copied by a CPU: {}", stream.status.stream,
                                     consumer::get_text(image.reason)),
                         "`vdmabufctl list` has the images and the reasons");
            break;
        }
    }
}

}  // namespace vdmabuf::doctor
