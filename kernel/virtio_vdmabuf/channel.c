// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * virtio_vdmabuf: channels. One open file is one channel. A channel outlives its
 * file until the host has answered CHANNEL_CLOSE and has let go of all its
 * buffers, as its number must not be used again before.
 */
#include <linux/cred.h>
#include <linux/jiffies.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "vdmabuf.h"

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

static void channel_free(struct kref *ref)
{
	struct vdmabuf_channel *ch = container_of(ref, struct vdmabuf_channel, ref);
	struct vdmabuf_device *vd = ch->vd;

	vdmabuf_send_free(ch);
	vdmabuf_events_drop(ch);
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

/*
 * The host has lost the channel. What it said before is void, so a RESYNC event
 * replaces all that is unread, once the channel exists again.
 */
void vdmabuf_channel_resync_begin(struct vdmabuf_channel *ch)
{
	mutex_lock(&ch->mutex);
	if (ch->state == VDMABUF_CHANNEL_OPEN) {
		spin_lock_irq(&ch->lock);
		vdmabuf_events_drop(ch);
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

/* ---- Opening ------------------------------------------------------------- */

struct vdmabuf_channel *vdmabuf_channel_new(struct vdmabuf_device *vd)
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

/* Tells the host of a new channel. On error the caller closes it. */
int vdmabuf_channel_open(struct vdmabuf_channel *ch)
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
