// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * virtio_vdmabuf: virtqueues. Commands go through one list in the order of their
 * submission, and from there into the ring as it has room, so nobody needs to
 * care whether the ring is full. Everything the device writes is copied before
 * it is looked at, and nothing in it is believed.
 */
#include <linux/device.h>
#include <linux/jiffies.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/virtio_config.h>

#include "vdmabuf.h"

/* More than this, the host would only get further ahead of us. */
#define VDMABUF_MAX_EVENT_BUFFERS 64

/* Events that one run of the work handles before others get the CPU. */
#define VDMABUF_EVENT_BATCH 64

static size_t event_buffer_size(struct vdmabuf_device *vd)
{
	return max_t(size_t, sizeof(struct virtio_vdmabuf_event) + vd->limits.max_message,
		     sizeof(struct virtio_vdmabuf_event_buffer_released));
}

/* ---- Commands ------------------------------------------------------------ */

void vdmabuf_request_init(struct vdmabuf_request *req, struct scatterlist *out,
			  void (*done)(struct vdmabuf_request *req), bool sleeps)
{
	INIT_LIST_HEAD(&req->node);
	req->out = out;
	req->done = done;
	req->sleeps = sleeps;
	req->lazy = false;
	req->resp = (struct virtio_vdmabuf_response){};
	sg_init_one(&req->in, &req->resp, sizeof(req->resp));
}

void vdmabuf_small_init(struct vdmabuf_small_request *small, u32 type, u32 size,
			u32 channel, void (*done)(struct vdmabuf_request *req))
{
	small->cmd.close.hdr = (struct virtio_vdmabuf_command){
		.type = cpu_to_le32(type),
		.size = cpu_to_le32(size),
		.channel = cpu_to_le32(channel),
	};
	sg_init_one(&small->out, &small->cmd, size);
	vdmabuf_request_init(&small->req, &small->out, done, true);
}

/*
 * Whether answers are worth an interrupt. Those to messages are not: a frame is
 * to cost one at most, and that is the event's which the host answers it with.
 * They are taken with the next one, with events, or when somebody wants room.
 */
static bool interrupts_wanted(struct vdmabuf_device *vd)
{
	return vd->nr_urgent || !list_empty(&vd->pending) || atomic_read(&vd->nr_starved);
}

/* Returns whether the device has to be marked broken. */
static bool push_locked(struct vdmabuf_device *vd)
{
	struct vdmabuf_request *req, *next;
	bool kick = false;
	int ret = 0;

	lockdep_assert_held(&vd->lock);
	if (!vd->running)
		return false;

	list_for_each_entry_safe(req, next, &vd->pending, node) {
		struct scatterlist *sgs[] = { req->out, &req->in };

		ret = virtqueue_add_sgs(vd->commands, sgs, 1, 1, req, GFP_ATOMIC);
		if (ret)
			break;
		list_move_tail(&req->node, &vd->inflight);
		kick = true;
	}
	/* Notified under the lock, so that the queue cannot be deleted meanwhile. */
	if (kick && virtqueue_kick_prepare(vd->commands) && !virtqueue_notify(vd->commands))
		return true;
	return ret && ret != -ENOSPC && ret != -ENOMEM;
}

/*
 * Hands over a request. On success done() will be called, sooner or later; on
 * error (the device is gone) it will not.
 */
int vdmabuf_submit(struct vdmabuf_device *vd, struct vdmabuf_request *req)
{
	unsigned long flags;
	bool broken;

	spin_lock_irqsave(&vd->lock, flags);
	if (vd->gone) {
		spin_unlock_irqrestore(&vd->lock, flags);
		return -ENODEV;
	}
	list_add_tail(&req->node, &vd->pending);
	if (!req->lazy)
		vd->nr_urgent++;
	/* Before the device has it, so that its answer cannot be missed. */
	if (vd->running && !req->lazy)
		virtqueue_enable_cb(vd->commands);
	broken = push_locked(vd);
	/* The ring is full: if answers are there already, no interrupt comes for them. */
	if (vd->running && !list_empty(&vd->pending) && !virtqueue_enable_cb(vd->commands))
		queue_work(system_highpri_wq, &vd->event_work);
	spin_unlock_irqrestore(&vd->lock, flags);

	if (broken)
		vdmabuf_break(vd, "the command queue failed");
	return 0;
}

/* Takes the answers that are there. In any context, but with none of our locks held. */
void vdmabuf_reap(struct vdmabuf_device *vd)
{
	const char *why = NULL;
	struct vdmabuf_request *req, *next;
	unsigned long flags;
	unsigned int len;
	LIST_HEAD(done);

	spin_lock_irqsave(&vd->lock, flags);
	if (!vd->running)
		goto unlock;
	do {
		virtqueue_disable_cb(vd->commands);
		while ((req = virtqueue_get_buf(vd->commands, &len))) {
			if (len != sizeof(req->resp))
				why = "a response has the wrong length";
			req->status = le32_to_cpu(READ_ONCE(req->resp.status));
			if (!req->lazy)
				vd->nr_urgent--;
			if (req->sleeps) {
				list_move_tail(&req->node, &vd->reaped);
				queue_work(system_highpri_wq, &vd->event_work);
			} else {
				list_move_tail(&req->node, &done);
			}
		}
		if (virtqueue_is_broken(vd->commands)) {
			why = "the command queue is corrupt";
			break;
		}
		if (push_locked(vd)) {
			why = "the command queue failed";
			break;
		}
	} while (interrupts_wanted(vd) && !virtqueue_enable_cb(vd->commands));
unlock:
	spin_unlock_irqrestore(&vd->lock, flags);

	list_for_each_entry_safe(req, next, &done, node) {
		list_del_init(&req->node);
		req->done(req);
	}
	if (why)
		vdmabuf_break(vd, why);
}

static void run_reaped(struct vdmabuf_device *vd)
{
	struct vdmabuf_request *req, *next;
	LIST_HEAD(reaped);

	spin_lock_irq(&vd->lock);
	list_splice_init(&vd->reaped, &reaped);
	spin_unlock_irq(&vd->lock);

	list_for_each_entry_safe(req, next, &reaped, node) {
		list_del_init(&req->node);
		req->done(req);
	}
}

static void command_callback(struct virtqueue *vq)
{
	vdmabuf_reap(vq->vdev->priv);
}

/*
 * The device does not keep the rules. It may still write to memory that it was
 * given, so all of that stays as it is until remove() resets the device. The
 * rest is up to the work, as this is called in interrupts and under locks.
 */
void vdmabuf_break(struct vdmabuf_device *vd, const char *why)
{
	unsigned long flags;
	bool first;

	spin_lock_irqsave(&vd->lock, flags);
	first = !vd->gone;
	if (first) {
		vd->gone = true;
		vd->running = false;
		queue_work(system_highpri_wq, &vd->event_work);
	}
	spin_unlock_irqrestore(&vd->lock, flags);
	if (!first)
		return;

	dev_err(&vd->vdev->dev, "broken device: %s\n", why);
	wake_up_all(&vd->wait);
}

/* ---- Events -------------------------------------------------------------- */

/* Lets the work look at the event queue and at closing channels. In any context. */
void vdmabuf_kick_events(struct vdmabuf_device *vd)
{
	unsigned long flags;

	/* Under the lock, so that nothing is queued once running is false. */
	spin_lock_irqsave(&vd->lock, flags);
	if (vd->running)
		queue_work(system_highpri_wq, &vd->event_work);
	spin_unlock_irqrestore(&vd->lock, flags);
}

static void event_callback(struct virtqueue *vq)
{
	vdmabuf_kick_events(vq->vdev->priv);
}

static const char *handle_event(struct vdmabuf_device *vd, const void *buf, u32 len)
{
	union {
		struct virtio_vdmabuf_event hdr;
		struct virtio_vdmabuf_event_channel_closed closed;
		struct virtio_vdmabuf_event_buffer_released released;
		struct virtio_vdmabuf_event_resync resync;
	} e = {};
	struct vdmabuf_channel *ch;
	u32 size, type, reason;

	if (len < sizeof(e.hdr) || len > event_buffer_size(vd))
		return "an event has a bogus used length";
	/* The host could change the buffer under us: look at the copy only. */
	memcpy(&e, buf, min_t(size_t, len, sizeof(e)));
	size = le32_to_cpu(e.hdr.size);
	if (size < sizeof(e.hdr) || size > len)
		return "an event has a bogus size";

	type = le32_to_cpu(e.hdr.type);
	if (type == VIRTIO_VDMABUF_EVT_RESYNC) {
		if (size < sizeof(e.resync))
			return "a RESYNC event is too short";
		/* What the old host still answered comes before the new one. */
		vdmabuf_reap(vd);
		run_reaped(vd);
		dev_dbg(&vd->dev, "host generation %llx\n", le64_to_cpu(e.resync.generation));
		vdmabuf_resync_begin(vd);
		return NULL;
	}

	if (type == VIRTIO_VDMABUF_EVT_MESSAGE &&
	    (size == sizeof(e.hdr) || size - sizeof(e.hdr) > vd->limits.max_message))
		return "a message has a bogus size";

	/* The channel may have been closed while the event was on its way. */
	ch = vdmabuf_channel_find(vd, le32_to_cpu(e.hdr.channel));
	if (!ch)
		return NULL;

	switch (type) {
	case VIRTIO_VDMABUF_EVT_MESSAGE:
		vdmabuf_channel_event(ch, buf + sizeof(e.hdr), size - sizeof(e.hdr));
		break;
	case VIRTIO_VDMABUF_EVT_CHANNEL_CLOSED:
		reason = le32_to_cpu(e.closed.reason);
		if (size < sizeof(e.closed))
			reason = VIRTIO_VDMABUF_CLOSE_PROTOCOL;
		vdmabuf_channel_close(ch, reason ?: VIRTIO_VDMABUF_CLOSE_PROTOCOL);
		break;
	case VIRTIO_VDMABUF_EVT_BUFFER_RELEASED:
		if (size >= sizeof(e.released))
			vdmabuf_share_released(ch, e.released.id);
		break;
	default:
		dev_warn_ratelimited(&vd->dev, "unknown event type %u\n", type);
		break;
	}
	vdmabuf_channel_put(ch);
	return NULL;
}

static int post_event_buffer(struct vdmabuf_device *vd, void *buf)
{
	struct scatterlist sg;

	sg_init_one(&sg, buf, event_buffer_size(vd));
	return virtqueue_add_inbuf(vd->events, &sg, 1, buf, GFP_KERNEL);
}

void vdmabuf_event_work(struct work_struct *work)
{
	struct vdmabuf_device *vd = container_of(work, struct vdmabuf_device, event_work);
	unsigned int budget = VDMABUF_EVENT_BATCH;
	struct vdmabuf_channel *ch;
	const char *why = NULL;
	unsigned long index;
	unsigned int len;
	void *buf;

	vdmabuf_reap(vd);
	run_reaped(vd);

	while (READ_ONCE(vd->running) && budget) {
		buf = virtqueue_get_buf(vd->events, &len);
		if (!buf)
			break;
		why = handle_event(vd, buf, len);
		if (!why && post_event_buffer(vd, buf))
			why = "the event queue failed";
		if (why)
			break;
		budget--;
	}
	if (!why && READ_ONCE(vd->running)) {
		virtqueue_kick(vd->events);
		if (virtqueue_is_broken(vd->events))
			why = "the event queue is corrupt";
	}
	if (why)
		vdmabuf_break(vd, why);

	if (atomic_xchg(&vd->recheck, 0)) {
		for (index = 0; (ch = vdmabuf_channel_next(vd, &index)); index++) {
			vdmabuf_channel_finish(ch, false);
			vdmabuf_channel_put(ch);
		}
	}
	if (vdmabuf_gone(vd)) {
		virtio_break_device(vd->vdev);
		for (index = 0; (ch = vdmabuf_channel_next(vd, &index)); index++) {
			vdmabuf_channel_wake(ch);
			vdmabuf_channel_put(ch);
		}
	} else if (!budget) {
		vdmabuf_kick_events(vd);
	}
}

/* ---- Start and stop ------------------------------------------------------ */

static int find_vqs(struct vdmabuf_device *vd)
{
	struct virtqueue *vqs[VIRTIO_VDMABUF_VQ_COUNT];
	int ret;
#ifdef VDMABUF_HAVE_VIRTQUEUE_INFO
	struct virtqueue_info info[VIRTIO_VDMABUF_VQ_COUNT] = {
		[VIRTIO_VDMABUF_VQ_COMMAND] = { "command", command_callback },
		[VIRTIO_VDMABUF_VQ_EVENT] = { "event", event_callback },
	};

	ret = virtio_find_vqs(vd->vdev, VIRTIO_VDMABUF_VQ_COUNT, vqs, info, NULL);
#else
	vq_callback_t *callbacks[VIRTIO_VDMABUF_VQ_COUNT] = {
		[VIRTIO_VDMABUF_VQ_COMMAND] = command_callback,
		[VIRTIO_VDMABUF_VQ_EVENT] = event_callback,
	};
	static const char * const names[VIRTIO_VDMABUF_VQ_COUNT] = {
		[VIRTIO_VDMABUF_VQ_COMMAND] = "command",
		[VIRTIO_VDMABUF_VQ_EVENT] = "event",
	};

	ret = virtio_find_vqs(vd->vdev, VIRTIO_VDMABUF_VQ_COUNT, vqs, callbacks, names, NULL);
#endif
	if (ret)
		return ret;
	vd->commands = vqs[VIRTIO_VDMABUF_VQ_COMMAND];
	vd->events = vqs[VIRTIO_VDMABUF_VQ_EVENT];
	return 0;
}

static void free_event_buffers(struct vdmabuf_device *vd)
{
	while (vd->nr_event_buffers)
		kfree(vd->event_buffers[--vd->nr_event_buffers]);
	kfree(vd->event_buffers);
	vd->event_buffers = NULL;
}

static void del_vqs(struct vdmabuf_device *vd)
{
	vd->vdev->config->del_vqs(vd->vdev);
	vd->commands = NULL;
	vd->events = NULL;
	free_event_buffers(vd);
}

/* Sets up the virtqueues. The device does not look at them yet. */
int vdmabuf_transport_start(struct vdmabuf_device *vd)
{
	unsigned int n, ring;
	u64 runs;
	int ret;

	ret = find_vqs(vd);
	if (ret)
		return ret;

	/* The longest command and its response have to fit into the ring. */
	ring = virtqueue_get_vring_size(vd->commands);
	if (ring < 4) {
		dev_err(&vd->vdev->dev, "a command queue of %u entries is too short\n", ring);
		ret = -EINVAL;
		goto fail;
	}
	runs = (u64)(ring - 1) * vdmabuf_call_chunk() / sizeof(struct virtio_vdmabuf_run) - 3;
	vd->limits.max_runs = min_t(u64, vd->limits.max_runs, runs);

	n = min_t(unsigned int, virtqueue_get_vring_size(vd->events), VDMABUF_MAX_EVENT_BUFFERS);
	ret = -ENOMEM;
	vd->event_buffers = kcalloc(n, sizeof(*vd->event_buffers), GFP_KERNEL);
	if (!vd->event_buffers)
		goto fail;
	while (vd->nr_event_buffers < n) {
		void *buf = kzalloc(event_buffer_size(vd), GFP_KERNEL);

		if (!buf)
			goto fail;
		vd->event_buffers[vd->nr_event_buffers++] = buf;
		ret = post_event_buffer(vd, buf);
		if (ret)
			goto fail;
	}
	return 0;

fail:
	/* The device was never told of the rings: it does not own any of this. */
	del_vqs(vd);
	return ret;
}

void vdmabuf_transport_ready(struct vdmabuf_device *vd)
{
	virtio_device_ready(vd->vdev);
	spin_lock_irq(&vd->lock);
	vd->running = true;
	virtqueue_kick(vd->events);
	push_locked(vd);
	/* For what came in between ready and running. */
	queue_work(system_highpri_wq, &vd->event_work);
	spin_unlock_irq(&vd->lock);
}

/*
 * Resets the device and takes everything back that it was given. Requests that
 * it did not answer end as if the host had forgotten everything, which a reset
 * makes it do. gone: for ever; otherwise vdmabuf_transport_start() follows.
 */
void vdmabuf_transport_stop(struct vdmabuf_device *vd, bool gone)
{
	struct vdmabuf_request *req, *next;
	LIST_HEAD(requests);

	spin_lock_irq(&vd->lock);
	vd->running = false;
	if (gone)
		vd->gone = true;
	spin_unlock_irq(&vd->lock);
	wake_up_all(&vd->wait);

	virtio_reset_device(vd->vdev);
	cancel_work_sync(&vd->event_work);

	spin_lock_irq(&vd->lock);
	list_splice_init(&vd->reaped, &requests);
	spin_unlock_irq(&vd->lock);
	list_for_each_entry_safe(req, next, &requests, node) {
		list_del_init(&req->node);
		req->done(req);
	}

	spin_lock_irq(&vd->lock);
	list_splice_tail_init(&vd->inflight, &requests);
	list_splice_tail_init(&vd->pending, &requests);
	vd->nr_urgent = 0;
	spin_unlock_irq(&vd->lock);
	cancel_work_sync(&vd->resync_work);

	/*
	 * Some transports (virtio_uml) stop the device only here. So nothing is
	 * freed earlier, and nothing taken out of the rings, which such a device
	 * would take for new requests.
	 */
	if (vd->commands)
		del_vqs(vd);
	list_for_each_entry_safe(req, next, &requests, node) {
		list_del_init(&req->node);
		req->status = VIRTIO_VDMABUF_ERR_NO_CHANNEL;
		req->done(req);
	}
}
