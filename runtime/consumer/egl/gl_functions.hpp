// SPDX-License-Identifier: MIT
#pragma once

// Types alone, no prototypes: nothing of it can be linked by mistake.
#define GL_GLES_PROTOTYPES 0
#include <GLES2/gl2.h>
#include <GLES2/gl2ext.h>

#include "runtime/common/result.hpp"
#include "runtime/consumer/egl/egl_functions.hpp"

namespace vdmabuf::consumer::egl {

// What the sampler needs of OpenGL ES 2, found at run time.
struct GlFunctions {
    PFNGLGETSTRINGPROC get_string = nullptr;
    PFNGLGETERRORPROC get_error = nullptr;
    PFNGLGENTEXTURESPROC gen_textures = nullptr;
    PFNGLDELETETEXTURESPROC delete_textures = nullptr;
    PFNGLBINDTEXTUREPROC bind_texture = nullptr;
    PFNGLTEXPARAMETERIPROC tex_parameter = nullptr;
    PFNGLTEXIMAGE2DPROC tex_image = nullptr;
    PFNGLGENFRAMEBUFFERSPROC gen_framebuffers = nullptr;
    PFNGLDELETEFRAMEBUFFERSPROC delete_framebuffers = nullptr;
    PFNGLBINDFRAMEBUFFERPROC bind_framebuffer = nullptr;
    PFNGLFRAMEBUFFERTEXTURE2DPROC framebuffer_texture = nullptr;
    PFNGLCHECKFRAMEBUFFERSTATUSPROC check_framebuffer = nullptr;
    PFNGLCREATESHADERPROC create_shader = nullptr;
    PFNGLSHADERSOURCEPROC shader_source = nullptr;
    PFNGLCOMPILESHADERPROC compile_shader = nullptr;
    PFNGLDELETESHADERPROC delete_shader = nullptr;
    PFNGLCREATEPROGRAMPROC create_program = nullptr;
    PFNGLATTACHSHADERPROC attach_shader = nullptr;
    PFNGLBINDATTRIBLOCATIONPROC bind_attribute = nullptr;
    PFNGLLINKPROGRAMPROC link_program = nullptr;
    PFNGLGETPROGRAMIVPROC get_program = nullptr;
    PFNGLUSEPROGRAMPROC use_program = nullptr;
    PFNGLDELETEPROGRAMPROC delete_program = nullptr;
    PFNGLVERTEXATTRIBPOINTERPROC attribute_pointer = nullptr;
    PFNGLENABLEVERTEXATTRIBARRAYPROC enable_attribute = nullptr;
    PFNGLVIEWPORTPROC viewport = nullptr;
    PFNGLDRAWARRAYSPROC draw_arrays = nullptr;
    PFNGLPIXELSTOREIPROC pixel_store = nullptr;
    PFNGLREADPIXELSPROC read_pixels = nullptr;
    PFNGLEGLIMAGETARGETTEXTURE2DOESPROC image_target_texture = nullptr;

    static Result<GlFunctions> load(const Functions& egl);
};

}  // namespace vdmabuf::consumer::egl
