// SPDX-License-Identifier: MIT
#include "runtime/consumer/egl/gl_sampler.hpp"

#include <array>

namespace vdmabuf::consumer::egl {
namespace {

constexpr const char* kVertexShader = R"(
attribute vec2 at;
varying highp vec2 texel;
void main() {
    texel = at * 0.5 + 0.5;
    gl_Position = vec4(at, 0.0, 1.0);
}
)";
constexpr const char* kFragmentShader = R"(
precision highp float;
varying highp vec2 texel;
uniform sampler2D image;
void main() {
    gl_FragColor = texture2D(image, texel);
}
)";

// Names of OpenGL; deleted with the object, in the same context.
class Names {
  public:
    explicit Names(const GlFunctions& gl) : gl_(gl) {
        gl_.gen_textures(2, textures.data());
        gl_.gen_framebuffers(1, &framebuffer);
        program = gl_.create_program();
    }
    ~Names() {
        gl_.delete_program(program);
        gl_.delete_framebuffers(1, &framebuffer);
        gl_.delete_textures(2, textures.data());
    }
    Names(const Names&) = delete;
    Names& operator=(const Names&) = delete;

    std::array<GLuint, 2> textures{};  // the image, the target
    GLuint framebuffer = 0;
    GLuint program = 0;

  private:
    const GlFunctions& gl_;
};

void attach(const GlFunctions& gl, GLuint program, GLenum kind, const char* source) {
    const GLuint shader = gl.create_shader(kind);
    gl.shader_source(shader, 1, &source, nullptr);
    gl.compile_shader(shader);
    gl.attach_shader(program, shader);
    gl.delete_shader(shader);  // with the program
}

void set_nearest(const GlFunctions& gl) {
    gl.tex_parameter(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
    gl.tex_parameter(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
    gl.tex_parameter(GL_TEXTURE_2D, GL_TEXTURE_WRAP_S, GL_CLAMP_TO_EDGE);
    gl.tex_parameter(GL_TEXTURE_2D, GL_TEXTURE_WRAP_T, GL_CLAMP_TO_EDGE);
}

}  // namespace

Result<std::vector<std::uint8_t>> sample(const GlFunctions& gl, const EglImage& image) {
    while (gl.get_error() != GL_NO_ERROR) {
    }
    const auto width = static_cast<GLsizei>(image.layout().width);
    const auto height = static_cast<GLsizei>(image.layout().height);
    Names names(gl);
    attach(gl, names.program, GL_VERTEX_SHADER, kVertexShader);
    attach(gl, names.program, GL_FRAGMENT_SHADER, kFragmentShader);
    gl.bind_attribute(names.program, 0, "at");
    gl.link_program(names.program);
    GLint linked = GL_FALSE;
    gl.get_program(names.program, GL_LINK_STATUS, &linked);
    if (!linked) return Error{EIO, "the driver cannot compile the test's shaders"};

    gl.bind_texture(GL_TEXTURE_2D, names.textures[1]);
    set_nearest(gl);
    gl.tex_image(GL_TEXTURE_2D, 0, GL_RGBA, width, height, 0, GL_RGBA, GL_UNSIGNED_BYTE, nullptr);
    gl.bind_framebuffer(GL_FRAMEBUFFER, names.framebuffer);
    gl.framebuffer_texture(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, names.textures[1],
                           0);
    if (gl.check_framebuffer(GL_FRAMEBUFFER) != GL_FRAMEBUFFER_COMPLETE) {
        return Error{EIO, "no framebuffer for the test"};
    }
    gl.bind_texture(GL_TEXTURE_2D, names.textures[0]);
    set_nearest(gl);
    gl.image_target_texture(GL_TEXTURE_2D, image.get());
    if (const GLenum error = gl.get_error(); error != GL_NO_ERROR) {
        return Error{EIO, "no texture of the EGLImage: error " + std::to_string(error)};
    }
    gl.viewport(0, 0, width, height);
    gl.use_program(names.program);
    // One triangle over all of it.
    static constexpr GLfloat kCorners[] = {-1, -1, 3, -1, -1, 3};
    gl.attribute_pointer(0, 2, GL_FLOAT, GL_FALSE, 0, kCorners);
    gl.enable_attribute(0);
    gl.draw_arrays(GL_TRIANGLES, 0, 3);
    gl.pixel_store(GL_PACK_ALIGNMENT, 1);
    std::vector<std::uint8_t> pixels(std::size_t{image.layout().width} * image.layout().height * 4);
    gl.read_pixels(0, 0, width, height, GL_RGBA, GL_UNSIGNED_BYTE, pixels.data());
    if (const GLenum error = gl.get_error(); error != GL_NO_ERROR) {
        return Error{EIO, "drawing the EGLImage: error " + std::to_string(error)};
    }
    gl.bind_framebuffer(GL_FRAMEBUFFER, 0);
    return pixels;
}

}  // namespace vdmabuf::consumer::egl
