// SPDX-License-Identifier: MIT
#include "runtime/device/guest_memory.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/virtio_vdmabuf.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cstring>

namespace vdmabuf::device {
namespace {

constexpr std::uint64_t kPage = VIRTIO_VDMABUF_PAGE_SIZE;

constexpr const char* kShareMemory =
    ": the VM's memory is not shared; with QEMU, add -object "
    "memory-backend-memfd,id=mem,size=...,share=on and -machine memory-backend=mem";

bool wraps(std::uint64_t start, std::uint64_t size) {
    return start + size < start;
}

bool overlap(std::uint64_t a, std::uint64_t a_size, std::uint64_t b, std::uint64_t b_size) {
    return a < b + b_size && b < a + a_size;
}

std::string hex(std::uint64_t value) {
    char text[24];
    std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
    return text;
}

std::string name_of(const RegionState& region) {
    return "memory region at " + hex(region.gpa) + " of " + hex(region.size) + " bytes";
}

// mmap(2) and munmap(2) of hugetlbfs take whole huge pages only.
std::uint64_t mapping_unit(int fd) {
    struct statfs fs {};
    if (::fstatfs(fd, &fs) == 0 && static_cast<unsigned long>(fs.f_type) == HUGETLBFS_MAGIC &&
        fs.f_bsize > 0) {
        return static_cast<std::uint64_t>(fs.f_bsize);
    }
    return kPage;
}

}  // namespace

Status check_region(const RegionState& region) {
    if (!region.file || !*region.file) {
        return Error{EINVAL, name_of(region) + " has no file" + kShareMemory};
    }
    if (region.size == 0 || wraps(region.gpa, region.size) || wraps(region.uva, region.size) ||
        wraps(region.offset, region.size)) {
        return Error{EINVAL, name_of(region) + " is empty or wraps around"};
    }
    if (region.gpa % kPage != 0 || region.offset % kPage != 0) {
        return Error{EINVAL, name_of(region) + " is not page aligned"};
    }
    struct stat st {};
    if (::fstat(region.file->get(), &st) != 0) return system_error(name_of(region) + ": fstat");
    if (!S_ISREG(st.st_mode)) {
        return Error{EINVAL, name_of(region) + " is not a regular file or memfd" + kShareMemory};
    }
    const int flags = ::fcntl(region.file->get(), F_GETFL);
    if (flags < 0 || (flags & O_ACCMODE) != O_RDWR) {
        return Error{EACCES, name_of(region) + " may not be written" + kShareMemory};
    }
    if (region.offset + region.size > static_cast<std::uint64_t>(st.st_size)) {
        return Error{EINVAL, name_of(region) + " is longer than its file"};
    }
    return {};
}

Status check_regions(std::span<const RegionState> regions) {
    if (regions.size() > kMaxRegions) {
        return Error{E2BIG, "more than " + std::to_string(kMaxRegions) + " memory regions"};
    }
    for (std::size_t i = 0; i < regions.size(); ++i) {
        if (auto checked = check_region(regions[i]); !checked) return checked;
        for (std::size_t j = 0; j < i; ++j) {
            if (overlap(regions[i].gpa, regions[i].size, regions[j].gpa, regions[j].size) ||
                overlap(regions[i].uva, regions[i].size, regions[j].uva, regions[j].size)) {
                return Error{EINVAL, name_of(regions[i]) + " overlaps another"};
            }
        }
    }
    return {};
}

Result<std::shared_ptr<const GuestMemory>> GuestMemory::create(
    std::span<const RegionState> regions) {
    if (auto checked = check_regions(regions); !checked) return checked.error();
    auto memory = std::make_shared<GuestMemory>();
    for (const RegionState& state : regions) {
        Region region;
        region.state = state;
        struct stat st {};
        if (::fstat(state.file->get(), &st) != 0) return system_error("fstat of guest memory");
        region.device = st.st_dev;
        region.inode = st.st_ino;
        const auto known = std::find_if(
            memory->regions_.begin(), memory->regions_.end(), [&](const Region& other) {
                return other.device == region.device && other.inode == region.inode;
            });
        if (known != memory->regions_.end()) {
            region.file = known->file;
        } else {
            region.file = static_cast<std::uint32_t>(memory->files_.size());
            memory->files_.push_back(state.file);
        }
        const std::uint64_t unit = mapping_unit(state.file->get());
        const std::uint64_t before = state.offset % unit;
        const std::uint64_t length = (before + state.size + unit - 1) / unit * unit;
        void* address = ::mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
                               state.file->get(), static_cast<off_t>(state.offset - before));
        if (address == MAP_FAILED) return system_error("cannot map the " + name_of(state));
        region.mapping = Mapping(address, length);
        region.start = region.mapping.bytes() + before;
        memory->regions_.push_back(std::move(region));
    }
    std::sort(memory->regions_.begin(), memory->regions_.end(),
              [](const Region& a, const Region& b) { return a.state.gpa < b.state.gpa; });
    return std::shared_ptr<const GuestMemory>(std::move(memory));
}

bool GuestMemory::same_as(std::span<const RegionState> regions) const {
    if (regions.size() != regions_.size()) return false;
    return std::all_of(regions.begin(), regions.end(), [this](const RegionState& wanted) {
        const Region* region = find(wanted.gpa);
        struct stat st {};
        return region && region->state.gpa == wanted.gpa && region->state.size == wanted.size &&
               region->state.uva == wanted.uva && region->state.offset == wanted.offset &&
               wanted.file && ::fstat(wanted.file->get(), &st) == 0 &&
               st.st_dev == region->device && st.st_ino == region->inode;
    });
}

const GuestMemory::Region* GuestMemory::find(std::uint64_t gpa) const {
    const auto after =
        std::upper_bound(regions_.begin(), regions_.end(), gpa,
                         [](std::uint64_t at, const Region& r) { return at < r.state.gpa; });
    if (after == regions_.begin()) return nullptr;
    const Region& region = *std::prev(after);
    return gpa - region.state.gpa < region.state.size ? &region : nullptr;
}

std::byte* GuestMemory::at_front(std::uint64_t uva, std::uint64_t length) const {
    for (const Region& region : regions_) {
        const std::uint64_t offset = uva - region.state.uva;
        if (uva < region.state.uva || offset >= region.state.size) continue;
        return length <= region.state.size - offset ? region.start + offset : nullptr;
    }
    return nullptr;
}

bool GuestMemory::covers(std::uint64_t gpa, std::uint64_t length) const {
    while (length > 0) {
        const Region* region = find(gpa);
        if (!region) return false;
        const std::uint64_t here = std::min(length, region->state.size - (gpa - region->state.gpa));
        gpa += here;
        length -= here;
    }
    return true;
}

bool GuestMemory::read(std::uint64_t gpa, std::span<std::byte> out) const {
    while (!out.empty()) {
        const Region* region = find(gpa);
        if (!region) return false;
        const std::uint64_t offset = gpa - region->state.gpa;
        const std::size_t here = std::min<std::size_t>(out.size(), region->state.size - offset);
        std::memcpy(out.data(), region->start + offset, here);
        gpa += here;
        out = out.subspan(here);
    }
    return true;
}

bool GuestMemory::write(std::uint64_t gpa, std::span<const std::byte> in) const {
    while (!in.empty()) {
        const Region* region = find(gpa);
        if (!region) return false;
        const std::uint64_t offset = gpa - region->state.gpa;
        const std::size_t here = std::min<std::size_t>(in.size(), region->state.size - offset);
        std::memcpy(region->start + offset, in.data(), here);
        gpa += here;
        in = in.subspan(here);
    }
    return true;
}

Result<BufferMemory> GuestMemory::translate(std::span<const GuestRun> runs) const {
    BufferMemory memory;
    memory.runs.reserve(runs.size());
    std::vector<std::uint32_t> file_of(files_.size(), UINT32_MAX);  // only the files in use
    for (const GuestRun& run : runs) {
        if (run.gpa % kPage != 0 || run.length % kPage != 0 || run.length == 0 ||
            wraps(run.gpa, run.length) || wraps(memory.size, run.length)) {
            return Error{EINVAL, "run at " + hex(run.gpa) + " of " + hex(run.length) + " bytes"};
        }
        memory.size += run.length;
        std::uint64_t gpa = run.gpa;
        std::uint64_t left = run.length;
        while (left > 0) {
            const Region* region = find(gpa);
            if (!region) return Error{EFAULT, "no guest memory at " + hex(gpa)};
            const std::uint64_t inside = gpa - region->state.gpa;
            // Whole pages, also at the end of a region of odd size.
            const std::uint64_t room = (region->state.size - inside) / kPage * kPage;
            if (room == 0) return Error{EFAULT, "no whole page of guest memory at " + hex(gpa)};
            const std::uint64_t here = std::min(left, room);
            std::uint32_t& file = file_of[region->file];
            if (file == UINT32_MAX) {
                file = static_cast<std::uint32_t>(memory.files.size());
                memory.files.push_back(files_[region->file]);
            }
            const std::uint64_t offset = region->state.offset + inside;
            MemoryRun* last = memory.runs.empty() ? nullptr : &memory.runs.back();
            if (last && last->file == file && last->offset + last->length == offset) {
                last->length += here;
            } else {
                memory.runs.push_back(MemoryRun{file, offset, here});
            }
            gpa += here;
            left -= here;
        }
    }
    memory.runs.shrink_to_fit();
    return memory;
}

}  // namespace vdmabuf::device
