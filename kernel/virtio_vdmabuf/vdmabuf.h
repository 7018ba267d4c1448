/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * virtio_vdmabuf: what the files of the driver share.
 *
 * Lifetimes
 *   vdmabuf_device   the virtio device; embeds its struct device, which open
 *                    files, channels and buffers hold, so it outlives removal
 *   vdmabuf_channel  one open file; held by the file, by the host's knowledge
 *                    of it (vd->channels) and by its buffers and shares
 *   vdmabuf_buffer   pages; held by their dmabuf and by every share
 *   vdmabuf_foreign  a dmabuf of another driver, attached, pinned and mapped;
 *                    held by one share
 *   vdmabuf_shared   a buffer that the host may see; leaves ch->shares when the
 *                    host has let go of it, never before
 *
 * Locks, outermost first
 *   ch->mutex        state of the channel, its list of shares, and the order in
 *                    which commands about both are submitted; never held while
 *                    waiting for the host
 *   ch->lock         messages and events; taken in interrupts
 *   vd->lock         command queue, generation, gone; taken in interrupts
 * A fence's lock is never taken under any of them, and its callback takes none.
 * Nor is the reservation lock of a foreign dmabuf, whose exporter may call us
 * with it held.
 */
#ifndef VDMABUF_H
#define VDMABUF_H

#include <linux/atomic.h>
#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/dma-buf.h>
#include <linux/dma-fence.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/scatterlist.h>
#include <linux/spinlock.h>
#include <linux/virtio.h>
#include <linux/virtio_vdmabuf.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

struct vdmabuf_channel;
struct vdmabuf_device;

/* ---- Requests: one command on the virtqueue ----------------------------- */

/*
 * The device may read and write a request until it gives it back or is reset,
 * so nobody but done() may free one that was submitted.
 */
struct vdmabuf_request {
	struct list_head node;
	struct scatterlist *out;
	struct scatterlist in;
	/* Called once, with the status. In an interrupt unless sleeps is set. */
	void (*done)(struct vdmabuf_request *req);
	bool sleeps;
	bool lazy; /* nobody waits for the answer: it is not worth an interrupt */
	u32 status;
	struct virtio_vdmabuf_response resp ____cacheline_aligned;
};

/* A request without further payload, part of what it is about. */
struct vdmabuf_small_request {
	struct vdmabuf_request req;
	struct scatterlist out;
	union {
		struct virtio_vdmabuf_channel_close close;
		struct virtio_vdmabuf_buffer_destroy destroy;
	} cmd ____cacheline_aligned;
};

/*
 * A request that somebody waits for, who may give up: one reference for the
 * waiter, one for the device.
 */
struct vdmabuf_call {
	struct vdmabuf_request req;
	struct kref ref;
	struct vdmabuf_device *vd;
	bool answered;
	unsigned int nr_chunks;
	size_t filled;
	struct scatterlist *sg;
};

/* ---- Device -------------------------------------------------------------- */

struct vdmabuf_limits {
	u32 max_channels;
	u32 max_buffers;
	u32 max_runs;
	u32 max_message;
	u64 max_buffer_bytes;
	u64 max_total_bytes;
	/* of one channel */
	u32 channel_buffers;
	u64 channel_bytes;
};

/* Buffers and bytes that somebody has taken out of a limit. */
struct vdmabuf_budget {
	atomic64_t buffers;
	atomic64_t bytes;
};

struct vdmabuf_device {
	struct device dev;
	struct cdev cdev;
	int minor;
	struct virtio_device *vdev;
	struct vdmabuf_limits limits;
	struct vdmabuf_budget budget;
	struct device_dma_parameters dma_parms;
	bool foreign; /* dmabufs of other drivers can be shared */

	spinlock_t lock; /* the command queue and the flags up to generation */
	struct virtqueue *commands;
	struct virtqueue *events;
	struct list_head pending; /* requests that wait for room in the ring */
	struct list_head inflight; /* requests that the device has */
	struct list_head reaped; /* answered requests whose done() may sleep */
	unsigned int nr_urgent; /* of pending and inflight: those that are not lazy */
	atomic_t nr_starved; /* channels without room whose senders wait for answers */
	bool running; /* the virtqueues may be used */
	bool gone; /* removed, or broken */
	bool resyncing;
	unsigned long generation; /* counts how often the host has started anew */

	void **event_buffers;
	unsigned int nr_event_buffers;

	struct xarray channels; /* that the host knows, or may know */
	atomic_t nr_channels;
	atomic_t recheck; /* a channel that closes may have become free */
	u32 next_channel;

	wait_queue_head_t wait; /* calls, resync, removal */
	struct work_struct event_work; /* event queue and reaped requests */
	struct work_struct resync_work;
	struct delayed_work left_work;
};

/* ---- Buffers and shares -------------------------------------------------- */

struct vdmabuf_buffer {
	struct kref ref;
	struct vdmabuf_channel *ch; /* whose budget pays */
	size_t size;
	size_t nr_pages;
	struct page **pages;
	unsigned int nr_runs;

	struct mutex lock; /* the fields below */
	struct list_head attachments;
	unsigned int vmap_count;
	void *vaddr;
};

enum vdmabuf_share_state {
	VDMABUF_SHARE_CREATING, /* belongs to the caller of SHARE */
	VDMABUF_SHARE_LIVE,
	VDMABUF_SHARE_DESTROYING, /* BUFFER_DESTROY is on its way */
	VDMABUF_SHARE_PENDING, /* waits for BUFFER_RELEASED */
	VDMABUF_SHARE_LEFT, /* its host is gone: kept until consumers have let go */
	VDMABUF_SHARE_PARKED, /* kept until the device is reset */
};

struct vdmabuf_foreign;

struct vdmabuf_shared {
	struct list_head node; /* ch->shares */
	struct kref ref; /* the list, and whoever waits for its end */
	struct vdmabuf_channel *ch;
	struct vdmabuf_buffer *buf; /* of this driver, else NULL */
	struct vdmabuf_foreign *foreign; /* of another one, else NULL */
	u64 size;
	unsigned int nr_runs;
	enum vdmabuf_share_state state;
	bool released; /* BUFFER_RELEASED came before the answer */
	bool settled; /* BUFFER_DESTROY is answered */
	unsigned long generation; /* of the host that was told last */
	unsigned long left_until; /* jiffies, while LEFT */
	u8 id[VIRTIO_VDMABUF_ID_SIZE];
	struct vdmabuf_small_request destroy;
};

/* ---- Channels ------------------------------------------------------------ */

/* Messages of a channel that are not yet answered, and how long one may be
 * without an allocation of its own.
 */
#define VDMABUF_MAX_MESSAGES 64
#define VDMABUF_INLINE_MESSAGE 512

/* Events that user space has not read. */
#define VDMABUF_MAX_EVENTS 256
#define VDMABUF_MAX_EVENT_BYTES (1024 * 1024)

enum vdmabuf_channel_state {
	VDMABUF_CHANNEL_OPENING,
	VDMABUF_CHANNEL_OPEN,
	VDMABUF_CHANNEL_CLOSING, /* the host has been told, or cannot be */
	VDMABUF_CHANNEL_DEAD, /* the host knows nothing of it any more */
};

struct vdmabuf_channel {
	struct kref ref;
	struct vdmabuf_device *vd;
	u32 number;
	u32 pid;
	u32 uid;
	char comm[VIRTIO_VDMABUF_COMM_SIZE];
	struct vdmabuf_budget budget;

	struct mutex mutex; /* the fields up to close */
	enum vdmabuf_channel_state state; /* written under mutex and lock */
	struct list_head shares;
	unsigned int nr_shares;
	bool close_answered;
	struct vdmabuf_small_request close;

	spinlock_t lock; /* everything below */
	wait_queue_head_t wait;
	struct list_head send_queue;
	struct list_head free_messages;
	unsigned int nr_messages; /* all there are, free ones included */
	unsigned int nr_inflight; /* that the device holds, or vd->pending */
	bool starved; /* counted in vd->nr_starved */
	struct work_struct send_work;
	struct list_head event_queue;
	unsigned int nr_events;
	size_t event_bytes;
	bool resync_pending; /* the host is being told anew; nothing can be read */
	bool resync_unread; /* the RESYNC event is to be read before all others */
	u32 resyncs;
	u32 close_reason; /* 0: not closed */
	bool close_read;
};

/* ---- main.c -------------------------------------------------------------- */

bool vdmabuf_budget_take(struct vdmabuf_budget *budget, u64 bytes,
			 u64 max_buffers, u64 max_bytes);
void vdmabuf_budget_give(struct vdmabuf_budget *budget, u64 bytes);
unsigned long vdmabuf_timeout(void);

static inline bool vdmabuf_gone(struct vdmabuf_device *vd)
{
	return READ_ONCE(vd->gone);
}

/* ---- transport.c --------------------------------------------------------- */

int vdmabuf_transport_start(struct vdmabuf_device *vd);
void vdmabuf_transport_ready(struct vdmabuf_device *vd);
void vdmabuf_transport_stop(struct vdmabuf_device *vd, bool gone);
void vdmabuf_break(struct vdmabuf_device *vd, const char *why);
void vdmabuf_kick_events(struct vdmabuf_device *vd);
void vdmabuf_event_work(struct work_struct *work);

int vdmabuf_submit(struct vdmabuf_device *vd, struct vdmabuf_request *req);
void vdmabuf_reap(struct vdmabuf_device *vd);
void vdmabuf_request_init(struct vdmabuf_request *req, struct scatterlist *out,
			  void (*done)(struct vdmabuf_request *req), bool sleeps);
void vdmabuf_small_init(struct vdmabuf_small_request *small, u32 type, u32 size,
			u32 channel,
			void (*done)(struct vdmabuf_request *req));

/* ---- call.c --------------------------------------------------------------- */

size_t vdmabuf_call_chunk(void);
struct vdmabuf_call *vdmabuf_call_alloc(struct vdmabuf_device *vd, size_t size);
void vdmabuf_call_put_bytes(struct vdmabuf_call *call, const void *data, size_t size);
void vdmabuf_call_put(struct vdmabuf_call *call);

static inline bool vdmabuf_call_answered(struct vdmabuf_call *call)
{
	/* Pairs with call_done(): the status is read after this. */
	return smp_load_acquire(&call->answered);
}

int vdmabuf_call_submit(struct vdmabuf_call *call);
int vdmabuf_call_wait(struct vdmabuf_call *call, unsigned long deadline);
int vdmabuf_status_to_errno(u32 status);

/* ---- chardev.c ----------------------------------------------------------- */

extern const struct file_operations vdmabuf_fops;

/* ---- events.c ------------------------------------------------------------ */

void vdmabuf_channel_event(struct vdmabuf_channel *ch, const void *data, u32 size);
void vdmabuf_events_drop(struct vdmabuf_channel *ch);
ssize_t vdmabuf_read(struct file *file, char __user *to, size_t count, loff_t *pos);
__poll_t vdmabuf_poll(struct file *file, struct poll_table_struct *table);

/* ---- channel.c ----------------------------------------------------------- */

struct vdmabuf_channel *vdmabuf_channel_new(struct vdmabuf_device *vd);
int vdmabuf_channel_open(struct vdmabuf_channel *ch);
struct vdmabuf_channel *vdmabuf_channel_find(struct vdmabuf_device *vd, u32 number);
bool vdmabuf_channel_charge(struct vdmabuf_channel *ch, u64 size);
void vdmabuf_channel_refund(struct vdmabuf_channel *ch, u64 size);
struct vdmabuf_channel *vdmabuf_channel_next(struct vdmabuf_device *vd,
					     unsigned long *index);
void vdmabuf_channel_get(struct vdmabuf_channel *ch);
void vdmabuf_channel_put(struct vdmabuf_channel *ch);
void vdmabuf_channel_close(struct vdmabuf_channel *ch, u32 reason);
void vdmabuf_channel_finish(struct vdmabuf_channel *ch, bool gone);
int vdmabuf_channel_await_resync(struct vdmabuf_channel *ch, unsigned long generation,
				 unsigned long deadline);
struct vdmabuf_call *vdmabuf_channel_open_call(struct vdmabuf_channel *ch);
void vdmabuf_channel_wake(struct vdmabuf_channel *ch);
void vdmabuf_channel_resync_begin(struct vdmabuf_channel *ch);
void vdmabuf_channel_resync_end(struct vdmabuf_channel *ch);
int vdmabuf_channel_usable(struct vdmabuf_channel *ch);

/* ---- resync.c ------------------------------------------------------------ */

void vdmabuf_resync_begin(struct vdmabuf_device *vd);
void vdmabuf_resync_work(struct work_struct *work);

/* ---- send.c -------------------------------------------------------------- */

int vdmabuf_send(struct vdmabuf_channel *ch, const struct vdmabuf_send *args,
		 bool nonblock);
bool vdmabuf_send_room(struct vdmabuf_channel *ch);
void vdmabuf_send_work(struct work_struct *work);
void vdmabuf_send_drop(struct vdmabuf_channel *ch);
void vdmabuf_send_free(struct vdmabuf_channel *ch);

/* ---- share.c ------------------------------------------------------------- */

int vdmabuf_share(struct vdmabuf_channel *ch, struct vdmabuf_shared *share);
struct vdmabuf_shared *vdmabuf_share_alloc(struct vdmabuf_channel *ch, int fd);
void vdmabuf_share_put(struct vdmabuf_shared *share);
int vdmabuf_unshare(struct vdmabuf_channel *ch, const u8 *id);
struct vdmabuf_call *vdmabuf_share_create_call(struct vdmabuf_shared *share);
void vdmabuf_share_destroy_all(struct vdmabuf_channel *ch);
void vdmabuf_share_free_all(struct vdmabuf_channel *ch);
void vdmabuf_share_host_lost(struct vdmabuf_channel *ch);
void vdmabuf_share_released(struct vdmabuf_channel *ch, const u8 *id);
void vdmabuf_share_left_work(struct work_struct *work);

/* ---- buffer.c ------------------------------------------------------------ */

struct dma_buf *vdmabuf_buffer_alloc(struct vdmabuf_channel *ch, u64 size);
struct vdmabuf_buffer *vdmabuf_buffer_of(struct dma_buf *dmabuf);
void vdmabuf_buffer_put(struct vdmabuf_buffer *buf);
void vdmabuf_buffer_put_runs(struct vdmabuf_buffer *buf, struct vdmabuf_call *call);

/* ---- foreign.c ----------------------------------------------------------- */

int vdmabuf_foreign_init(void);
void vdmabuf_foreign_exit(void);
void vdmabuf_foreign_probe(struct vdmabuf_device *vd);
struct vdmabuf_foreign *vdmabuf_foreign_attach(struct vdmabuf_channel *ch, struct dma_buf *dmabuf,
					       unsigned int *nr_runs);
struct dma_buf *vdmabuf_foreign_dmabuf(struct vdmabuf_foreign *foreign);
void vdmabuf_foreign_put_runs(struct vdmabuf_foreign *foreign, struct vdmabuf_call *call);
void vdmabuf_foreign_release(struct vdmabuf_foreign *foreign);

#endif /* VDMABUF_H */
