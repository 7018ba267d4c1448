/* SPDX-License-Identifier: MIT */
/*
 * EGL_VDMABUF_platform_host and EGL_VDMABUF_host_window, the EGL extensions of vdmabuf's vendor
 * library, as docs/egl-extension.md specifies them: windows on the host for programs that have no
 * window system, and what programs may want to know of their windows there. Nothing is linked: the
 * functions come from eglGetProcAddress(), and eglQueryString(dpy, EGL_EXTENSIONS) says whether a
 * display has them.
 *
 * Every function answers EGL_FALSE where it fails, and eglGetError() has the reason:
 * EGL_BAD_DISPLAY when `dpy` is no display of this library, EGL_NOT_INITIALIZED when it is not
 * initialised, EGL_BAD_SURFACE when `surface` is no window of it; others are named below.
 */
#ifndef VDMABUF_EGL_H
#define VDMABUF_EGL_H

#include <EGL/egl.h>
#include <EGL/eglext.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The tokens are not registered with Khronos. They lie in a block of 32-bit values (0x56444Dxx:
 * "VDM") that Khronos does not assign from.
 */

#ifndef EGL_VDMABUF_platform_host
#define EGL_VDMABUF_platform_host 1
/*
 * For eglGetPlatformDisplay(): the native display is NULL, there are no attributes. Native windows
 * are NULL too; their sizes are the attributes EGL_WIDTH and EGL_HEIGHT (default: VDMABUF_DISPLAY
 * in the environment, as WIDTHxHEIGHT, else 1280 and 720).
 */
#define EGL_PLATFORM_HOST_VDMABUF 0x56444D01
#endif

#ifndef EGL_VDMABUF_host_window
#define EGL_VDMABUF_host_window 1

/*
 * Attributes of eglCreatePlatformWindowSurface(): pointers to texts (UTF-8, up to 127 bytes are
 * kept). The title may be changed later.
 */
#define EGL_WINDOW_TITLE_VDMABUF 0x56444D02
#define EGL_WINDOW_APP_ID_VDMABUF 0x56444D03

/* Of eglQuerySurface(). The size that the host's user wants, in pixels; 0: no wish so far. */
#define EGL_HOST_WIDTH_VDMABUF 0x56444D04
#define EGL_HOST_HEIGHT_VDMABUF 0x56444D05
#define EGL_HOST_OCCLUDED_VDMABUF 0x56444D06   /* EGL_TRUE: nobody sees the window */
#define EGL_CLOSE_REQUESTED_VDMABUF 0x56444D07 /* EGL_TRUE: somebody asked for its end */

/* Types of events. */
#define EGL_FRAME_EVENT_VDMABUF 0x56444D08
#define EGL_CONFIGURE_EVENT_VDMABUF 0x56444D09
#define EGL_CLOSE_EVENT_VDMABUF 0x56444D0A

typedef struct EGLHostEventVDMABUF {
    EGLenum type;        /* EGL_NONE: nothing has happened */
    EGLBoolean shown;    /* FRAME: EGL_FALSE: the frame was dropped, or nobody looks */
    EGLuint64KHR serial; /* FRAME: the first frame of a window is 1 */
    /* FRAME: when it was shown, or given up: nanoseconds of this system's CLOCK_MONOTONIC. */
    EGLuint64KHR time;
    EGLuint64KHR refresh; /* FRAME, CONFIGURE: nanoseconds between two refreshes; 0: not known */
    EGLint width;         /* CONFIGURE: the size that is wanted; 0: no wish */
    EGLint height;
    EGLBoolean occluded; /* CONFIGURE */
    EGLint reserved;     /* 0 */
} EGLHostEventVDMABUF;

#define EGL_FRAME_PLANES_VDMABUF 4

typedef struct EGLHostFrameVDMABUF {
    EGLuint64KHR serial; /* of the frame */
    EGLuint64KHR modifier;
    EGLint fd;     /* dmabuf, the caller's to close */
    EGLint fourcc; /* DRM_FORMAT_* */
    EGLint width;  /* pixels */
    EGLint height;
    EGLint planes;
    EGLBoolean y_inverted; /* EGL_TRUE: the first row in memory is the lowest one */
    EGLint offsets[EGL_FRAME_PLANES_VDMABUF]; /* bytes */
    EGLint pitches[EGL_FRAME_PLANES_VDMABUF];
} EGLHostFrameVDMABUF;

typedef EGLBoolean(EGLAPIENTRYP PFNEGLWINDOWTITLEVDMABUFPROC)(EGLDisplay dpy, EGLSurface surface,
                                                              const char* title);
typedef EGLBoolean(EGLAPIENTRYP PFNEGLRESIZEWINDOWVDMABUFPROC)(EGLDisplay dpy, EGLSurface surface,
                                                               EGLint width, EGLint height);
typedef EGLBoolean(EGLAPIENTRYP PFNEGLNEXTHOSTEVENTVDMABUFPROC)(EGLDisplay dpy, EGLSurface surface,
                                                                EGLTimeKHR timeout,
                                                                EGLHostEventVDMABUF* event);
typedef EGLBoolean(EGLAPIENTRYP PFNEGLSWAPBUFFERSWITHFENCEVDMABUFPROC)(
    EGLDisplay dpy, EGLSurface surface, EGLint fence, const EGLint* rects, EGLint n_rects,
    EGLuint64KHR* serial);
typedef EGLBoolean(EGLAPIENTRYP PFNEGLEXPORTFRAMEVDMABUFPROC)(EGLDisplay dpy, EGLSurface surface,
                                                              EGLHostFrameVDMABUF* frame);

/* Prototypes, as in <EGL/eglext.h>: no library exports the functions. */
#ifdef EGL_EGLEXT_PROTOTYPES
#if EGL_EGLEXT_PROTOTYPES
/* Sets the window's title. EGL_BAD_PARAMETER: `title` is NULL. Any thread. */
EGLAPI EGLBoolean EGLAPIENTRY eglWindowTitleVDMABUF(EGLDisplay dpy, EGLSurface surface,
                                                    const char* title);

/*
 * Gives a window of EGL_PLATFORM_HOST_VDMABUF another size, from the next frame on: at once where
 * `surface` is current to the calling thread, else when it becomes current, or after the next swap
 * of the thread that has it. EGL_BAD_PARAMETER: no size, or too large; EGL_BAD_MATCH: the window
 * belongs to a window system, which decides about its size. Any thread.
 */
EGLAPI EGLBoolean EGLAPIENTRY eglResizeWindowVDMABUF(EGLDisplay dpy, EGLSurface surface,
                                                     EGLint width, EGLint height);

/*
 * The oldest event that was not taken yet, waiting up to `timeout` nanoseconds (0: not at all;
 * EGL_FOREVER_KHR: as long as it takes, or until the surface is destroyed: EGL_BAD_SURFACE). Its
 * type is EGL_NONE when none came. The newest 64 are kept. EGL_BAD_PARAMETER: `event` is NULL. Any
 * thread.
 */
EGLAPI EGLBoolean EGLAPIENTRY eglNextHostEventVDMABUF(EGLDisplay dpy, EGLSurface surface,
                                                      EGLTimeKHR timeout,
                                                      EGLHostEventVDMABUF* event);

/*
 * eglSwapBuffersWithDamageKHR() of a frame that is not shown, nor any after it, before `fence`
 * has signalled: a sync_file, the implementation's when the call succeeds, or
 * EGL_NO_NATIVE_FENCE_FD_ANDROID. `serial` may be NULL; it becomes 0 when the frame was lost.
 * Errors of that function (EGL_BAD_SURFACE: not the calling thread's draw surface), and
 * EGL_BAD_PARAMETER: `fence` is no sync_file.
 */
EGLAPI EGLBoolean EGLAPIENTRY eglSwapBuffersWithFenceVDMABUF(EGLDisplay dpy, EGLSurface surface,
                                                             EGLint fence, const EGLint* rects,
                                                             EGLint n_rects, EGLuint64KHR* serial);

/*
 * The memory of the last frame, which does not change before the next swap. EGL_BAD_PARAMETER:
 * `frame` is NULL; EGL_BAD_SURFACE: not the calling thread's draw surface; EGL_BAD_ACCESS: nothing
 * has been shown, or nothing of this size; EGL_BAD_ALLOC: no dmabuf can be made of it on this
 * system (no driver of vdmabuf and no /dev/udmabuf).
 */
EGLAPI EGLBoolean EGLAPIENTRY eglExportFrameVDMABUF(EGLDisplay dpy, EGLSurface surface,
                                                    EGLHostFrameVDMABUF* frame);
#endif
#endif
#endif /* EGL_VDMABUF_host_window */

#ifdef __cplusplus
}
#endif

#endif
