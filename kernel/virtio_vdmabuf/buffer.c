// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * virtio_vdmabuf: buffers of pages that this driver allocates and exports as
 * dmabufs. Who imports one gets DMA addresses for its own device and nothing
 * else; only this file knows the pages.
 */
#include <linux/dma-mapping.h>
#include <linux/highmem.h>
#include <linux/iosys-map.h>
#include <linux/list_sort.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "vdmabuf.h"

struct vdmabuf_attachment {
	struct list_head node;
	struct device *dev;
	struct sg_table table;
	enum dma_data_direction dir;
	bool mapped;
};

/* ---- Pages --------------------------------------------------------------- */

/* 64 KiB, the least that is worth some work of the allocator. */
#define CHEAP_ORDER 4

/*
 * Blocks of 2 MiB and 64 KiB are what the page tables of GPUs and CPUs like, and
 * few runs are what the host likes. Those in between are for the end of a buffer
 * and for memory that is half in pieces.
 */
static const unsigned int orders[] = { 9, 8, 7, 6, 5, CHEAP_ORDER, 0 };

static gfp_t order_gfp(unsigned int order)
{
	gfp_t gfp = GFP_HIGHUSER | __GFP_ZERO | __GFP_ACCOUNT;

	if (!order)
		return gfp;
	/* Reclaim hardly makes more hang together, it only costs the guest its caches. */
	if (order > CHEAP_ORDER)
		gfp &= ~__GFP_RECLAIM;
	return gfp | __GFP_NORETRY | __GFP_NOWARN;
}

/* As many blocks as nr_pages need; each has its order in page_private(). */
static int alloc_blocks(struct list_head *blocks, size_t nr_pages)
{
	unsigned int i = 0;

	while (nr_pages) {
		struct page *page;
		unsigned int order = orders[i];

		if (fatal_signal_pending(current))
			return -EINTR;
		if (nr_pages < 1UL << order) {
			i++;
			continue;
		}
		page = alloc_pages(order_gfp(order), order);
		if (!page) {
			/* What failed once is not tried again for this buffer. */
			if (++i == ARRAY_SIZE(orders))
				return -ENOMEM;
			continue;
		}
		set_page_private(page, order);
		list_add_tail(&page->lru, blocks);
		nr_pages -= 1UL << order;
	}
	return 0;
}

static struct page *take_block(struct list_head *blocks, unsigned int *order)
{
	struct page *page = list_first_entry_or_null(blocks, struct page, lru);

	if (page) {
		list_del(&page->lru);
		*order = page_private(page);
		set_page_private(page, 0);
	}
	return page;
}

static int by_address(void *priv, const struct list_head *a, const struct list_head *b)
{
	unsigned long pfn_a = page_to_pfn(list_entry(a, struct page, lru));
	unsigned long pfn_b = page_to_pfn(list_entry(b, struct page, lru));

	return pfn_a > pfn_b ? 1 : -1;
}

/* In the order of addresses, so that blocks that are neighbours become one run. */
static int alloc_pages_into(struct vdmabuf_buffer *buf)
{
	LIST_HEAD(blocks);
	struct page *page;
	unsigned int order, k;
	size_t n = 0;
	int ret = alloc_blocks(&blocks, buf->nr_pages);

	if (!ret)
		list_sort(NULL, &blocks, by_address);
	while ((page = take_block(&blocks, &order))) {
		if (ret) {
			__free_pages(page, order);
			continue;
		}
		/*
		 * Pages of their own, so that one that somebody still pins at
		 * the end does not hold back its whole block.
		 */
		if (order)
			split_page(page, order);
		for (k = 0; k < 1U << order; k++)
			buf->pages[n++] = page + k;
	}
	return ret;
}

/* The run that starts at page i: its length in pages. */
static size_t run_length(struct vdmabuf_buffer *buf, size_t i)
{
	size_t n = 1;

	while (i + n < buf->nr_pages &&
	       page_to_pfn(buf->pages[i + n]) == page_to_pfn(buf->pages[i]) + n)
		n++;
	return n;
}

void vdmabuf_buffer_put_runs(struct vdmabuf_buffer *buf, struct vdmabuf_call *call)
{
	size_t i, n;

	for (i = 0; i < buf->nr_pages; i += n) {
		struct virtio_vdmabuf_run run = {};

		n = run_length(buf, i);
		run.gpa = cpu_to_le64(page_to_phys(buf->pages[i]));
		run.length = cpu_to_le64((u64)n << PAGE_SHIFT);
		vdmabuf_call_put_bytes(call, &run, sizeof(run));
	}
}

static void buffer_free(struct kref *ref)
{
	struct vdmabuf_buffer *buf = container_of(ref, struct vdmabuf_buffer, ref);
	struct vdmabuf_channel *ch = buf->ch;
	size_t i;

	for (i = 0; i < buf->nr_pages && buf->pages[i]; i++) {
		__free_page(buf->pages[i]);
		if (!(i & 1023))
			cond_resched();
	}
	kvfree(buf->pages);
	vdmabuf_channel_refund(ch, buf->size);
	mutex_destroy(&buf->lock);
	kfree(buf);
	vdmabuf_channel_put(ch);
}

/* May sleep. */
void vdmabuf_buffer_put(struct vdmabuf_buffer *buf)
{
	kref_put(&buf->ref, buffer_free);
}

/* ---- dmabuf -------------------------------------------------------------- */

static int buffer_attach(struct dma_buf *dmabuf, struct dma_buf_attachment *attachment)
{
	struct vdmabuf_buffer *buf = dmabuf->priv;
	struct vdmabuf_attachment *at;
	int ret;

	at = kzalloc(sizeof(*at), GFP_KERNEL);
	if (!at)
		return -ENOMEM;
	at->dev = attachment->dev;
	ret = sg_alloc_table_from_pages_segment(&at->table, buf->pages, buf->nr_pages, 0,
						buf->size, dma_get_max_seg_size(at->dev),
						GFP_KERNEL);
	if (ret) {
		kfree(at);
		return ret;
	}
	attachment->priv = at;

	mutex_lock(&buf->lock);
	list_add_tail(&at->node, &buf->attachments);
	mutex_unlock(&buf->lock);
	return 0;
}

static void buffer_detach(struct dma_buf *dmabuf, struct dma_buf_attachment *attachment)
{
	struct vdmabuf_buffer *buf = dmabuf->priv;
	struct vdmabuf_attachment *at = attachment->priv;

	mutex_lock(&buf->lock);
	list_del(&at->node);
	mutex_unlock(&buf->lock);
	sg_free_table(&at->table);
	kfree(at);
}

static struct sg_table *buffer_map(struct dma_buf_attachment *attachment,
				   enum dma_data_direction dir)
{
	struct vdmabuf_buffer *buf = attachment->dmabuf->priv;
	struct vdmabuf_attachment *at = attachment->priv;
	int ret = -EBUSY;

	mutex_lock(&buf->lock);
	if (!at->mapped)
		ret = dma_map_sgtable(at->dev, &at->table, dir, 0);
	if (!ret) {
		at->mapped = true;
		at->dir = dir;
	}
	mutex_unlock(&buf->lock);
	return ret ? ERR_PTR(ret) : &at->table;
}

static void buffer_unmap(struct dma_buf_attachment *attachment, struct sg_table *table,
			 enum dma_data_direction dir)
{
	struct vdmabuf_buffer *buf = attachment->dmabuf->priv;
	struct vdmabuf_attachment *at = attachment->priv;

	mutex_lock(&buf->lock);
	at->mapped = false;
	dma_unmap_sgtable(at->dev, table, dir, 0);
	mutex_unlock(&buf->lock);
}

static int buffer_begin_cpu_access(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	struct vdmabuf_buffer *buf = dmabuf->priv;
	struct vdmabuf_attachment *at;

	mutex_lock(&buf->lock);
	if (buf->vmap_count)
		invalidate_kernel_vmap_range(buf->vaddr, buf->size);
	list_for_each_entry(at, &buf->attachments, node) {
		if (at->mapped)
			dma_sync_sgtable_for_cpu(at->dev, &at->table, at->dir);
	}
	mutex_unlock(&buf->lock);
	return 0;
}

static int buffer_end_cpu_access(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	struct vdmabuf_buffer *buf = dmabuf->priv;
	struct vdmabuf_attachment *at;

	mutex_lock(&buf->lock);
	if (buf->vmap_count)
		flush_kernel_vmap_range(buf->vaddr, buf->size);
	list_for_each_entry(at, &buf->attachments, node) {
		if (at->mapped)
			dma_sync_sgtable_for_device(at->dev, &at->table, at->dir);
	}
	mutex_unlock(&buf->lock);
	return 0;
}

static vm_fault_t buffer_fault(struct vm_fault *vmf)
{
	struct vdmabuf_buffer *buf = vmf->vma->vm_private_data;

	if (vmf->pgoff >= buf->nr_pages)
		return VM_FAULT_SIGBUS;
	vmf->page = buf->pages[vmf->pgoff];
	get_page(vmf->page);
	return 0;
}

static const struct vm_operations_struct buffer_vm_ops = {
	.fault = buffer_fault,
};

/*
 * Ordinary pages with ordinary references, not a mapping of bare frame numbers:
 * they are ours, and drivers that import host pointers (userptr) need to pin
 * them. All are mapped at once, as a frame touches them all; the fault handler
 * is for what madvise() has taken out again.
 */
static int buffer_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	struct vdmabuf_buffer *buf = dmabuf->priv;
	unsigned long n = vma_pages(vma);

	if (!(vma->vm_flags & (VM_SHARED | VM_MAYSHARE)))
		return -EINVAL;
	if (vma->vm_pgoff > buf->nr_pages || n > buf->nr_pages - vma->vm_pgoff)
		return -EINVAL;
	vma->vm_ops = &buffer_vm_ops;
	vma->vm_private_data = buf;
	return vm_insert_pages(vma, vma->vm_start, buf->pages + vma->vm_pgoff, &n);
}

static int buffer_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct vdmabuf_buffer *buf = dmabuf->priv;
	int ret = 0;

	mutex_lock(&buf->lock);
	if (!buf->vmap_count) {
		buf->vaddr = vmap(buf->pages, buf->nr_pages, VM_MAP, PAGE_KERNEL);
		if (!buf->vaddr)
			ret = -ENOMEM;
	}
	if (!ret) {
		buf->vmap_count++;
		iosys_map_set_vaddr(map, buf->vaddr);
	}
	mutex_unlock(&buf->lock);
	return ret;
}

static void buffer_vunmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct vdmabuf_buffer *buf = dmabuf->priv;

	mutex_lock(&buf->lock);
	if (!--buf->vmap_count) {
		vunmap(buf->vaddr);
		buf->vaddr = NULL;
	}
	mutex_unlock(&buf->lock);
	iosys_map_clear(map);
}

static void buffer_release(struct dma_buf *dmabuf)
{
	vdmabuf_buffer_put(dmabuf->priv);
}

static const struct dma_buf_ops buffer_ops = {
	.attach = buffer_attach,
	.detach = buffer_detach,
	.map_dma_buf = buffer_map,
	.unmap_dma_buf = buffer_unmap,
	.begin_cpu_access = buffer_begin_cpu_access,
	.end_cpu_access = buffer_end_cpu_access,
	.mmap = buffer_mmap,
	.vmap = buffer_vmap,
	.vunmap = buffer_vunmap,
	.release = buffer_release,
};

/* size is a multiple of the page size and within the limits of one buffer. */
struct dma_buf *vdmabuf_buffer_alloc(struct vdmabuf_channel *ch, u64 size)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct vdmabuf_buffer *buf;
	struct dma_buf *dmabuf;
	size_t i;
	int ret;

	if (!vdmabuf_channel_charge(ch, size))
		return ERR_PTR(-EDQUOT);
	buf = kzalloc(sizeof(*buf), GFP_KERNEL_ACCOUNT);
	if (!buf) {
		vdmabuf_channel_refund(ch, size);
		return ERR_PTR(-ENOMEM);
	}
	kref_init(&buf->ref);
	vdmabuf_channel_get(ch);
	buf->ch = ch;
	buf->size = size;
	mutex_init(&buf->lock);
	INIT_LIST_HEAD(&buf->attachments);

	buf->pages = kvcalloc(size >> PAGE_SHIFT, sizeof(*buf->pages), GFP_KERNEL_ACCOUNT);
	ret = -ENOMEM;
	if (!buf->pages)
		goto fail;
	buf->nr_pages = size >> PAGE_SHIFT;
	ret = alloc_pages_into(buf);
	if (ret)
		goto fail;
	for (i = 0; i < buf->nr_pages; i += run_length(buf, i))
		buf->nr_runs++;

	info.exp_name = "vdmabuf";
	info.ops = &buffer_ops;
	info.size = size;
	info.flags = O_RDWR | O_CLOEXEC;
	info.priv = buf;
	dmabuf = dma_buf_export(&info);
	if (IS_ERR(dmabuf)) {
		ret = PTR_ERR(dmabuf);
		goto fail;
	}
	return dmabuf;

fail:
	vdmabuf_buffer_put(buf);
	return ERR_PTR(ret);
}

/* The buffer behind a dmabuf of this driver, with a reference, else NULL. */
struct vdmabuf_buffer *vdmabuf_buffer_of(struct dma_buf *dmabuf)
{
	struct vdmabuf_buffer *buf;

	if (dmabuf->ops != &buffer_ops)
		return NULL;
	buf = dmabuf->priv;
	kref_get(&buf->ref);
	return buf;
}
