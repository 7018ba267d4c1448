/* SPDX-License-Identifier: MIT */
/*
 * The guest's side of vdmabuf for other programs: raw buffers, which a program
 * in a VM (or on the host's own kernel) hands to programs on the host, page for
 * page, with small messages both ways; and windows on the host, with the user's
 * input, for programs that draw by themselves and have no window system (those
 * that use Vulkan or EGL need none of this). Link with -lvdmabuf-producer (pkg-config
 * vdmabuf-producer). <vdmabuf/types.h> has what holds for every function; docs/api.md has a
 * complete program.
 *
 * A program opens the way to the host, makes or brings buffers, offers them
 * under a topic, polls the descriptor, and calls vdmabuf_producer_dispatch()
 * until it answers 0. Any number of programs on the host may take an offered
 * buffer; each is a receiver with a number of its own. The pages are shared from
 * then on: what is written to them is seen, whenever. When a receiver may look
 * is for messages to say.
 *
 * When the host goes away (VDMABUF_PRODUCER_AWAY) all receivers are over. The
 * library looks for it by itself and offers everything again when it is back
 * (VDMABUF_PRODUCER_BACK).
 *
 * Ownership. Buffers are the caller's, until vdmabuf_buffer_free(); descriptors
 * and mappings of buffers are the buffer's. What an event points to is good
 * until the next dispatch.
 */
#ifndef VDMABUF_PRODUCER_H
#define VDMABUF_PRODUCER_H

#include <vdmabuf/input.h>
#include <vdmabuf/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vdmabuf_producer; /* a way to the host */
struct vdmabuf_buffer;

/* ---- The way to the host ------------------------------------------------ */

/* vdmabuf_producer_open() does not fail when the host does not answer, but goes on trying. */
#define VDMABUF_PRODUCER_WAIT 0x1u

struct vdmabuf_producer_options {
    uint32_t size;
    uint32_t flags; /* VDMABUF_PRODUCER_WAIT */
    /*
     * "/dev/vdmabuf0", or "unix:PATH" for a broker on this kernel. NULL: what
     * VDMABUF_ENDPOINT says, else the first device of this user, else
     * $XDG_RUNTIME_DIR/vdmabuf/producer.sock.
     */
    const char* endpoint;
    const char* name; /* of this program, for people; NULL: of the process */
};

/*
 * Connects and waits for the host's answer, two seconds at most. `options` may
 * be NULL. *producer is the caller's to close; it is set to NULL where the call
 * fails. Errors: -ENOENT (no device and no broker), -EACCES, -ECONNREFUSED,
 * -ETIMEDOUT, -EPROTO (host and guest have different releases), -EOPNOTSUPP (the
 * host's has no raw buffers), those of open(2) and connect(2); the text is
 * vdmabuf_producer_error(NULL).
 */
VDMABUF_API int vdmabuf_producer_open(const struct vdmabuf_producer_options* options,
                                      struct vdmabuf_producer** producer);

/*
 * Withdraws everything. Buffers that were not freed keep their memory, for this
 * program alone, until they are; other calls answer -ENOTCONN. NULL is fine.
 */
VDMABUF_API void vdmabuf_producer_close(struct vdmabuf_producer* producer);

/*
 * A descriptor for poll(2), select(2) or epoll(7): readable when
 * vdmabuf_producer_dispatch() has something to do. It is the library's, and
 * stays the same as long as the handle lives.
 */
VDMABUF_API int vdmabuf_producer_fd(const struct vdmabuf_producer* producer);

/*
 * A sentence about the last call of this handle, or of one of its buffers, that
 * failed, or, with NULL, about this thread's last vdmabuf_producer_open(). Never
 * NULL; good until the next call.
 */
VDMABUF_API const char* vdmabuf_producer_error(const struct vdmabuf_producer* producer);

/* 1: the host answers; 0: it is away. */
VDMABUF_API int vdmabuf_producer_online(const struct vdmabuf_producer* producer);

/* ---- Buffers ------------------------------------------------------------ */

/*
 * A buffer of zeroed memory, `bytes` rounded up to whole pages: a dmabuf of the
 * guest driver, or, with a broker on this kernel, a sealed memfd. -EDQUOT, -ENODEV.
 */
VDMABUF_API int vdmabuf_buffer_alloc(struct vdmabuf_producer* producer, uint64_t bytes,
                                     struct vdmabuf_buffer** buffer);

/*
 * A buffer of memory that is there: any dmabuf whose pages are system memory,
 * whichever driver made it, or, with a broker on this kernel, a memfd that is
 * sealed against shrinking (F_SEAL_SHRINK). The descriptor is duplicated. Its
 * size must be a multiple of 4096. On this kernel a dmabuf reaches only consumers
 * that take dmabufs. -EBADF, -EOPNOTSUPP (memory that cannot be shared; in a VM a
 * dmabuf tells when it is offered).
 */
VDMABUF_API int vdmabuf_buffer_import(struct vdmabuf_producer* producer, int fd,
                                      struct vdmabuf_buffer** buffer);

/* Withdraws it, and forgets its receivers; they keep the pages until they are done. NULL is fine.
 */
VDMABUF_API void vdmabuf_buffer_free(struct vdmabuf_buffer* buffer);

/* The dmabuf or memfd, the buffer's own. */
VDMABUF_API int vdmabuf_buffer_fd(const struct vdmabuf_buffer* buffer);
VDMABUF_API uint64_t vdmabuf_buffer_bytes(const struct vdmabuf_buffer* buffer);
/*
 * The memory, for reading and writing; NULL of an imported one, which the caller
 * maps as its exporter allows. Not inherited over fork(2).
 */
VDMABUF_API void* vdmabuf_buffer_data(const struct vdmabuf_buffer* buffer);

/* A pointer of the caller's, for events. NULL at first. */
VDMABUF_API void vdmabuf_buffer_set_user(struct vdmabuf_buffer* buffer, void* user);
VDMABUF_API void* vdmabuf_buffer_user(const struct vdmabuf_buffer* buffer);

/*
 * Offers the buffer under a topic (1 .. VDMABUF_MAX_TOPIC bytes, no control
 * characters), with a message of 0 .. VDMABUF_MAX_MESSAGE bytes that each
 * receiver gets with it. `in_fence` is a sync_file (it stays the caller's), -1
 * for none: the host hears of the offer when the fence has signalled, even with
 * an error. Everything that this handle sends keeps its order: what comes
 * after a fence waits for it as well. While the host is away the offer waits for
 * it.
 * Errors: -EALREADY (it is offered), -EMSGSIZE, -EBADF (no sync_file), -EAGAIN
 * (too much waits for fences), of a dmabuf -EOPNOTSUPP (its memory cannot be
 * shared), -EDQUOT, -EBADF (not a dmabuf).
 */
VDMABUF_API int vdmabuf_buffer_offer(struct vdmabuf_buffer* buffer, const char* topic,
                                     const void* message, size_t bytes, int in_fence);

/* No further receiver may take it. -ENOENT: it is not offered. */
VDMABUF_API int vdmabuf_buffer_withdraw(struct vdmabuf_buffer* buffer);

/*
 * A message to one receiver, 1 .. VDMABUF_MAX_MESSAGE bytes; `in_fence` as above.
 * Messages keep their order. -EMSGSIZE; -ENOENT: the receiver is done, or never
 * was; -EAGAIN: VDMABUF_MESSAGE_WINDOW messages have not been taken up yet,
 * VDMABUF_PRODUCER_ROOM follows, or too much waits for fences.
 */
VDMABUF_API int vdmabuf_buffer_send(struct vdmabuf_buffer* buffer, uint64_t receiver,
                                    const void* data, size_t bytes, int in_fence);

/* ---- Events ------------------------------------------------------------- */

enum vdmabuf_producer_event_type {
    /* The host went away, or starts anew: all receivers are over. */
    VDMABUF_PRODUCER_AWAY = 1,
    /* It answers, and has been offered everything again. */
    VDMABUF_PRODUCER_BACK = 2,
    /* The host refuses this program for good, text says why; it is away. */
    VDMABUF_PRODUCER_LOST = 3,
    /* buffer, receiver, text: name of the program that has it now */
    VDMABUF_PRODUCER_TAKEN = 4,
    /* buffer, receiver, data, bytes */
    VDMABUF_PRODUCER_MESSAGE = 5,
    /* buffer, receiver: it does not have it any more. left: receivers of the same offer.
     * died 1: it went without saying so. */
    VDMABUF_PRODUCER_DONE = 6,
    /* buffer, text: the host does not take the offer (a quota), which is withdrawn by that */
    VDMABUF_PRODUCER_REFUSED = 7,
    /* buffer, receiver: vdmabuf_buffer_send() may be tried again */
    VDMABUF_PRODUCER_ROOM = 8,
};

/* A type that a program does not know is to be ignored. */
struct vdmabuf_producer_event {
    uint32_t size;
    uint32_t type; /* enum vdmabuf_producer_event_type */
    struct vdmabuf_buffer* buffer;
    uint64_t receiver;
    const void* data;
    uint32_t bytes;
    uint32_t left;
    uint32_t died;
    uint32_t reserved;
    const char* text;
};

/*
 * The next event, without waiting. 1: *event is filled in (event->size says how
 * much of it); 0: there is none, poll the descriptor. Events must be asked for
 * until there is none. The caller may free any buffer after it has read the
 * event. Errors: those of memory and descriptors; the next call goes on.
 */
VDMABUF_API int vdmabuf_producer_dispatch(struct vdmabuf_producer* producer,
                                          struct vdmabuf_producer_event* event);

/* ---- Windows ------------------------------------------------------------ */

/*
 * A window on the host, whose images the program draws itself, into the very
 * pages that the host shows: it acquires an image, draws, presents it, and has it
 * again when the host needs it no more. While the host is away, or does not
 * answer, images come back 60 times a second, and the newest one is shown when it
 * is there again; nothing of it is the program's business.
 *
 * A window has a connection of its own, and, other than the rest of this library,
 * a thread that reads it (with all signals blocked), so that the host is answered
 * whatever the program does. The functions follow the rules of handles: one
 * thread at a time. What an event points to is good until the next dispatch.
 */
struct vdmabuf_window;

/* What the user does in it comes as events (VDMABUF_WINDOW_INPUT_HAPPENED). */
#define VDMABUF_WINDOW_INPUT 0x1u
/* The newest frame is shown, and one that waits is dropped for it; else each in turn (FIFO). */
#define VDMABUF_WINDOW_MAILBOX 0x2u

#define VDMABUF_WINDOW_MAX_IMAGES 8

struct vdmabuf_window_options {
    uint32_t size;
    uint32_t flags;       /* VDMABUF_WINDOW_INPUT, _MAILBOX */
    const char* endpoint; /* as of vdmabuf_producer_options */
    const char* name;     /* of this program, for people; NULL: of the process */
    const char* title;    /* NULL: none */
    const char* app_id;   /* as a desktop knows the app; NULL: none */
    uint32_t width;       /* pixels, 1 .. 32768 */
    uint32_t height;
    uint32_t images; /* 2 .. VDMABUF_WINDOW_MAX_IMAGES; 0: 3 */
    uint32_t fourcc; /* DRM_FORMAT_XRGB8888, ARGB8888, XBGR8888 or ABGR8888; 0: the first */
};

/*
 * Connects and waits for the host's answer, two seconds at most. *window is the
 * caller's to close; it is set to NULL where the call fails. Errors: those of
 * vdmabuf_producer_open(), -EDQUOT, -EOPNOTSUPP (a format that the host does not know);
 * the text is vdmabuf_window_error(NULL).
 */
VDMABUF_API int vdmabuf_window_open(const struct vdmabuf_window_options* options,
                                    struct vdmabuf_window** window);
/* The window goes, with its images. NULL is fine. */
VDMABUF_API void vdmabuf_window_close(struct vdmabuf_window* window);
/* As vdmabuf_producer_fd() and vdmabuf_producer_error(). */
VDMABUF_API int vdmabuf_window_fd(const struct vdmabuf_window* window);
VDMABUF_API const char* vdmabuf_window_error(const struct vdmabuf_window* window);

struct vdmabuf_window_image {
    uint32_t size;
    uint32_t number; /* for vdmabuf_window_present() */
    uint32_t width;  /* pixels */
    uint32_t height;
    uint64_t pitch; /* bytes from one row to the next, from the upper one on */
    void* pixels;   /* shared with the host; not inherited over fork(2) */
    int32_t fd;     /* the same memory, a dmabuf or memfd: the window's own */
    uint32_t reserved;
};

/*
 * An image to draw into: the program's until it is presented. -EAGAIN: the host
 * has all of them, or the program has; VDMABUF_WINDOW_ROOM follows when one of the former is back.
 */
VDMABUF_API int vdmabuf_window_acquire(struct vdmabuf_window* window,
                                       struct vdmabuf_window_image* image);
/*
 * Shows an image that was acquired. `in_fence` is a sync_file (it stays the
 * caller's) that signals when the image is complete, -1: it is. A positive number, which the
 * frame's VDMABUF_WINDOW_FRAME names (in its lower 31 bits). -ENOENT: it is not the program's;
 * -EBADF: no sync_file.
 */
VDMABUF_API int vdmabuf_window_present(struct vdmabuf_window* window, uint32_t number,
                                       int in_fence);
/*
 * Images of another size, from now on: those that were acquired before are gone, with their pixels.
 * -EDQUOT, and the window is as it was.
 */
VDMABUF_API int vdmabuf_window_resize(struct vdmabuf_window* window, uint32_t width,
                                      uint32_t height);
VDMABUF_API int vdmabuf_window_set_title(struct vdmabuf_window* window, const char* title);
/*
 * The cursor over the window while it has the focus: ARGB, row by row, alpha in the highest byte
 * and colours multiplied by it, of at most 256 pixels a side; the pixel hot_x, hot_y points. NULL:
 * none is seen. A window that never calls this has the host's own. It may wait for the host, as
 * long as that answers.
 */
VDMABUF_API int vdmabuf_window_set_cursor(struct vdmabuf_window* window, const uint32_t* pixels,
                                          uint32_t width, uint32_t height, uint32_t hot_x,
                                          uint32_t hot_y);

enum vdmabuf_window_event_type {
    /* vdmabuf_window_acquire() may be tried again */
    VDMABUF_WINDOW_ROOM = 1,
    /* frame, time_ns, refresh_ns; shown 0: it was dropped, or nobody looks */
    VDMABUF_WINDOW_FRAME = 2,
    /* width, height: what the user made of the window, 0: no wish; refresh_ns; occluded */
    VDMABUF_WINDOW_CONFIGURE = 3,
    /* Somebody asks for its end; closing it is for the program. */
    VDMABUF_WINDOW_CLOSE = 4,
    /*
     * input, nr_input; width, height: what their coordinates belong to, which may be an older or
     * newer size than the images'. FOCUS with value 0 follows whatever becomes of the host. Of a
     * program that does not ask for events the oldest input is forgotten, and then all that is
     * pressed is released: FOCUS with value 0, then 1.
     */
    VDMABUF_WINDOW_INPUT_HAPPENED = 5,
    /* The host refuses the window for good: nobody sees it any more. */
    VDMABUF_WINDOW_LOST = 6,
};

/* A type that a program does not know is to be ignored. */
struct vdmabuf_window_event {
    uint32_t size;
    uint32_t type;  /* enum vdmabuf_window_event_type */
    uint32_t frame; /* as vdmabuf_window_present() has numbered it */
    uint32_t shown;
    uint64_t time_ns; /* when it was, or is going to be, visible; 0: not known */
    uint64_t refresh_ns;
    uint32_t width; /* pixels */
    uint32_t height;
    uint32_t occluded; /* 1: nobody can see it */
    uint32_t nr_input;
    const struct vdmabuf_input_event* input;
};

/* As vdmabuf_producer_dispatch(). */
VDMABUF_API int vdmabuf_window_dispatch(struct vdmabuf_window* window,
                                        struct vdmabuf_window_event* event);

#ifdef __cplusplus
}
#endif

#endif /* VDMABUF_PRODUCER_H */
