// SPDX-License-Identifier: MIT
// see_framebuffer --path FILE: looks at the screen of an Xvfb (-fbdir; an XWD file that is the
// framebuffer itself) twenty thousand times a second. Prints a JSON object.
#include <X11/XWDFile.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "runtime/common/mapping.hpp"
#include "runtime/common/unique_fd.hpp"
#include "tests/bench/flip/figures.hpp"
#include "tests/bench/flip/options.hpp"

int main(int argc, char** argv) {
    using namespace vdmabuf;
    using namespace vdmabuf::flip;
    const Options options = parse(argc, argv);
    const UniqueFd file(::open(options.path.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat status {};
    if (!file || ::fstat(file.get(), &status) != 0) fail("cannot open " + options.path);
    const auto size = static_cast<std::size_t>(status.st_size);
    void* const address = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.get(), 0);
    if (address == MAP_FAILED) fail("cannot map " + options.path);
    const Mapping mapping(address, size);
    const auto* const header = static_cast<const XWDFileHeader*>(mapping.data());
    const std::size_t offset =
        ntohl(header->header_size) + ntohl(header->ncolors) * sizeof(XWDColor);
    const auto* const pixels = reinterpret_cast<const std::uint32_t*>(mapping.bytes() + offset);
    Figures figures(options);
    while (!figures.done() && !figures.stalled()) {
        figures.see(pixels);
        const timespec while_waiting{0, 50'000};
        ::nanosleep(&while_waiting, nullptr);
    }
    figures.print();
    return 0;
}
