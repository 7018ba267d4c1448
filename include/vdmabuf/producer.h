/* SPDX-License-Identifier: MIT */
/*
 * The guest's side of vdmabuf for other programs: raw buffers, which a program
 * in a VM (or on the host's own kernel) hands to programs on the host, page for
 * page, with small messages both ways. Windows are the business of the Vulkan
 * layer. Link with -lvdmabuf-producer (pkg-config vdmabuf-producer).
 * <vdmabuf/types.h> has what holds for every function; docs/api.md has a
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

#ifdef __cplusplus
}
#endif

#endif /* VDMABUF_PRODUCER_H */
