// SPDX-License-Identifier: MIT
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "runtime/consumer/trust.hpp"
#include "runtime/consumer/verdict_cache.hpp"
#include "tests/unit/consumer/vulkan_test.hpp"

namespace vdmabuf::consumer {
namespace {

using testing::HasSubstr;
using Is = Verdict::Is;

class Folder {
  public:
    Folder() {
        char name[] = "/tmp/vdmabuf-test-XXXXXX";
        path_ = ::mkdtemp(name) ? name : "";
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    const std::string& path() const { return path_; }
    std::string file() const { return path_ + "/a/b/self-tests"; }

  private:
    std::string path_;
};

std::string text_of(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
}

TEST(VerdictCacheTest, RemembersAcrossRuns) {
    const Folder folder;
    const VerdictCache cache(folder.file());
    EXPECT_FALSE(cache.find("one"));
    cache.put("one", {Is::works, {}, true});
    cache.put("two", {Is::broken, "wrong\n\tbytes", true});
    cache.put("three", {Is::untested, "no way", false});
    const VerdictCache later(folder.file());
    ASSERT_TRUE(later.find("one"));
    EXPECT_EQ(later.find("one")->is, Is::works);
    ASSERT_TRUE(later.find("two"));
    EXPECT_EQ(later.find("two")->is, Is::broken);
    EXPECT_EQ(later.find("two")->text, "wrong??bytes");
    EXPECT_FALSE(later.find("three"));
    EXPECT_FALSE(later.find("on"));
    later.put("one", {Is::broken, "now", true});
    EXPECT_EQ(cache.find("one")->is, Is::broken);
    EXPECT_EQ(cache.find("two")->is, Is::broken);
    // Nothing unfinished is left beside it.
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path() + "/a/b"), {}), 1);
}

TEST(VerdictCacheTest, GarbageIsNoVerdict) {
    const Folder folder;
    const VerdictCache cache(folder.file());
    cache.put("one", {Is::works, {}, true});
    const std::string sound = text_of(folder.file());
    const auto write = [&](const std::string& text) {
        std::ofstream(folder.file(), std::ios::binary | std::ios::trunc) << text;
    };
    for (const std::string& text :
         {std::string(), std::string("nonsense"), std::string(100000, 'x'), std::string(300, '\0'),
          std::string("another first line\none\tworks\n"), sound.substr(0, sound.size() - 1),
          sound + "\n\t\n", std::string("\xff\xfe\n")}) {
        write(text);
        if (text.starts_with(sound)) {
            EXPECT_TRUE(cache.find("one"));
        } else {
            EXPECT_FALSE(cache.find("one"));
        }
        cache.put("two", {Is::works, {}, true});
        EXPECT_TRUE(cache.find("two"));
    }
    write(sound.substr(0, sound.find('\n') + 1) + "one\tperhaps\none\tbroken\n");
    EXPECT_FALSE(cache.find("one"));
}

TEST(VerdictCacheTest, DoesNotGrowForEver) {
    const Folder folder;
    const VerdictCache cache(folder.file());
    for (int i = 0; i < 150; ++i) {
        cache.put("key " + std::to_string(i), {Is::broken, std::string(1000, 'x'), true});
    }
    EXPECT_FALSE(cache.find("key 49"));
    EXPECT_TRUE(cache.find("key 50"));
    EXPECT_TRUE(cache.find("key 149"));
    EXPECT_LT(std::filesystem::file_size(folder.file()), 64U * 1024);
}

TEST(VerdictCacheTest, WhatCannotBeKeptIsForgotten) {
    const Folder folder;
    // A file where a folder should be; a folder where the file should be; a pipe; no path at all.
    std::ofstream(folder.path() + "/a") << "x";
    const VerdictCache blocked(folder.file());
    blocked.put("one", {Is::works, {}, true});
    EXPECT_FALSE(blocked.find("one"));
    const VerdictCache on_folder(folder.path());
    on_folder.put("one", {Is::works, {}, true});
    EXPECT_FALSE(on_folder.find("one"));
    const std::string pipe = folder.path() + "/pipe";
    ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    EXPECT_FALSE(VerdictCache(pipe).find("one"));
    const VerdictCache nowhere("");
    nowhere.put("one", {Is::works, {}, true});
    EXPECT_FALSE(nowhere.find("one"));
}

TEST(VerdictCacheTest, KeysTellDriversApart) {
    gpu::Identity identity;
    identity.driver_info = "Mesa 25.0.7\n\t";
    std::set<std::string> keys;
    const auto add = [&](Way way) { keys.insert(verdict_key(identity, way)); };
    add(Way::dmabuf_image);
    add(Way::dmabuf_buffer);
    identity.device[3] = 1;
    add(Way::dmabuf_image);
    identity.driver[3] = 1;
    add(Way::dmabuf_image);
    identity.driver_id = 1;
    add(Way::dmabuf_image);
    identity.driver_version = 1;
    add(Way::dmabuf_image);
    identity.driver_info = "Mesa 25.0.8";
    add(Way::dmabuf_image);
    EXPECT_EQ(keys.size(), 7U);
    for (const std::string& key : keys) {
        EXPECT_EQ(key.find_first_of("\t\n"), std::string::npos);
        EXPECT_THAT(key, HasSubstr(" test=" + std::to_string(kSelfTestVersion)));
    }
}

class TrustTest : public test::VulkanTest {};

TEST_F(TrustTest, TestsOnceUnlessTold) {
    ::unsetenv("VDMABUF_SELF_TEST");
    const Way way = Way::host_pointer_buffer;
    EXPECT_EQ(Trust(device_).of(way).is, Is::works);
    // What an earlier run has found is believed...
    const VerdictCache cache(directory_ + "/vdmabuf/self-tests");
    const std::string key = verdict_key(device_->identity(), way);
    EXPECT_TRUE(cache.find(key));
    cache.put(key, {Is::broken, "of yesterday", true});
    EXPECT_EQ(Trust(device_).of(way).text, "self-test: of yesterday");
    // ... until somebody wants to know.
    ::setenv("VDMABUF_SELF_TEST", "1", 1);
    EXPECT_EQ(Trust(device_).of(way).is, Is::works);
    ::unsetenv("VDMABUF_SELF_TEST");
    EXPECT_EQ(Trust(device_).of(way).is, Is::works);
    EXPECT_EQ(cache.find(key)->is, Is::works);
}

}  // namespace
}  // namespace vdmabuf::consumer
