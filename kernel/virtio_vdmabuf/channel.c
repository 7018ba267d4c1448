// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * virtio_vdmabuf: the character device. One open file is one channel. A channel
 * outlives its file until the host has answered CHANNEL_CLOSE and has let go of
 * all its buffers, as its number must not be used again before.
 */
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "vdmabuf.h"

/* An event that waits for read(): the bytes of a message. */
struct vdmabuf_queued_event {
	struct list_head node;
	u32 size;
	u8 data[];
};

/* ---- Life ---------------------------------------------------------------- */

struct vdmabuf_channel *vdmabuf_channel_find(struct vdmabuf_device *vd, u32 number)
{
	struct vdmabuf_channel *ch;

	xa_lock(&vd->channels);
	ch = xa_load(&vd->channels, number);
	if (ch)
		kref_get(&ch->ref);
	xa_unlock(&vd->channels);
	return ch;
}

/* The first channel from index on, with a reference; index becomes its number. */
struct vdmabuf_channel *vdmabuf_channel_next(struct vdmabuf_device *vd, unsigned long *index)
{
	struct vdmabuf_channel *ch;

	xa_lock(&vd->channels);
	ch = xa_find(&vd->channels, index, U32_MAX, XA_PRESENT);
	if (ch)
		kref_get(&ch->ref);
	xa_unlock(&vd->channels);
	return ch;
}

void vdmabuf_channel_get(struct vdmabuf_channel *ch)
{
	kref_get(&ch->ref);
}

/* Takes a buffer out of the limits of channel and device, if they allow it. */
bool vdmabuf_channel_charge(struct vdmabuf_channel *ch, u64 size)
{
	struct vdmabuf_limits *limits = &ch->vd->limits;

	if (!vdmabuf_budget_take(&ch->budget, size, limits->channel_buffers,
				 limits->channel_bytes))
		return false;
	if (!vdmabuf_budget_take(&ch->vd->budget, size, limits->max_buffers,
				 limits->max_total_bytes)) {
		vdmabuf_budget_give(&ch->budget, size);
		return false;
	}
	return true;
}

void vdmabuf_channel_refund(struct vdmabuf_channel *ch, u64 size)
{
	vdmabuf_budget_give(&ch->vd->budget, size);
	vdmabuf_budget_give(&ch->budget, size);
}

static void drop_events(struct vdmabuf_channel *ch)
{
	struct vdmabuf_queued_event *event, *next;

	list_for_each_entry_safe(event, next, &ch->event_queue, node)
		kfree(event);
	INIT_LIST_HEAD(&ch->event_queue);
	ch->nr_events = 0;
	ch->event_bytes = 0;
}

static void channel_free(struct kref *ref)
{
	struct vdmabuf_channel *ch = container_of(ref, struct vdmabuf_channel, ref);
	struct vdmabuf_device *vd = ch->vd;

	vdmabuf_send_free(ch);
	drop_events(ch);
	mutex_destroy(&ch->mutex);
	kfree(ch);
	put_device(&vd->dev);
}

/* May sleep. */
void vdmabuf_channel_put(struct vdmabuf_channel *ch)
{
	kref_put(&ch->ref, channel_free);
}

void vdmabuf_channel_wake(struct vdmabuf_channel *ch)
{
	wake_up_all(&ch->wait);
}

static void set_state(struct vdmabuf_channel *ch, enum vdmabuf_channel_state state)
{
	lockdep_assert_held(&ch->mutex);
	spin_lock_irq(&ch->lock);
	ch->state = state;
	spin_unlock_irq(&ch->lock);
}

static void close_done(struct vdmabuf_request *req)
{
	struct vdmabuf_channel *ch = container_of(req, struct vdmabuf_channel, close.req);

	/* The host's reference goes with the next vdmabuf_channel_finish(). */
	vdmabuf_channel_get(ch);
	mutex_lock(&ch->mutex);
	ch->close_answered = true;
	mutex_unlock(&ch->mutex);
	atomic_set(&ch->vd->recheck, 1);
	vdmabuf_channel_put(ch);
}

/*
 * The file is closed (reason 0), the host has closed the channel, or user space
 * does not read its events. Nothing here can fail or waits for the host; what it
 * still holds is parked.
 */
void vdmabuf_channel_close(struct vdmabuf_channel *ch, u32 reason)
{
	bool first;

	mutex_lock(&ch->mutex);
	spin_lock_irq(&ch->lock);
	first = ch->state <= VDMABUF_CHANNEL_OPEN;
	if (first) {
		ch->state = VDMABUF_CHANNEL_CLOSING;
		ch->close_reason = reason;
		ch->resync_pending = false;
		ch->resync_unread = false;
	}
	spin_unlock_irq(&ch->lock);
	if (first) {
		vdmabuf_share_destroy_all(ch);
		/* If the device is gone, its removal finishes the channel. */
		vdmabuf_submit(ch->vd, &ch->close.req);
	}
	mutex_unlock(&ch->mutex);

	vdmabuf_send_drop(ch);
	wake_up_all(&ch->wait);
	wake_up_all(&ch->vd->wait);
}

/*
 * Forgets a closing channel if nothing is left of it on the host. gone: the
 * device has been reset for good, so nothing is, of any channel.
 */
void vdmabuf_channel_finish(struct vdmabuf_channel *ch, bool gone)
{
	struct vdmabuf_device *vd = ch->vd;
	bool finished = false;

	mutex_lock(&ch->mutex);
	spin_lock_irq(&ch->lock);
	if (gone)
		finished = ch->state != VDMABUF_CHANNEL_DEAD;
	else if (ch->state == VDMABUF_CHANNEL_CLOSING)
		finished = ch->close_answered && !ch->nr_shares && !ch->nr_inflight;
	if (finished)
		ch->state = VDMABUF_CHANNEL_DEAD;
	spin_unlock_irq(&ch->lock);
	mutex_unlock(&ch->mutex);

	if (gone) {
		vdmabuf_share_free_all(ch);
		vdmabuf_send_drop(ch);
		wake_up_all(&ch->wait);
	}
	if (finished) {
		xa_erase(&vd->channels, ch->number);
		atomic_dec(&vd->nr_channels);
		vdmabuf_channel_put(ch);
	}
}

/* Whether SHARE may begin, and if not, why. */
int vdmabuf_channel_usable(struct vdmabuf_channel *ch)
{
	int ret = 0;

	spin_lock_irq(&ch->lock);
	if (vdmabuf_gone(ch->vd))
		ret = -ENODEV;
	else if (ch->state != VDMABUF_CHANNEL_OPEN)
		ret = -EPIPE;
	else if (ch->resync_pending || ch->resync_unread)
		ret = -ESTALE;
	spin_unlock_irq(&ch->lock);
	return ret;
}

static bool resynced(struct vdmabuf_device *vd, unsigned long generation)
{
	bool done;

	spin_lock_irq(&vd->lock);
	done = vd->generation != generation && !vd->resyncing;
	spin_unlock_irq(&vd->lock);
	return done;
}

/*
 * A command went to a host that has started anew since generation, or is about
 * to say so. Waits until all is told to the new one; then the command may be
 * tried again.
 */
int vdmabuf_channel_await_resync(struct vdmabuf_channel *ch, unsigned long generation,
				 unsigned long deadline)
{
	struct vdmabuf_device *vd = ch->vd;
	long left = max_t(long, deadline - jiffies, 0);
	long ret;

	ret = wait_event_killable_timeout(vd->wait,
					  vdmabuf_gone(vd) ||
					  READ_ONCE(ch->state) > VDMABUF_CHANNEL_OPEN ||
					  resynced(vd, generation),
					  left);
	if (vdmabuf_gone(vd))
		return -ENODEV;
	if (READ_ONCE(ch->state) > VDMABUF_CHANNEL_OPEN)
		return -EPIPE;
	if (ret < 0)
		return -EINTR;
	return ret ? 0 : -ETIMEDOUT;
}

struct vdmabuf_call *vdmabuf_channel_open_call(struct vdmabuf_channel *ch)
{
	struct virtio_vdmabuf_channel_open cmd = {
		.hdr.type = cpu_to_le32(VIRTIO_VDMABUF_CMD_CHANNEL_OPEN),
		.hdr.size = cpu_to_le32(sizeof(cmd)),
		.hdr.channel = cpu_to_le32(ch->number),
		.pid = cpu_to_le32(ch->pid),
		.uid = cpu_to_le32(ch->uid),
	};
	struct vdmabuf_call *call;

	strscpy(cmd.comm, ch->comm, sizeof(cmd.comm));
	call = vdmabuf_call_alloc(ch->vd, sizeof(cmd));
	if (call)
		vdmabuf_call_put_bytes(call, &cmd, sizeof(cmd));
	return call;
}

/* ---- Events -------------------------------------------------------------- */

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

/*
 * The host has lost the channel. What it said before is void, so a RESYNC event
 * replaces all that is unread, once the channel exists again.
 */
void vdmabuf_channel_resync_begin(struct vdmabuf_channel *ch)
{
	mutex_lock(&ch->mutex);
	if (ch->state == VDMABUF_CHANNEL_OPEN) {
		spin_lock_irq(&ch->lock);
		drop_events(ch);
		ch->resync_pending = true;
		ch->resync_unread = false;
		ch->resyncs++;
		spin_unlock_irq(&ch->lock);
	}
	mutex_unlock(&ch->mutex);

	vdmabuf_send_drop(ch);
	vdmabuf_share_host_lost(ch);
	wake_up_all(&ch->wait);
}

void vdmabuf_channel_resync_end(struct vdmabuf_channel *ch)
{
	lockdep_assert_held(&ch->mutex);
	spin_lock_irq(&ch->lock);
	ch->resync_pending = false;
	ch->resync_unread = true;
	spin_unlock_irq(&ch->lock);
	wake_up_all(&ch->wait);
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

static ssize_t vdmabuf_read(struct file *file, char __user *to, size_t count, loff_t *pos)
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

static __poll_t vdmabuf_poll(struct file *file, struct poll_table_struct *table)
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

/* ---- ioctls -------------------------------------------------------------- */

#define VDMABUF_SEND_FLAGS \
	(VDMABUF_SEND_FENCE | VDMABUF_SEND_FENCE_STAMP | VDMABUF_SEND_SENT_STAMP)

static int copy_in(void *args, size_t size, const void __user *from, unsigned int cmd)
{
	/* No program was ever built with less than the first version. */
	if (_IOC_SIZE(cmd) < size)
		return -EINVAL;
	return copy_struct_from_user(args, size, from, _IOC_SIZE(cmd));
}

static int ioctl_info(struct vdmabuf_channel *ch, void __user *arg, unsigned int cmd)
{
	struct vdmabuf_limits *limits = &ch->vd->limits;
	struct vdmabuf_info info = {
		.abi_version = VIRTIO_VDMABUF_ABI_VERSION,
		.channel = ch->number,
		.max_message = limits->max_message,
		.max_buffers = limits->channel_buffers,
		.max_buffer_bytes = limits->max_buffer_bytes,
		.max_total_bytes = limits->channel_bytes,
	};
	size_t size = _IOC_SIZE(cmd);

	if (size < sizeof(info))
		return -EINVAL;
	if (copy_to_user(arg, &info, sizeof(info)) ||
	    clear_user(arg + sizeof(info), size - sizeof(info)))
		return -EFAULT;
	return 0;
}

static int ioctl_alloc(struct vdmabuf_channel *ch, void __user *arg, unsigned int cmd)
{
	struct vdmabuf_alloc args;
	struct dma_buf *dmabuf;
	int fd, ret;

	ret = copy_in(&args, sizeof(args), arg, cmd);
	if (ret)
		return ret;
	if (args.flags || !args.size || args.size > ch->vd->limits.max_buffer_bytes)
		return -EINVAL;
	args.size = PAGE_ALIGN(args.size);

	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	dmabuf = vdmabuf_buffer_alloc(ch, args.size);
	if (IS_ERR(dmabuf)) {
		put_unused_fd(fd);
		return PTR_ERR(dmabuf);
	}
	args.fd = fd;
	if (copy_to_user(arg, &args, sizeof(args))) {
		dma_buf_put(dmabuf);
		put_unused_fd(fd);
		return -EFAULT;
	}
	fd_install(fd, dmabuf->file);
	return 0;
}

static int ioctl_share(struct vdmabuf_channel *ch, void __user *arg, unsigned int cmd)
{
	struct vdmabuf_shared *share;
	struct vdmabuf_share args;
	int ret;

	ret = copy_in(&args, sizeof(args), arg, cmd);
	if (ret)
		return ret;
	if (args.flags || args.reserved)
		return -EINVAL;
	share = vdmabuf_share_alloc(ch, args.fd);
	if (IS_ERR(share))
		return PTR_ERR(share);

	/* The answer first, so that nothing can fail once the host knows. */
	memcpy(args.id, share->id, sizeof(args.id));
	args.nr_runs = share->nr_runs;
	if (copy_to_user(arg, &args, sizeof(args))) {
		vdmabuf_share_put(share);
		return -EFAULT;
	}
	return vdmabuf_share(ch, share);
}

static int ioctl_unshare(struct vdmabuf_channel *ch, void __user *arg, unsigned int cmd)
{
	struct vdmabuf_unshare args;
	int ret;

	ret = copy_in(&args, sizeof(args), arg, cmd);
	if (ret)
		return ret;
	if (args.flags || args.reserved)
		return -EINVAL;
	return vdmabuf_unshare(ch, args.id);
}

/* A stamp that was asked for lies within the message; one that was not is 0. */
static bool stamp_fits(const struct vdmabuf_send *args, u32 flag, u16 offset)
{
	if (!(args->flags & flag))
		return !offset;
	return IS_ALIGNED(offset, sizeof(__le64)) && args->size >= sizeof(__le64) &&
	       offset <= args->size - sizeof(__le64);
}

static int ioctl_send(struct vdmabuf_channel *ch, void __user *arg, unsigned int cmd,
		      bool nonblock)
{
	struct vdmabuf_send args;
	int ret;

	ret = copy_in(&args, sizeof(args), arg, cmd);
	if (ret)
		return ret;
	if (args.flags & ~VDMABUF_SEND_FLAGS || !args.size)
		return -EINVAL;
	if (!(args.flags & VDMABUF_SEND_FENCE) &&
	    (args.in_fence || args.flags & VDMABUF_SEND_FENCE_STAMP))
		return -EINVAL;
	if (args.size > ch->vd->limits.max_message)
		return -EMSGSIZE;
	if (!stamp_fits(&args, VDMABUF_SEND_FENCE_STAMP, args.fence_stamp) ||
	    !stamp_fits(&args, VDMABUF_SEND_SENT_STAMP, args.sent_stamp))
		return -EINVAL;
	return vdmabuf_send(ch, &args, nonblock);
}

static long vdmabuf_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct vdmabuf_channel *ch = file->private_data;
	void __user *to = (void __user *)arg;

	if (vdmabuf_gone(ch->vd))
		return -ENODEV;
	if (_IOC_TYPE(cmd) != VDMABUF_IOCTL_MAGIC)
		return -ENOTTY;
	/* The size may differ between versions, so it is not part of the match. */
	switch (_IOC_NR(cmd)) {
	case _IOC_NR(VDMABUF_IOCTL_INFO):
		return ioctl_info(ch, to, cmd);
	case _IOC_NR(VDMABUF_IOCTL_ALLOC):
		return ioctl_alloc(ch, to, cmd);
	case _IOC_NR(VDMABUF_IOCTL_SHARE):
		return ioctl_share(ch, to, cmd);
	case _IOC_NR(VDMABUF_IOCTL_UNSHARE):
		return ioctl_unshare(ch, to, cmd);
	case _IOC_NR(VDMABUF_IOCTL_SEND):
		return ioctl_send(ch, to, cmd, file->f_flags & O_NONBLOCK);
	default:
		return -ENOTTY;
	}
}

/* ---- Open and close ------------------------------------------------------ */

static struct vdmabuf_channel *channel_new(struct vdmabuf_device *vd)
{
	struct vdmabuf_channel *ch;
	int ret;

	ch = kzalloc(sizeof(*ch), GFP_KERNEL_ACCOUNT);
	if (!ch)
		return ERR_PTR(-ENOMEM);
	kref_init(&ch->ref);
	get_device(&vd->dev);
	ch->vd = vd;
	ch->pid = task_tgid_nr(current);
	ch->uid = from_kuid(&init_user_ns, current_uid());
	get_task_comm(ch->comm, current);
	mutex_init(&ch->mutex);
	INIT_LIST_HEAD(&ch->shares);
	spin_lock_init(&ch->lock);
	init_waitqueue_head(&ch->wait);
	INIT_LIST_HEAD(&ch->send_queue);
	INIT_LIST_HEAD(&ch->free_messages);
	INIT_WORK(&ch->send_work, vdmabuf_send_work);
	INIT_LIST_HEAD(&ch->event_queue);

	ret = -EDQUOT;
	if (atomic_inc_return(&vd->nr_channels) > vd->limits.max_channels)
		goto fail;
	/* Once it can be found, the host holds a reference. */
	kref_get(&ch->ref);
	ret = xa_alloc_cyclic(&vd->channels, &ch->number, ch, XA_LIMIT(1, INT_MAX),
			      &vd->next_channel, GFP_KERNEL);
	if (ret < 0) {
		vdmabuf_channel_put(ch);
		goto fail;
	}
	vdmabuf_small_init(&ch->close, VIRTIO_VDMABUF_CMD_CHANNEL_CLOSE,
			   sizeof(ch->close.cmd.close), ch->number, close_done);
	return ch;

fail:
	atomic_dec(&vd->nr_channels);
	vdmabuf_channel_put(ch);
	return ERR_PTR(ret);
}

/* The host has refused the channel: there is nothing to close. */
static void channel_refused(struct vdmabuf_channel *ch)
{
	mutex_lock(&ch->mutex);
	if (ch->state == VDMABUF_CHANNEL_OPENING) {
		set_state(ch, VDMABUF_CHANNEL_CLOSING);
		ch->close_answered = true;
	}
	mutex_unlock(&ch->mutex);
	vdmabuf_channel_finish(ch, false);
}

static int channel_open(struct vdmabuf_channel *ch)
{
	unsigned long deadline = jiffies + vdmabuf_timeout();
	struct vdmabuf_device *vd = ch->vd;
	unsigned long generation;
	struct vdmabuf_call *call;
	bool again = false, done;
	u32 status;
	int ret;

	for (;; again = true) {
		call = vdmabuf_channel_open_call(ch);
		if (!call)
			return -ENOMEM;
		generation = READ_ONCE(vd->generation);
		ret = vdmabuf_call_submit(call);
		if (!ret)
			ret = vdmabuf_call_wait(call, deadline);
		status = call->req.status;
		vdmabuf_call_put(call);
		if (ret)
			return ret;

		if (status == VIRTIO_VDMABUF_OK || (status == VIRTIO_VDMABUF_ERR_EXISTS && again)) {
			mutex_lock(&ch->mutex);
			/* Closed by the host meanwhile: read() tells why. */
			done = ch->state != VDMABUF_CHANNEL_OPENING;
			if (!done && READ_ONCE(vd->generation) == generation) {
				set_state(ch, VDMABUF_CHANNEL_OPEN);
				done = true;
			}
			mutex_unlock(&ch->mutex);
			if (done)
				return vdmabuf_gone(vd) ? -ENODEV : 0;
		} else if (status != VIRTIO_VDMABUF_ERR_NO_CHANNEL) {
			channel_refused(ch);
			return vdmabuf_status_to_errno(status);
		}
		ret = vdmabuf_channel_await_resync(ch, generation, deadline);
		if (ret)
			return ret;
	}
}

static int vdmabuf_open(struct inode *inode, struct file *file)
{
	struct vdmabuf_device *vd = container_of(inode->i_cdev, struct vdmabuf_device, cdev);
	struct vdmabuf_channel *ch;
	int ret;

	if (vdmabuf_gone(vd))
		return -ENODEV;
	ch = channel_new(vd);
	if (IS_ERR(ch))
		return PTR_ERR(ch);
	ret = channel_open(ch);
	if (ret) {
		/* The host may have opened it all the same. */
		vdmabuf_channel_close(ch, 0);
		vdmabuf_channel_put(ch);
		return ret;
	}
	file->private_data = ch;
	return stream_open(inode, file);
}

static int vdmabuf_release(struct inode *inode, struct file *file)
{
	struct vdmabuf_channel *ch = file->private_data;

	vdmabuf_channel_close(ch, 0);
	/* No fence calls back any more; what one has queued must not outlive us. */
	cancel_work_sync(&ch->send_work);
	vdmabuf_channel_put(ch);
	return 0;
}

const struct file_operations vdmabuf_fops = {
	.owner = THIS_MODULE,
	.open = vdmabuf_open,
	.release = vdmabuf_release,
	.read = vdmabuf_read,
	.poll = vdmabuf_poll,
	.unlocked_ioctl = vdmabuf_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};
