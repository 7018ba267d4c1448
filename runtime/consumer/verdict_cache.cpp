// SPDX-License-Identifier: MIT
#include "runtime/consumer/verdict_cache.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "runtime/common/log.hpp"
#include "runtime/common/unique_fd.hpp"

namespace vdmabuf::consumer {
namespace {

constexpr const char* kFirstLine = "vdmabuf self-tests, may be deleted";
constexpr std::size_t kMaxBytes = 64 * 1024;
// Of drivers that are long gone: the oldest lines are left out.
constexpr std::size_t kMaxLines = 100;
constexpr std::size_t kMaxText = 200;

struct Line {
    std::string key;
    std::string rest;  // "works", or "broken: TEXT"
};

// The lines that make sense.
std::vector<Line> read_lines(const std::string& path) {
    std::vector<Line> lines;
    // A pipe in the file's place must not hold us up.
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat st {};
    if (!fd || ::fstat(fd.get(), &st) != 0 || !S_ISREG(st.st_mode)) return lines;
    std::string text(kMaxBytes, '\0');
    std::size_t size = 0;
    for (ssize_t got = 1; got > 0 && size < text.size();) {
        got = ::read(fd.get(), text.data() + size, text.size() - size);
        if (got < 0 && errno == EINTR) {
            got = 1;
        } else if (got > 0) {
            size += static_cast<std::size_t>(got);
        }
    }
    text.resize(size);
    std::size_t number = 0;
    for (std::size_t at = 0; at < text.size(); ++number) {
        const std::size_t end = text.find('\n', at);
        if (end == std::string::npos) break;  // cut off
        const std::string line = text.substr(at, end - at);
        at = end + 1;
        if (number == 0) {
            if (line != kFirstLine) return {};
            continue;
        }
        const std::size_t tab = line.find('\t');
        if (tab == std::string::npos) continue;
        lines.push_back({line.substr(0, tab), line.substr(tab + 1)});
    }
    return lines;
}

void make_directories(const std::string& path) {
    for (std::size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
        ::mkdir(path.substr(0, at).c_str(), 0700);
    }
}

}  // namespace

std::string VerdictCache::default_path() {
    // The specification of base directories: paths that are not absolute are ignored.
    if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache && *cache == '/') {
        return std::string(cache) + "/vdmabuf/self-tests";
    }
    const char* home = std::getenv("HOME");
    return home && *home == '/' ? std::string(home) + "/.cache/vdmabuf/self-tests" : std::string();
}

bool VerdictCache::distrusted() {
    const char* value = std::getenv("VDMABUF_SELF_TEST");
    return value && *value && std::strcmp(value, "0") != 0;
}

std::optional<Verdict> VerdictCache::find(const std::string& key) const {
    if (path_.empty()) return std::nullopt;
    static constexpr std::string_view kBroken = "broken: ";
    std::optional<Verdict> found;
    for (const Line& line : read_lines(path_)) {
        if (line.key != key) continue;
        if (line.rest == "works") found = Verdict{Verdict::Is::works, {}, true};
        if (line.rest.starts_with(kBroken)) {
            found = Verdict{Verdict::Is::broken, printable(line.rest.substr(kBroken.size())), true};
        }
    }
    return found;
}

void VerdictCache::put(const std::string& key, const Verdict& verdict) const {
    if (path_.empty() || verdict.is == Verdict::Is::untested) return;
    std::vector<Line> lines = read_lines(path_);
    std::erase_if(lines, [&key](const Line& line) { return line.key == key; });
    const std::string text = printable(verdict.text).substr(0, kMaxText);
    lines.push_back({key, verdict.is == Verdict::Is::works ? "works" : "broken: " + text});
    if (lines.size() > kMaxLines) {
        lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(kMaxLines));
    }
    std::string file = std::string(kFirstLine) + "\n";
    for (const Line& line : lines) file += line.key + '\t' + line.rest + '\n';

    make_directories(path_);
    // Under a name of our own, then in its place at once: a reader sees the old or the new file.
    std::string unfinished = path_ + ".XXXXXX";
    const UniqueFd fd(::mkostemp(unfinished.data(), O_CLOEXEC));
    bool done = static_cast<bool>(fd);
    for (std::size_t at = 0; done && at < file.size();) {
        const ssize_t put = ::write(fd.get(), file.data() + at, file.size() - at);
        if (put < 0 && errno == EINTR) continue;
        done = put > 0;
        if (done) at += static_cast<std::size_t>(put);
    }
    done = done && ::rename(unfinished.c_str(), path_.c_str()) == 0;
    if (done) return;
    LOG_DEBUG("self-tests are not remembered: cannot write %s: %s", path_.c_str(),
              std::strerror(errno));
    if (fd) ::unlink(unfinished.c_str());
}

std::string printable(std::string_view text) {
    std::string result;
    for (const char c : text) result += c >= 0x20 && c < 0x7F ? c : '?';
    return result;
}

std::string kernel_key() {
    utsname kernel{};
    ::uname(&kernel);
    return " kernel=" + printable(kernel.release);
}

}  // namespace vdmabuf::consumer
