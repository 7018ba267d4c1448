// SPDX-License-Identifier: MIT
// keyed_viewer STATS: a viewer that is given the HUD's key by SIGUSR1, where no keyboard can be had
// (Weston's headless backend has none). For tests.
#include <SDL.h>
#include <signal.h>

#include <thread>

#include "runtime/common/log.hpp"
#include "runtime/viewer/viewer.hpp"

namespace {

constexpr std::uint32_t kWindows = 16;  // of the first numbers that SDL gives

void press_hud_key() {
    for (std::uint32_t id = 1; id < kWindows; ++id) {
        SDL_Event event{};
        event.type = SDL_KEYDOWN;
        event.key.windowID = id;
        event.key.keysym.scancode = SDL_SCANCODE_H;
        event.key.keysym.sym = SDLK_h;
        event.key.keysym.mod = KMOD_RCTRL;
        SDL_PushEvent(&event);
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    sigset_t all, wanted;
    sigfillset(&all);
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);  // of that thread
    std::thread([wanted] {
        int number = 0;
        while (sigwait(&wanted, &number) == 0) press_hud_key();
    }).detach();
    pthread_sigmask(SIG_SETMASK, &wanted, nullptr);
    vdmabuf::log::set_level(vdmabuf::log::Level::info);
    vdmabuf::viewer::Settings settings;
    settings.spawn_broker = false;
    settings.stats = argv[1];
    return static_cast<int>(vdmabuf::viewer::run(settings));
}
