// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstring>
#include <vector>

#include "tests/egl/gl_app.hpp"

namespace vdmabuf::test {
namespace {

EGLint attribute(EGLDisplay display, EGLConfig config, EGLint name) {
    EGLint value = -1;
    EXPECT_TRUE(eglGetConfigAttrib(display, config, name, &value));
    return value;
}

std::vector<EGLConfig> chosen(EGLDisplay display, std::vector<EGLint> attributes) {
    attributes.push_back(EGL_NONE);
    EGLint count = 0;
    EXPECT_TRUE(eglChooseConfig(display, attributes.data(), nullptr, 0, &count));
    std::vector<EGLConfig> configs(static_cast<std::size_t>(count));
    EXPECT_TRUE(eglChooseConfig(display, attributes.data(), configs.data(), count, &count));
    EXPECT_EQ(static_cast<std::size_t>(count), configs.size());
    return configs;
}

// Visuals of the server, with their depths.
EGLint depth_of(const XWindow& window, EGLint visual) {
    const auto screens = xcb_setup_roots_iterator(xcb_get_setup(window.connection()));
    for (auto depth = xcb_screen_allowed_depths_iterator(screens.data); depth.rem;
         xcb_depth_next(&depth)) {
        const auto* visuals = xcb_depth_visuals(depth.data);
        for (int i = 0; i < xcb_depth_visuals_length(depth.data); ++i) {
            if (static_cast<EGLint>(visuals[i].visual_id) == visual) return depth.data->depth;
        }
    }
    return -1;
}

TEST_F(EglWindowTest, ConfigurationsForWindowsHaveVisuals) {
    const auto configs = chosen(app->display, {});  // EGL_WINDOW_BIT is the default
    ASSERT_FALSE(configs.empty());
    for (EGLConfig config : configs) {
        EXPECT_TRUE(attribute(app->display, config, EGL_SURFACE_TYPE) & EGL_WINDOW_BIT);
        EXPECT_EQ(depth_of(*window, attribute(app->display, config, EGL_NATIVE_VISUAL_ID)), 24);
        EXPECT_EQ(attribute(app->display, config, EGL_NATIVE_VISUAL_TYPE), 4);
        EXPECT_EQ(attribute(app->display, config, EGL_MIN_SWAP_INTERVAL), 0);
        EXPECT_GE(attribute(app->display, config, EGL_MAX_SWAP_INTERVAL), 1);
    }
}

TEST_F(EglWindowTest, WhatIsChosenAndWhatIsToldAgree) {
    std::vector<EGLConfig> all(256);
    EGLint count = 0;
    ASSERT_TRUE(eglGetConfigs(app->display, all.data(), 256, &count));
    all.resize(static_cast<std::size_t>(count));
    for (const EGLint type : {EGL_WINDOW_BIT, EGL_PBUFFER_BIT, EGL_WINDOW_BIT | EGL_PBUFFER_BIT,
                              EGL_PIXMAP_BIT, EGL_WINDOW_BIT | EGL_SWAP_BEHAVIOR_PRESERVED_BIT}) {
        const auto found =
            chosen(app->display, {EGL_SURFACE_TYPE, type, EGL_RENDERABLE_TYPE, EGL_DONT_CARE,
                                  EGL_COLOR_COMPONENT_TYPE_EXT, EGL_DONT_CARE});
        for (EGLConfig config : all) {
            const bool listed = std::find(found.begin(), found.end(), config) != found.end();
            const EGLint told = attribute(app->display, config, EGL_SURFACE_TYPE);
            // Slow ones and such are not chosen by default either way.
            EXPECT_EQ(listed, (told & type) == type) << std::hex << type << " of " << told;
        }
    }
    const EGLint id = attribute(app->display, all.back(), EGL_CONFIG_ID);
    EXPECT_EQ(chosen(app->display, {EGL_CONFIG_ID, id}), std::vector<EGLConfig>{all.back()});
    EXPECT_TRUE(chosen(app->display, {EGL_NATIVE_VISUAL_TYPE, 5}).empty());  // DirectColor
    EXPECT_FALSE(chosen(app->display, {EGL_NATIVE_VISUAL_TYPE, 4}).empty());
}

// EGL 1.5, 3.4.1.2: those with a caveat come last, then the deepest of the colours asked for come
// first, then the smallest buffers.
TEST_F(EglHostTest, EightBitsComeFirst) {
    const auto red = [&](EGLConfig config) {
        return attribute(app->display, config, EGL_RED_SIZE);
    };
    const auto caveat = [&](EGLConfig config) {
        return attribute(app->display, config, EGL_CONFIG_CAVEAT);
    };
    const std::vector<EGLint> any = {EGL_RED_SIZE, 1, EGL_GREEN_SIZE, 1, EGL_BLUE_SIZE, 1};
    const std::vector<EGLint> eight = {EGL_RED_SIZE, 8, EGL_GREEN_SIZE, 8, EGL_BLUE_SIZE, 8};
    std::vector<EGLint> alpha = eight;
    alpha.insert(alpha.end(), {EGL_ALPHA_SIZE, 8});
    for (const auto& wanted : {any, eight, alpha}) {
        const auto configs = chosen(app->display, wanted);
        ASSERT_FALSE(configs.empty());
        EXPECT_EQ(red(configs[0]), 8);
        for (std::size_t i = 1; i < configs.size(); ++i) {
            const bool slow = caveat(configs[i]) == EGL_SLOW_CONFIG;
            EXPECT_EQ(slow, red(configs[i]) == 10);
            EXPECT_TRUE(slow || caveat(configs[i - 1]) == EGL_NONE);
            if (slow == (caveat(configs[i - 1]) == EGL_SLOW_CONFIG)) {
                EXPECT_LE(red(configs[i]), red(configs[i - 1])) << "deepest first";
            }
        }
    }
    // Without colours that are asked for, the smallest.
    const auto smallest = chosen(app->display, {});
    ASSERT_FALSE(smallest.empty());
    for (EGLConfig config : smallest) {
        if (caveat(config) != EGL_NONE) continue;
        EXPECT_GE(attribute(app->display, config, EGL_BUFFER_SIZE),
                  attribute(app->display, smallest[0], EGL_BUFFER_SIZE));
    }
    // Who asks for them gets them.
    const auto ten = chosen(app->display, {EGL_RED_SIZE, 10});
    ASSERT_FALSE(ten.empty());
    for (EGLConfig config : ten) EXPECT_EQ(red(config), 10);
    EXPECT_EQ(chosen(app->display, {EGL_RED_SIZE, 10, EGL_CONFIG_CAVEAT, EGL_SLOW_CONFIG}), ten);
    EXPECT_TRUE(chosen(app->display, {EGL_RED_SIZE, 10, EGL_CONFIG_CAVEAT, EGL_NONE}).empty());
    EXPECT_FALSE(chosen(app->display, {EGL_RED_SIZE, 8, EGL_CONFIG_CAVEAT, EGL_NONE}).empty());
    EXPECT_EQ(chosen(app->display, {EGL_CONFIG_ID, attribute(app->display, ten[0], EGL_CONFIG_ID),
                                    EGL_CONFIG_CAVEAT, EGL_NONE}),
              std::vector<EGLConfig>{ten[0]});
}

TEST_F(EglWindowTest, EveryWindowConfigurationMakesASurface) {
    ASSERT_TRUE(app->not_current());
    for (EGLConfig config : chosen(app->display, {EGL_RENDERABLE_TYPE, EGL_OPENGL_ES2_BIT})) {
        KnownWindow another(x.display(), 20, 20);
        const EGLSurface made = eglCreateWindowSurface(app->display, config, another.id(), nullptr);
        EXPECT_NE(made, EGL_NO_SURFACE) << std::hex << eglGetError();
        EXPECT_EQ(app->query(made, EGL_CONFIG_ID), attribute(app->display, config, EGL_CONFIG_ID));
        EXPECT_TRUE(eglDestroySurface(app->display, made));
    }
}

TEST_F(EglWindowTest, ExtensionsAreTold) {
    const char* extensions = eglQueryString(app->display, EGL_EXTENSIONS);
    ASSERT_TRUE(extensions);
    for (const char* name :
         {"EGL_KHR_swap_buffers_with_damage", "EGL_EXT_swap_buffers_with_damage",
          "EGL_EXT_buffer_age", "EGL_KHR_partial_update", "EGL_KHR_fence_sync"}) {
        EXPECT_TRUE(std::strstr(extensions, name)) << name;
    }
    // Only where what is around the rectangle stays.
    EXPECT_EQ(std::strstr(extensions, "EGL_NV_post_sub_buffer") == nullptr,
              expected_strategy() == stream::Strategy::dmabuf_export);
}

}  // namespace
}  // namespace vdmabuf::test
