// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * virtio_vdmabuf: calls: commands that somebody waits for, who may give up. A
 * long one lies in several pieces of memory.
 */
#include <linux/jiffies.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "vdmabuf.h"

/*
 * Pieces of a long command: an order that the page allocator nearly always has,
 * so that the longest command (1 MiB) is still a short chain of descriptors.
 * The header of BUFFER_CREATE and a run both divide it.
 */
#define VDMABUF_CALL_CHUNK SZ_32K

size_t vdmabuf_call_chunk(void)
{
	return VDMABUF_CALL_CHUNK;
}

static void call_free(struct kref *ref)
{
	struct vdmabuf_call *call = container_of(ref, struct vdmabuf_call, ref);
	unsigned int i;

	for (i = 0; i < call->nr_chunks; i++)
		kfree(sg_virt(&call->sg[i]));
	kfree(call->sg);
	kfree(call);
}

void vdmabuf_call_put(struct vdmabuf_call *call)
{
	kref_put(&call->ref, call_free);
}

static void call_done(struct vdmabuf_request *req)
{
	struct vdmabuf_call *call = container_of(req, struct vdmabuf_call, req);

	/* Pairs with vdmabuf_call_answered(). */
	smp_store_release(&call->answered, true);
	wake_up_all(&call->vd->wait);
	vdmabuf_call_put(call);
}

struct vdmabuf_call *vdmabuf_call_alloc(struct vdmabuf_device *vd, size_t size)
{
	unsigned int n = DIV_ROUND_UP(size, VDMABUF_CALL_CHUNK);
	struct vdmabuf_call *call;

	call = kzalloc(sizeof(*call), GFP_KERNEL_ACCOUNT);
	if (!call)
		return NULL;
	kref_init(&call->ref);
	call->vd = vd;
	call->sg = kcalloc(n, sizeof(*call->sg), GFP_KERNEL_ACCOUNT);
	if (!call->sg)
		goto fail;
	sg_init_table(call->sg, n);
	while (call->nr_chunks < n) {
		size_t len = min_t(size_t, size, VDMABUF_CALL_CHUNK);
		void *chunk = kzalloc(len, GFP_KERNEL_ACCOUNT);

		if (!chunk)
			goto fail;
		sg_set_buf(&call->sg[call->nr_chunks++], chunk, len);
		size -= len;
	}
	vdmabuf_request_init(&call->req, call->sg, call_done, false);
	return call;

fail:
	vdmabuf_call_put(call);
	return NULL;
}

/* Appends to the payload. No piece may lie across the end of a chunk. */
void vdmabuf_call_put_bytes(struct vdmabuf_call *call, const void *data, size_t size)
{
	struct scatterlist *sg = &call->sg[call->filled / VDMABUF_CALL_CHUNK];
	size_t offset = call->filled % VDMABUF_CALL_CHUNK;

	if (WARN_ON_ONCE(offset + size > sg->length))
		return;
	memcpy(sg_virt(sg) + offset, data, size);
	call->filled += size;
}

int vdmabuf_call_submit(struct vdmabuf_call *call)
{
	int ret;

	kref_get(&call->ref);
	ret = vdmabuf_submit(call->vd, &call->req);
	if (ret)
		vdmabuf_call_put(call);
	return ret;
}

/*
 * Waits until the call is answered (0), the device is gone (ENODEV), the process
 * is killed (EINTR) or the deadline is over (ETIMEDOUT).
 */
int vdmabuf_call_wait(struct vdmabuf_call *call, unsigned long deadline)
{
	struct vdmabuf_device *vd = call->vd;
	long left = max_t(long, deadline - jiffies, 0);
	long ret;

	ret = wait_event_killable_timeout(vd->wait,
					  vdmabuf_call_answered(call) || vdmabuf_gone(vd),
					  left);
	if (vdmabuf_call_answered(call))
		return 0;
	if (vdmabuf_gone(vd))
		return -ENODEV;
	return ret < 0 ? -EINTR : -ETIMEDOUT;
}

int vdmabuf_status_to_errno(u32 status)
{
	switch (status) {
	case VIRTIO_VDMABUF_OK:
		return 0;
	case VIRTIO_VDMABUF_ERR_UNSUPPORTED:
	case VIRTIO_VDMABUF_ERR_ADDRESS: /* memory that the host cannot see */
		return -EOPNOTSUPP;
	case VIRTIO_VDMABUF_ERR_NO_CHANNEL:
		return -EPIPE;
	case VIRTIO_VDMABUF_ERR_NO_BUFFER:
		return -ENOENT;
	case VIRTIO_VDMABUF_ERR_EXISTS:
		return -EEXIST;
	case VIRTIO_VDMABUF_ERR_QUOTA:
		return -EDQUOT;
	case VIRTIO_VDMABUF_ERR_NO_MEMORY:
		return -ENOMEM;
	default:
		return -EPROTO;
	}
}
