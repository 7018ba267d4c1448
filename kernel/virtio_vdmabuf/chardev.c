// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * virtio_vdmabuf: the character device: ioctls, checked and passed on.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/uaccess.h>

#include "vdmabuf.h"

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

static int vdmabuf_open(struct inode *inode, struct file *file)
{
	struct vdmabuf_device *vd = container_of(inode->i_cdev, struct vdmabuf_device, cdev);
	struct vdmabuf_channel *ch;
	int ret;

	if (vdmabuf_gone(vd))
		return -ENODEV;
	ch = vdmabuf_channel_new(vd);
	if (IS_ERR(ch))
		return PTR_ERR(ch);
	ret = vdmabuf_channel_open(ch);
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
