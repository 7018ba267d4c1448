// SPDX-License-Identifier: MIT
#include "egl/vendor_search.hpp"

#include <sys/auxv.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <system_error>

namespace vdmabuf::egl {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDefaultFolders = "/etc/glvnd/egl_vendor.d:/usr/share/glvnd/egl_vendor.d";
constexpr std::size_t kMaxFile = std::size_t{64} << 10;  // bytes of a JSON file

// As libglvnd: programs with other rights than their user's ignore the environment.
const char* variable(const char* name) {
    if (::getauxval(AT_SECURE) != 0) return nullptr;
    const char* value = std::getenv(name);
    return value && *value ? value : nullptr;
}

std::vector<std::string> split(std::string_view list) {
    std::vector<std::string> parts;
    while (!list.empty()) {
        const std::size_t end = std::min(list.find(':'), list.size());
        if (end != 0) parts.emplace_back(list.substr(0, end));
        list.remove_prefix(std::min(end + 1, list.size()));
    }
    return parts;
}

std::string contents(const std::string& path) {
    struct Close {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };
    const std::unique_ptr<std::FILE, Close> file(std::fopen(path.c_str(), "re"));
    std::string text;
    if (!file) return text;
    text.resize(kMaxFile);
    text.resize(std::fread(text.data(), 1, text.size(), file.get()));
    return text;
}

std::vector<std::string> files_in(const char* folders) {
    std::vector<std::string> found;
    for (const std::string& folder : split(folders)) {
        std::vector<std::string> here;
        std::error_code error;
        for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
             entry.increment(error)) {
            if (entry->path().extension() == ".json") here.push_back(entry->path().string());
        }
        std::sort(here.begin(), here.end());
        found.insert(found.end(), here.begin(), here.end());
    }
    return found;
}

std::vector<std::string> files() {
    if (const char* named = variable("__EGL_VENDOR_LIBRARY_FILENAMES")) return split(named);
    const char* folders = variable("__EGL_VENDOR_LIBRARY_DIRS");
    return files_in(folders ? folders : kDefaultFolders);
}

std::vector<std::string> libraries_of(const std::vector<std::string>& json) {
    std::vector<std::string> libraries;
    for (const std::string& file : json) {
        std::string library = library_path_of(contents(file));
        if (library.empty()) continue;
        // As libglvnd: a path that is not absolute and has a slash belongs to the file's folder.
        if (library.front() != '/' && library.find('/') != std::string::npos) {
            library = (fs::path(file).parent_path() / library).string();
        }
        libraries.push_back(std::move(library));
    }
    return libraries;
}

}  // namespace

// No parser of JSON for one string: a path with an escape in it is not found.
std::string library_path_of(std::string_view json) {
    constexpr std::string_view kKey = "\"library_path\"";
    std::size_t at = json.find(kKey);
    if (at == std::string_view::npos) return {};
    json.remove_prefix(at + kKey.size());
    constexpr const char* kSpace = " \t\r\n";
    at = json.find_first_not_of(kSpace);
    if (at == std::string_view::npos || json[at] != ':') return {};
    json.remove_prefix(at + 1);
    at = json.find_first_not_of(kSpace);
    if (at == std::string_view::npos || json[at] != '"') return {};
    json.remove_prefix(at + 1);
    at = json.find('"');
    if (at == std::string_view::npos) return {};
    const std::string_view path = json.substr(0, at);
    return path.find('\\') == std::string_view::npos ? std::string(path) : std::string();
}

std::vector<std::string> vendor_libraries() {
    if (const char* named = variable("VDMABUF_EGL_VENDOR")) return {named};
    return listed_libraries();
}

std::vector<std::string> listed_libraries() {
    return libraries_of(files());
}

std::vector<std::string> usual_libraries() {
    if (variable("VDMABUF_EGL_VENDOR")) return {};
    return libraries_of(files_in(kDefaultFolders));
}

}  // namespace vdmabuf::egl
