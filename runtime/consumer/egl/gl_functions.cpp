// SPDX-License-Identifier: MIT
#include "runtime/consumer/egl/gl_functions.hpp"

#include <type_traits>

namespace vdmabuf::consumer::egl {

Result<GlFunctions> GlFunctions::load(const Functions& egl) {
    GlFunctions gl;
    const char* missing = nullptr;
    const auto find = [&](auto& function, const char* name) {
        function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(
            egl.get_proc_address(name));
        if (!function) missing = name;
    };
    find(gl.get_string, "glGetString");
    find(gl.get_error, "glGetError");
    find(gl.gen_textures, "glGenTextures");
    find(gl.delete_textures, "glDeleteTextures");
    find(gl.bind_texture, "glBindTexture");
    find(gl.tex_parameter, "glTexParameteri");
    find(gl.tex_image, "glTexImage2D");
    find(gl.gen_framebuffers, "glGenFramebuffers");
    find(gl.delete_framebuffers, "glDeleteFramebuffers");
    find(gl.bind_framebuffer, "glBindFramebuffer");
    find(gl.framebuffer_texture, "glFramebufferTexture2D");
    find(gl.check_framebuffer, "glCheckFramebufferStatus");
    find(gl.create_shader, "glCreateShader");
    find(gl.shader_source, "glShaderSource");
    find(gl.compile_shader, "glCompileShader");
    find(gl.delete_shader, "glDeleteShader");
    find(gl.create_program, "glCreateProgram");
    find(gl.attach_shader, "glAttachShader");
    find(gl.bind_attribute, "glBindAttribLocation");
    find(gl.link_program, "glLinkProgram");
    find(gl.get_program, "glGetProgramiv");
    find(gl.use_program, "glUseProgram");
    find(gl.delete_program, "glDeleteProgram");
    find(gl.attribute_pointer, "glVertexAttribPointer");
    find(gl.enable_attribute, "glEnableVertexAttribArray");
    find(gl.viewport, "glViewport");
    find(gl.draw_arrays, "glDrawArrays");
    find(gl.pixel_store, "glPixelStorei");
    find(gl.read_pixels, "glReadPixels");
    find(gl.image_target_texture, "glEGLImageTargetTexture2DOES");
    if (missing) return Error{ENOENT, std::string("no ") + missing};
    return gl;
}

}  // namespace vdmabuf::consumer::egl
