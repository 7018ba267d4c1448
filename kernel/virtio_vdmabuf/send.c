// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * virtio_vdmabuf: messages to the host. A message without a fence goes straight
 * from the caller into the ring. One with a fence waits in ch->send_queue, and
 * so does everything after it, so that messages leave in the order of SEND.
 */
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/sync_file.h>
#include <linux/uaccess.h>

#include "vdmabuf.h"

/*
 * Kept for reuse until the file is closed. Belongs to free_messages, to the
 * caller of SEND, to send_queue or to the device.
 */
struct vdmabuf_msg {
	struct vdmabuf_request req;
	struct list_head node;
	struct vdmabuf_channel *ch;
	struct scatterlist out[2];
	struct dma_fence *fence;
	struct dma_fence_cb cb;
	bool ready; /* the fence has signalled, if there is one */
	u64 fence_ns; /* when it did */
	u32 flags; /* which stamps are wanted, and where */
	u16 fence_stamp;
	u16 sent_stamp;
	void *large; /* data that does not fit below */
	struct virtio_vdmabuf_command hdr ____cacheline_aligned;
	u8 data[VDMABUF_INLINE_MESSAGE];
};

/* ch->lock is held. Nobody needs to be told when there is room any more. */
static void end_starving(struct vdmabuf_channel *ch)
{
	if (!ch->starved)
		return;
	ch->starved = false;
	atomic_dec(&ch->vd->nr_starved);
}

static void msg_recycle(struct vdmabuf_msg *msg)
{
	struct vdmabuf_channel *ch = msg->ch;
	unsigned long flags;

	kfree(msg->large);
	msg->large = NULL;
	spin_lock_irqsave(&ch->lock, flags);
	list_add(&msg->node, &ch->free_messages);
	end_starving(ch);
	wake_up_all(&ch->wait);
	spin_unlock_irqrestore(&ch->lock, flags);
}

/*
 * In an interrupt. As soon as the lock is released, the channel may be gone:
 * vdmabuf_channel_finish() waits for nr_inflight to be 0.
 */
static void msg_done(struct vdmabuf_request *req)
{
	struct vdmabuf_msg *msg = container_of(req, struct vdmabuf_msg, req);
	struct vdmabuf_channel *ch = msg->ch;
	unsigned long flags;

	kfree(msg->large);
	msg->large = NULL;
	spin_lock_irqsave(&ch->lock, flags);
	list_add(&msg->node, &ch->free_messages);
	end_starving(ch);
	if (!--ch->nr_inflight && ch->state == VDMABUF_CHANNEL_CLOSING) {
		atomic_set(&ch->vd->recheck, 1);
		vdmabuf_kick_events(ch->vd);
	}
	wake_up_all(&ch->wait);
	spin_unlock_irqrestore(&ch->lock, flags);
}

/* ch->lock is held. Whether SEND may go on, and if not, why. */
static int send_state(struct vdmabuf_channel *ch)
{
	if (vdmabuf_gone(ch->vd))
		return -ENODEV;
	if (ch->state != VDMABUF_CHANNEL_OPEN)
		return -EPIPE;
	if (ch->resync_pending || ch->resync_unread)
		return -ESTALE;
	return 0;
}

static bool send_room_locked(struct vdmabuf_channel *ch)
{
	return !list_empty(&ch->free_messages) || ch->nr_messages < VDMABUF_MAX_MESSAGES;
}

/*
 * Whether SEND would not wait. If it would, ch->wait is woken up when there is
 * room: from now on answers to messages are worth an interrupt.
 */
bool vdmabuf_send_room(struct vdmabuf_channel *ch)
{
	bool room, starves;

	for (;;) {
		spin_lock_irq(&ch->lock);
		room = send_room_locked(ch) || send_state(ch);
		starves = !room && !ch->starved;
		if (starves) {
			ch->starved = true;
			atomic_inc(&ch->vd->nr_starved);
		}
		spin_unlock_irq(&ch->lock);
		if (!starves)
			return room;
		/* The answers may be there already, without that anybody was told. */
		vdmabuf_reap(ch->vd);
	}
}

static struct vdmabuf_msg *msg_get(struct vdmabuf_channel *ch, bool nonblock)
{
	struct vdmabuf_msg *msg;
	long left = vdmabuf_timeout();
	int ret;

	/* Those that are answered are used again, before more are made. */
	if (list_empty_careful(&ch->free_messages))
		vdmabuf_reap(ch->vd);
	for (;;) {
		msg = NULL;
		spin_lock_irq(&ch->lock);
		ret = send_state(ch);
		if (!ret && !send_room_locked(ch))
			ret = -EAGAIN;
		if (!ret) {
			msg = list_first_entry_or_null(&ch->free_messages, struct vdmabuf_msg,
						       node);
			if (msg)
				list_del_init(&msg->node);
			else
				ch->nr_messages++;
		}
		spin_unlock_irq(&ch->lock);
		if (msg)
			return msg;
		if (!ret)
			break;
		if (ret != -EAGAIN || nonblock)
			return ERR_PTR(ret);
		if (!left)
			return ERR_PTR(-ETIMEDOUT);
		left = wait_event_interruptible_timeout(ch->wait, vdmabuf_send_room(ch), left);
		if (left < 0)
			return ERR_PTR(left);
	}

	msg = kzalloc(sizeof(*msg), GFP_KERNEL_ACCOUNT);
	if (!msg) {
		spin_lock_irq(&ch->lock);
		ch->nr_messages--;
		spin_unlock_irq(&ch->lock);
		return ERR_PTR(-ENOMEM);
	}
	INIT_LIST_HEAD(&msg->node);
	msg->ch = ch;
	return msg;
}

static int msg_fill(struct vdmabuf_msg *msg, const struct vdmabuf_send *args)
{
	void *data = msg->data;

	if (args->size > sizeof(msg->data)) {
		msg->large = kmalloc(args->size, GFP_KERNEL_ACCOUNT);
		if (!msg->large)
			return -ENOMEM;
		data = msg->large;
	}
	if (copy_from_user(data, u64_to_user_ptr(args->data), args->size))
		return -EFAULT;

	msg->flags = args->flags;
	msg->fence_stamp = args->fence_stamp;
	msg->sent_stamp = args->sent_stamp;
	msg->hdr = (struct virtio_vdmabuf_command){
		.type = cpu_to_le32(VIRTIO_VDMABUF_CMD_MESSAGE),
		.size = cpu_to_le32(sizeof(msg->hdr) + args->size),
		.channel = cpu_to_le32(msg->ch->number),
	};
	if (msg->large) {
		sg_init_table(msg->out, 2);
		sg_set_buf(&msg->out[0], &msg->hdr, sizeof(msg->hdr));
		sg_set_buf(&msg->out[1], data, args->size);
	} else {
		sg_init_one(msg->out, &msg->hdr, sizeof(msg->hdr) + args->size);
	}
	vdmabuf_request_init(&msg->req, msg->out, msg_done, false);
	msg->req.lazy = true;
	return 0;
}

/*
 * Under the fence's lock, in any context, maybe before the message is queued:
 * does nothing but pass on the news.
 */
static void fence_signalled(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct vdmabuf_msg *msg = container_of(cb, struct vdmabuf_msg, cb);

	msg->fence_ns = ktime_get_ns();
	/* Pairs with msg_ready(). */
	smp_store_release(&msg->ready, true);
	queue_work(system_highpri_wq, &msg->ch->send_work);
}

static bool msg_ready(struct vdmabuf_msg *msg)
{
	/* Pairs with fence_signalled(). */
	return smp_load_acquire(&msg->ready);
}

static void put_stamp(struct vdmabuf_msg *msg, u16 offset, u64 ns)
{
	__le64 stamp = cpu_to_le64(ns);

	memcpy((msg->large ?: msg->data) + offset, &stamp, sizeof(stamp));
}

/* The last moment before the device may read the message. */
static void msg_stamp(struct vdmabuf_msg *msg)
{
	if (msg->flags & VDMABUF_SEND_FENCE_STAMP)
		put_stamp(msg, msg->fence_stamp, msg->fence_ns);
	if (msg->flags & VDMABUF_SEND_SENT_STAMP)
		put_stamp(msg, msg->sent_stamp, ktime_get_ns());
}

/* Submits what is at the head of the queue and ready. */
static void send_ready(struct vdmabuf_channel *ch)
{
	struct dma_fence *fence;
	struct vdmabuf_msg *msg;
	int ret;

	for (;;) {
		fence = NULL;
		ret = -ENODEV;
		spin_lock_irq(&ch->lock);
		msg = list_first_entry_or_null(&ch->send_queue, struct vdmabuf_msg, node);
		if (!msg || !msg_ready(msg)) {
			spin_unlock_irq(&ch->lock);
			return;
		}
		/* An error of the fence is not ours: the frame is shown as it is. */
		swap(fence, msg->fence);
		list_del_init(&msg->node);
		if (!send_state(ch)) {
			msg_stamp(msg);
			ch->nr_inflight++;
			ret = vdmabuf_submit(ch->vd, &msg->req);
			if (ret)
				ch->nr_inflight--;
		}
		spin_unlock_irq(&ch->lock);
		if (ret)
			msg_recycle(msg);
		dma_fence_put(fence);
	}
}

void vdmabuf_send_work(struct work_struct *work)
{
	send_ready(container_of(work, struct vdmabuf_channel, send_work));
}

/*
 * After this the callback has run, or never will: both it and the removal hold
 * the fence's lock.
 */
static void msg_drop(struct vdmabuf_msg *msg)
{
	if (msg->fence) {
		dma_fence_remove_callback(msg->fence, &msg->cb);
		dma_fence_put(msg->fence);
		msg->fence = NULL;
	}
	msg_recycle(msg);
}

int vdmabuf_send(struct vdmabuf_channel *ch, const struct vdmabuf_send *args, bool nonblock)
{
	struct dma_fence *fence = NULL;
	struct vdmabuf_msg *msg;
	int ret;

	if (args->flags & VDMABUF_SEND_FENCE) {
		fence = sync_file_get_fence(args->in_fence);
		if (!fence)
			return -EBADF;
	}
	msg = msg_get(ch, nonblock);
	if (IS_ERR(msg)) {
		dma_fence_put(fence);
		return PTR_ERR(msg);
	}
	msg->fence = NULL;
	msg->ready = true;
	ret = msg_fill(msg, args);
	if (ret) {
		dma_fence_put(fence);
		msg_recycle(msg);
		return ret;
	}
	if (fence) {
		msg->ready = false;
		msg->fence = fence;
		if (dma_fence_add_callback(fence, &msg->cb, fence_signalled)) {
			/* It had signalled before: nobody calls back. */
			msg->fence_ns = ktime_get_ns();
			msg->ready = true;
			msg->fence = NULL;
			dma_fence_put(fence);
		}
	}

	spin_lock_irq(&ch->lock);
	ret = send_state(ch);
	if (!ret)
		list_add_tail(&msg->node, &ch->send_queue);
	spin_unlock_irq(&ch->lock);
	if (ret) {
		msg_drop(msg);
		return ret;
	}
	send_ready(ch);
	return 0;
}

/* Drops what has not left: the channel closes, or the host starts anew. */
void vdmabuf_send_drop(struct vdmabuf_channel *ch)
{
	struct vdmabuf_msg *msg, *next;
	LIST_HEAD(dropped);

	spin_lock_irq(&ch->lock);
	end_starving(ch);
	list_splice_init(&ch->send_queue, &dropped);
	spin_unlock_irq(&ch->lock);
	list_for_each_entry_safe(msg, next, &dropped, node) {
		list_del_init(&msg->node);
		msg_drop(msg);
	}
}

/* The channel goes; nothing is queued or in flight. */
void vdmabuf_send_free(struct vdmabuf_channel *ch)
{
	struct vdmabuf_msg *msg, *next;

	list_for_each_entry_safe(msg, next, &ch->free_messages, node) {
		list_del(&msg->node);
		kfree(msg);
	}
}
