/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR MIT */
/*
 * virtio_vdmabuf: the contract between guest kernel, guest user space and host.
 *
 * Part 1 is the device as the host serves it: config space, commands, events.
 * Every field is little-endian. Part 2 is the character device as guest user
 * space sees it: ioctls and the events that read() returns, in native byte
 * order like every Linux ioctl. docs/protocol.md tells the rules; this header
 * has the layouts.
 */
#ifndef _UAPI_LINUX_VIRTIO_VDMABUF_H
#define _UAPI_LINUX_VIRTIO_VDMABUF_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* VIRTIO_ID_DMABUF of linux/virtio_ids.h: unclaimed in the virtio specification. */
#define VIRTIO_VDMABUF_DEVICE_ID 37

/* Version of part 1. The driver takes the highest that both sides know. */
#define VIRTIO_VDMABUF_ABI_VERSION 1

/* All lengths below are multiples of this, and all addresses, on every guest. */
#define VIRTIO_VDMABUF_PAGE_SIZE 4096

#define VIRTIO_VDMABUF_ID_SIZE 16
#define VIRTIO_VDMABUF_COMM_SIZE 16

/* Upper limits of the wire format; config space may offer less. */
#define VIRTIO_VDMABUF_MAX_MESSAGE 4096
#define VIRTIO_VDMABUF_MAX_RUNS 65536

/* ---- Part 1: device ---------------------------------------------------- */

/* Virtqueues. */
#define VIRTIO_VDMABUF_VQ_COMMAND 0 /* guest to host, request and response in one chain */
#define VIRTIO_VDMABUF_VQ_EVENT 1 /* host to guest, driver keeps it full of writable buffers */
#define VIRTIO_VDMABUF_VQ_COUNT 2

/* Device configuration, read-only for the driver. */
struct virtio_vdmabuf_config {
	__le16 abi_min; /* lowest ABI version that the device serves */
	__le16 abi_max; /* highest ABI version that the device serves */
	__le32 max_channels; /* channels open at a time */
	__le32 max_buffers; /* buffers of all channels at a time */
	__le32 max_runs; /* runs of one buffer, at most VIRTIO_VDMABUF_MAX_RUNS */
	__le64 max_buffer_bytes; /* size of one buffer, in bytes */
	__le64 max_total_bytes; /* size of all buffers together, in bytes */
	__le32 max_message; /* bytes of one message, at most VIRTIO_VDMABUF_MAX_MESSAGE */
	__le32 features[3]; /* 0 in version 1 */
};

/*
 * Commands. The readable part of a chain starts with this header; its writable
 * part takes a struct virtio_vdmabuf_response. The device completes commands
 * strictly in the order in which they were made available.
 */
enum virtio_vdmabuf_command_type {
	VIRTIO_VDMABUF_CMD_CHANNEL_OPEN = 1,
	VIRTIO_VDMABUF_CMD_CHANNEL_CLOSE = 2,
	VIRTIO_VDMABUF_CMD_BUFFER_CREATE = 3,
	VIRTIO_VDMABUF_CMD_BUFFER_DESTROY = 4,
	VIRTIO_VDMABUF_CMD_MESSAGE = 5,
};

struct virtio_vdmabuf_command {
	__le32 type; /* enum virtio_vdmabuf_command_type */
	__le32 size; /* bytes of the whole readable part, this header included */
	__le32 channel; /* chosen by the driver, never 0 */
	__le32 reserved; /* 0 */
};

/* CHANNEL_OPEN. Who opened it is for people to read; nothing is decided by it. */
struct virtio_vdmabuf_channel_open {
	struct virtio_vdmabuf_command hdr;
	__le32 pid;
	__le32 uid;
	__u8 comm[VIRTIO_VDMABUF_COMM_SIZE]; /* NUL-terminated */
};

/*
 * CHANNEL_CLOSE: implies BUFFER_DESTROY of every buffer of the channel. The Linux
 * driver destroys them one by one before, as it has to know which are PENDING;
 * their BUFFER_RELEASED events may come after the channel's end.
 */
struct virtio_vdmabuf_channel_close {
	struct virtio_vdmabuf_command hdr;
};

/* A physically contiguous part of a buffer, in the order of the buffer's bytes. */
struct virtio_vdmabuf_run {
	__le64 gpa; /* guest-physical address, a multiple of the page size */
	__le64 length; /* bytes, a multiple of the page size, never 0 */
};

struct virtio_vdmabuf_buffer_create {
	struct virtio_vdmabuf_command hdr;
	__u8 id[VIRTIO_VDMABUF_ID_SIZE]; /* random, not all zero */
	__le64 size; /* bytes; the sum of all the runs' lengths */
	__le32 nr_runs; /* 1 .. config max_runs */
	__le32 reserved; /* 0 */
	struct virtio_vdmabuf_run runs[];
};

/*
 * A host process may end while its consumers still show what they have. They let
 * go within 3 seconds, and for this time after the host has started anew the
 * pages of its buffers stay the host's: the driver keeps those that the old host
 * had not released yet, and the new host answers PENDING for all others.
 */
#define VIRTIO_VDMABUF_GRACE_MS 5000

/*
 * BUFFER_DESTROY answers OK when the host holds no mapping of the buffer, else
 * PENDING, and a BUFFER_RELEASED event follows. The pages belong to the host
 * until then.
 */
struct virtio_vdmabuf_buffer_destroy {
	struct virtio_vdmabuf_command hdr;
	__u8 id[VIRTIO_VDMABUF_ID_SIZE];
};

struct virtio_vdmabuf_message {
	struct virtio_vdmabuf_command hdr;
	__u8 data[]; /* hdr.size - 16 bytes: 1 .. config max_message */
};

enum virtio_vdmabuf_status {
	VIRTIO_VDMABUF_OK = 0,
	VIRTIO_VDMABUF_PENDING = 1, /* BUFFER_DESTROY: a BUFFER_RELEASED event follows */
	VIRTIO_VDMABUF_ERR_INVALID = 2, /* malformed command */
	VIRTIO_VDMABUF_ERR_UNSUPPORTED = 3, /* unknown command type */
	VIRTIO_VDMABUF_ERR_NO_CHANNEL = 4, /* unknown channel; after a restart: RESYNC follows */
	VIRTIO_VDMABUF_ERR_NO_BUFFER = 5, /* unknown buffer id in this channel */
	VIRTIO_VDMABUF_ERR_EXISTS = 6, /* channel or buffer id in use */
	VIRTIO_VDMABUF_ERR_QUOTA = 7, /* a limit of config space, or of the VM's policy */
	VIRTIO_VDMABUF_ERR_ADDRESS = 8, /* a run outside of the memory that the host can see */
	VIRTIO_VDMABUF_ERR_NO_MEMORY = 9, /* the host is out of resources */
};

struct virtio_vdmabuf_response {
	__le32 status; /* enum virtio_vdmabuf_status */
	__le32 reserved; /* 0 */
};

/* Events. One event fills one buffer of the event queue. */
enum virtio_vdmabuf_event_type {
	VIRTIO_VDMABUF_EVT_MESSAGE = 1,
	VIRTIO_VDMABUF_EVT_CHANNEL_CLOSED = 2,
	VIRTIO_VDMABUF_EVT_BUFFER_RELEASED = 3,
	VIRTIO_VDMABUF_EVT_RESYNC = 4,
};

struct virtio_vdmabuf_event {
	__le32 type; /* enum virtio_vdmabuf_event_type */
	__le32 size; /* bytes of the event, this header included */
	__le32 channel; /* 0 for RESYNC */
	__le32 reserved; /* 0 */
};

struct virtio_vdmabuf_event_message {
	struct virtio_vdmabuf_event hdr;
	__u8 data[]; /* hdr.size - 16 bytes: 1 .. config max_message */
};

enum virtio_vdmabuf_close_reason {
	VIRTIO_VDMABUF_CLOSE_PROTOCOL = 1, /* the producer broke the stream protocol */
	VIRTIO_VDMABUF_CLOSE_QUOTA = 2,
	VIRTIO_VDMABUF_CLOSE_SHUTDOWN = 3, /* the host ends the service */
	VIRTIO_VDMABUF_CLOSE_POLICY = 4, /* the host's configuration refuses the channel */
};

/* The host has closed the channel; commands for it answer NO_CHANNEL. */
struct virtio_vdmabuf_event_channel_closed {
	struct virtio_vdmabuf_event hdr;
	__le32 reason; /* enum virtio_vdmabuf_close_reason */
	__le32 reserved; /* 0 */
};

/* The host holds no mapping of a destroyed buffer any more. */
struct virtio_vdmabuf_event_buffer_released {
	struct virtio_vdmabuf_event hdr;
	__u8 id[VIRTIO_VDMABUF_ID_SIZE];
};

/*
 * RESYNC: the host has lost every channel and buffer (and holds no mapping of
 * any). The driver opens its channels and creates its buffers again, with the
 * same numbers and ids, and tells every open file.
 */
struct virtio_vdmabuf_event_resync {
	struct virtio_vdmabuf_event hdr;
	__le64 generation; /* differs from the last one */
};

/* ---- Part 2: character device ------------------------------------------ */

/*
 * /dev/vdmabufN, one for a device. One open file is one channel. open() fails
 * with EDQUOT (too many channels), ENODEV, ETIMEDOUT or EINTR. A structure
 * that grows later does so at its end: the kernel takes a shorter one as
 * zero-extended, and a longer one if what it does not know is zero (E2BIG).
 * Flags and padding that are not named here must be zero (EINVAL).
 */

struct vdmabuf_info {
	__u32 abi_version; /* out: version of part 1 that driver and device agreed on */
	__u32 channel; /* out: number of this channel, as the host sees it */
	__u32 max_message; /* out: bytes */
	__u32 max_buffers; /* out: buffers of one channel */
	__u64 max_buffer_bytes; /* out: bytes of one buffer */
	__u64 max_total_bytes; /* out: bytes of all buffers of one channel */
};

/*
 * ALLOC: a new dmabuf of zeroed pages, cached, in as few runs as memory allows.
 * The file descriptor is closed on exec. Errors: EINVAL (size 0 or too large),
 * ENOMEM, EDQUOT (limits of the channel or of the device), ENODEV.
 */
struct vdmabuf_alloc {
	__u64 size; /* in: bytes; out: rounded up to pages */
	__u32 flags; /* in: 0 */
	__s32 fd; /* out: dmabuf */
};

/*
 * SHARE: lets the host see the pages of a dmabuf, of this driver or of another
 * one, under an id that is random. Sharing the same dmabuf again on the same
 * channel fails with EEXIST. The pages stay allocated, and those of another
 * driver pinned where they are, until the host has let go of them, whatever
 * becomes of the descriptor. Buffers of others count against the limits of this
 * channel for so long. The host sees what is in the pages; when they are ready
 * is for SEND's fence to say.
 *
 * Errors: EBADF (not a dmabuf), EOPNOTSUPP (its exporter cannot bring it to
 * system memory and keep it there, it has no whole pages, or DMA addresses are
 * not the host's, as behind an IOMMU or bounce buffers), EDQUOT (limits of the
 * channel, the device or the host; too many runs), ENOMEM, ENODEV (device
 * gone), ETIMEDOUT (the host does not answer, or the exporter is not done
 * moving it), EINTR, EPIPE (the host closed the channel), ESTALE (read the
 * RESYNC event first), EPROTO (the host answers nonsense).
 */
struct vdmabuf_share {
	__s32 fd; /* in: dmabuf */
	__u32 flags; /* in: 0 */
	__u8 id[VIRTIO_VDMABUF_ID_SIZE]; /* out */
	__u32 nr_runs; /* out: physically contiguous runs */
	__u32 reserved; /* 0 */
};

/*
 * UNSHARE: takes the buffer back. Errors: ENOENT, ENODEV; EINTR and ETIMEDOUT
 * (the host has not answered yet; the id is gone all the same).
 */
struct vdmabuf_unshare {
	__u8 id[VIRTIO_VDMABUF_ID_SIZE]; /* in */
	__u32 flags; /* in: 0 */
	__u32 reserved; /* 0 */
};

/*
 * SEND: queues one message to the host. Messages of a channel leave in order;
 * one with a fence leaves when the fence has signalled, and holds back those
 * after it. Never waits for the fence itself. Waits while the channel's queue
 * is full, unless the file is O_NONBLOCK (EAGAIN; poll for POLLOUT).
 *
 * What nobody knows when SEND is called can be put into the message on its way:
 * a stamp is CLOCK_MONOTONIC in nanoseconds, a little-endian __u64 at an offset
 * of the message that is a multiple of 8. FENCE_STAMP is when the fence called
 * back; of one that had signalled before, when SEND saw that. SENT_STAMP is when
 * the message left this queue for the host. Two that overlap: SENT_STAMP counts.
 *
 * Errors: EINVAL, EMSGSIZE, EBADF (in_fence is no sync_file), EAGAIN, EINTR,
 * ENODEV, EPIPE (the host closed the channel), ESTALE (read the RESYNC event
 * first), ETIMEDOUT (no room for too long).
 */
#define VDMABUF_SEND_FENCE 0x1u /* in_fence is a sync_file */
#define VDMABUF_SEND_FENCE_STAMP 0x2u /* fence_stamp is an offset; needs FENCE */
#define VDMABUF_SEND_SENT_STAMP 0x4u /* sent_stamp is an offset */

struct vdmabuf_send {
	__u64 data; /* in: address of the message */
	__u32 size; /* in: bytes, 1 .. max_message */
	__u32 flags; /* in: VDMABUF_SEND_* */
	__s32 in_fence; /* in: sync_file if VDMABUF_SEND_FENCE, else 0 */
	__u16 fence_stamp; /* in: offset in the message, else 0 */
	__u16 sent_stamp; /* in: offset in the message, else 0 */
};

#define VDMABUF_IOCTL_MAGIC 0xB5
#define VDMABUF_IOCTL_INFO _IOR(VDMABUF_IOCTL_MAGIC, 0x00, struct vdmabuf_info)
#define VDMABUF_IOCTL_ALLOC _IOWR(VDMABUF_IOCTL_MAGIC, 0x01, struct vdmabuf_alloc)
#define VDMABUF_IOCTL_SHARE _IOWR(VDMABUF_IOCTL_MAGIC, 0x02, struct vdmabuf_share)
#define VDMABUF_IOCTL_UNSHARE _IOW(VDMABUF_IOCTL_MAGIC, 0x03, struct vdmabuf_unshare)
#define VDMABUF_IOCTL_SEND _IOW(VDMABUF_IOCTL_MAGIC, 0x04, struct vdmabuf_send)

/*
 * read() returns one whole event: this header, then size - 8 bytes. A buffer
 * that is too small for the next event fails with EMSGSIZE and loses nothing;
 * VDMABUF_MAX_EVENT bytes are always enough. Without an event, read() waits,
 * or fails with EAGAIN; after CLOSED it returns 0, on a removed device it fails
 * with ENODEV. A file whose events are not read (256, or 1 MiB) is closed with
 * reason PROTOCOL. poll(): POLLIN when there is an event, POLLOUT when
 * SEND would not wait, POLLHUP when the device is gone or the channel closed.
 */
enum vdmabuf_event_type {
	VDMABUF_EVENT_MESSAGE = 1, /* followed by the bytes of the message */
	VDMABUF_EVENT_RESYNC = 2, /* the host starts anew; announce everything again */
	VDMABUF_EVENT_CLOSED = 3, /* followed by a __u32 reason, the last event of a channel */
};

struct vdmabuf_event {
	__u32 type; /* enum vdmabuf_event_type */
	__u32 size; /* bytes of the event, this header included */
};

#define VDMABUF_MAX_EVENT (8 + VIRTIO_VDMABUF_MAX_MESSAGE)

#endif /* _UAPI_LINUX_VIRTIO_VDMABUF_H */
