// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * virtio_vdmabuf: a host that has started anew (RESYNC event, or a reset of the
 * device) is told of all channels and buffers again.
 *
 * vdmabuf_resync_begin() runs before any later event is looked at: from then on
 * nothing of the old host reaches user space, and user space gets ESTALE until
 * it has read the RESYNC event. The work then waits for the host, channel by
 * channel. A further RESYNC counts up the generation, which makes the work
 * start over.
 */
#include "vdmabuf.h"

/* Also after a reset of the device. May sleep. */
void vdmabuf_resync_begin(struct vdmabuf_device *vd)
{
	struct vdmabuf_channel *ch;
	unsigned long index;

	spin_lock_irq(&vd->lock);
	vd->generation++;
	vd->resyncing = true;
	spin_unlock_irq(&vd->lock);
	wake_up_all(&vd->wait);

	for (index = 0; (ch = vdmabuf_channel_next(vd, &index)); index++) {
		vdmabuf_channel_resync_begin(ch);
		vdmabuf_channel_put(ch);
	}
	atomic_set(&vd->recheck, 1);

	spin_lock_irq(&vd->lock);
	if (vd->running)
		queue_work(system_long_wq, &vd->resync_work);
	spin_unlock_irq(&vd->lock);
}

static bool superseded(struct vdmabuf_device *vd, unsigned long generation)
{
	return !READ_ONCE(vd->running) || READ_ONCE(vd->generation) != generation;
}

/*
 * Waits for the answer to a command that has been submitted. A host that never
 * answers is waited for until it starts anew or the device goes: nobody but this
 * work hangs on it.
 */
static int resync_wait(struct vdmabuf_call *call, unsigned long generation, u32 *status)
{
	struct vdmabuf_device *vd = call->vd;

	wait_event_idle(vd->wait,
			vdmabuf_call_answered(call) || superseded(vd, generation));
	if (superseded(vd, generation))
		return -EAGAIN;
	*status = call->req.status;
	return 0;
}

/* Opens the channel again. 0, EAGAIN (superseded), or the channel is closed. */
static int resync_open(struct vdmabuf_channel *ch, unsigned long generation, u32 *status)
{
	struct vdmabuf_call *call;
	int ret = -ECANCELED;

	call = vdmabuf_channel_open_call(ch);
	if (!call) {
		*status = VIRTIO_VDMABUF_ERR_NO_MEMORY;
		return 0;
	}
	mutex_lock(&ch->mutex);
	if (ch->state == VDMABUF_CHANNEL_OPEN)
		ret = vdmabuf_call_submit(call);
	mutex_unlock(&ch->mutex);
	if (!ret)
		ret = resync_wait(call, generation, status);
	vdmabuf_call_put(call);
	return ret;
}

/*
 * The new host has the channel already: it was opened before we learnt that the
 * host is a new one. It is made to forget what it has heard on it since.
 */
static int resync_close(struct vdmabuf_channel *ch, unsigned long generation)
{
	struct virtio_vdmabuf_channel_close cmd = {
		.hdr.type = cpu_to_le32(VIRTIO_VDMABUF_CMD_CHANNEL_CLOSE),
		.hdr.size = cpu_to_le32(sizeof(cmd)),
		.hdr.channel = cpu_to_le32(ch->number),
	};
	struct vdmabuf_call *call;
	int ret = -ECANCELED;
	u32 status;

	call = vdmabuf_call_alloc(ch->vd, sizeof(cmd));
	if (!call)
		return 0;
	vdmabuf_call_put_bytes(call, &cmd, sizeof(cmd));
	mutex_lock(&ch->mutex);
	if (ch->state == VDMABUF_CHANNEL_OPEN)
		ret = vdmabuf_call_submit(call);
	mutex_unlock(&ch->mutex);
	if (!ret)
		ret = resync_wait(call, generation, &status);
	vdmabuf_call_put(call);
	return ret;
}

/* Creates one buffer again, or ends the resync of the channel if there is none. */
static int resync_next_share(struct vdmabuf_channel *ch, unsigned long generation, bool *last,
			     u32 *status)
{
	struct vdmabuf_shared *share, *next = NULL;
	struct vdmabuf_call *call = NULL;
	int ret = 0;

	*status = VIRTIO_VDMABUF_OK;
	mutex_lock(&ch->mutex);
	if (ch->state != VDMABUF_CHANNEL_OPEN) {
		mutex_unlock(&ch->mutex);
		return -ECANCELED;
	}
	list_for_each_entry(share, &ch->shares, node) {
		if (share->state == VDMABUF_SHARE_LIVE && share->generation != generation) {
			next = share;
			break;
		}
	}
	*last = !next;
	if (next) {
		call = vdmabuf_share_create_call(next);
		if (!call)
			*status = VIRTIO_VDMABUF_ERR_NO_MEMORY;
		else
			ret = vdmabuf_call_submit(call);
		next->generation = generation;
	} else if (superseded(ch->vd, generation)) {
		ret = -EAGAIN;
	} else {
		vdmabuf_channel_resync_end(ch);
	}
	mutex_unlock(&ch->mutex);

	if (call) {
		if (!ret)
			ret = resync_wait(call, generation, status);
		vdmabuf_call_put(call);
	}
	return ret;
}

static void resync_channel(struct vdmabuf_channel *ch, unsigned long generation)
{
	struct vdmabuf_device *vd = ch->vd;
	bool last = false;
	u32 status;

	if (!READ_ONCE(ch->resync_pending))
		return;
	if (resync_open(ch, generation, &status))
		return;
	if (status == VIRTIO_VDMABUF_ERR_EXISTS) {
		if (resync_close(ch, generation) || resync_open(ch, generation, &status))
			return;
	}
	while (status == VIRTIO_VDMABUF_OK && !last) {
		if (resync_next_share(ch, generation, &last, &status))
			return;
	}
	if (status == VIRTIO_VDMABUF_OK)
		return;
	/* Gone again: either a CHANNEL_CLOSED or another RESYNC is on its way. */
	if (status == VIRTIO_VDMABUF_ERR_NO_CHANNEL)
		return;
	dev_warn(&vd->dev, "channel %u is lost: the new host answers %u\n", ch->number, status);
	vdmabuf_channel_close(ch, status == VIRTIO_VDMABUF_ERR_QUOTA ?
				  VIRTIO_VDMABUF_CLOSE_QUOTA : VIRTIO_VDMABUF_CLOSE_SHUTDOWN);
}

void vdmabuf_resync_work(struct work_struct *work)
{
	struct vdmabuf_device *vd = container_of(work, struct vdmabuf_device, resync_work);
	struct vdmabuf_channel *ch;
	unsigned long generation, index;
	bool done;

	do {
		spin_lock_irq(&vd->lock);
		generation = vd->generation;
		spin_unlock_irq(&vd->lock);

		for (index = 0; (ch = vdmabuf_channel_next(vd, &index)); index++) {
			resync_channel(ch, generation);
			vdmabuf_channel_put(ch);
		}

		spin_lock_irq(&vd->lock);
		done = !vd->running || vd->generation == generation;
		if (vd->running && done)
			vd->resyncing = false;
		spin_unlock_irq(&vd->lock);
	} while (!done);
	wake_up_all(&vd->wait);
}
