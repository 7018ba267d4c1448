// SPDX-License-Identifier: MIT
#include "runtime/viewer/viewer.hpp"

#include <memory>

#include "runtime/common/clock.hpp"
#include "runtime/common/log.hpp"
#include "runtime/viewer/headless_output.hpp"
#include "runtime/viewer/report.hpp"
#include "runtime/viewer/session.hpp"
#include "runtime/viewer/signals.hpp"

namespace vdmabuf::viewer {
namespace {

constexpr double kHeadlessHz = 60;

Exit complain(const Error& error) {
    LOG_ERROR("%s", error.text.c_str());
    return Exit::error;
}

// The files that were asked for, and what they say about the run.
Exit write_results(const Settings& settings, const Session& session) {
    Exit status = session.status();
    const StreamRecord* main = main_record(session.records());
    if (!settings.screenshot.empty()) {
        if (main && main->picture) {
            if (auto wrote = write_png(*main->picture, settings.screenshot); !wrote) {
                status = complain(wrote.error());
            }
            if (settings.frames != 0 && main->picture->is_blank() && status == Exit::ok) {
                LOG_ERROR("the picture is blank");
                status = Exit::blank;
            }
        } else {
            LOG_WARNING("no frame was shown: no screenshot");
        }
    }
    if (!settings.stats.empty()) {
        if (auto wrote = write_report(session.records(), settings.stats); !wrote) {
            status = complain(wrote.error());
        }
    }
    return status;
}

Exit run_headless(const Settings& settings, EventLoop& loop, const std::string& socket_path) {
    auto instance = gpu::Instance::create({});
    if (!instance) return complain(instance.error());
    auto device = gpu::Device::create(*instance, settings.gpu);
    if (!device) return complain(device.error());
    const double hz = settings.refresh_hz.value_or(kHeadlessHz);
    const auto refresh_ns =
        hz > 0 ? static_cast<std::uint64_t>(static_cast<double>(kNsPerSecond) / hz) : 0;
    Exit status = Exit::ok;
    {
        HeadlessOutputs outputs(loop, refresh_ns);
        Session session(loop, settings, *device, outputs);
        Signals signals;
        auto caught = signals.catch_them(loop, [&session] { session.finish(Exit::ok); });
        if (!caught) return complain(caught.error());
        session.start(socket_path);
        loop.run();
        status = write_results(settings, session);
    }
    if ((*instance)->validation_messages() != 0 && status == Exit::ok) status = Exit::error;
    return status;
}

}  // namespace

Exit run(const Settings& settings) {
    gpu::leave_layer_out();
    std::string socket_path = settings.socket_path;
    if (socket_path.empty()) {
        auto found = consumer::default_socket_path();
        if (!found) return complain(found.error());
        socket_path = *found;
    }
    auto loop = EventLoop::create();
    if (!loop) return complain(loop.error());
    return run_headless(settings, **loop, socket_path);
}

}  // namespace vdmabuf::viewer
