# SPDX-License-Identifier: MIT
# For 32-bit programs on x86, by Debian's cross compiler (g++-i686-linux-gnu). The layer links libc,
# libstdc++ and libgcc alone; of all else it takes headers, which are the same for every architecture.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR i686)
set(CMAKE_C_COMPILER i686-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER i686-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE i386-linux-gnu)
set(CMAKE_INSTALL_LIBDIR lib/i386-linux-gnu CACHE PATH "Where libraries go")
