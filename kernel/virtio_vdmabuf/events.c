// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * virtio_vdmabuf: what waits for read(): messages of the host, a RESYNC, and
 * that the host has closed the channel.
 */
#include <linux/fs.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "vdmabuf.h"

/* An event that waits for read(): the bytes of a message. */
struct vdmabuf_queued_event {
	struct list_head node;
	u32 size;
	u8 data[];
};

/* ch->lock is held, or nobody else has the channel. */
void vdmabuf_events_drop(struct vdmabuf_channel *ch)
{
	struct vdmabuf_queued_event *event, *next;

	list_for_each_entry_safe(event, next, &ch->event_queue, node)
		kfree(event);
	INIT_LIST_HEAD(&ch->event_queue);
	ch->nr_events = 0;
	ch->event_bytes = 0;
}

/* A message of the host. */
void vdmabuf_channel_event(struct vdmabuf_channel *ch, const void *data, u32 size)
{
	struct vdmabuf_queued_event *event;
	bool overflow = false;

	event = kmalloc(struct_size(event, data, size), GFP_KERNEL);
	if (event) {
		event->size = size;
		memcpy(event->data, data, size);
	}

	spin_lock_irq(&ch->lock);
	if (ch->state <= VDMABUF_CHANNEL_OPEN) {
		if (!event || ch->nr_events >= VDMABUF_MAX_EVENTS ||
		    ch->event_bytes + size > VDMABUF_MAX_EVENT_BYTES) {
			overflow = true;
		} else {
			list_add_tail(&event->node, &ch->event_queue);
			ch->nr_events++;
			ch->event_bytes += size;
			event = NULL;
			wake_up_interruptible_all(&ch->wait);
		}
	}
	spin_unlock_irq(&ch->lock);
	kfree(event);

	/* Rather no channel than one with a hole: a lost RELEASE stalls an app. */
	if (overflow)
		vdmabuf_channel_close(ch, VIRTIO_VDMABUF_CLOSE_PROTOCOL);
}

static bool event_ready_locked(struct vdmabuf_channel *ch)
{
	if (ch->resync_pending)
		return false;
	return ch->resync_unread || ch->nr_events || (ch->close_reason && !ch->close_read);
}

/* Whether read() would not wait. */
static bool read_ready(struct vdmabuf_channel *ch)
{
	bool ready;

	spin_lock_irq(&ch->lock);
	ready = event_ready_locked(ch) || ch->close_read || vdmabuf_gone(ch->vd);
	spin_unlock_irq(&ch->lock);
	return ready;
}

/* One event, or EAGAIN if there is none, 0 after the last one. */
static ssize_t read_event(struct vdmabuf_channel *ch, char __user *to, size_t count)
{
	struct vdmabuf_queued_event *event = NULL;
	struct vdmabuf_event hdr = {};
	u32 reason, resyncs;
	ssize_t ret = 0;

	spin_lock_irq(&ch->lock);
	resyncs = ch->resyncs;
	reason = ch->close_reason;
	if (vdmabuf_gone(ch->vd)) {
		ret = -ENODEV;
	} else if (!event_ready_locked(ch)) {
		ret = -EAGAIN;
		if (ch->close_read)
			ret = 0;
	} else if (ch->resync_unread) {
		hdr.type = VDMABUF_EVENT_RESYNC;
		hdr.size = sizeof(hdr);
	} else if (ch->nr_events) {
		event = list_first_entry(&ch->event_queue, struct vdmabuf_queued_event, node);
		hdr.type = VDMABUF_EVENT_MESSAGE;
		hdr.size = sizeof(hdr) + event->size;
	} else {
		hdr.type = VDMABUF_EVENT_CLOSED;
		hdr.size = sizeof(hdr) + sizeof(reason);
	}
	if (hdr.size > count) {
		ret = -EMSGSIZE;
		hdr.size = 0;
	}
	if (hdr.size && event) {
		list_del(&event->node);
		ch->nr_events--;
		ch->event_bytes -= event->size;
	}
	spin_unlock_irq(&ch->lock);
	if (!hdr.size)
		return ret;

	if (copy_to_user(to, &hdr, sizeof(hdr)) ||
	    (event && copy_to_user(to + sizeof(hdr), event->data, event->size)) ||
	    (hdr.type == VDMABUF_EVENT_CLOSED &&
	     copy_to_user(to + sizeof(hdr), &reason, sizeof(reason))))
		ret = -EFAULT;
	else
		ret = hdr.size;

	/* Put back what could not be delivered, unless the host has lost it since. */
	spin_lock_irq(&ch->lock);
	if (ret < 0) {
		if (event && resyncs == ch->resyncs) {
			list_add(&event->node, &ch->event_queue);
			ch->nr_events++;
			ch->event_bytes += event->size;
			event = NULL;
		}
	} else if (hdr.type == VDMABUF_EVENT_RESYNC) {
		if (resyncs == ch->resyncs)
			ch->resync_unread = false;
	} else if (hdr.type == VDMABUF_EVENT_CLOSED) {
		ch->close_read = true;
	}
	spin_unlock_irq(&ch->lock);
	kfree(event);
	wake_up_all(&ch->wait);
	return ret;
}

ssize_t vdmabuf_read(struct file *file, char __user *to, size_t count, loff_t *pos)
{
	struct vdmabuf_channel *ch = file->private_data;
	ssize_t ret;

	for (;;) {
		ret = read_event(ch, to, count);
		if (ret != -EAGAIN || (file->f_flags & O_NONBLOCK))
			return ret;
		ret = wait_event_interruptible(ch->wait, read_ready(ch));
		if (ret)
			return ret;
	}
}

__poll_t vdmabuf_poll(struct file *file, struct poll_table_struct *table)
{
	struct vdmabuf_channel *ch = file->private_data;
	__poll_t mask = 0;
	bool room;

	poll_wait(file, &ch->wait, table);

	room = vdmabuf_send_room(ch);
	spin_lock_irq(&ch->lock);
	if (event_ready_locked(ch))
		mask |= EPOLLIN | EPOLLRDNORM;
	/* A SEND that can only answer ESTALE for now is not worth waking up for. */
	if (room && !ch->resync_pending)
		mask |= EPOLLOUT | EPOLLWRNORM;
	if (ch->state > VDMABUF_CHANNEL_OPEN || vdmabuf_gone(ch->vd))
		mask |= EPOLLHUP;
	spin_unlock_irq(&ch->lock);
	return mask;
}
