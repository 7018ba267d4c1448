// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * virtio_vdmabuf: windows of guest applications on the host, without copies.
 *
 * The driver allocates pages, exports them as dmabufs, tells the host where they
 * are, and carries messages in between. What the messages say is the business of
 * user space on both sides.
 */
#include <linux/idr.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/virtio_config.h>

#include "vdmabuf.h"

#define VDMABUF_MINORS 64

static unsigned int timeout_ms = 10000;
module_param(timeout_ms, uint, 0644);
MODULE_PARM_DESC(timeout_ms, "How long a caller waits for the host (default 10000)");

static unsigned int max_buffer_mb = 512;
module_param(max_buffer_mb, uint, 0444);
MODULE_PARM_DESC(max_buffer_mb, "Largest buffer in MiB (default 512)");

static unsigned int max_channel_mb = 1024;
module_param(max_channel_mb, uint, 0444);
MODULE_PARM_DESC(max_channel_mb, "Buffers of one open file in MiB (default 1024)");

static unsigned int max_channel_buffers = 256;
module_param(max_channel_buffers, uint, 0444);
MODULE_PARM_DESC(max_channel_buffers, "Buffers of one open file (default 256)");

static unsigned int max_device_mb;
module_param(max_device_mb, uint, 0444);
MODULE_PARM_DESC(max_device_mb, "Buffers of one device in MiB (default 0: half of the memory)");

static dev_t vdmabuf_devt;
static DEFINE_IDA(vdmabuf_minors);

static struct class vdmabuf_class = {
	.name = "vdmabuf",
};

unsigned long vdmabuf_timeout(void)
{
	/* Never without limit, whatever somebody writes to the parameter. */
	return msecs_to_jiffies(clamp(READ_ONCE(timeout_ms), 1U, 600000U));
}

bool vdmabuf_budget_take(struct vdmabuf_budget *budget, u64 bytes, u64 max_buffers,
			 u64 max_bytes)
{
	if (atomic64_inc_return(&budget->buffers) > max_buffers)
		goto over_buffers;
	if (atomic64_add_return(bytes, &budget->bytes) > max_bytes)
		goto over_bytes;
	return true;

over_bytes:
	atomic64_sub(bytes, &budget->bytes);
over_buffers:
	atomic64_dec(&budget->buffers);
	return false;
}

void vdmabuf_budget_give(struct vdmabuf_budget *budget, u64 bytes)
{
	atomic64_sub(bytes, &budget->bytes);
	atomic64_dec(&budget->buffers);
}

/* ---- Config space -------------------------------------------------------- */

static int read_config(struct vdmabuf_device *vd)
{
	struct vdmabuf_limits *limits = &vd->limits;
	struct virtio_device *vdev = vd->vdev;
	u64 device_bytes;
	u16 abi_min, abi_max;

	virtio_cread_le(vdev, struct virtio_vdmabuf_config, abi_min, &abi_min);
	virtio_cread_le(vdev, struct virtio_vdmabuf_config, abi_max, &abi_max);
	virtio_cread_le(vdev, struct virtio_vdmabuf_config, max_channels, &limits->max_channels);
	virtio_cread_le(vdev, struct virtio_vdmabuf_config, max_buffers, &limits->max_buffers);
	virtio_cread_le(vdev, struct virtio_vdmabuf_config, max_runs, &limits->max_runs);
	virtio_cread_le(vdev, struct virtio_vdmabuf_config, max_buffer_bytes,
			&limits->max_buffer_bytes);
	virtio_cread_le(vdev, struct virtio_vdmabuf_config, max_total_bytes,
			&limits->max_total_bytes);
	virtio_cread_le(vdev, struct virtio_vdmabuf_config, max_message, &limits->max_message);

	if (abi_min > VIRTIO_VDMABUF_ABI_VERSION || abi_max < VIRTIO_VDMABUF_ABI_VERSION) {
		dev_err(&vdev->dev, "the host speaks versions %u to %u, this driver only %u\n",
			abi_min, abi_max, VIRTIO_VDMABUF_ABI_VERSION);
		return -EPROTONOSUPPORT;
	}
	if (!limits->max_channels || !limits->max_buffers || !limits->max_runs ||
	    limits->max_runs > VIRTIO_VDMABUF_MAX_RUNS || !limits->max_message ||
	    limits->max_message > VIRTIO_VDMABUF_MAX_MESSAGE ||
	    limits->max_buffer_bytes < PAGE_SIZE ||
	    limits->max_total_bytes < PAGE_SIZE) {
		dev_err(&vdev->dev, "the limits in config space make no sense\n");
		return -EINVAL;
	}

	device_bytes = max_device_mb ? (u64)max_device_mb << 20 :
				       (u64)totalram_pages() << (PAGE_SHIFT - 1);
	limits->max_total_bytes = min(limits->max_total_bytes, device_bytes);
	limits->channel_bytes = min(limits->max_total_bytes, (u64)max_channel_mb << 20);
	limits->channel_buffers = min(limits->max_buffers, max_channel_buffers);
	limits->max_buffer_bytes = min3(limits->max_buffer_bytes, (u64)max_buffer_mb << 20,
					limits->channel_bytes);
	limits->max_buffer_bytes = round_down(limits->max_buffer_bytes, PAGE_SIZE);
	/* What atomic_t can count, with room to spare. */
	limits->max_channels = min_t(u32, limits->max_channels, 65536);
	return 0;
}

static int vdmabuf_validate(struct virtio_device *vdev)
{
	if (!vdev->config->get) {
		dev_err(&vdev->dev, "no config space\n");
		return -EINVAL;
	}
	if (!__virtio_test_bit(vdev, VIRTIO_F_VERSION_1)) {
		dev_err(&vdev->dev, "legacy devices are not supported\n");
		return -EINVAL;
	}
	/*
	 * Run lists are guest-physical addresses. Behind an IOMMU, or with bounce
	 * buffers, the host could make nothing of them.
	 */
	if (__virtio_test_bit(vdev, VIRTIO_F_ACCESS_PLATFORM)) {
		dev_err(&vdev->dev,
			"VIRTIO_F_ACCESS_PLATFORM (vIOMMU, confidential guest) is not supported\n");
		return -EOPNOTSUPP;
	}
	return 0;
}

/* ---- Devices ------------------------------------------------------------- */

static void vdmabuf_device_release(struct device *dev)
{
	struct vdmabuf_device *vd = container_of(dev, struct vdmabuf_device, dev);

	xa_destroy(&vd->channels);
	kfree(vd);
}

static int vdmabuf_probe(struct virtio_device *vdev)
{
	struct vdmabuf_device *vd;
	int ret;

	vd = kzalloc(sizeof(*vd), GFP_KERNEL);
	if (!vd)
		return -ENOMEM;
	vd->vdev = vdev;
	vdev->priv = vd;
	spin_lock_init(&vd->lock);
	INIT_LIST_HEAD(&vd->pending);
	INIT_LIST_HEAD(&vd->inflight);
	INIT_LIST_HEAD(&vd->reaped);
	xa_init_flags(&vd->channels, XA_FLAGS_ALLOC1);
	init_waitqueue_head(&vd->wait);
	INIT_WORK(&vd->event_work, vdmabuf_event_work);
	INIT_WORK(&vd->resync_work, vdmabuf_resync_work);
	INIT_DELAYED_WORK(&vd->left_work, vdmabuf_share_left_work);

	/* From here on put_device() frees it. */
	device_initialize(&vd->dev);
	vd->dev.class = &vdmabuf_class;
	vd->dev.parent = &vdev->dev;
	vd->dev.release = vdmabuf_device_release;
	vdmabuf_foreign_probe(vd);

	ret = read_config(vd);
	if (ret)
		goto fail;
	vd->minor = ida_alloc_max(&vdmabuf_minors, VDMABUF_MINORS - 1, GFP_KERNEL);
	if (vd->minor < 0) {
		ret = vd->minor;
		goto fail;
	}
	vd->dev.devt = MKDEV(MAJOR(vdmabuf_devt), vd->minor);
	ret = dev_set_name(&vd->dev, "vdmabuf%d", vd->minor);
	if (ret)
		goto fail_minor;
	ret = vdmabuf_transport_start(vd);
	if (ret)
		goto fail_minor;
	vdmabuf_transport_ready(vd);

	cdev_init(&vd->cdev, &vdmabuf_fops);
	vd->cdev.owner = THIS_MODULE;
	ret = cdev_device_add(&vd->cdev, &vd->dev);
	if (ret)
		goto fail_transport;
	dev_info(&vdev->dev, "%s: %u channels, buffers up to %llu MiB, %llu MiB in all\n",
		 dev_name(&vd->dev), vd->limits.max_channels, vd->limits.max_buffer_bytes >> 20,
		 vd->limits.max_total_bytes >> 20);
	return 0;

fail_transport:
	vdmabuf_transport_stop(vd, true);
fail_minor:
	ida_free(&vdmabuf_minors, vd->minor);
fail:
	vdev->priv = NULL;
	put_device(&vd->dev);
	return ret;
}

static void vdmabuf_remove(struct virtio_device *vdev)
{
	struct vdmabuf_device *vd = vdev->priv;
	struct vdmabuf_channel *ch;
	unsigned long index;

	/* Open files stay, and get ENODEV. */
	cdev_device_del(&vd->cdev, &vd->dev);
	vdmabuf_transport_stop(vd, true);
	for (index = 0; (ch = vdmabuf_channel_next(vd, &index)); index++) {
		vdmabuf_channel_finish(ch, true);
		vdmabuf_channel_put(ch);
	}
	cancel_delayed_work_sync(&vd->left_work);
	ida_free(&vdmabuf_minors, vd->minor);
	vdev->priv = NULL;
	put_device(&vd->dev);
}

#ifdef CONFIG_PM_SLEEP
static int vdmabuf_freeze(struct virtio_device *vdev)
{
	vdmabuf_transport_stop(vdev->priv, false);
	return 0;
}

static int vdmabuf_restore(struct virtio_device *vdev)
{
	struct vdmabuf_device *vd = vdev->priv;
	int ret;

	ret = vdmabuf_transport_start(vd);
	if (ret) {
		/* Nothing is left but to unbind it. */
		vdmabuf_break(vd, "it does not come back from sleep");
		return ret;
	}
	vdmabuf_transport_ready(vd);
	/* To the host, a reset is the end of all channels and buffers. */
	vdmabuf_resync_begin(vd);
	return 0;
}
#endif

static const struct virtio_device_id vdmabuf_ids[] = {
	{ VIRTIO_VDMABUF_DEVICE_ID, VIRTIO_DEV_ANY_ID },
	{ 0 },
};
MODULE_DEVICE_TABLE(virtio, vdmabuf_ids);

static struct virtio_driver vdmabuf_driver = {
	.driver.name = KBUILD_MODNAME,
	.driver.owner = THIS_MODULE,
	.id_table = vdmabuf_ids,
	.validate = vdmabuf_validate,
	.probe = vdmabuf_probe,
	.remove = vdmabuf_remove,
#ifdef CONFIG_PM_SLEEP
	.freeze = vdmabuf_freeze,
	.restore = vdmabuf_restore,
#endif
};

static int __init vdmabuf_init(void)
{
	int ret;

	ret = vdmabuf_foreign_init();
	if (ret)
		return ret;
	ret = class_register(&vdmabuf_class);
	if (ret)
		goto fail_foreign;
	ret = alloc_chrdev_region(&vdmabuf_devt, 0, VDMABUF_MINORS, "vdmabuf");
	if (ret)
		goto fail_class;
	ret = register_virtio_driver(&vdmabuf_driver);
	if (ret)
		goto fail_region;
	return 0;

fail_region:
	unregister_chrdev_region(vdmabuf_devt, VDMABUF_MINORS);
fail_class:
	class_unregister(&vdmabuf_class);
fail_foreign:
	vdmabuf_foreign_exit();
	return ret;
}
module_init(vdmabuf_init);

static void __exit vdmabuf_exit(void)
{
	unregister_virtio_driver(&vdmabuf_driver);
	/* What is given back now may be the last that holds a device. */
	vdmabuf_foreign_exit();
	unregister_chrdev_region(vdmabuf_devt, VDMABUF_MINORS);
	class_unregister(&vdmabuf_class);
	ida_destroy(&vdmabuf_minors);
}
module_exit(vdmabuf_exit);

MODULE_DESCRIPTION("Sharing of guest buffers with the host, without copies");
MODULE_LICENSE("Dual MIT/GPL");
MODULE_VERSION("0.1.0"); /* as in dkms.conf and CMakeLists.txt: tests/guest/doctor_job.sh */
/* Spelt like this, as MODULE_IMPORT_NS() takes a string only since Linux 6.13. */
MODULE_INFO(import_ns, "DMA_BUF");
