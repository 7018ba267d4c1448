/* SPDX-License-Identifier: MIT */
/*
 * What programs were compiled with stays as it is: sizes may grow at their ends, and then these
 * numbers do, but no field ever moves. 64-bit machines.
 */
#define EGL_NO_X11
#include <vdmabuf/consumer.h>
#include <vdmabuf/egl.h>
#include <vdmabuf/producer.h>
/* Once more: they have guards. */
#include <vdmabuf/consumer.h>
#include <vdmabuf/egl.h>
#include <vdmabuf/producer.h>

#ifdef __cplusplus
#define SAME(what, value) static_assert((what) == (value), #what)
#else
#define SAME(what, value) _Static_assert((what) == (value), #what)
#endif

#if UINTPTR_MAX == 0xFFFFFFFFFFFFFFFFu
SAME(sizeof(struct vdmabuf_consumer_options), 24);
SAME(sizeof(struct vdmabuf_run), 24);
SAME(sizeof(struct vdmabuf_memory), 48);
SAME(offsetof(struct vdmabuf_memory, bytes), 8);
SAME(offsetof(struct vdmabuf_memory, files), 16);
SAME(offsetof(struct vdmabuf_memory, runs), 24);
SAME(offsetof(struct vdmabuf_memory, nr_runs), 36);
SAME(offsetof(struct vdmabuf_memory, reason), 40);
SAME(sizeof(struct vdmabuf_stream_info), 64);
SAME(offsetof(struct vdmabuf_stream_info, vm), 24);
SAME(offsetof(struct vdmabuf_stream_info, title), 48);
SAME(offsetof(struct vdmabuf_stream_info, flags), 56);
SAME(sizeof(struct vdmabuf_cursor_info), 40);
SAME(offsetof(struct vdmabuf_cursor_info, width), 16);
SAME(offsetof(struct vdmabuf_cursor_info, pixels), 32);
SAME(sizeof(struct vdmabuf_plane), 16);
SAME(sizeof(struct vdmabuf_image_info), 128);
SAME(offsetof(struct vdmabuf_image_info, fourcc), 32);
SAME(offsetof(struct vdmabuf_image_info, modifier), 40);
SAME(offsetof(struct vdmabuf_image_info, planes), 56);
SAME(offsetof(struct vdmabuf_image_info, memory), 120);
SAME(sizeof(struct vdmabuf_rect), 16);
SAME(sizeof(struct vdmabuf_frame_info), 104);
SAME(offsetof(struct vdmabuf_frame_info, serial), 24);
SAME(offsetof(struct vdmabuf_frame_info, fence), 32);
SAME(offsetof(struct vdmabuf_frame_info, damage), 40);
SAME(offsetof(struct vdmabuf_frame_info, cpu_copied_bytes), 96);
SAME(sizeof(struct vdmabuf_format), 16);
SAME(sizeof(struct vdmabuf_raw_offer), 64);
SAME(offsetof(struct vdmabuf_raw_offer, id), 16);
SAME(offsetof(struct vdmabuf_raw_offer, topic), 56);
SAME(sizeof(struct vdmabuf_raw_buffer), 32);
SAME(sizeof(struct vdmabuf_raw_message), 32);
SAME(offsetof(struct vdmabuf_raw_message, data), 24);
SAME(sizeof(struct vdmabuf_raw_gone), 24);
SAME(sizeof(struct vdmabuf_raw_refused), 32);
SAME(sizeof(struct vdmabuf_consumer_event), 16);
SAME(offsetof(struct vdmabuf_consumer_event, text), 8);
SAME(sizeof(EGLHostEventVDMABUF), 48);
SAME(offsetof(EGLHostEventVDMABUF, serial), 8);
SAME(offsetof(EGLHostEventVDMABUF, width), 32);
SAME(sizeof(EGLHostFrameVDMABUF), 72);
SAME(offsetof(EGLHostFrameVDMABUF, fd), 16);
SAME(offsetof(EGLHostFrameVDMABUF, pitches), 56);
SAME(sizeof(struct vdmabuf_producer_options), 24);
SAME(sizeof(struct vdmabuf_producer_event), 56);
SAME(offsetof(struct vdmabuf_producer_event, buffer), 8);
SAME(offsetof(struct vdmabuf_producer_event, data), 24);
SAME(offsetof(struct vdmabuf_producer_event, died), 40);
SAME(offsetof(struct vdmabuf_producer_event, text), 48);
SAME(sizeof(struct vdmabuf_window_options), 56);
SAME(offsetof(struct vdmabuf_window_options, width), 40);
SAME(sizeof(struct vdmabuf_window_image), 40);
SAME(offsetof(struct vdmabuf_window_image, pixels), 24);
SAME(sizeof(struct vdmabuf_window_event), 56);
SAME(offsetof(struct vdmabuf_window_event, time_ns), 16);
SAME(offsetof(struct vdmabuf_window_event, input), 48);
#endif
SAME(sizeof(struct vdmabuf_input_event), 16);
SAME(offsetof(struct vdmabuf_input_event, value), 4);
SAME(offsetof(struct vdmabuf_input_event, y), 12);
SAME(VDMABUF_INPUT_TOUCH_CANCEL, 11);
SAME(VDMABUF_CONSUMER_ERROR, 15);
SAME(VDMABUF_CONSUMER_CURSOR, 16);
SAME(VDMABUF_PRODUCER_ROOM, 8);
SAME(VDMABUF_WINDOW_LOST, 6);
