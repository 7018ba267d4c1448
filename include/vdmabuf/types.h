/* SPDX-License-Identifier: MIT */
/*
 * What <vdmabuf/consumer.h> and <vdmabuf/producer.h> have in common. C11, or
 * C++ from C++11 on.
 *
 * Conventions of both libraries
 *
 * Errors. A function that returns int answers 0 (or what it documents) or a
 * negative errno value; vdmabuf_consumer_error() and vdmabuf_producer_error()
 * have a sentence about it. -EINVAL stands for arguments that make no sense,
 * -ENOMEM for no memory, whatever the function; they are not named again.
 * No function raises a signal, prints (unless the environment's VDMABUF_LOG
 * asks for it), throws, or waits longer than it says.
 *
 * Structures. Each begins with `size`. Of a structure that the caller fills,
 * it is sizeof of that structure in the caller's program. A structure that a
 * library fills has its own size there: fields are only ever added at the end,
 * and one that is newer than the header that a program was compiled with is
 * longer than that program expects, never different. Reserved fields are 0.
 *
 * Texts are UTF-8 with a NUL; names that come from guests have no control
 * characters. Times are nanoseconds of CLOCK_MONOTONIC. Sizes and offsets are
 * bytes.
 *
 * Threads. A handle, and everything that belongs to it, may be used by one
 * thread at a time; which one does not matter. Handles are independent of each
 * other. The libraries make no threads, but one for each window of <vdmabuf/producer.h>,
 * and install no signal handlers.
 *
 * Processes. All descriptors are close-on-exec. After fork(2) a child must not
 * use a handle of its parent, not even to close it.
 *
 * Messages. Up to VDMABUF_MAX_MESSAGE bytes that only the two programs
 * understand. Neither side may believe what the other sends.
 */
#ifndef VDMABUF_TYPES_H
#define VDMABUF_TYPES_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define VDMABUF_API __attribute__((visibility("default")))
#else
#define VDMABUF_API
#endif

/* Version of the interface, counted up with every addition. */
#define VDMABUF_API_VERSION 2

#define VDMABUF_MAX_MESSAGE 1024 /* bytes */
#define VDMABUF_MAX_TOPIC 63     /* bytes, without the NUL */
/* Messages in one direction that the other end has not taken up yet. */
#define VDMABUF_MESSAGE_WINDOW 16

#ifdef __cplusplus
}
#endif

#endif /* VDMABUF_TYPES_H */
