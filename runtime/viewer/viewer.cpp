// SPDX-License-Identifier: MIT
#include "runtime/viewer/viewer.hpp"

#include <sys/socket.h>

#include <functional>
#include <memory>
#include <optional>
#include <thread>

#include "runtime/common/clock.hpp"
#include "runtime/common/log.hpp"
#include "runtime/common/seqpacket.hpp"
#include "runtime/keeper/spawn.hpp"
#include "runtime/viewer/headless_output.hpp"
#include "runtime/viewer/kms/kms_output.hpp"
#include "runtime/viewer/kms/kms_user.hpp"
#include "runtime/viewer/report.hpp"
#include "runtime/viewer/session.hpp"
#include "runtime/viewer/signals.hpp"
#include "runtime/viewer/taps/taps.hpp"
#include "runtime/viewer/window_output.hpp"
#include "runtime/viewer/window_system.hpp"

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

std::uint64_t period_ns(double hz) {
    return hz > 0 ? static_cast<std::uint64_t>(static_cast<double>(kNsPerSecond) / hz) : 0;
}

// Runs a session to its end. `around` runs the loop.
Exit run_session(const Settings& settings, EventLoop& loop, Signals& signals,
                 const std::string& socket_path, std::shared_ptr<gpu::Device> device,
                 OutputFactory& outputs, const std::function<void(Session&)>& around) {
    auto taps = Taps::create(settings);
    if (!taps) {
        const Exit failed = complain(taps.error());
        const int code = taps.error().code;
        return code == EINVAL || code == ENOTSUP ? Exit::usage : failed;
    }
    Exit status = Exit::ok;
    {
        Session session(loop, settings, device, (*taps)->around(outputs, loop, device));
        signals.handle(loop, [&session] { session.finish(Exit::ok); });
        session.start(socket_path);
        around(session);
        status = write_results(settings, session);
    }
    if (!(*taps)->finish() && status == Exit::ok) status = Exit::error;
    return status;
}

// Validation messages of a run are errors of ours.
Exit count_messages(const gpu::Instance& instance, Exit status) {
    return instance.validation_messages() != 0 && status == Exit::ok ? Exit::error : status;
}

Exit run_headless(const Settings& settings, EventLoop& loop, Signals& signals,
                  const std::string& socket_path) {
    auto instance = gpu::Instance::create({});
    if (!instance) return complain(instance.error());
    auto device = gpu::Device::create(*instance, settings.gpu);
    if (!device) return complain(device.error());
    HeadlessOutputs outputs(loop, period_ns(settings.refresh_hz.value_or(kHeadlessHz)));
    const Exit status = run_session(settings, loop, signals, socket_path, std::move(*device),
                                    outputs, [&loop](Session&) { loop.run(); });
    return count_messages(**instance, status);
}

Exit run_kms(const Settings& settings, EventLoop& loop, Signals& signals,
             const std::string& socket_path) {
    auto screen = Screen::open(*settings.kms);
    if (!screen) return complain(screen.error());
    KmsUser user(loop, settings.input);
    auto instance = gpu::Instance::create({});
    if (!instance) return complain(instance.error());
    auto device = gpu::Device::create(*instance, settings.gpu);
    if (!device) return complain(device.error());
    KmsOutputs outputs(loop, **screen, *device, settings);
    const Exit status = run_session(
        settings, loop, signals, socket_path, std::move(*device), outputs, [&](Session& session) {
            user.sit_down(outputs, **screen, [&session] { session.finish(Exit::ok); });
            loop.run();
            user.stand_up();
        });
    return count_messages(**instance, status);
}

Exit run_windows(const Settings& settings, EventLoop& loop, Signals& signals,
                 const std::string& socket_path) {
    auto windows = WindowSystem::create(settings);
    if (!windows) return complain(windows.error());
    if (settings.embed) {
        if (auto embedded = (*windows)->embed_into(*settings.embed); !embedded) {
            return complain(embedded.error());
        }
    }
    auto extensions = (*windows)->instance_extensions();
    if (gpu::has_instance_extension(VK_EXT_SWAPCHAIN_COLOR_SPACE_EXTENSION_NAME)) {
        extensions.push_back(VK_EXT_SWAPCHAIN_COLOR_SPACE_EXTENSION_NAME);
    }
    auto instance = gpu::Instance::create(extensions);
    if (!instance) return complain(instance.error());
    auto surface = (*windows)->use_instance(*instance);
    if (!surface) return complain(surface.error());
    auto device = gpu::Device::create(*instance, settings.gpu, *surface);
    if (!device) return complain(device.error());
    std::optional<std::uint64_t> refresh_ns;
    if (settings.refresh_hz) refresh_ns = period_ns(*settings.refresh_hz);
    WindowOutputs outputs(loop, **windows, std::move(*device), refresh_ns, settings);
    const Exit status = run_session(
        settings, loop, signals, socket_path, outputs.device(), outputs, [&](Session& session) {
            // SDL wants the main thread; the socket and the frames get one that never waits for it.
            std::thread frames([&] {
                loop.run();
                (*windows)->quit();
            });
            (*windows)->run([&] { loop.post([&session] { session.finish(Exit::ok); }); });
            loop.stop();
            frames.join();
        });
    return count_messages(**instance, status);
}

// Sees to it that somebody serves the socket.
Status find_broker(const Settings& settings, const std::string& socket_path) {
    if (!settings.spawn_broker || connect_to(socket_path, SOCK_SEQPACKET)) return {};
    std::vector<std::string> arguments;
    if (!settings.socket_path.empty()) {
        arguments.insert(arguments.end(), {"--consumer-socket", socket_path});
    }
    for (const std::string& vm : settings.vms) {
        arguments.insert(arguments.end(), {"--vm", vm});
    }
    for (const std::string& input : settings.vm_inputs) {
        arguments.insert(arguments.end(), {"--vm-input", input});
    }
    return keeper::spawn_detached(arguments, socket_path);
}

}  // namespace

Exit run(const Settings& settings) {
    gpu::leave_layer_out();
    std::string socket_path = settings.socket_path;
    if (socket_path.empty()) {
        auto directory = runtime_directory(settings.spawn_broker);
        if (!directory) return complain(directory.error());
        auto found = consumer::default_socket_path();
        if (!found) return complain(found.error());
        socket_path = *found;
    }
    if (auto served = find_broker(settings, socket_path); !served) {
        return complain(served.error());
    }
    auto loop = EventLoop::create();
    if (!loop) return complain(loop.error());
    Signals signals;
    if (auto caught = signals.catch_them(); !caught) return complain(caught.error());
    if (settings.headless) return run_headless(settings, **loop, signals, socket_path);
    if (settings.kms) return run_kms(settings, **loop, signals, socket_path);
    return run_windows(settings, **loop, signals, socket_path);
}

}  // namespace vdmabuf::viewer
