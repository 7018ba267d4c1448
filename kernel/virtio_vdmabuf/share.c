// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * virtio_vdmabuf: buffers that the host may see, from SHARE until the host has
 * let go of the pages. Giving up a wait never shortens that: the share stays in
 * ch->shares, with its pages, until the answer or a reset of the device.
 */
#include <linux/jiffies.h>
#include <linux/random.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "vdmabuf.h"

static void share_free(struct kref *ref)
{
	struct vdmabuf_shared *share = container_of(ref, struct vdmabuf_shared, ref);

	if (share->buf)
		vdmabuf_buffer_put(share->buf);
	if (share->foreign)
		vdmabuf_foreign_release(share->foreign);
	vdmabuf_channel_put(share->ch);
	kfree(share);
}

/* May sleep. */
void vdmabuf_share_put(struct vdmabuf_shared *share)
{
	kref_put(&share->ref, share_free);
}

/* The caller puts the list's reference once it has released the mutex. */
static void share_unlink(struct vdmabuf_shared *share, struct list_head *dead)
{
	lockdep_assert_held(&share->ch->mutex);
	list_move(&share->node, dead);
	share->ch->nr_shares--;
	share->settled = true;
}

static void share_put_list(struct vdmabuf_device *vd, struct list_head *dead)
{
	struct vdmabuf_shared *share, *next;

	if (list_empty(dead))
		return;
	list_for_each_entry_safe(share, next, dead, node) {
		list_del_init(&share->node);
		vdmabuf_share_put(share);
	}
	/* A closing channel may have waited for it. */
	atomic_set(&vd->recheck, 1);
	wake_up_all(&vd->wait);
}

/*
 * The host that had the buffer is gone without a word about it. Its consumers may
 * be using the pages for a while (VIRTIO_VDMABUF_GRACE_MS).
 */
static void share_leave(struct vdmabuf_shared *share)
{
	unsigned long grace = msecs_to_jiffies(VIRTIO_VDMABUF_GRACE_MS);
	struct vdmabuf_device *vd = share->ch->vd;

	lockdep_assert_held(&share->ch->mutex);
	share->state = VDMABUF_SHARE_LEFT;
	share->left_until = jiffies + grace;
	spin_lock_irq(&vd->lock);
	/* Its removal frees everything. */
	if (!vd->gone)
		queue_delayed_work(system_long_wq, &vd->left_work, grace + 1);
	spin_unlock_irq(&vd->lock);
}

static void destroy_done(struct vdmabuf_request *req)
{
	struct vdmabuf_shared *share = container_of(req, struct vdmabuf_shared, destroy.req);
	struct vdmabuf_channel *ch = share->ch;
	struct vdmabuf_device *vd = ch->vd;
	LIST_HEAD(dead);

	vdmabuf_channel_get(ch);
	mutex_lock(&ch->mutex);
	switch (req->status) {
	case VIRTIO_VDMABUF_OK:
		share_unlink(share, &dead);
		break;
	case VIRTIO_VDMABUF_ERR_NO_CHANNEL:
	case VIRTIO_VDMABUF_ERR_NO_BUFFER:
		/* A new host, whether or not it has said so yet. */
		share_leave(share);
		break;
	case VIRTIO_VDMABUF_PENDING:
		if (share->released)
			share_unlink(share, &dead);
		else
			share->state = VDMABUF_SHARE_PENDING;
		break;
	default:
		dev_warn_ratelimited(&vd->dev, "the host keeps a buffer: status %u\n",
				     req->status);
		share->state = VDMABUF_SHARE_PARKED;
		break;
	}
	share->settled = true;
	mutex_unlock(&ch->mutex);

	share_put_list(vd, &dead);
	wake_up_all(&vd->wait);
	vdmabuf_channel_put(ch);
}

static int share_destroy(struct vdmabuf_shared *share)
{
	int ret;

	lockdep_assert_held(&share->ch->mutex);
	share->state = VDMABUF_SHARE_DESTROYING;
	ret = vdmabuf_submit(share->ch->vd, &share->destroy.req);
	if (ret)
		share->state = VDMABUF_SHARE_PARKED;
	return ret;
}

/* Makes the pages of a dmabuf stay until the share ends. */
static int share_hold(struct vdmabuf_shared *share, struct dma_buf *dmabuf)
{
	struct vdmabuf_limits *limits = &share->ch->vd->limits;
	struct vdmabuf_foreign *foreign;

	if (dmabuf->size > limits->max_buffer_bytes)
		return -EDQUOT;
	share->size = dmabuf->size;
	share->buf = vdmabuf_buffer_of(dmabuf);
	if (share->buf) {
		share->nr_runs = share->buf->nr_runs;
	} else {
		foreign = vdmabuf_foreign_attach(share->ch, dmabuf, &share->nr_runs);
		if (IS_ERR(foreign))
			return PTR_ERR(foreign);
		share->foreign = foreign;
	}
	return share->nr_runs > limits->max_runs ? -EDQUOT : 0;
}

struct vdmabuf_shared *vdmabuf_share_alloc(struct vdmabuf_channel *ch, int fd)
{
	struct virtio_vdmabuf_buffer_destroy *cmd;
	struct vdmabuf_shared *share;
	struct dma_buf *dmabuf;
	int ret;

	dmabuf = dma_buf_get(fd);
	if (IS_ERR(dmabuf))
		return ERR_PTR(-EBADF);
	share = kzalloc(sizeof(*share), GFP_KERNEL_ACCOUNT);
	if (!share) {
		dma_buf_put(dmabuf);
		return ERR_PTR(-ENOMEM);
	}
	INIT_LIST_HEAD(&share->node);
	kref_init(&share->ref);
	vdmabuf_channel_get(ch);
	share->ch = ch;
	ret = share_hold(share, dmabuf);
	dma_buf_put(dmabuf);
	if (ret) {
		vdmabuf_share_put(share);
		return ERR_PTR(ret);
	}
	share->state = VDMABUF_SHARE_CREATING;
	do {
		get_random_bytes(share->id, sizeof(share->id));
	} while (!memchr_inv(share->id, 0, sizeof(share->id)));

	cmd = &share->destroy.cmd.destroy;
	vdmabuf_small_init(&share->destroy, VIRTIO_VDMABUF_CMD_BUFFER_DESTROY, sizeof(*cmd),
			   ch->number, destroy_done);
	memcpy(cmd->id, share->id, sizeof(cmd->id));
	return share;
}

struct vdmabuf_call *vdmabuf_share_create_call(struct vdmabuf_shared *share)
{
	struct virtio_vdmabuf_buffer_create cmd = {};
	struct vdmabuf_call *call;
	size_t size;

	size = struct_size(&cmd, runs, share->nr_runs);
	call = vdmabuf_call_alloc(share->ch->vd, size);
	if (!call)
		return NULL;
	cmd.hdr.type = cpu_to_le32(VIRTIO_VDMABUF_CMD_BUFFER_CREATE);
	cmd.hdr.size = cpu_to_le32(size);
	cmd.hdr.channel = cpu_to_le32(share->ch->number);
	memcpy(cmd.id, share->id, sizeof(cmd.id));
	cmd.size = cpu_to_le64(share->size);
	cmd.nr_runs = cpu_to_le32(share->nr_runs);
	vdmabuf_call_put_bytes(call, &cmd, sizeof(cmd));
	if (share->buf)
		vdmabuf_buffer_put_runs(share->buf, call);
	else
		vdmabuf_foreign_put_runs(share->foreign, call);
	return call;
}

/* SHARE failed. The host may know the buffer all the same, unless refused. */
static void share_abort(struct vdmabuf_shared *share, bool refused)
{
	struct vdmabuf_channel *ch = share->ch;
	struct vdmabuf_device *vd = ch->vd;
	LIST_HEAD(dead);

	vdmabuf_channel_get(ch);
	mutex_lock(&ch->mutex);
	if (refused || ch->state == VDMABUF_CHANNEL_DEAD)
		share_unlink(share, &dead);
	else
		share_destroy(share);
	mutex_unlock(&ch->mutex);
	share_put_list(vd, &dead);
	if (refused)
		vdmabuf_kick_events(vd);
	vdmabuf_channel_put(ch);
}

static bool same_buffer(struct vdmabuf_shared *a, struct vdmabuf_shared *b)
{
	if (a->buf || b->buf)
		return a->buf == b->buf;
	return vdmabuf_foreign_dmabuf(a->foreign) == vdmabuf_foreign_dmabuf(b->foreign);
}

static int share_enter(struct vdmabuf_channel *ch, struct vdmabuf_shared *share)
{
	struct vdmabuf_shared *other;
	int ret;

	lockdep_assert_held(&ch->mutex);
	ret = vdmabuf_channel_usable(ch);
	if (ret)
		return ret;
	list_for_each_entry(other, &ch->shares, node) {
		if (other->state <= VDMABUF_SHARE_LIVE && same_buffer(other, share))
			return -EEXIST;
	}
	if (ch->nr_shares >= ch->vd->limits.channel_buffers)
		return -EDQUOT;
	list_add_tail(&share->node, &ch->shares);
	ch->nr_shares++;
	return 0;
}

/*
 * Tells the host of the buffer. Takes over the caller's reference. If the host
 * starts anew meanwhile, it is told again.
 */
int vdmabuf_share(struct vdmabuf_channel *ch, struct vdmabuf_shared *share)
{
	unsigned long deadline = jiffies + vdmabuf_timeout();
	struct vdmabuf_device *vd = ch->vd;
	struct vdmabuf_call *call;
	bool again = false, refused;
	unsigned long generation;
	u32 status;
	int ret;

	mutex_lock(&ch->mutex);
	ret = share_enter(ch, share);
	mutex_unlock(&ch->mutex);
	if (ret) {
		vdmabuf_share_put(share);
		return ret;
	}

	for (;; again = true) {
		refused = false;
		call = vdmabuf_share_create_call(share);
		if (!call) {
			ret = -ENOMEM;
			refused = !again;
			break;
		}
		generation = READ_ONCE(vd->generation);
		ret = vdmabuf_call_submit(call);
		if (ret) {
			refused = !again;
			vdmabuf_call_put(call);
			break;
		}
		ret = vdmabuf_call_wait(call, deadline);
		status = call->req.status;
		vdmabuf_call_put(call);
		if (ret)
			break;

		if (status == VIRTIO_VDMABUF_OK || (status == VIRTIO_VDMABUF_ERR_EXISTS && again)) {
			mutex_lock(&ch->mutex);
			if (ch->state == VDMABUF_CHANNEL_OPEN &&
			    READ_ONCE(vd->generation) == generation) {
				share->generation = generation;
				share->state = VDMABUF_SHARE_LIVE;
				mutex_unlock(&ch->mutex);
				return 0;
			}
			mutex_unlock(&ch->mutex);
		} else if (status != VIRTIO_VDMABUF_ERR_NO_CHANNEL) {
			ret = vdmabuf_status_to_errno(status);
			/* An id that exists without us is nothing a caller can mend. */
			if (ret == -EEXIST)
				ret = -EPROTO;
			refused = true;
			break;
		}
		ret = vdmabuf_channel_await_resync(ch, generation, deadline);
		if (ret)
			break;
	}
	share_abort(share, refused);
	return ret;
}

int vdmabuf_unshare(struct vdmabuf_channel *ch, const u8 *id)
{
	struct vdmabuf_device *vd = ch->vd;
	struct vdmabuf_shared *share;
	long left;
	int ret = -ENOENT;

	mutex_lock(&ch->mutex);
	list_for_each_entry(share, &ch->shares, node) {
		if (share->state == VDMABUF_SHARE_LIVE &&
		    !memcmp(share->id, id, sizeof(share->id))) {
			kref_get(&share->ref);
			ret = share_destroy(share);
			break;
		}
	}
	mutex_unlock(&ch->mutex);
	if (ret == -ENOENT)
		return ret;

	if (!ret) {
		left = wait_event_killable_timeout(vd->wait,
						   READ_ONCE(share->settled) || vdmabuf_gone(vd),
						   vdmabuf_timeout());
		if (!READ_ONCE(share->settled))
			ret = vdmabuf_gone(vd) ? -ENODEV : left < 0 ? -EINTR : -ETIMEDOUT;
	}
	vdmabuf_share_put(share);
	return ret;
}

/* The channel closes: the host is asked to let go of everything. */
void vdmabuf_share_destroy_all(struct vdmabuf_channel *ch)
{
	struct vdmabuf_shared *share;

	lockdep_assert_held(&ch->mutex);
	list_for_each_entry(share, &ch->shares, node) {
		if (share->state == VDMABUF_SHARE_LIVE)
			share_destroy(share);
	}
}

/* The device has been reset for good. */
void vdmabuf_share_free_all(struct vdmabuf_channel *ch)
{
	struct vdmabuf_shared *share, *next;
	LIST_HEAD(dead);

	mutex_lock(&ch->mutex);
	list_for_each_entry_safe(share, next, &ch->shares, node) {
		if (share->state != VDMABUF_SHARE_CREATING)
			share_unlink(share, &dead);
	}
	mutex_unlock(&ch->mutex);
	share_put_list(ch->vd, &dead);
}

/* The host has started anew and knows nothing of what it was asked to release. */
void vdmabuf_share_host_lost(struct vdmabuf_channel *ch)
{
	struct vdmabuf_shared *share;

	mutex_lock(&ch->mutex);
	list_for_each_entry(share, &ch->shares, node) {
		if (share->state == VDMABUF_SHARE_PENDING || share->state == VDMABUF_SHARE_PARKED)
			share_leave(share);
	}
	mutex_unlock(&ch->mutex);
}

/* Gives back the pages of buffers whose time after the host's end is over. */
void vdmabuf_share_left_work(struct work_struct *work)
{
	struct vdmabuf_device *vd = container_of(work, struct vdmabuf_device, left_work.work);
	unsigned long index, next_end = 0;
	struct vdmabuf_shared *share, *next;
	struct vdmabuf_channel *ch;
	bool more = false;
	LIST_HEAD(dead);

	for (index = 0; (ch = vdmabuf_channel_next(vd, &index)); index++) {
		mutex_lock(&ch->mutex);
		list_for_each_entry_safe(share, next, &ch->shares, node) {
			if (share->state != VDMABUF_SHARE_LEFT)
				continue;
			if (time_after_eq(jiffies, share->left_until)) {
				share_unlink(share, &dead);
			} else if (!more || time_before(share->left_until, next_end)) {
				next_end = share->left_until;
				more = true;
			}
		}
		mutex_unlock(&ch->mutex);
		share_put_list(vd, &dead);
		vdmabuf_channel_put(ch);
	}
	if (more) {
		spin_lock_irq(&vd->lock);
		if (!vd->gone)
			queue_delayed_work(system_long_wq, &vd->left_work,
					   max_t(long, next_end - jiffies, 0) + 1);
		spin_unlock_irq(&vd->lock);
	}
	/* Closing channels may be free now. */
	vdmabuf_kick_events(vd);
}

void vdmabuf_share_released(struct vdmabuf_channel *ch, const u8 *id)
{
	struct vdmabuf_shared *share, *next;
	LIST_HEAD(dead);

	mutex_lock(&ch->mutex);
	list_for_each_entry_safe(share, next, &ch->shares, node) {
		if (memcmp(share->id, id, sizeof(share->id)))
			continue;
		if (share->state == VDMABUF_SHARE_PENDING)
			share_unlink(share, &dead);
		else if (share->state == VDMABUF_SHARE_DESTROYING)
			share->released = true;
		break;
	}
	mutex_unlock(&ch->mutex);
	share_put_list(ch->vd, &dead);
}
