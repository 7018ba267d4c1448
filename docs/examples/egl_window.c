/* SPDX-License-Identifier: MIT */
/*
 * egl_window [FRAMES [TURN]]: a window on the host without any window system, in
 * which a triangle turns by TURN degrees a frame (default 3; FRAMES 0: until
 * somebody closes the window). Prints what becomes of each frame, and where the
 * last one lies. It takes the size that the host's user wishes for.
 *
 * vdmabuf-run --no-window-system egl_window
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <EGL/egl.h>
#include <GLES2/gl2.h>

#include <vdmabuf/egl.h>

#define PI 3.14159265f

static const char vertex_source[] =
    "attribute vec2 position;\n"
    "attribute vec3 colour;\n"
    "uniform vec2 turn;\n" /* cosine, sine */
    "varying vec3 between;\n"
    "void main() {\n"
    "    gl_Position = vec4(position.x * turn.x - position.y * turn.y,\n"
    "                       position.x * turn.y + position.y * turn.x, 0.0, 1.0);\n"
    "    between = colour;\n"
    "}\n";
static const char fragment_source[] =
    "precision mediump float;\n"
    "varying vec3 between;\n"
    "void main() { gl_FragColor = vec4(between, 1.0); }\n";

/* Up: red; lower left: green; lower right: blue. */
static const GLfloat triangle[] = {
    0.0f,  0.9f,  1.0f, 0.0f, 0.0f, /* */
    -0.8f, -0.5f, 0.0f, 1.0f, 0.0f, /* */
    0.8f,  -0.5f, 0.0f, 0.0f, 1.0f, /* */
};

static PFNEGLNEXTHOSTEVENTVDMABUFPROC next_event;
static PFNEGLRESIZEWINDOWVDMABUFPROC resize_window;
static PFNEGLSWAPBUFFERSWITHFENCEVDMABUFPROC swap;

static int fail(const char* what) {
    fprintf(stderr, "%s: EGL error 0x%04x\n", what, (unsigned)eglGetError());
    return 1;
}

static GLuint shader(GLenum type, const char* source) {
    const GLuint made = glCreateShader(type);

    glShaderSource(made, 1, &source, NULL);
    glCompileShader(made);
    return made;
}

/* The place of `turn`, or -1. */
static GLint prepare(void) {
    const GLsizei stride = 5 * sizeof(GLfloat);
    const GLuint program = glCreateProgram();
    GLuint buffer;
    GLint linked = 0;

    glAttachShader(program, shader(GL_VERTEX_SHADER, vertex_source));
    glAttachShader(program, shader(GL_FRAGMENT_SHADER, fragment_source));
    glBindAttribLocation(program, 0, "position");
    glBindAttribLocation(program, 1, "colour");
    glLinkProgram(program);
    glGetProgramiv(program, GL_LINK_STATUS, &linked);
    if (!linked) return -1;
    glUseProgram(program);
    glGenBuffers(1, &buffer);
    glBindBuffer(GL_ARRAY_BUFFER, buffer);
    glBufferData(GL_ARRAY_BUFFER, sizeof triangle, triangle, GL_STATIC_DRAW);
    glVertexAttribPointer(0, 2, GL_FLOAT, GL_FALSE, stride, (const void*)0);
    glVertexAttribPointer(1, 3, GL_FLOAT, GL_FALSE, stride, (const void*)(2 * sizeof(GLfloat)));
    glEnableVertexAttribArray(0);
    glEnableVertexAttribArray(1);
    return glGetUniformLocation(program, "turn");
}

/* Cosine and sine of degrees, without a mathematical library. */
static void circle(float degrees, float* cosine, float* sine) {
    const float x = degrees * PI / 180;
    const float y = x * x;

    *cosine = 1 - y / 2 + y * y / 24 - y * y * y / 720 + y * y * y * y / 40320;
    *sine = x * (1 - y / 6 + y * y / 120 - y * y * y / 5040 + y * y * y * y / 362880);
}

/* Takes what has happened. 0 when the window shall go. */
static int handle_events(EGLDisplay display, EGLSurface surface) {
    EGLHostEventVDMABUF event;

    while (next_event(display, surface, 0, &event) && event.type != EGL_NONE) {
        if (event.type == EGL_CLOSE_EVENT_VDMABUF) return 0;
        if (event.type == EGL_FRAME_EVENT_VDMABUF) {
            printf("frame %llu %s at %llu ns\n", (unsigned long long)event.serial,
                   event.shown ? "shown" : "dropped", (unsigned long long)event.time);
        } else if (event.type == EGL_CONFIGURE_EVENT_VDMABUF && event.width > 0) {
            printf("size %dx%d\n", (int)event.width, (int)event.height);
            resize_window(display, surface, event.width, event.height);
        }
    }
    fflush(stdout);
    return 1;
}

/* Where the last frame lies: another program could be given the descriptor. */
static void print_memory(EGLDisplay display, EGLSurface surface) {
    const PFNEGLEXPORTFRAMEVDMABUFPROC export_frame =
        (PFNEGLEXPORTFRAMEVDMABUFPROC)eglGetProcAddress("eglExportFrameVDMABUF");
    EGLHostFrameVDMABUF frame;

    if (!export_frame(display, surface, &frame)) {
        printf("no dmabuf of the last frame: EGL error 0x%04x\n", (unsigned)eglGetError());
        return;
    }
    printf("frame %llu is a dmabuf: %dx%d, format %.4s, modifier 0x%llx, pitch %d%s\n",
           (unsigned long long)frame.serial, (int)frame.width, (int)frame.height,
           (const char*)&frame.fourcc, (unsigned long long)frame.modifier, (int)frame.pitches[0],
           frame.y_inverted ? ", lowest row first" : "");
    close(frame.fd);
}

int main(int argc, char** argv) {
    const long frames = argc > 1 ? strtol(argv[1], NULL, 10) : 0;
    const float step = argc > 2 ? (float)strtod(argv[2], NULL) : 3.0f;
    /* Those of 10 bits come first otherwise; with 8 bits of alpha there are none of them. */
    const EGLint wanted[] = {EGL_SURFACE_TYPE,
                             EGL_WINDOW_BIT,
                             EGL_RENDERABLE_TYPE,
                             EGL_OPENGL_ES2_BIT,
                             EGL_RED_SIZE,
                             8,
                             EGL_ALPHA_SIZE,
                             8,
                             EGL_NONE};
    const EGLint version[] = {EGL_CONTEXT_CLIENT_VERSION, 2, EGL_NONE};
    const EGLAttrib window[] = {EGL_WIDTH,
                                400,
                                EGL_HEIGHT,
                                300,
                                EGL_WINDOW_TITLE_VDMABUF,
                                (EGLAttrib) "a triangle",
                                EGL_WINDOW_APP_ID_VDMABUF,
                                (EGLAttrib) "org.vdmabuf.egl_window",
                                EGL_NONE};
    EGLDisplay display;
    EGLConfig config;
    EGLSurface surface;
    EGLContext context;
    EGLint count = 0, width = 0, height = 0;
    GLint turn;
    float degrees = 0, cosine, sine;
    long i;

    display = eglGetPlatformDisplay(EGL_PLATFORM_HOST_VDMABUF, NULL, NULL);
    if (display == EGL_NO_DISPLAY) return fail("no display: is vdmabuf enabled, and a host there?");
    if (!eglInitialize(display, NULL, NULL)) return fail("eglInitialize");
    if (!strstr(eglQueryString(display, EGL_EXTENSIONS), "EGL_VDMABUF_host_window"))
        return fail("no EGL_VDMABUF_host_window");
    next_event = (PFNEGLNEXTHOSTEVENTVDMABUFPROC)eglGetProcAddress("eglNextHostEventVDMABUF");
    resize_window = (PFNEGLRESIZEWINDOWVDMABUFPROC)eglGetProcAddress("eglResizeWindowVDMABUF");
    swap =
        (PFNEGLSWAPBUFFERSWITHFENCEVDMABUFPROC)eglGetProcAddress("eglSwapBuffersWithFenceVDMABUF");
    if (!eglChooseConfig(display, wanted, &config, 1, &count) || count != 1)
        return fail("eglChooseConfig");
    eglBindAPI(EGL_OPENGL_ES_API);
    context = eglCreateContext(display, config, EGL_NO_CONTEXT, version);
    surface = eglCreatePlatformWindowSurface(display, config, NULL, window);
    if (surface == EGL_NO_SURFACE) return fail("eglCreatePlatformWindowSurface");
    if (!eglMakeCurrent(display, surface, surface, context)) return fail("eglMakeCurrent");
    turn = prepare();
    if (turn < 0) return fail("shaders");

    for (i = 0; frames == 0 || i < frames; i++) {
        EGLuint64KHR serial = 0;

        if (!handle_events(display, surface)) break;
        eglQuerySurface(display, surface, EGL_WIDTH, &width);
        eglQuerySurface(display, surface, EGL_HEIGHT, &height);
        circle(degrees, &cosine, &sine);
        glViewport(0, 0, width, height);
        glClearColor(0.1f, 0.1f, 0.1f, 1.0f);
        glClear(GL_COLOR_BUFFER_BIT);
        glUniform2f(turn, cosine, sine);
        glDrawArrays(GL_TRIANGLES, 0, 3);
        /* All of it has changed, and there is no fence to wait for. */
        if (!swap(display, surface, -1, NULL, 0, &serial)) return fail("swap");
        degrees += step;
        if (degrees > 180) degrees -= 360;
    }
    handle_events(display, surface);
    print_memory(display, surface);
    eglMakeCurrent(display, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
    eglTerminate(display);
    return 0;
}
