// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * virtio_vdmabuf: dmabufs of other drivers that the host may see.
 *
 * They are imported like any device would: attached without peer-to-peer, so
 * that the exporter moves them to system memory, pinned there, and mapped. What
 * the mapping of ours gives, DMA addresses and lengths, is all that is looked
 * at; the pages of a foreign table are none of our business.
 *
 * The addresses are those of vd->dev, a device of our own that no IOMMU, bounce
 * buffer or offset stands behind (which is tried out when it is probed), so they
 * are guest-physical ones. The virtio device's own parent will not do: where
 * there is an IOMMU, its addresses are not what the host means by an address.
 *
 * Nothing is synchronised for the CPU afterwards (begin and end of CPU access):
 * the host looks at the pages through its own cached mapping, which is coherent
 * with the guest's processors and, where DMA is coherent, with its devices.
 * Where it is not, foreign buffers are refused.
 */
#include <linux/dma-buf.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/ioport.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "vdmabuf.h"

struct vdmabuf_foreign {
	struct work_struct release;
	struct vdmabuf_channel *ch; /* whose budget pays */
	struct dma_buf *dmabuf;
	struct dma_buf_attachment *attachment;
	struct sg_table *table;
};

static struct workqueue_struct *release_wq;

/* ---- The device that buffers are attached to ----------------------------- */

/* Whether a DMA address of this device is the guest-physical one. */
static bool addresses_are_physical(struct device *dev)
{
	struct page *page;
	dma_addr_t addr;
	bool same;

	/* Said to be smaller where a mapping may have to go through swiotlb. */
	if (get_dma_ops(dev) || dma_max_mapping_size(dev) != SIZE_MAX)
		return false;
	page = alloc_page(GFP_KERNEL);
	if (!page)
		return false;
	addr = dma_map_page(dev, page, 0, PAGE_SIZE, DMA_BIDIRECTIONAL);
	same = !dma_mapping_error(dev, addr) && addr == page_to_phys(page);
	if (!dma_mapping_error(dev, addr))
		dma_unmap_page(dev, addr, PAGE_SIZE, DMA_BIDIRECTIONAL);
	__free_page(page);
	return same;
}

/* Makes vd->dev ready for attachments, and sets vd->foreign if it can be. */
void vdmabuf_foreign_probe(struct vdmabuf_device *vd)
{
	struct device *dev = &vd->dev;
	const char *why = NULL;

	dev->dma_parms = &vd->dma_parms;
	dma_set_max_seg_size(dev, UINT_MAX);
	dma_set_seg_boundary(dev, ULONG_MAX);
	if (dma_coerce_mask_and_coherent(dev, DMA_BIT_MASK(64)))
		why = "no DMA to all of the memory";
	else if (!dev_is_dma_coherent(dev))
		why = "DMA is not coherent";
	else if (!addresses_are_physical(dev))
		why = "DMA addresses are not physical ones";
	vd->foreign = !why;
	if (why)
		dev_info(&vd->vdev->dev, "buffers of other drivers are not shared: %s\n", why);
}

/* ---- Runs ---------------------------------------------------------------- */

static bool is_system_ram(u64 start, u64 length)
{
#ifdef CONFIG_UML
	/* It has no map of what is where, but nothing except RAM either. */
	return pfn_valid(PHYS_PFN(start)) && pfn_valid(PHYS_PFN(start + length - 1));
#else
	return region_intersects(start, length, IORESOURCE_SYSTEM_RAM, IORES_DESC_NONE) ==
	       REGION_INTERSECTS;
#endif
}

static bool is_run(u64 start, u64 length)
{
	return IS_ALIGNED(start, VIRTIO_VDMABUF_PAGE_SIZE) &&
	       IS_ALIGNED(length, VIRTIO_VDMABUF_PAGE_SIZE) && is_system_ram(start, length);
}

static void put_run(struct vdmabuf_call *call, u64 start, u64 length)
{
	struct virtio_vdmabuf_run run = {
		.gpa = cpu_to_le64(start),
		.length = cpu_to_le64(length),
	};

	vdmabuf_call_put_bytes(call, &run, sizeof(run));
}

/*
 * Merges the table's entries to the runs that cover the buffer. With a call,
 * puts them into it; without one, checks each. Returns how many there are.
 */
static int walk_runs(struct vdmabuf_foreign *foreign, struct vdmabuf_call *call)
{
	u64 left = foreign->dmabuf->size;
	u64 start = 0, length = 0;
	struct scatterlist *sg;
	unsigned int i;
	int n = 0;

	for_each_sgtable_dma_sg(foreign->table, sg, i) {
		u64 addr = sg_dma_address(sg);
		u64 len = min_t(u64, sg_dma_len(sg), left);

		if (!len)
			continue;
		left -= len;
		if (length && addr == start + length) {
			length += len;
			continue;
		}
		if (length) {
			if (call)
				put_run(call, start, length);
			else if (!is_run(start, length))
				return -EOPNOTSUPP;
			n++;
		}
		start = addr;
		length = len;
	}
	/* An empty buffer, or a table that is too short for it. */
	if (!length || left)
		return -EOPNOTSUPP;
	if (call)
		put_run(call, start, length);
	else if (!is_run(start, length))
		return -EOPNOTSUPP;
	return n + 1;
}

void vdmabuf_foreign_put_runs(struct vdmabuf_foreign *foreign, struct vdmabuf_call *call)
{
	walk_runs(foreign, call);
}

/* ---- Attachments --------------------------------------------------------- */

/*
 * Pinned buffers do not move. Where one does all the same, there is nothing to be
 * done here: what is mapped stays mapped until the host has let go of it.
 */
static void foreign_moved(struct dma_buf_attachment *attachment)
{
	struct vdmabuf_foreign *foreign = attachment->importer_priv;

	dev_warn_ratelimited(&foreign->ch->vd->dev, "%s moves a buffer that is pinned\n",
			     attachment->dmabuf->exp_name);
}

static const struct dma_buf_attach_ops attach_ops = {
	.allow_peer2peer = false,
#ifdef VDMABUF_HAVE_INVALIDATE_MAPPINGS
	.invalidate_mappings = foreign_moved,
#else
	.move_notify = foreign_moved,
#endif
};

static int foreign_map(struct vdmabuf_foreign *foreign)
{
	struct dma_buf_attachment *attachment = foreign->attachment;
	struct dma_resv *resv = foreign->dmabuf->resv;
	struct sg_table *table;
	int ret;

	dma_resv_lock(resv, NULL);
	ret = dma_buf_pin(attachment);
	if (!ret) {
		table = dma_buf_map_attachment(attachment, DMA_BIDIRECTIONAL);
		if (IS_ERR(table)) {
			ret = PTR_ERR(table);
			dma_buf_unpin(attachment);
		} else {
			foreign->table = table;
		}
	}
	dma_resv_unlock(resv);
	return ret;
}

/* The exporter may still be busy moving it. */
static int foreign_await_move(struct vdmabuf_foreign *foreign)
{
	long left = dma_resv_wait_timeout(foreign->dmabuf->resv, DMA_RESV_USAGE_KERNEL, true,
					  vdmabuf_timeout());

	if (left < 0)
		return left;
	return left ? 0 : -ETIMEDOUT;
}

static void foreign_free(struct vdmabuf_foreign *foreign)
{
	struct dma_resv *resv = foreign->dmabuf->resv;
	struct vdmabuf_channel *ch = foreign->ch;
	u64 size = foreign->dmabuf->size;

	if (foreign->table) {
		dma_resv_lock(resv, NULL);
		dma_buf_unmap_attachment(foreign->attachment, foreign->table, DMA_BIDIRECTIONAL);
		dma_buf_unpin(foreign->attachment);
		dma_resv_unlock(resv);
	}
	if (foreign->attachment)
		dma_buf_detach(foreign->dmabuf, foreign->attachment);
	dma_buf_put(foreign->dmabuf);
	vdmabuf_channel_refund(ch, size);
	kfree(foreign);
	vdmabuf_channel_put(ch);
}

static void release_work(struct work_struct *work)
{
	foreign_free(container_of(work, struct vdmabuf_foreign, release));
}

/*
 * Gives the buffer back to its exporter, in a moment: an exporter may take its
 * time, and the events of all channels are not to wait for it.
 */
void vdmabuf_foreign_release(struct vdmabuf_foreign *foreign)
{
	queue_work(release_wq, &foreign->release);
}

/* What an exporter may say, as SHARE says it. */
static int foreign_error(int ret)
{
	switch (ret) {
	case -ENOMEM:
	case -EINTR:
	case -ERESTARTSYS:
	case -ETIMEDOUT:
		return ret;
	default:
		return -EOPNOTSUPP;
	}
}

/* Takes a reference to the dmabuf. nr_runs: how many runs it has. */
struct vdmabuf_foreign *vdmabuf_foreign_attach(struct vdmabuf_channel *ch, struct dma_buf *dmabuf,
					       unsigned int *nr_runs)
{
	struct vdmabuf_device *vd = ch->vd;
	struct vdmabuf_foreign *foreign;
	int ret;

	if (!vd->foreign || !dmabuf->size || !IS_ALIGNED(dmabuf->size, VIRTIO_VDMABUF_PAGE_SIZE))
		return ERR_PTR(-EOPNOTSUPP);
	foreign = kzalloc(sizeof(*foreign), GFP_KERNEL_ACCOUNT);
	if (!foreign)
		return ERR_PTR(-ENOMEM);
	if (!vdmabuf_channel_charge(ch, dmabuf->size)) {
		kfree(foreign);
		return ERR_PTR(-EDQUOT);
	}
	INIT_WORK(&foreign->release, release_work);
	vdmabuf_channel_get(ch);
	foreign->ch = ch;
	get_dma_buf(dmabuf);
	foreign->dmabuf = dmabuf;

	foreign->attachment = dma_buf_dynamic_attach(dmabuf, &vd->dev, &attach_ops, foreign);
	if (IS_ERR(foreign->attachment)) {
		ret = PTR_ERR(foreign->attachment);
		foreign->attachment = NULL;
		goto fail;
	}
	ret = foreign_map(foreign);
	if (ret)
		goto fail;
	ret = foreign_await_move(foreign);
	if (ret)
		goto fail;
	ret = walk_runs(foreign, NULL);
	if (ret < 0)
		goto fail;
	*nr_runs = ret;
	return foreign;

fail:
	foreign_free(foreign);
	return ERR_PTR(foreign_error(ret));
}

struct dma_buf *vdmabuf_foreign_dmabuf(struct vdmabuf_foreign *foreign)
{
	return foreign->dmabuf;
}

int vdmabuf_foreign_init(void)
{
	release_wq = alloc_workqueue("vdmabuf_release", WQ_UNBOUND, 0);
	return release_wq ? 0 : -ENOMEM;
}

/* Waits until all buffers are given back. */
void vdmabuf_foreign_exit(void)
{
	destroy_workqueue(release_wq);
}
