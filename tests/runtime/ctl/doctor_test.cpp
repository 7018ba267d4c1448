// SPDX-License-Identifier: MIT
// Each thing that the doctor looks at, whole and broken, in a made-up machine; and the real tool on
// this one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "runtime/tools/doctor/checks.hpp"
#include "tests/runtime/viewer/harness.hpp"

namespace vdmabuf::test {
namespace {

using doctor::Finding;
using doctor::Findings;
using doctor::Machine;
using doctor::Verdict;
using testing::HasSubstr;

constexpr const char* kDeviceOption =
    "vhost-user-test-device-pci,chardev=vd,virtio-id=37,num_vqs=2,vq_size=256,config_size=64";

class Doctor : public testing::Test {
  protected:
    Doctor() {
        char name[] = "/tmp/vdmabuf-doctor-test-XXXXXX";
        root_ = ::mkdtemp(name);
        ::chmod(root_.c_str(), 0755);
        machine_.emplace(root_);
    }
    ~Doctor() override { std::filesystem::remove_all(root_); }

    void put(const std::string& path, const std::string& text = {}, unsigned mode = 0644) {
        const std::filesystem::path whole = root_ + path;
        std::filesystem::create_directories(whole.parent_path());
        std::ofstream(whole, std::ios::binary) << text;
        ::chmod(whole.c_str(), mode);
    }
    void put_qemu(const std::vector<std::string>& words) {
        std::string text("/usr/bin/qemu-system-x86_64");
        for (const std::string& word : words) text += std::string(1, '\0') + word;
        put("/proc/4711/cmdline", text + std::string(1, '\0'));
    }
    void put_manifest(const std::string& library) {
        put("/usr/share/vulkan/implicit_layer.d/VkLayer_vdmabuf_wsi.json",
            R"({"layer": {"library_path": ")" + library + "\"}}");
    }
    std::vector<Finding> look(void (*check)(const Machine&, Findings&)) {
        Findings findings;
        check(*machine_, findings);
        return findings.all();
    }
    // The only finding, as "bad: text -> advice".
    std::string only(void (*check)(const Machine&, Findings&)) {
        const auto all = look(check);
        return all.size() == 1 ? text_of(all[0])
                               : "there are " + std::to_string(all.size()) + " findings";
    }
    static std::string text_of(const Finding& finding) {
        const char* word = finding.verdict == Verdict::good   ? "good"
                           : finding.verdict == Verdict::hint ? "hint"
                                                              : "bad";
        return std::string(word) + ": " + finding.text + " -> " + finding.advice;
    }
    std::string last(void (*check)(const Machine&, Findings&)) {
        const auto all = look(check);
        return all.empty() ? "nothing" : text_of(all.back());
    }

    std::string root_;
    std::optional<Machine> machine_;
};

TEST_F(Doctor, SideIsAGuestWhereThereIsADevice) {
    EXPECT_EQ(doctor::which_side(*machine_), doctor::Side::host);
    put("/sys/bus/pci/devices/0000:00:05.0/vendor", "0x1af4\n");
    put("/sys/bus/pci/devices/0000:00:05.0/device", "0x1041\n");
    EXPECT_EQ(doctor::which_side(*machine_), doctor::Side::host);
    put("/sys/bus/pci/devices/0000:00:05.0/device", "0x1065\n");
    EXPECT_EQ(doctor::which_side(*machine_), doctor::Side::guest);
    EXPECT_EQ(doctor::find_virtio_device(*machine_), "0000:00:05.0");
    put("/sys/bus/virtio/devices/virtio2/device", "0x0025\n");
    EXPECT_EQ(doctor::find_virtio_device(*machine_), "virtio2");
}

TEST_F(Doctor, Module) {
    put("/proc/sys/kernel/osrelease", "6.12.1-test\n");
    EXPECT_THAT(only(doctor::check_module),
                testing::AllOf(HasSubstr("bad"), HasSubstr("not installed for Linux 6.12.1-test"),
                               HasSubstr("linux-headers-6.12.1-test")));
    put("/lib/modules/6.12.1-test/updates/dkms/virtio_vdmabuf.ko.xz");
    EXPECT_THAT(only(doctor::check_module),
                testing::AllOf(HasSubstr("bad"), HasSubstr("but not loaded"),
                               HasSubstr("modprobe virtio_vdmabuf")));
    put("/sys/module/virtio_vdmabuf/version", VDMABUF_VERSION "\n");
    EXPECT_THAT(only(doctor::check_module),
                testing::AllOf(HasSubstr("good"), HasSubstr("(" VDMABUF_VERSION ")")));
    put("/sys/module/virtio_vdmabuf/version", "0.0.1\n");
    EXPECT_THAT(last(doctor::check_module),
                testing::AllOf(HasSubstr("hint"), HasSubstr("version is not that of this tool")));
}

TEST_F(Doctor, Device) {
    EXPECT_THAT(only(doctor::check_device),
                testing::AllOf(HasSubstr("bad"), HasSubstr("no vdmabuf device"),
                               HasSubstr("virtio-id=37")));
    put("/sys/bus/virtio/devices/virtio2/device", "0x0025\n");
    EXPECT_THAT(
        last(doctor::check_device),
        testing::AllOf(HasSubstr("bad"), HasSubstr("no /dev/vdmabufN"), HasSubstr("dmesg")));
    put("/dev/vdmabuf0", {}, 0600);
    EXPECT_THAT(last(doctor::check_device), HasSubstr("good: /dev/vdmabuf0 may be opened"));
    if (::geteuid() != 0) GTEST_SKIP() << "only root can be somebody else";
    ASSERT_EQ(::seteuid(65534), 0);
    const std::string denied = last(doctor::check_device);
    ASSERT_EQ(::seteuid(0), 0);
    EXPECT_THAT(denied, testing::AllOf(HasSubstr("bad"), HasSubstr("not for this user (root:root"),
                                       HasSubstr("60-vdmabuf.rules")));
    ASSERT_EQ(::chown((root_ + "/dev/vdmabuf0").c_str(), 0, 1), 0);
    ASSERT_EQ(::seteuid(65534), 0);
    const std::string grouped = last(doctor::check_device);
    ASSERT_EQ(::seteuid(0), 0);
    EXPECT_THAT(grouped, HasSubstr("usermod -aG daemon $USER"));
}

TEST_F(Doctor, Input) {
    EXPECT_THAT(only(doctor::check_input),
                testing::AllOf(HasSubstr("hint"), HasSubstr("no input device"),
                               HasSubstr("vhost-user-input-pci")));
    put("/sys/bus/virtio/devices/virtio4/device", "0x0012\n");
    EXPECT_THAT(only(doctor::check_input), HasSubstr("modprobe virtio_input"));
    put("/sys/class/input/event0/device/name", "AT Translated Set 2 keyboard\n");
    put("/sys/class/input/event3/device/name", "vdmabuf keyboard and pointer\n");
    put("/sys/class/input/event4/device/name", "vdmabuf mouse\n");
    EXPECT_THAT(only(doctor::check_input),
                HasSubstr("good: input devices of vdmabuf: keyboard and pointer (event3), mouse "
                          "(event4) ->"));
}

TEST_F(Doctor, Udmabuf) {
    EXPECT_THAT(only(doctor::check_udmabuf),
                testing::AllOf(HasSubstr("hint"), HasSubstr("modprobe udmabuf")));
    put("/dev/udmabuf");
    EXPECT_THAT(last(doctor::check_udmabuf),  // the driver's defaults
                testing::AllOf(HasSubstr("hint"), HasSubstr("udmabuf.list_limit=8192")));
    put("/sys/module/udmabuf/parameters/list_limit", "8192\n");
    EXPECT_THAT(last(doctor::check_udmabuf),
                HasSubstr("good: udmabuf's limits: list_limit 8192 runs, size_limit_mb 64"));
    put("/sys/module/udmabuf/parameters/size_limit_mb", "16\n");
    EXPECT_THAT(last(doctor::check_udmabuf),
                testing::AllOf(HasSubstr("bad"), HasSubstr("too low for a 4K image"),
                               HasSubstr("udmabuf.size_limit_mb=256")));
    if (::geteuid() != 0) GTEST_SKIP() << "only root can be somebody else";
    ::chmod((root_ + "/dev/udmabuf").c_str(), 0600);
    ASSERT_EQ(::seteuid(65534), 0);
    const std::string denied = only(doctor::check_udmabuf);
    ASSERT_EQ(::seteuid(0), 0);
    EXPECT_THAT(denied, testing::AllOf(HasSubstr("bad"), HasSubstr("not for this user"),
                                       HasSubstr("udev rule")));
}

TEST_F(Doctor, QemuVersion) {
    EXPECT_THAT(only(doctor::check_qemu), HasSubstr("hint: no QEMU is installed"));
    const auto version = [&](const std::string& number) {
        put("/usr/bin/qemu-system-x86_64",
            "#!/bin/sh\necho 'QEMU emulator version " + number + " (Debian)'\n", 0755);
        return only(doctor::check_qemu);
    };
    EXPECT_THAT(version("7.2.17"), testing::AllOf(HasSubstr("bad"), HasSubstr("version 7.2"),
                                                  HasSubstr("10.2 or newer")));
    EXPECT_THAT(version("10.1.0"), HasSubstr("bad"));
    EXPECT_THAT(version("10.2.0"), HasSubstr("good"));
    EXPECT_THAT(version("11.0.0"), HasSubstr("good"));
    put("/usr/bin/qemu-system-x86_64", "#!/bin/sh\nexit 1\n", 0755);
    EXPECT_THAT(only(doctor::check_qemu), HasSubstr("hint"));
}

TEST_F(Doctor, MemoryOfVms) {
    EXPECT_THAT(only(doctor::check_vms), HasSubstr("hint: no QEMU runs"));
    put_qemu({"-name", "guest=games,debug-threads=on", "-m", "8G"});
    EXPECT_THAT(only(doctor::check_vms),
                testing::AllOf(HasSubstr("hint: VM 'games' (process 4711) has no vdmabuf device"),
                               HasSubstr("virtio-id=37")));
    put_qemu({"-m", "8G", "-device", kDeviceOption});
    EXPECT_THAT(last(doctor::check_vms),
                testing::AllOf(HasSubstr("bad: the VM of process 4711's memory is private"),
                               HasSubstr("memory-backend-memfd")));
    const auto with = [&](const std::string& backend) {
        put_qemu(
            {"-object", backend, "-machine", "q35,memory-backend=mem", "-device", kDeviceOption});
        return last(doctor::check_vms);
    };
    EXPECT_THAT(with("memory-backend-memfd,id=mem,size=8G,share=on"), HasSubstr("good"));
    EXPECT_THAT(with("memory-backend-memfd,id=mem,size=8G,share=off"), HasSubstr("not shared"));
    EXPECT_THAT(with("memory-backend-memfd,id=mem,size=8G,seal=off"),
                testing::AllOf(HasSubstr("hint"), HasSubstr("not sealed")));
    EXPECT_THAT(with("memory-backend-ram,id=mem,size=8G"), HasSubstr("bad"));
    EXPECT_THAT(with("memory-backend-file,id=mem,size=8G,mem-path=/dev/shm/x,share=on"),
                testing::AllOf(HasSubstr("hint"), HasSubstr("no memfd")));
    EXPECT_THAT(with("memory-backend-memfd,id=other,size=8G"), HasSubstr("private"));
    EXPECT_THAT(with(R"({"qom-type":"memory-backend-memfd","id":"mem","share":true})"),
                HasSubstr("good"));
    put_qemu({"-device", "vhost-user-test-device-pci,chardev=vd,virtio-id=26"});
    EXPECT_THAT(only(doctor::check_vms), HasSubstr("of another kind"));
}

TEST_F(Doctor, Manifests) {
    EXPECT_THAT(only(doctor::check_manifests), HasSubstr("hint: no manifest"));
    put_manifest("libVkLayer_vdmabuf_wsi.so");
    EXPECT_THAT(look(doctor::check_manifests)[0].text, HasSubstr("which is not there"));
    put("/usr/lib/x86_64-linux-gnu/libVkLayer_vdmabuf_wsi.so");
    EXPECT_THAT(only(doctor::check_manifests),
                testing::AllOf(HasSubstr("good"), HasSubstr("found by Vulkan's loader")));
    put("/etc/vulkan/implicit_layer.d/VkLayer_vdmabuf_wsi.json", "{");
    EXPECT_THAT(look(doctor::check_manifests)[0].text, HasSubstr("is no manifest"));
    put("/etc/vulkan/implicit_layer.d/VkLayer_vdmabuf_wsi.json",
        R"({"layer": {"library_path": "libVkLayer_vdmabuf_wsi.so"}})");
    EXPECT_THAT(last(doctor::check_manifests), HasSubstr("there are 2 manifests"));
    put("/usr/share/glvnd/egl_vendor.d/05_vdmabuf.json",
        R"({"ICD": {"library_path": "libEGL_vdmabuf.so.0"}})");
    EXPECT_THAT(last(doctor::check_manifests),
                testing::AllOf(HasSubstr("bad"), HasSubstr("libEGL_vdmabuf.so.0")));
}

TEST_F(Doctor, Loaders) {
    EXPECT_EQ(look(doctor::check_loaders)[0].verdict, Verdict::bad);
    put("/usr/lib/x86_64-linux-gnu/libvulkan.so.1.3.239");
    std::filesystem::create_symlink("libvulkan.so.1.3.239",
                                    root_ + "/usr/lib/x86_64-linux-gnu/libvulkan.so.1");
    EXPECT_EQ(look(doctor::check_loaders)[0].text, "Vulkan's loader: 1.3.239");
    EXPECT_THAT(last(doctor::check_loaders), HasSubstr("hint: no Vulkan for 32-bit"));
    put("/usr/lib/i386-linux-gnu/libvulkan.so.1");
    EXPECT_THAT(last(doctor::check_loaders),
                testing::AllOf(HasSubstr("bad"), HasSubstr("scripts/build-32.sh")));
    put("/usr/lib/i386-linux-gnu/libVkLayer_vdmabuf_wsi.so");
    EXPECT_THAT(last(doctor::check_loaders), HasSubstr("good: 32-bit programs"));
}

TEST_F(Doctor, FlatpakAndSteam) {
    EXPECT_TRUE(look(doctor::check_flatpak).empty());
    EXPECT_TRUE(look(doctor::check_steam).empty());
    put("/usr/bin/flatpak");
    EXPECT_THAT(only(doctor::check_flatpak), HasSubstr("flatpak override --user --device=all"));
    put("/var/lib/flatpak/runtime/org.freedesktop.Platform.VulkanLayer.vdmabuf/x");
    EXPECT_THAT(look(doctor::check_flatpak)[0].text, HasSubstr("have the layer"));
    put("/usr/games/steam");
    EXPECT_THAT(only(doctor::check_steam), HasSubstr("--prefix /usr"));
    put_manifest("libVkLayer_vdmabuf_wsi.so");
    EXPECT_THAT(only(doctor::check_steam), HasSubstr("vdmabuf-run %command%"));
}

TEST_F(Doctor, ToolTellsOfAMadeUpGuest) {
    Scene scene;
    put("/sys/bus/virtio/devices/virtio2/device", "0x0025\n");
    auto ctl = scene.ctl({"doctor", "--root", root_, "--json"});
    EXPECT_EQ(ctl->wait(), 1);  // no module there
    const auto json = nlohmann::json::parse(ctl->output(), nullptr, false);
    ASSERT_TRUE(json.is_object()) << ctl->output();
    EXPECT_EQ(json["side"], "guest");
    EXPECT_EQ(json["findings"][0]["subject"], "module");
    EXPECT_EQ(json["findings"][0]["verdict"], "problem");
    EXPECT_EQ(scene.ctl({"doctor", "--side", "moon"})->wait(), 2);
}

TEST_F(Doctor, ToolHasTheLayerChooseAStrategyForEachFormat) {
    Scene scene;
    scene.start_broker();
    auto ctl = scene.ctl({"doctor", "--json", "--side", "host"});
    ctl->wait();
    const auto json = nlohmann::json::parse(ctl->output(), nullptr, false);
    ASSERT_TRUE(json.is_object()) << ctl->output();
    std::string strategies;
    bool broker = false;
    bool import = false;
    for (const auto& finding : json["findings"]) {
        const std::string text = finding["text"];
        if (finding["subject"] == "strategy") strategies += text + "\n";
        broker = broker || (finding["subject"] == "broker" && finding["verdict"] == "ok");
        import = import || (finding["subject"] == "import" && finding["verdict"] == "ok");
    }
    EXPECT_THAT(strategies, testing::AllOf(HasSubstr(" for "), HasSubstr("AR24")));
    EXPECT_TRUE(broker);
    EXPECT_TRUE(import);
}

}  // namespace
}  // namespace vdmabuf::test
