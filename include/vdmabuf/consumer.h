/* SPDX-License-Identifier: MIT */
/*
 * The host's side of vdmabuf for other programs: windows (streams) of guests
 * and of programs on this kernel, frame by frame, and raw buffers that they
 * offer. Link with -lvdmabuf-consumer (pkg-config vdmabuf-consumer).
 * <vdmabuf/types.h> has what holds for every function; docs/api.md has a
 * complete program.
 *
 * A program connects, polls the descriptor, and calls
 * vdmabuf_consumer_dispatch() until it answers 0; each event is about what
 * events before it have named. Requests never wait: what the broker answers
 * comes as an event. When the broker goes away everything is forgotten
 * (VDMABUF_CONSUMER_DISCONNECTED), and the library connects again by itself.
 *
 * Ownership. What an event points to, and every structure below, belongs to
 * the library. An event's pointers are good until the next dispatch. Images
 * and raw buffers, with their descriptors, live on until the program gives
 * them back (vdmabuf_consumer_image_done(), _detach(), _raw_done()), the next
 * dispatch after VDMABUF_CONSUMER_DISCONNECTED, or vdmabuf_consumer_close().
 * The program must not close these descriptors; it may dup(2) them. Mappings
 * (vdmabuf_map()) belong to the program.
 *
 * The pages are the producer's, shared and read-only. Their content may change
 * at any time: it must be copied before it is parsed.
 */
#ifndef VDMABUF_CONSUMER_H
#define VDMABUF_CONSUMER_H

#include <vdmabuf/input.h>
#include <vdmabuf/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vdmabuf_consumer; /* a connection to a broker */

/* ---- Connection --------------------------------------------------------- */

/* vdmabuf_consumer_open() does not fail when no broker runs, but waits for one. */
#define VDMABUF_CONSUMER_WAIT 0x1u
/*
 * The program takes dmabufs, which it imports or maps, where the broker can
 * make them. Without it memory comes as runs alone.
 */
#define VDMABUF_CONSUMER_DMABUF 0x2u
/*
 * The program looks at vdmabuf_image_info.colour_space and shows all VDMABUF_COLOURS_*, as they
 * are or converted. Without it the broker gives it images of sRGB alone: apps are offered nothing
 * else while it is attached to a stream, and others of a stream come without memory, or
 * VDMABUF_CONSUMER_ERROR says why the stream does not come.
 */
#define VDMABUF_CONSUMER_COLOURS 0x4u

struct vdmabuf_consumer_options {
    uint32_t size;
    uint32_t flags;     /* VDMABUF_CONSUMER_WAIT, _DMABUF, _COLOURS */
    const char* socket; /* path; NULL: $XDG_RUNTIME_DIR/vdmabuf/consumer.sock */
    const char* name;   /* of this program, for people; NULL: of the process */
};

/*
 * Connects to a broker (vdmabufd, or vdmabuf-viewer that serves by itself).
 * `options` may be NULL. *consumer is the caller's to close; it is set to NULL
 * where the call fails. Errors: -ENOENT, -ECONNREFUSED (no broker runs),
 * -EACCES, -EMFILE; the text is vdmabuf_consumer_error(NULL).
 */
VDMABUF_API int vdmabuf_consumer_open(const struct vdmabuf_consumer_options* options,
                                      struct vdmabuf_consumer** consumer);

/* Gives everything back. NULL is fine. */
VDMABUF_API void vdmabuf_consumer_close(struct vdmabuf_consumer* consumer);

/*
 * A descriptor for poll(2), select(2) or epoll(7): readable when
 * vdmabuf_consumer_dispatch() has something to do. It is the library's, and
 * stays the same as long as the handle lives.
 */
VDMABUF_API int vdmabuf_consumer_fd(const struct vdmabuf_consumer* consumer);

/*
 * A sentence about the last call of this handle that failed, or, with NULL,
 * about this thread's last vdmabuf_consumer_open() or vdmabuf_map(). Never
 * NULL; good until the next call.
 */
VDMABUF_API const char* vdmabuf_consumer_error(const struct vdmabuf_consumer* consumer);

/* ---- Memory ------------------------------------------------------------- */

enum vdmabuf_memory_kind {
    /* None, for the reason given: the broker's configuration keeps it from consumers. */
    VDMABUF_MEMORY_NONE = 0,
    /* files[0] is a dmabuf of exactly these bytes. */
    VDMABUF_MEMORY_DMABUF = 1,
    /* Parts of files, in order. They are opened for reading only. */
    VDMABUF_MEMORY_RUNS = 2,
};

struct vdmabuf_run {
    uint32_t file; /* index into files */
    uint32_t reserved;
    uint64_t offset; /* in the file, a multiple of 4096 */
    uint64_t length; /* a multiple of 4096, not 0 */
};

struct vdmabuf_memory {
    uint32_t size;
    uint32_t kind; /* enum vdmabuf_memory_kind */
    uint64_t bytes;
    const int* files;
    const struct vdmabuf_run* runs; /* NULL for a dmabuf; their lengths add up to `bytes` */
    uint32_t nr_files;
    uint32_t nr_runs;
    const char* reason; /* why it is not a dmabuf, where one was wanted; else "" */
};

/*
 * Maps the memory, of either kind, into one range, for reading. Runs begin at
 * a multiple of 64 KiB (of 2 MiB where the buffer is that large) and *length is
 * rounded up to 64 KiB with zeros, as drivers want it for
 * VK_EXT_external_memory_host. The range is not inherited over fork(2). It is
 * the caller's, and outlives the memory's own owner; but its content is only
 * the buffer's until that is given back. A program that reads a dmabuf through
 * it brackets that with DMA_BUF_IOCTL_SYNC.
 * Errors: -ENOMEM (too scattered: see the sysctl vm.max_map_count), -EACCES
 * (kind NONE), others of mmap(2); the text is vdmabuf_consumer_error(NULL).
 */
VDMABUF_API int vdmabuf_map(const struct vdmabuf_memory* memory, const void** address,
                            size_t* length);
VDMABUF_API void vdmabuf_unmap(const void* address, size_t length);

/* ---- What events bring -------------------------------------------------- */

#define VDMABUF_STREAM_TAKES_INPUT 0x1u /* vdmabuf_consumer_input() reaches it */

struct vdmabuf_stream_info {
    uint32_t size;
    uint32_t pid;   /* in the producer's world */
    uint64_t id;    /* the broker's number, never used twice in the broker's life */
    uint32_t width; /* pixels */
    uint32_t height;
    const char* vm; /* name of the VM; "": a program on this kernel */
    const char* app;
    const char* app_id; /* as a desktop knows the app */
    const char* title;
    uint32_t flags; /* VDMABUF_STREAM_* */
    uint32_t reserved;
};

struct vdmabuf_plane {
    uint64_t offset; /* bytes from the start of the memory */
    uint64_t pitch;  /* bytes from one row to the next */
};

#define VDMABUF_IMAGE_Y_FLIP 0x1u /* row 0 is the lowest */
#define VDMABUF_IMAGE_OPAQUE 0x2u /* alpha is not to be used */

/* What the numbers in an image's pixels mean. */
enum vdmabuf_colours {
    VDMABUF_COLOURS_SRGB = 0,       /* non-linear */
    VDMABUF_COLOURS_SCRGB = 1,      /* sRGB's primaries, linear, beyond 0 .. 1 */
    VDMABUF_COLOURS_HDR10 = 2,      /* BT.2020, PQ */
    VDMABUF_COLOURS_HLG = 3,        /* BT.2020, HLG */
    VDMABUF_COLOURS_DISPLAY_P3 = 4, /* with sRGB's transfer function */
};

struct vdmabuf_image_info {
    uint32_t size;
    uint32_t slot; /* 0 .. 63, of the stream */
    uint64_t stream;
    uint64_t id;    /* the broker's number, never used twice in the broker's life */
    uint32_t width; /* pixels, 1 .. 32768 */
    uint32_t height;
    uint32_t fourcc;       /* DRM_FORMAT_* */
    uint32_t flags;        /* VDMABUF_IMAGE_* */
    uint64_t modifier;     /* DRM_FORMAT_MOD_* */
    uint32_t colour_space; /* enum vdmabuf_colours */
    uint32_t nr_planes;    /* 1 .. 4 */
    struct vdmabuf_plane planes[4];
    const struct vdmabuf_memory* memory;
};

struct vdmabuf_rect {
    uint32_t x; /* pixels, origin at the upper left */
    uint32_t y;
    uint32_t width;
    uint32_t height;
};

struct vdmabuf_frame_info {
    uint32_t size;
    uint32_t mode; /* 0 FIFO, 1 MAILBOX, 2 IMMEDIATE */
    uint64_t stream;
    uint64_t image;
    uint64_t serial;
    /* A sync_file to wait for before reading; -1: the frame is complete, as all are so far. */
    int32_t fence;
    uint32_t nr_damage; /* 0: everything changed since the last frame that this consumer had */
    const struct vdmabuf_rect* damage;
    uint64_t called_ns;   /* the app presented it; 0: not known */
    uint64_t gpu_done_ns; /* its GPU was done; 0: not known */
    uint64_t sent_ns;     /* it left the producer; 0: not known */
    uint64_t received_ns; /* the broker had it */
    uint64_t forwarded_ns;
    uint64_t presented_count;  /* frames of the stream so far, this one included */
    uint64_t cpu_copied_bytes; /* by the producer, for this frame */
};

#define VDMABUF_CURSOR_HIDDEN 0x1u
#define VDMABUF_MAX_CURSOR 256 /* pixels a side */

/*
 * The app's cursor over a window that has the focus here. It is drawn by this program, or the
 * display that it shows the window on, where the user's pointer is: frames do not have it.
 */
struct vdmabuf_cursor_info {
    uint32_t size;
    uint32_t flags; /* VDMABUF_CURSOR_HIDDEN: the app wants none */
    uint64_t stream;
    uint32_t width; /* pixels, 1 .. VDMABUF_MAX_CURSOR; 0: nothing is said of the shape */
    uint32_t height;
    uint32_t hot_x; /* the pixel that points, inside */
    uint32_t hot_y;
    /*
     * width * height of them, row by row: alpha in the highest byte, then red, green, blue, which
     * are multiplied by alpha. NULL: as width 0.
     */
    const uint32_t* pixels;
};

#define VDMABUF_RAW_ID_SIZE 16

/* A raw buffer that somebody offers. */
struct vdmabuf_raw_offer {
    uint32_t size;
    uint32_t pid; /* in the producer's world, as are uid and app */
    uint32_t uid;
    uint32_t reserved;
    uint8_t id[VDMABUF_RAW_ID_SIZE]; /* random, the broker's; names it to this consumer */
    uint64_t bytes;
    const char* vm; /* name of the VM; "": a program on this kernel */
    const char* app;
    const char* topic;
};

/* A raw buffer that this program has taken. */
struct vdmabuf_raw_buffer {
    uint32_t size;
    uint32_t message_bytes; /* 0 .. VDMABUF_MAX_MESSAGE */
    const struct vdmabuf_raw_offer* offer;
    const struct vdmabuf_memory* memory;
    const void* message; /* that the producer gave it */
};

struct vdmabuf_raw_message {
    uint32_t size;
    uint32_t bytes; /* 1 .. VDMABUF_MAX_MESSAGE */
    uint8_t id[VDMABUF_RAW_ID_SIZE];
    const void* data;
};

struct vdmabuf_raw_gone {
    uint32_t size;
    /* 1: the producer has gone or started anew: no message of it comes, none reaches it. */
    uint32_t producer_gone;
    uint8_t id[VDMABUF_RAW_ID_SIZE];
};

struct vdmabuf_raw_refused {
    uint32_t size;
    int32_t error; /* -EDQUOT: too many receivers; -EACCES: not offered to this consumer (any more),
                      or its memory is kept from consumers; -EPROTO */
    uint8_t id[VDMABUF_RAW_ID_SIZE];
    const char* text; /* a sentence for people */
};

enum vdmabuf_consumer_event_type {
    /* text: the broker's release. STREAM_ADDED for every stream follows. */
    VDMABUF_CONSUMER_CONNECTED = 1,
    /* text: why. Every stream, image and raw buffer is over; subscriptions are not. Mappings of
     * memory of a VM have to be gone within three seconds: then its guest uses the pages for
     * something else. */
    VDMABUF_CONSUMER_DISCONNECTED = 2,
    VDMABUF_CONSUMER_STREAM_ADDED = 3, /* stream */
    /* stream: the window is gone, with its images; give back those that this program has. */
    VDMABUF_CONSUMER_STREAM_REMOVED = 4,
    VDMABUF_CONSUMER_STREAM_TITLE = 5, /* stream, with its new title */
    /* image: of an attached stream; the same once more after vdmabuf_consumer_image_again() */
    VDMABUF_CONSUMER_IMAGE_ADDED = 6,
    /* image: no further frame is in it. Give it back when it is shown no more. */
    VDMABUF_CONSUMER_IMAGE_GONE = 7,
    VDMABUF_CONSUMER_FRAME = 8, /* frame */
    /* offer: may be taken */
    VDMABUF_CONSUMER_RAW_OFFERED = 9,
    /* gone: may be taken no more; who has it keeps it. May come twice for one of these. */
    VDMABUF_CONSUMER_RAW_GONE = 10,
    VDMABUF_CONSUMER_RAW_BUFFER = 11,  /* buffer: answers vdmabuf_consumer_raw_take() */
    VDMABUF_CONSUMER_RAW_REFUSED = 12, /* refused: the other answer */
    VDMABUF_CONSUMER_RAW_MESSAGE = 13, /* message: of the producer of a buffer that was taken */
    /* message, without data: vdmabuf_consumer_raw_send() may be tried again for this buffer */
    VDMABUF_CONSUMER_RAW_ROOM = 14,
    /* text: the broker refuses a request (a stream whose memory it keeps from consumers, say), or
     * the connection, which it then ends; the library tries again all the same. */
    VDMABUF_CONSUMER_ERROR = 15,
    /* cursor: of a stream that has the focus here; said whenever it changes */
    VDMABUF_CONSUMER_CURSOR = 16,
};

/* A type that a program does not know is to be ignored. */
struct vdmabuf_consumer_event {
    uint32_t size;
    uint32_t type; /* enum vdmabuf_consumer_event_type, says which of these is set */
    union {
        const char* text;
        const struct vdmabuf_stream_info* stream;
        const struct vdmabuf_image_info* image;
        const struct vdmabuf_frame_info* frame;
        const struct vdmabuf_raw_offer* offer;
        const struct vdmabuf_raw_buffer* buffer;
        const struct vdmabuf_raw_message* message;
        const struct vdmabuf_raw_gone* gone;
        const struct vdmabuf_raw_refused* refused;
        const struct vdmabuf_cursor_info* cursor;
    };
};

/*
 * The next event, without waiting. 1: *event is filled in (event->size says how
 * much of it); 0: there is none, poll the descriptor. Events must be asked for
 * until there is none. A program that does not ask for 4 MiB of news loses its
 * connection. Errors: those of memory and descriptors; the next call goes on.
 */
VDMABUF_API int vdmabuf_consumer_dispatch(struct vdmabuf_consumer* consumer,
                                          struct vdmabuf_consumer_event* event);

/* ---- Streams ------------------------------------------------------------ */

/*
 * Those that events have announced, in the order of their numbers: index 0 ..
 * count - 1, NULL behind it. Good until the next dispatch.
 */
VDMABUF_API size_t vdmabuf_consumer_stream_count(const struct vdmabuf_consumer* consumer);
VDMABUF_API const struct vdmabuf_stream_info* vdmabuf_consumer_stream_at(
    const struct vdmabuf_consumer* consumer, size_t index);
/* NULL where there is no such stream, or no such image of it that is not given back. */
VDMABUF_API const struct vdmabuf_stream_info* vdmabuf_consumer_stream(
    const struct vdmabuf_consumer* consumer, uint64_t stream);
VDMABUF_API const struct vdmabuf_image_info* vdmabuf_consumer_image(
    const struct vdmabuf_consumer* consumer, uint64_t stream, uint64_t image);

/*
 * What follows asks the broker for something. All answer -ENOTCONN while there
 * is no broker and -ENOENT for what is over or never was.
 */

/* From now on: images, then the current frame, then all that follows. -EALREADY. */
VDMABUF_API int vdmabuf_consumer_attach(struct vdmabuf_consumer* consumer, uint64_t stream);
/* Gives back all frames and images of the stream. Also after STREAM_REMOVED. */
VDMABUF_API int vdmabuf_consumer_detach(struct vdmabuf_consumer* consumer, uint64_t stream);

/*
 * Says what became of a frame, and asks for the next one: there is at most one
 * frame of a stream that has not been answered so. `time_ns` is when it was, or
 * will be, visible (0: now), `refresh_ns` the time between two refreshes (0: not
 * known). shown 0: given up.
 */
VDMABUF_API int vdmabuf_consumer_presented(struct vdmabuf_consumer* consumer, uint64_t stream,
                                           uint64_t serial, uint64_t time_ns, uint64_t refresh_ns,
                                           int shown);
/*
 * The frame is read no more. Owed within 500 ms after a newer frame became
 * current; the newest may be kept.
 */
VDMABUF_API int vdmabuf_consumer_release(struct vdmabuf_consumer* consumer, uint64_t stream,
                                         uint64_t serial);

/*
 * Gives an image back after IMAGE_GONE or STREAM_REMOVED, its descriptors
 * closed: its mappings must be gone. Two seconds after STREAM_REMOVED the broker
 * takes it for granted. -EBUSY: before these events.
 */
VDMABUF_API int vdmabuf_consumer_image_done(struct vdmabuf_consumer* consumer, uint64_t stream,
                                            uint64_t image);
/*
 * The dmabuf that this image came as cannot be used: IMAGE_ADDED follows once
 * more, with runs, and what this image was before is closed. -EALREADY: it
 * is no dmabuf.
 */
VDMABUF_API int vdmabuf_consumer_image_again(struct vdmabuf_consumer* consumer, uint64_t stream,
                                             uint64_t image);

#define VDMABUF_IMPORT_NONE 0u
#define VDMABUF_IMPORT_DMABUF 1u
#define VDMABUF_IMPORT_HOST_POINTER 2u
#define VDMABUF_IMPORT_COPY 3u
/* How an image is used, and why not by a better way: for `vdmabufctl list`. */
VDMABUF_API int vdmabuf_consumer_imported(struct vdmabuf_consumer* consumer, uint64_t stream,
                                          uint64_t image, uint32_t path, const char* reason);

#define VDMABUF_CONFIGURE_OCCLUDED 0x1u /* nobody can see it */
/*
 * What the window of an attached stream looks like here: wishes, which the app
 * may follow. Extents are pixels, at most 32768, 0: no wish.
 */
VDMABUF_API int vdmabuf_consumer_configure(struct vdmabuf_consumer* consumer, uint64_t stream,
                                           uint32_t width, uint32_t height, uint64_t refresh_ns,
                                           uint32_t flags);
/* Asks the app to close the window. */
VDMABUF_API int vdmabuf_consumer_close_stream(struct vdmabuf_consumer* consumer, uint64_t stream);

#define VDMABUF_INPUT_MAX_EVENTS 256 /* of one call */

/*
 * What the user did in the window of an attached stream, in this order; `width` and `height` are
 * the pixels that coordinates belong to (1 .. 32768): the picture's size, or that of the window if
 * the picture fills it. What happened together belongs into one call. The first event of a window
 * is VDMABUF_INPUT_FOCUS with value 1: without it nothing of what follows reaches the app, nor when
 * another program has taken the focus since. After a restart of the broker nobody has it.
 * VDMABUF_CONSUMER_CURSOR tells of the cursor from then on. No event of a refused call is sent.
 * count 0 does nothing. Errors: -EOPNOTSUPP (the stream takes no input), -EINVAL (an event is not
 * as <vdmabuf/input.h> has it; the text says which), -EMSGSIZE (more than
 * VDMABUF_INPUT_MAX_EVENTS), -EAGAIN (more than some 2000 calls a second: put motions together, and
 * try again).
 */
VDMABUF_API int vdmabuf_consumer_input(struct vdmabuf_consumer* consumer, uint64_t stream,
                                       const struct vdmabuf_input_event* events, size_t count,
                                       uint32_t width, uint32_t height);

struct vdmabuf_format {
    uint32_t fourcc; /* DRM_FORMAT_* */
    uint32_t reserved;
    uint64_t modifier; /* DRM_FORMAT_MOD_* */
};
/*
 * What this program imports as dmabufs, best first, in place of an earlier list:
 * producers render what all consumers import. LINEAR need not be named. May be
 * called while there is no broker, and holds over its restarts.
 */
VDMABUF_API int vdmabuf_consumer_formats(struct vdmabuf_consumer* consumer,
                                         const struct vdmabuf_format* formats, size_t count);

/* ---- Raw buffers -------------------------------------------------------- */

#define VDMABUF_SUBSCRIBE_ANY_VM 0x1u       /* `vm` is not looked at */
#define VDMABUF_SUBSCRIBE_TOPIC_PREFIX 0x2u /* topics that begin with `topic` */

/*
 * RAW_OFFERED for each offer that matches, those that are there and those to
 * come, once each. `vm` is the name of a VM, or "" for programs on this kernel;
 * `topic` is compared byte by byte. A positive number, for unsubscribing, or:
 * -ENOSPC (16 subscriptions). May be called while there is no broker, and holds
 * over its restarts.
 */
VDMABUF_API int vdmabuf_consumer_raw_subscribe(struct vdmabuf_consumer* consumer, const char* vm,
                                               const char* topic, uint32_t flags);
/* What it had offered, and nothing else does, can be taken no more. -ENOENT. */
VDMABUF_API int vdmabuf_consumer_raw_unsubscribe(struct vdmabuf_consumer* consumer,
                                                 int subscription);

#define VDMABUF_TAKE_RUNS 0x1u /* as runs, even where the broker could make a dmabuf */
/* Answered by RAW_BUFFER or RAW_REFUSED. -EALREADY: taken, or asked for. */
VDMABUF_API int vdmabuf_consumer_raw_take(struct vdmabuf_consumer* consumer,
                                          const uint8_t id[VDMABUF_RAW_ID_SIZE], uint32_t flags);
/* A buffer that was taken and not given back, or NULL. */
VDMABUF_API const struct vdmabuf_raw_buffer* vdmabuf_consumer_raw_buffer(
    const struct vdmabuf_consumer* consumer, const uint8_t id[VDMABUF_RAW_ID_SIZE]);
/*
 * A message to the producer of a buffer that was taken. Messages keep their
 * order. -EMSGSIZE; -EAGAIN: VDMABUF_MESSAGE_WINDOW messages have not been taken
 * up yet, RAW_ROOM follows; -EPIPE: the producer has gone.
 */
VDMABUF_API int vdmabuf_consumer_raw_send(struct vdmabuf_consumer* consumer,
                                          const uint8_t id[VDMABUF_RAW_ID_SIZE], const void* data,
                                          size_t bytes);
/*
 * Gives the buffer back, its descriptors closed: its mappings must be gone. The
 * producer is told, and may have the pages. It may be taken again if it is still
 * offered.
 */
VDMABUF_API int vdmabuf_consumer_raw_done(struct vdmabuf_consumer* consumer,
                                          const uint8_t id[VDMABUF_RAW_ID_SIZE]);

#ifdef __cplusplus
}
#endif

#endif /* VDMABUF_CONSUMER_H */
