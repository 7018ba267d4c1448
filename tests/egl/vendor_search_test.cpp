// SPDX-License-Identifier: MIT
#include "egl/vendor_search.hpp"

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace vdmabuf::egl {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;

TEST(LibraryPathTest, IsFoundInWhatVendorsWrite) {
    EXPECT_EQ(library_path_of(R"({ "file_format_version" : "1.0.0", "ICD" : {
        "library_path" : "libEGL_mesa.so.0" } })"),
              "libEGL_mesa.so.0");
    EXPECT_EQ(library_path_of(R"({"ICD":{"library_path":"/a/b.so"}})"), "/a/b.so");
}

TEST(LibraryPathTest, NothingIsFoundInNonsense) {
    for (const char* text :
         {"", "{}", "\"library_path\"", "\"library_path\":", "\"library_path\" : 3",
          "\"library_path\": \"abc", R"("library_path": "a\u0041")"}) {
        EXPECT_EQ(library_path_of(text), "") << text;
    }
}

class VendorLibrariesTest : public ::testing::Test {
  protected:
    void SetUp() override {
        char name[] = "/tmp/vendor-search.XXXXXX";
        ASSERT_TRUE(::mkdtemp(name));
        directory = name;
        for (const char* variable : {"VDMABUF_EGL_VENDOR", "__EGL_VENDOR_LIBRARY_FILENAMES",
                                     "__EGL_VENDOR_LIBRARY_DIRS"}) {
            ::unsetenv(variable);
        }
    }
    ~VendorLibrariesTest() override { fs::remove_all(directory); }
    void write(const std::string& file, const std::string& library) {
        fs::create_directories((directory / file).parent_path());
        std::ofstream(directory / file) << "{\"ICD\":{\"library_path\":\"" << library << "\"}}";
    }
    fs::path directory;
};

TEST_F(VendorLibrariesTest, FoldersInTheirOrderFilesByName) {
    write("b/50_x.json", "x");
    write("b/10_y.json", "y");
    write("a/90_z.json", "sub/z");
    write("a/91_not.txt", "no");
    ::setenv("__EGL_VENDOR_LIBRARY_DIRS",
             ((directory / "a").string() + "::" + (directory / "b").string()).c_str(), 1);
    EXPECT_THAT(vendor_libraries(), ElementsAre((directory / "a/sub/z").string(), "y", "x"));
}

TEST_F(VendorLibrariesTest, NamedFilesComeBeforeFoldersAndANamedLibraryBeforeAll) {
    write("one.json", "one");
    write("b/50_x.json", "x");
    ::setenv("__EGL_VENDOR_LIBRARY_DIRS", (directory / "b").c_str(), 1);
    ::setenv("__EGL_VENDOR_LIBRARY_FILENAMES",
             ((directory / "one.json").string() + ":/nowhere.json").c_str(), 1);
    EXPECT_THAT(vendor_libraries(), ElementsAre("one"));
    ::setenv("VDMABUF_EGL_VENDOR", "libEGL_this.so", 1);
    EXPECT_THAT(vendor_libraries(), ElementsAre("libEGL_this.so"));
}

}  // namespace
}  // namespace vdmabuf::egl
