// SPDX-License-Identifier: MIT
// Takes the C library's place: valgrind (3.19) does not know the system call.
#include <sys/epoll.h>

int epoll_pwait2(int epoll, epoll_event* events, int count, const timespec* timeout,
                 const sigset_t* signals) {
    // Rounded up, as waiting too short would make the loop turn twice.
    const long ms = timeout ? static_cast<long>(timeout->tv_sec) * 1000 +
                                  (timeout->tv_nsec + 999'999) / 1'000'000
                            : -1;
    return epoll_pwait(epoll, events, count, static_cast<int>(ms), signals);
}
