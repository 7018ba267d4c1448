// SPDX-License-Identifier: MIT
#include "runtime/consumer/egl/egl_self_test.hpp"

#include <algorithm>

#include "runtime/common/log.hpp"
#include "runtime/consumer/egl/egl_image.hpp"
#include "runtime/consumer/egl/gl_sampler.hpp"
#include "runtime/consumer/egl/scratch_context.hpp"
#include "runtime/consumer/test_pages.hpp"

namespace vdmabuf::consumer::egl {
namespace {

constexpr int kVersion = 1;  // raised when the test changes in what it finds

// An odd width, a pitch that is no multiple of 256, and rows up to the end, padded to 16 of them.
constexpr std::uint32_t kWidth = 733;
constexpr std::uint64_t kPitch = 2944;

Verdict broken(const Error& error) {
    const bool lasting = error.code != ENOMEM && error.code != EMFILE && error.code != ENFILE;
    return {Verdict::Is::broken, error.text, lasting};
}

// In a context of our own, which is current.
Verdict test_here(const Functions& egl, EGLDisplay display, const GlFunctions& gl) {
    auto pages = TestPages::create();
    if (!pages) return broken(pages.error());
    ImageLayout layout;
    layout.format = find_format(fourcc_of("AB24"));
    layout.width = kWidth;
    layout.height = static_cast<std::uint32_t>(TestPages::kSize / kPitch) / 16 * 16;
    layout.pitch = kPitch;
    layout.planes[0] = {0, kPitch};
    auto files = pages->as_dmabuf();
    if (!files) return broken(files.error());
    auto image = EglImage::import(egl, display, layout, *files);
    if (!image && !pages->no_udmabuf().empty()) {
        return {Verdict::Is::untested, pages->no_udmabuf(), false};
    }
    if (!image) return broken(image.error());
    for (std::uint32_t salt = 1; salt <= 2; ++salt) {
        pages->fill(salt);
        auto seen = sample(gl, *image);
        if (!seen) return broken(seen.error());
        for (std::uint32_t y = 0; y < layout.height; ++y) {
            for (std::uint32_t x = 0; x < kWidth; ++x) {
                std::uint32_t got = 0;
                std::memcpy(&got, seen->data() + (std::size_t{y} * kWidth + x) * 4, sizeof got);
                if (got == TestPages::pattern(y * kPitch / 4 + x, salt)) continue;
                return broken({EIO, "the GPU reads wrong bytes (row " + std::to_string(y) + ")"});
            }
        }
    }
    return {Verdict::Is::works, {}, true};
}

std::string key_of(const GlFunctions& gl) {
    std::string key = "egl";
    for (const GLenum name : {GL_VENDOR, GL_RENDERER, GL_VERSION}) {
        const auto* text = reinterpret_cast<const char*>(gl.get_string(name));
        key += "/" + printable(text ? text : "?");
    }
    return key + kernel_key() + " test=" + std::to_string(kVersion);
}

Verdict test(const Functions& egl, EGLDisplay display, bool may_remember) {
    if (!egl.has(display, "EGL_EXT_image_dma_buf_import")) {
        return {Verdict::Is::broken, "no EGL_EXT_image_dma_buf_import", false};
    }
    auto context = ScratchContext::create(egl, display);
    if (!context) return {Verdict::Is::untested, context.error().text, false};
    auto gl = GlFunctions::load(egl);
    if (!gl) return {Verdict::Is::untested, gl.error().text, false};
    const VerdictCache cache(VerdictCache::default_path());
    const std::string key = key_of(*gl);
    if (may_remember && !VerdictCache::distrusted()) {
        if (auto known = cache.find(key)) return *known;
    }
    Verdict verdict = test_here(egl, display, *gl);
    if (verdict.lasting) cache.put(key, verdict);
    if (verdict.is != Verdict::Is::works) {
        LOG_INFO("EGL: dmabufs %s: %s",
                 verdict.is == Verdict::Is::broken ? "do not work" : "could not be tested",
                 verdict.text.c_str());
    }
    return verdict;
}

}  // namespace

Verdict trust(const Functions& egl, EGLDisplay display) {
    return test(egl, display, true);
}

Verdict self_test(const Functions& egl, EGLDisplay display) {
    return test(egl, display, false);
}

}  // namespace vdmabuf::consumer::egl
