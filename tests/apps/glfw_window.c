/* SPDX-License-Identifier: MIT */
/*
 * glfw_window LIBRARY: a window of GLFW's null platform, drawn into by OpenGL ES, in four colours
 * that say where up and left are. LIBRARY: GLFW 3.4, which is not the system's: its headers are not
 * needed.
 */
#include <dlfcn.h>
#include <stdio.h>

#include <GLES2/gl2.h>

/* Of <GLFW/glfw3.h>. */
#define GLFW_PLATFORM 0x00050003
#define GLFW_PLATFORM_NULL 0x00060005
#define GLFW_CLIENT_API 0x00022001
#define GLFW_OPENGL_ES_API 0x00030002
#define GLFW_CONTEXT_VERSION_MAJOR 0x00022002
#define GLFW_CONTEXT_CREATION_API 0x0002200B
#define GLFW_EGL_CONTEXT_API 0x00036002
typedef struct GLFWwindow GLFWwindow;

static void quarter(int x, int y, float red, float green, float blue) {
    glScissor(x, y, 320, 240);
    glClearColor(red, green, blue, 1.0f);
    glClear(GL_COLOR_BUFFER_BIT);
}

int main(int argc, char** argv) {
    void* library = argc == 2 ? dlopen(argv[1], RTLD_NOW) : NULL;
    if (!library) {
        fprintf(stderr, "no GLFW: %s\n", argc == 2 ? dlerror() : "which?");
        return 2;
    }
    void (*init_hint)(int, int);
    int (*init)(void);
    void (*window_hint)(int, int);
    GLFWwindow* (*create_window)(int, int, const char*, void*, GLFWwindow*);
    void (*make_current)(GLFWwindow*);
    void (*swap_buffers)(GLFWwindow*);
    void (*poll_events)(void);
    int (*get_error)(const char**);
    /* As POSIX wants it. */
#define GET(pointer, name) *(void**)&pointer = dlsym(library, name)
    GET(init_hint, "glfwInitHint");
    GET(init, "glfwInit");
    GET(window_hint, "glfwWindowHint");
    GET(create_window, "glfwCreateWindow");
    GET(make_current, "glfwMakeContextCurrent");
    GET(swap_buffers, "glfwSwapBuffers");
    GET(poll_events, "glfwPollEvents");
    GET(get_error, "glfwGetError");
    if (!init_hint || !init || !window_hint || !create_window || !make_current || !swap_buffers ||
        !poll_events || !get_error) {
        fprintf(stderr, "no GLFW 3.4\n");
        return 2;
    }
    init_hint(GLFW_PLATFORM, GLFW_PLATFORM_NULL);
    GLFWwindow* window = NULL;
    if (init()) {
        window_hint(GLFW_CONTEXT_CREATION_API, GLFW_EGL_CONTEXT_API);
        window_hint(GLFW_CLIENT_API, GLFW_OPENGL_ES_API);
        window_hint(GLFW_CONTEXT_VERSION_MAJOR, 2);
        window = create_window(640, 480, "quarters", NULL, NULL);
    }
    if (!window) {
        const char* why = "";
        get_error(&why);
        fprintf(stderr, "no window: %s\n", why);
        return 1;
    }
    make_current(window);
    glEnable(GL_SCISSOR_TEST);
    for (;;) {
        quarter(0, 240, 1.0f, 0.0f, 0.0f);   /* upper left */
        quarter(320, 240, 0.0f, 1.0f, 0.0f); /* upper right */
        quarter(0, 0, 0.0f, 0.0f, 1.0f);     /* lower left */
        quarter(320, 0, 1.0f, 1.0f, 0.0f);   /* lower right */
        swap_buffers(window);
        poll_events();
    }
}
